//! The top of the suffix: the SOA that denials carry, and the key that everything is signed with.

use dotkey_proto::dns::{RecordType, WireName};

use super::{Answer, Set, denial};

/// How long "there is no such name" is kept where nobody holds the name: a claim can come with the next block.
pub const UNCLAIMED_TTL_SECS: u32 = 30;

/// How long other denials are kept at most. RFC 2308 section 5 leaves it to the zone.
pub const DENIAL_TTL_SECS_MAX: u32 = 300;

/// The key changes only when somebody makes a new one.
const DNSKEY_TTL_SECS: u32 = 3600;

/// The types at the apex.
const TYPES: [RecordType; 3] = [RecordType::NS, RecordType::SOA, RecordType::DNSKEY];

/// The SOA of the suffix, as RFC 6303 section 3 has it for zones that a resolver serves by itself.
#[must_use]
pub fn soa(zone: &WireName, ttl: u32) -> Set {
    let mut rdata = zone.as_wire().to_vec();
    rdata.extend(b"\x06nobody\x07invalid\x00");
    for number in [1, 3600, 1200, 604_800, DENIAL_TTL_SECS_MAX] {
        rdata.extend(u32::to_be_bytes(number));
    }
    Set {
        owner: zone.clone(),
        rtype: RecordType::SOA,
        ttl: ttl.min(DENIAL_TTL_SECS_MAX),
        rdata: vec![rdata],
    }
}

/// What is answered to a question about the suffix itself.
#[must_use]
pub fn answer(zone: &WireName, rtype: RecordType, dnskey: &[u8]) -> Answer {
    let mut answer = Answer::new();
    let set = |rdata: Vec<u8>, ttl| Set {
        owner: zone.clone(),
        rtype,
        ttl,
        rdata: vec![rdata],
    };
    match rtype {
        RecordType::SOA => answer.answers.push(soa(zone, DENIAL_TTL_SECS_MAX)),
        RecordType::NS => answer
            .answers
            .push(set(zone.as_wire().to_vec(), DNSKEY_TTL_SECS)),
        RecordType::DNSKEY => answer.answers.push(set(dnskey.to_vec(), DNSKEY_TTL_SECS)),
        _ => no_data(&mut answer, zone, zone, &TYPES, DENIAL_TTL_SECS_MAX),
    }
    answer
}

/// Makes it an answer that a name exists without the type.
pub fn no_data(
    answer: &mut Answer,
    name: &WireName,
    zone: &WireName,
    types: &[RecordType],
    ttl: u32,
) {
    let ttl = ttl.min(DENIAL_TTL_SECS_MAX);
    answer.authorities.push(soa(zone, ttl));
    answer.denial.push(denial::no_data(name, types, ttl));
}

/// Makes it an answer that there is no name `next_closer`, and so nothing below it.
pub fn no_name(answer: &mut Answer, next_closer: &WireName, zone: &WireName, ttl: u32) {
    let ttl = ttl.min(DENIAL_TTL_SECS_MAX);
    match denial::no_name(next_closer, zone, ttl) {
        Some(denied) => {
            answer.rcode = hickory_proto::op::ResponseCode::NXDomain;
            answer.authorities.push(soa(zone, ttl));
            answer.denial = denied;
        }
        None => no_data(answer, next_closer, zone, &[], ttl),
    }
}
