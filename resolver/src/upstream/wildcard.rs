//! What a wildcard gave, proved by NSEC to be its to give (RFC 4035 section 5.3.4): pure.
//!
//! Hickory's validator wants an NSEC that covers the wildcard, and so refuses the most frequent proof of all: the wildcard's own,
//! which covers the name that was asked for. Here is what Unbound asks of it: the name does not exist, and the wildcard stands
//! beside the longest name above it that does.

use hickory_proto::dnssec::Proof;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::link::signature;

/// Whether a message whose every set holds gives what a wildcard has, and proves that nothing is closer.
pub(super) fn proves_expansion(message: &Message, query: &Query) -> bool {
    let name = query.name();
    let records = || message.answers.iter().chain(&message.authorities);
    let holds = records()
        .filter(|record| signature(record).is_none())
        .all(|record| record.proof == Proof::Secure);
    let mut signatures = message.answers.iter().filter_map(signature);
    let Some(labels) = signatures.next().map(|one| one.input().num_labels) else {
        return false;
    };
    // All of it is one set at the name, from one wildcard.
    let is_one = signatures.all(|one| one.input().num_labels == labels)
        && message.answers.iter().all(|record| record.name == *name);
    if !holds || !is_one || labels >= name.num_labels() {
        return false;
    }
    let beside = name.trim_to(usize::from(labels));
    let mut proofs = message.authorities.iter().filter_map(proof);
    proofs.any(|(owner, proof)| proves(owner, proof, name, &beside))
}

fn proof(record: &Record) -> Option<(&Name, &NSEC)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(proof)) => Some((&record.name, proof)),
        _ => None,
    }
}

/// Whether an NSEC proves that a name does not exist, and that `beside` is the longest name above it that does.
fn proves(owner: &Name, proof: &NSEC, name: &Name, beside: &Name) -> bool {
    let next = proof.next_domain_name();
    let types = proof.type_set();
    // RFC 6840 section 4.1: the parent's side of a cut says nothing of what is below; nor is anything beside a DNAME.
    let is_cut = types.contains(RecordType::NS) && !types.contains(RecordType::SOA);
    if owner.zone_of(name) && (is_cut || types.contains(RecordType::DNAME)) {
        return false;
    }
    // After the last name of the zone comes its apex.
    let covers = match owner < next {
        true => owner < name && name < next,
        false => owner < name && next.zone_of(name),
    };
    // A name with something below it exists.
    let exists = name.zone_of(next);
    let above = [shared(owner, name), shared(next, name)];
    let closest = above.into_iter().max_by_key(|one| one.iter().count());
    covers && !exists && closest.as_ref() == Some(beside)
}

/// The longest name that both are at or below.
fn shared(one: &Name, other: &Name) -> Name {
    let mut shared = one.clone();
    while !shared.zone_of(other) {
        shared = shared.base_name();
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        owner: &str,
        next: &str,
        types: &[RecordType],
        name: &str,
        beside: &str,
        expected: bool,
    ) {
        let of = |text: &str| Name::from_ascii(text).expect("a name");
        let proof = NSEC::new(of(next), types.iter().copied());
        let found = proves(&of(owner), &proof, &of(name), &of(beside));
        assert_eq!(found, expected, "{owner} {next} {name} {beside}");
    }

    #[test]
    fn a_wildcard_gives_what_nothing_closer_has() {
        let txt = &[RecordType::TXT][..];
        let cut = &[RecordType::NS][..];
        // The wildcard's own proof.
        check("*.w.z.", "www.z.", txt, "x.w.z.", "w.z.", true);
        check("*.w.z.", "www.z.", txt, "a.b.w.z.", "w.z.", true);
        // The last one of the zone.
        check("*.w.z.", "z.", txt, "x.w.z.", "w.z.", true);
        check("v.z.", "x.z.", txt, "w.z.", "z.", true);
        // Something is closer.
        check("a.b.w.z.", "www.z.", txt, "x.b.w.z.", "w.z.", false);
        check("a.w.z.", "b.x.w.z.", txt, "x.w.z.", "w.z.", false);
        // It says nothing of the name.
        check("*.w.z.", "m.w.z.", txt, "x.w.z.", "w.z.", false);
        check("x.w.z.", "www.z.", txt, "x.w.z.", "w.z.", false);
        check("y.z.", "z.", txt, "x.w.z.", "w.z.", false);
        check("*.w.z.", "y.", txt, "x.w.y.", "w.y.", false);
        check("w.z.", "y.z.", cut, "x.w.z.", "w.z.", false);
        check(
            "w.z.",
            "y.z.",
            &[RecordType::DNAME],
            "x.w.z.",
            "w.z.",
            false,
        );
        check(
            "w.z.",
            "y.z.",
            &[RecordType::NS, RecordType::SOA],
            "x.w.z.",
            "w.z.",
            true,
        );
    }
}
