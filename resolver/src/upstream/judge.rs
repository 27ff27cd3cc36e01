//! Whether one link of an answer holds: hickory's validator says, here it is asked.

use std::sync::Arc;

use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::xfer::{DnsHandle, FirstAnswer};
use hickory_net::{DnsError, NetError};
use hickory_proto::dnssec::{Proof, TrustAnchors};
use hickory_proto::op::{DnsRequestOptions, Message, Query};
use hickory_proto::rr::Record;

use super::link::signature;
use super::trail::Trail;

/// More rounds of hashing than this make a proof of absence worth nothing, and the answer insecure: RFC 9276 section 3.2. Knot
/// Resolver draws the line there too; each round is work that an attacker has us do (CVE-2023-50868).
const NSEC3_ROUNDS_MAX: u16 = 50;

/// More than this, and it does not hold.
const NSEC3_ROUNDS_BOGUS: u16 = 500;

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
pub(super) async fn judge(trail: &Trail, trusted: TrustAnchors, query: &Query) -> Judged {
    let validator = DnssecDnsHandle::with_trust_anchor(trail.clone(), Arc::new(trusted))
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
            let message = response.into_message();
            Judged::Holds {
                message,
                verified: false,
            }
        }
        Err(_) => Judged::Bogus,
    }
}

fn of(message: Message) -> Judged {
    let proofs = || {
        let records = message.answers.iter().chain(&message.authorities);
        let data = records.filter(|record: &&Record| signature(record).is_none());
        data.map(|record| record.proof)
    };
    if proofs().any(|proof| matches!(proof, Proof::Bogus | Proof::Indeterminate)) {
        return Judged::Bogus;
    }
    let verified = proofs().next().is_some() && proofs().all(|proof| proof == Proof::Secure);
    Judged::Holds { message, verified }
}
