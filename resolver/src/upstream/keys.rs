//! A zone's keys before the validator sees them: pure.
//!
//! Hickory's validator takes keys that bear no signature, or one that has run out, where the parent's DS names each of them. So
//! whoever is between can give an old set of keys again. RFC 4035 section 5.2 wants a signature by one of the keys that the DS names.
//! Here it is looked for; where it is missing, a key goes along that no DS can name, and the validator does as with all other sets.

use std::sync::LazyLock;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData};
use hickory_proto::dnssec::{Algorithm, PublicKeyBuf, Verifier};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::anchors::{Validity, key, validity};
use super::link::signature;

/// Keys of one tag that one signature is tried with. Tags are 16 bits: two keys of a zone may have the same by chance.
const SAME_TAG_MAX: usize = 2;

/// The key that goes along: of no algorithm, so that nothing it says is looked at.
static STAND_IN: LazyLock<DNSKEY> = LazyLock::new(|| {
    let nobody = PublicKeyBuf::new(b"nobody's".to_vec(), Algorithm::Unknown(0));
    DNSKEY::with_flags(0, nobody)
});

/// Sees to it that the keys of a zone are taken for no more than they are.
pub(super) fn mark(link: &mut Message, query: &Query, now: u32) {
    let zone = query.name();
    let has_keys = link.answers.iter().any(|record| key(record).is_some());
    if query.query_type() != RecordType::DNSKEY || !has_keys || is_signed(link, zone, now) {
        return;
    }
    let data = RData::DNSSEC(DNSSECRData::DNSKEY(STAND_IN.clone()));
    link.answers.push(Record::from_rdata(zone.clone(), 0, data));
}

/// Takes away what was added.
pub(super) fn unmark(message: &mut Message) {
    message
        .answers
        .retain(|record| key(record).is_none_or(|key| *key != *STAND_IN));
}

/// Whether signatures by a key are looked at. Hickory panics where it is to verify by an algorithm that it does not know.
pub(super) fn may_sign(key: &DNSKEY) -> bool {
    key.zone_key() && !key.revoke() && key.algorithm().is_supported()
}

/// Whether one of a zone's keys has signed them all.
fn is_signed(link: &Message, zone: &Name, now: u32) -> bool {
    let set = || {
        let keys = link.answers.iter();
        keys.filter(|record| record.name == *zone && key(record).is_some())
    };
    let tagged: Vec<(u16, &DNSKEY)> = set()
        .filter_map(key)
        .filter(|key| may_sign(key))
        .filter_map(|key| Some((key.calculate_key_tag().ok()?, key)))
        .collect();
    let mut signatures = link.answers.iter().filter_map(signature);
    signatures.any(|signature| {
        let input = signature.input();
        let of_tag = tagged
            .iter()
            .filter(|(tag, key)| *tag == input.key_tag && key.algorithm() == input.algorithm);
        input.type_covered == RecordType::DNSKEY
            && input.signer_name == *zone
            && validity(input.sig_inception, input.sig_expiration, now) == Validity::Holds
            && of_tag.take(SAME_TAG_MAX).any(|(_, key)| {
                key.verify_rrsig(zone, DNSClass::IN, signature, set())
                    .is_ok()
            })
    })
}
