//! Why an answer does not hold: pure. Whether it holds is the validator's to say, which keeps its reasons to itself; here what it
//! saw is looked at again, so that whoever runs the zone is told what to mend (RFC 8914). Being wrong here costs a word, no more.

use std::collections::BTreeMap;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};

use super::anchors::{Untrusted, Validity, key, validity};
use super::link::{cut, is_denial, signature, subject};
use super::pool::Fault;
use super::trail::Seen;
use crate::answer::{Extended, extended};

/// What the zones say of their keys.
#[derive(Default)]
struct Keys<'a> {
    digests: BTreeMap<LowerName, Vec<&'a DS>>,
    keys: BTreeMap<LowerName, Vec<&'a DNSKEY>>,
    /// Whose keys were asked for and are not there.
    without: Vec<LowerName>,
}

/// Of what was seen, the reason that is nearest to the root: what is wrong there breaks all below.
pub(super) fn why(seen: &[Seen], now: u32) -> Extended {
    let missing = seen.iter().find_map(|one| match &one.said {
        Err(fault) => Some((&one.query, fault)),
        Ok(_) => None,
    });
    if let Some((query, fault)) = missing {
        return silence(&format!("{} {}", query.name(), query.query_type()), fault);
    }
    let mut links: Vec<(&Seen, Message)> = seen
        .iter()
        .filter_map(|one| Some((one, cut(one.said.as_ref().ok()?, &one.query))))
        .collect();
    links.sort_by_key(|(one, _)| (one.query.name().num_labels(), rank(one.query.query_type())));
    let keys = keys(&links);
    let reasons = links
        .iter()
        .filter_map(|(one, link)| reason(one, link, &keys, now));
    reasons.min_by_key(|(rank, _)| *rank).map_or_else(
        || extended(extended::BOGUS, "its signatures do not hold"),
        |(_, reason)| reason,
    )
}

/// Why an anchored zone's keys are not trusted.
pub(super) fn untrusted(zone: &Name, why: Untrusted) -> Extended {
    let (code, text) = match why {
        Untrusted::OtherKeys => (
            extended::DNSKEY_MISSING,
            "has no key that its trust anchor names",
        ),
        Untrusted::Unsigned => (
            extended::SIGNATURES_MISSING,
            "has not signed its keys with the anchored one",
        ),
        Untrusted::Expired => (
            extended::SIGNATURE_EXPIRED,
            "signed its keys until some time ago",
        ),
        Untrusted::NotYet => (
            extended::SIGNATURE_NOT_YET_VALID,
            "signed its keys from some time to come on",
        ),
        Untrusted::Forged => (extended::BOGUS, "has keys whose signature does not hold"),
    };
    extended(code, &format!("{zone} {text}"))
}

/// Nobody said what was needed.
pub(super) fn silence(what: &str, fault: &Fault) -> Extended {
    let code = match fault {
        Fault::Refused(_) | Fault::Nobody => extended::NO_REACHABLE_AUTHORITY,
        Fault::Silent | Fault::Broken(_) => extended::NETWORK,
        Fault::Busy | Fault::Spent => extended::OTHER,
    };
    extended(code, &format!("no upstream answers for {what}: {fault}"))
}

fn extended(code: u16, text: &str) -> Extended {
    let text = text.to_owned();
    Extended { code, text }
}

const fn rank(rtype: RecordType) -> u8 {
    match rtype {
        RecordType::DS => 0,
        RecordType::DNSKEY => 1,
        _ => 2,
    }
}

fn keys<'a>(links: &'a [(&Seen, Message)]) -> Keys<'a> {
    let mut keys = Keys::default();
    for (one, link) in links {
        let zone = LowerName::from(one.query.name());
        for record in &link.answers {
            match &record.data {
                RData::DNSSEC(DNSSECRData::DS(digest)) => {
                    keys.digests.entry(zone.clone()).or_default().push(digest);
                }
                _ => keys
                    .keys
                    .entry(zone.clone())
                    .or_default()
                    .extend(key(record)),
            }
        }
        let has_keys = keys.keys.get(&zone).is_some_and(|keys| !keys.is_empty());
        if one.query.query_type() == RecordType::DNSKEY && !has_keys {
            keys.without.push(zone);
        }
    }
    keys
}

/// What is wrong with one answer, and how sure it is: what is certain goes before what may merely follow from it.
fn reason(seen: &Seen, link: &Message, keys: &Keys<'_>, now: u32) -> Option<(u8, Extended)> {
    let (name, rtype) = (seen.query.name(), seen.query.query_type());
    if rtype == RecordType::DNSKEY
        && let Some(digests) = keys.digests.get(&LowerName::from(name))
        && !link.answers.iter().filter_map(key).any(|key| {
            digests
                .iter()
                .any(|digest| digest.covers(name, key).unwrap_or(false))
        })
    {
        let text = format!("{name} has no key that its parent's DS names");
        return Some((0, extended(extended::DNSKEY_MISSING, &text)));
    }
    let records = || link.answers.iter().chain(&link.authorities);
    let mut sets: Vec<(&Name, RecordType)> = records()
        .filter(|one| signature(one).is_none())
        .map(|one| (&one.name, one.record_type()))
        .collect();
    sets.dedup();
    let of_sets = sets.into_iter().filter_map(|(owner, rtype)| {
        let covering = records().filter(|one| one.name == *owner && subject(one) == rtype);
        set(
            owner,
            rtype,
            &covering
                .filter_map(|one| Some((one, signature(one)?)))
                .collect::<Vec<_>>(),
            keys,
            now,
        )
    });
    of_sets
        .min_by_key(|(rank, _)| *rank)
        .or_else(|| denial(name, rtype, link))
}

fn set(
    owner: &Name,
    rtype: RecordType,
    signatures: &[(&Record, &hickory_proto::dnssec::rdata::RRSIG)],
    keys: &Keys<'_>,
    now: u32,
) -> Option<(u8, Extended)> {
    if signatures.is_empty() {
        // Cuts are asked for without being verified.
        let text = format!("{owner} {rtype} is not signed");
        return (rtype != RecordType::NS)
            .then(|| (3, extended(extended::SIGNATURES_MISSING, &text)));
    }
    let all = |wanted: Validity| {
        signatures.iter().all(|(_, signature)| {
            let input = signature.input();
            validity(input.sig_inception, input.sig_expiration, now) == wanted
        })
    };
    if all(Validity::Expired) {
        let text = format!("the signature of {owner} {rtype} has expired");
        return Some((1, extended(extended::SIGNATURE_EXPIRED, &text)));
    }
    if all(Validity::NotYet) {
        let text = format!("the signature of {owner} {rtype} is not valid yet");
        return Some((1, extended(extended::SIGNATURE_NOT_YET_VALID, &text)));
    }
    let has_key = signatures.iter().any(|(_, signature)| {
        let input = signature.input();
        let zone = LowerName::from(&input.signer_name);
        // Whose keys nobody asked for may have it.
        !keys.without.contains(&zone)
            && keys.keys.get(&zone).is_none_or(|keys| {
                keys.iter()
                    .any(|key| key.calculate_key_tag().ok() == Some(input.key_tag))
            })
    });
    let text = format!("{owner} {rtype} is signed by a key that its zone does not have");
    (!has_key).then(|| (2, extended(extended::DNSKEY_MISSING, &text)))
}

/// A denial without a proof.
fn denial(name: &Name, rtype: RecordType, link: &Message) -> Option<(u8, Extended)> {
    let proves = |record: &Record| is_denial(record) && record.record_type() != RecordType::SOA;
    let denies = link.answers.is_empty()
        && matches!(
            link.metadata.response_code,
            ResponseCode::NoError | ResponseCode::NXDomain
        );
    let proved = link
        .authorities
        .iter()
        .any(|one| signature(one).is_none() && proves(one));
    let text = format!("nothing proves that {name} {rtype} is absent");
    // Cuts are looked for where there are none.
    (denies && !proved && rtype != RecordType::NS)
        .then(|| (4, extended(extended::NSEC_MISSING, &text)))
}
