//! Whether one link of an answer holds: hickory's validator says, here it is asked.

use std::sync::Arc;

use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::xfer::{DnsHandle, FirstAnswer};
use hickory_net::{DnsError, NetError};
use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::dnssec::{Proof, TrustAnchors};
use hickory_proto::op::{DnsRequestOptions, Message, Query, ResponseCode};
use hickory_proto::rr::{RData, Record};

use super::link::signature;
use super::trail::Trail;
use super::{keys, wildcard};

/// More rounds of hashing than this make a proof of absence worth nothing, and the answer insecure: RFC 9276 section 3.2. Knot
/// Resolver draws the line there too; each round is work that an attacker has us do (CVE-2023-50868).
const NSEC3_ROUNDS_MAX: u16 = 50;

/// No number makes a proof a forgery.
const NSEC3_ROUNDS_BOGUS: u16 = u16::MAX;

/// Sets that one question verifies, each once.
const VERIFIED_MAX: usize = 256;

/// What became of it.
pub(super) enum Judged {
    /// It holds, and is signed where `verified`.
    Holds { message: Message, verified: bool },
    /// It should be signed and is not, or its signatures do not hold.
    Bogus,
}

/// Asks the validator. What it knows of other questions is not used: a signature may have run out since, and reasons would be lost.
pub(super) async fn judge(trail: &Trail, trusted: &Arc<TrustAnchors>, query: &Query) -> Judged {
    let validator = DnssecDnsHandle::with_trust_anchor(trail.clone(), Arc::clone(trusted))
        .nsec3_iteration_limits(Some(NSEC3_ROUNDS_MAX), Some(NSEC3_ROUNDS_BOGUS))
        .validation_cache_size(VERIFIED_MAX);
    let said = validator
        .lookup(query.clone(), DnsRequestOptions::default())
        .first_answer()
        .await;
    match said {
        Ok(response) => of(response.into_message()),
        Err(NetError::Dns(DnsError::Nsec {
            response,
            proof: Proof::Insecure,
            ..
        })) => {
            let mut message = response.into_message();
            keys::unmark(&mut message);
            Judged::Holds {
                message,
                verified: false,
            }
        }
        // It found no proof for what a wildcard gave; there may be one all the same.
        Err(NetError::Dns(DnsError::Nsec { response, .. }))
            if wildcard::proves_expansion(&response, query) =>
        {
            of(response.into_message())
        }
        Err(_) => Judged::Bogus,
    }
}

fn of(mut message: Message) -> Judged {
    keys::unmark(&mut message);
    let proofs = || {
        let records = message.answers.iter().chain(&message.authorities);
        let data = records.filter(|record: &&Record| signature(record).is_none());
        data.map(|record| record.proof)
    };
    if proofs().any(|proof| matches!(proof, Proof::Bogus | Proof::Indeterminate)) {
        return Judged::Bogus;
    }
    let verified = proofs().next().is_some()
        && proofs().all(|proof| proof == Proof::Secure)
        && !is_opted_out(&message);
    Judged::Holds { message, verified }
}

/// RFC 5155 section 9.2: where a zone leaves unsigned delegations out of its proofs, that a name is absent is not certain. What a
/// name that is there lacks is.
fn is_opted_out(message: &Message) -> bool {
    let proofs = message.authorities.iter().filter_map(|it| match &it.data {
        RData::DNSSEC(DNSSECRData::NSEC3(proof)) => Some(proof.opt_out()),
        _ => None,
    });
    let proofs: Vec<bool> = proofs.collect();
    let is_absent = message.metadata.response_code == ResponseCode::NXDomain || proofs.len() > 1;
    is_absent && proofs.contains(&true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::dnssec::Nsec3HashAlgorithm;
    use hickory_proto::dnssec::rdata::NSEC3;
    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::Name;

    fn check(rcode: ResponseCode, opted_out: &[bool], expected: bool) {
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        message.metadata.response_code = rcode;
        for opted_out in opted_out {
            let proof = NSEC3::new(
                Nsec3HashAlgorithm::SHA1,
                *opted_out,
                0,
                Vec::new(),
                vec![0; 20],
                [],
            );
            let data = RData::DNSSEC(DNSSECRData::NSEC3(proof));
            let mut record = Record::from_rdata(Name::root(), 60, data);
            record.proof = Proof::Secure;
            message.authorities.push(record);
        }
        let Judged::Holds { verified, .. } = of(message) else {
            panic!("it holds")
        };
        assert_eq!(verified, expected, "{rcode} {opted_out:?}");
    }

    #[test]
    fn absence_is_not_verified_where_delegations_are_left_out() {
        check(ResponseCode::NXDomain, &[false, false], true);
        check(ResponseCode::NXDomain, &[true], false);
        check(ResponseCode::NXDomain, &[false, true], false);
        check(ResponseCode::NoError, &[true], true);
        check(ResponseCode::NoError, &[true, true], false);
        check(ResponseCode::NoError, &[], false);
    }
}
