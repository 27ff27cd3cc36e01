//! What an upstream's answer says of one name: pure. An alias is one link, and where it leads to is the next, so that each is
//! judged by the rules of its own name: its zone's keys, its way, its exemptions.

use std::collections::BTreeMap;

use hickory_proto::dnssec::rdata::{DNSSECRData, RRSIG};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// Records of a proof of absence: two or three, with their signatures. Those beyond are left out, as each costs work.
const PROOF_RECORDS_MAX: usize = 32;

/// Records of one set, with their signatures. A message of 64 KiB holds no more that are of use.
const SET_RECORDS_MAX: usize = 4096;

/// Signatures of one set: one, or two while keys are changed. Each is tried with the keys of its tag, and for each the validator looks
/// at those keys anew (KeyTrap, CVE-2023-50387).
const SET_SIGNATURES_MAX: usize = 6;

/// Keys of a zone, and digests of them: ten or so while algorithms are changed. Each key is held against each digest.
const KEYS_MAX: usize = 64;

/// Where a name leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Onward {
    /// It has the type that was asked for, or it is absent.
    Here,
    /// It is an alias.
    Alias(Name),
    /// All below this name is elsewhere (RFC 6672).
    Below(Name),
}

/// The signature that a record is.
pub(super) fn signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => Some(signature),
        _ => None,
    }
}

/// The type of a record, or that which a signature covers.
pub(super) fn subject(record: &Record) -> RecordType {
    signature(record).map_or(record.record_type(), |it| it.input().type_covered)
}

/// Whether a record tells, proves or dates an absence.
pub(super) fn is_denial(record: &Record) -> bool {
    let denial = [RecordType::SOA, RecordType::NSEC, RecordType::NSEC3];
    denial.contains(&subject(record))
}

/// Where the answer to a question leads.
pub(super) fn onward(message: &Message, query: &Query) -> Onward {
    let (name, rtype) = (query.name(), query.query_type());
    let at = |record: &&Record| record.name == *name;
    if message
        .answers
        .iter()
        .filter(at)
        .any(|one| one.record_type() == rtype)
        || matches!(
            rtype,
            RecordType::CNAME | RecordType::ANY | RecordType::RRSIG
        )
    {
        return Onward::Here;
    }
    let dname = |record: &&Record| {
        let above = record.name != *name && record.name.zone_of(name);
        above && record.record_type() == RecordType::DNAME
    };
    if let Some(found) = message.answers.iter().find(dname) {
        return Onward::Below(found.name.clone());
    }
    match message.answers.iter().filter(at).find_map(target) {
        Some(target) => Onward::Alias(target),
        None => Onward::Here,
    }
}

fn target(record: &Record) -> Option<Name> {
    match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    }
}

/// The one link of an answer that its question's name is, and nothing else of it.
pub(super) fn cut(message: &Message, query: &Query) -> Message {
    let mut link = Message::new(0, MessageType::Response, OpCode::Query);
    link.add_query(query.clone());
    link.metadata.response_code = message.metadata.response_code;
    let rtype = query.query_type();
    let is_wanted = |record: &&Record| {
        let of = subject(record);
        record.name == *query.name()
            && (rtype == RecordType::ANY
                || of == rtype
                || record.record_type() == rtype
                || of == RecordType::CNAME)
    };
    let answers = message.answers.iter().filter(is_wanted);
    link.answers = bounded(answers.take(SET_RECORDS_MAX));
    let proof = |keep: &dyn Fn(&Record) -> bool| -> Vec<Record> {
        let records = message.authorities.iter();
        let kept = records.filter(|one| is_denial(one) && keep(one));
        bounded(kept.take(PROOF_RECORDS_MAX))
    };
    if link.answers.is_empty() {
        link.authorities = proof(&|_| true);
        return link;
    }
    // A name that has something exists, whatever becomes of where it leads.
    link.metadata.response_code = ResponseCode::NoError;
    // What a wildcard gave needs the proof that nothing closer exists (RFC 4035 section 5.3.4), of the wildcard's own zone.
    let expanded = link.answers.iter().find_map(|record| {
        let input = signature(record)?.input();
        (input.num_labels < record.name.num_labels()).then(|| input.signer_name.clone())
    });
    if let Some(zone) = expanded {
        link.authorities = proof(&|one| subject(one) != RecordType::SOA && zone.zone_of(&one.name));
    }
    link
}

/// Records without those that are only there to be verified.
fn bounded<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<Record> {
    let mut counts: BTreeMap<(&Name, u16, bool), usize> = BTreeMap::new();
    let kept = records.filter(|record| {
        let is_signature = signature(record).is_some();
        let count = counts.entry((&record.name, subject(record).into(), is_signature));
        let count = count.or_default();
        *count += 1;
        let most = match record.record_type() {
            _ if is_signature => SET_SIGNATURES_MAX,
            RecordType::DNSKEY | RecordType::DS => KEYS_MAX,
            _ => SET_RECORDS_MAX,
        };
        *count <= most
    });
    kept.cloned().collect()
}

/// What the same answer says of the name that it leads to, where it says all that there is to say: a denial may be of any name on
/// the way, and is asked for by itself.
pub(super) fn rest(message: &Message, query: &Query, next: &Name) -> Option<Message> {
    let is_there = message.answers.iter().any(|one| one.name == *next);
    let no_denial = !message.authorities.iter().any(is_denial);
    let mut rest = message.clone();
    rest.queries = vec![Query::query(next.clone(), query.query_type())];
    (is_there && no_denial).then_some(rest)
}

/// The name that a name below a DNAME's owner is an alias of (RFC 6672 section 2.2). None where it would be too long.
pub(super) fn substituted(name: &Name, owner: &Name, target: &Name) -> Option<Name> {
    let above = name.iter().count().checked_sub(owner.iter().count())?;
    let labels = name.iter().take(above).chain(target.iter());
    let mut substituted = Name::from_labels(labels).ok()?;
    substituted.set_fqdn(true);
    Some(substituted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{A, CNAME, NULL, SOA};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    fn record(owner: &str, data: RData) -> Record {
        Record::from_rdata(name(owner), 60, data)
    }

    fn alias(owner: &str, target: &str) -> Record {
        record(owner, RData::CNAME(CNAME(name(target))))
    }

    fn address(owner: &str) -> Record {
        record(owner, RData::A(A::new(192, 0, 2, 1)))
    }

    fn message(answers: Vec<Record>, authorities: Vec<Record>) -> Message {
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.metadata.response_code = ResponseCode::NXDomain;
        (message.answers, message.authorities) = (answers, authorities);
        message
    }

    fn soa() -> Record {
        let soa = SOA::new(name("z."), name("z."), 1, 1, 1, 1, 1);
        record("z.", RData::SOA(soa))
    }

    #[test]
    fn an_answer_falls_into_its_links() {
        let query = Query::query(name("a.z."), RecordType::A);
        let whole = message(
            vec![
                alias("a.z.", "b.z."),
                alias("b.z.", "c."),
                address("c."),
                address("key."),
            ],
            vec![],
        );
        assert_eq!(onward(&whole, &query), Onward::Alias(name("b.z.")));
        let link = cut(&whole, &query);
        assert_eq!(link.answers, [alias("a.z.", "b.z.")]);
        assert_eq!(link.metadata.response_code, ResponseCode::NoError);
        let rest_of = rest(&whole, &query, &name("b.z.")).expect("it is there");
        let query = rest_of.queries[0].clone();
        assert_eq!(cut(&rest_of, &query).answers, [alias("b.z.", "c.")]);
        let last = rest(&rest_of, &query, &name("c.")).expect("it is there");
        assert_eq!(onward(&last, &last.queries[0]), Onward::Here);
        assert_eq!(cut(&last, &last.queries[0]).answers, [address("c.")]);
        assert!(rest(&rest_of, &query, &name("d.")).is_none());
        // Who asks for the alias itself gets it.
        let query = Query::query(name("a.z."), RecordType::CNAME);
        assert_eq!(onward(&whole, &query), Onward::Here);
    }

    #[test]
    fn a_denial_is_kept_for_the_name_that_was_asked() {
        let query = Query::query(name("a.z."), RecordType::A);
        let denied = message(vec![], vec![soa(), address("ns.z.")]);
        let link = cut(&denied, &query);
        assert_eq!(link.authorities, [soa()]);
        assert_eq!(link.metadata.response_code, ResponseCode::NXDomain);
        let alias_to_nothing = message(vec![alias("a.z.", "b.z.")], vec![soa()]);
        assert!(cut(&alias_to_nothing, &query).authorities.is_empty());
        assert!(rest(&alias_to_nothing, &query, &name("b.z.")).is_none());
    }

    #[test]
    fn below_a_dname_all_is_elsewhere() {
        let rdata = RData::Unknown {
            code: RecordType::DNAME,
            rdata: NULL::with(vec![0]),
        };
        let whole = message(vec![record("z.", rdata), alias("a.z.", "a.")], vec![]);
        let query = Query::query(name("a.z."), RecordType::A);
        assert_eq!(onward(&whole, &query), Onward::Below(name("z.")));
        let check = |from: &str, owner: &str, target: &str, expected: Option<&str>| {
            let found = substituted(&name(from), &name(owner), &name(target));
            assert_eq!(found, expected.map(name), "{from} {owner} {target}");
        };
        check("a.b.z.", "z.", "y.x.", Some("a.b.y.x."));
        check("a.z.", "z.", ".", Some("a."));
        let long = format!("{0}.{0}.{0}.z.", "a".repeat(60));
        check(&long, "z.", &format!("{0}.{0}.", "b".repeat(60)), None);
    }
}
