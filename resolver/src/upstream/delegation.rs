//! Where a zone is cut, for a validator that looks for NS records: pure.
//!
//! Some servers deny the NS records of the very zones that they serve. Hickory's validator then takes the zone for part of the one
//! above, and its unsigned answers for forged. The zone above knows better: how it denies the DS says whether there is a cut.

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::rdata::NS;
use hickory_proto::rr::{Name, RData, Record, RecordType, RecordTypeSet};

/// Whether an answer to a question for NS shows a cut.
pub(super) fn is_shown(message: &Message, query: &Query) -> bool {
    let is_cut =
        |record: &Record| record.record_type() == RecordType::NS && record.name == *query.name();
    message.answers.iter().any(is_cut)
}

/// Whether the denial of a DS may be that of a zone without keys. It is not verified here: a cut that is none makes the validator ask
/// for the same denial, and look at its signatures.
pub(super) fn may_be(message: &Message, query: &Query) -> bool {
    let is_parents =
        |types: &RecordTypeSet| types.contains(RecordType::NS) && !types.contains(RecordType::SOA);
    let denies = |record: &Record| match &record.data {
        RData::DNSSEC(DNSSECRData::NSEC(proof)) => {
            record.name == *query.name() && is_parents(proof.type_set())
        }
        // Which name it is of is hashed; where the zone leaves unsigned cuts out, there is none for this one.
        RData::DNSSEC(DNSSECRData::NSEC3(proof)) => proof.opt_out() || is_parents(proof.type_set()),
        _ => false,
    };
    message.answers.is_empty() && message.authorities.iter().any(denies)
}

/// The record that tells the validator of a cut.
pub(super) fn told(name: &Name) -> Record {
    Record::from_rdata(name.clone(), 0, RData::NS(NS(Name::root())))
}
