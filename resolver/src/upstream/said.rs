//! From hickory's records to the sets that an answer is made of. Pure.

use dotkey_proto::dns::{RecordType, WireName, rdata};
use hickory_proto::rr::{Name, Record};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

use crate::answer::Set;

/// How long an answer is kept whatever it says: RFC 8767 section 4 advises a cap of days.
const TTL_SECS_MAX: u32 = 86_400;

/// How long a denial is kept that says nothing about it.
const DENIAL_TTL_SECS: u32 = 60;

/// Types whose names an upstream may have written as pointers into the question, and so in the letters, small and large by chance,
/// that it was asked in (0x20). Signatures do not tell them apart (RFC 4034 section 6.2).
const COMPRESSED: [RecordType; 6] = [
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::PTR,
    RecordType::MX,
    RecordType::SRV,
];

/// Records as sets: those of one name and type that follow each other.
pub(super) fn sets(records: &[Record]) -> Vec<Set> {
    let mut sets: Vec<Set> = Vec::new();
    for record in records {
        let Some(set) = set_of(record) else {
            continue;
        };
        match sets.last_mut() {
            Some(last) if last.owner == set.owner && last.rtype == set.rtype => {
                last.ttl = last.ttl.min(set.ttl);
                last.rdata.extend(set.rdata);
            }
            _ => sets.push(set),
        }
    }
    sets
}

fn set_of(record: &Record) -> Option<Set> {
    let rtype = RecordType(record.record_type().into());
    let mut data = uncompressed(&record.data)?;
    if COMPRESSED.contains(&rtype) {
        for name in rdata::names(rtype, &data).collect::<Vec<_>>() {
            data[name].make_ascii_lowercase();
        }
    }
    Some(Set {
        owner: wire_name(&record.name.to_lowercase())?,
        rtype,
        ttl: record.ttl.min(TTL_SECS_MAX),
        rdata: vec![data],
    })
}

/// A name as the zones have it.
pub(super) fn wire_name(name: &Name) -> Option<WireName> {
    WireName::from_wire(&uncompressed(name)?).ok()
}

pub(crate) fn uncompressed(what: &impl BinEncodable) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    what.emit(&mut encoder).ok()?;
    Some(bytes)
}

/// RFC 2308 section 5: a denial is kept as long as the least of its SOA's TTL and its minimum.
pub(super) fn date(denial: &mut [Set]) {
    let soa = denial.iter().find(|set| set.rtype == RecordType::SOA);
    let minimum = soa.and_then(|set| set.rdata.first()?.last_chunk().copied());
    let ttl = minimum.map_or(DENIAL_TTL_SECS, u32::from_be_bytes);
    denial.iter_mut().for_each(|set| set.ttl = set.ttl.min(ttl));
}

/// For who did not ask for signatures.
pub(super) fn without_signatures(sets: &mut Vec<Set>, asked_for: RecordType) {
    let proof = [RecordType::RRSIG, RecordType::NSEC, RecordType::NSEC3];
    sets.retain(|set| set.rtype == asked_for || !proof.contains(&set.rtype));
}
