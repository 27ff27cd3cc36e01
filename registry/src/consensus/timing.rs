//! How long the engine waits for what. A wide-area round trip is at most 300 ms; each bound leaves room for a few of them.

use core::time::Duration;

use commonware_consensus::simplex;
use commonware_consensus::types::ViewDelta;

/// A leader that has not proposed by then is passed over.
pub const LEADER_TIMEOUT: Duration = Duration::from_secs(1);

/// A view without a certificate by then is given up: a proposal, a vote and a certificate are three trips.
pub const CERTIFICATION_TIMEOUT: Duration = Duration::from_secs(2);

/// How often the wish to give a view up is repeated: messages get lost.
pub const TIMEOUT_RETRY: Duration = Duration::from_secs(3);

/// A leader silent this long is passed over at once, so that a dead validator costs its turn only rarely.
pub const INACTIVE_LEADER: Duration = Duration::from_secs(20);

/// Views that votes are still counted for below the last final one: evidence of signing twice may come late.
pub const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);

/// Blocks are made when there is work, at most this often: a wallet's signature is slower than that, and a claim is final
/// within two.
pub const BLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// An empty block this often keeps checkpoints fresh: a proof older than a few of these is stale.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

// The engine refuses to start when these do not hold; better that this does not compile.
const _: () = assert!(LEADER_TIMEOUT.as_nanos() < CERTIFICATION_TIMEOUT.as_nanos());
const _: () = assert!(CERTIFICATION_TIMEOUT.as_nanos() < INACTIVE_LEADER.as_nanos());
const _: () = assert!(TIMEOUT_RETRY.as_nanos() < INACTIVE_LEADER.as_nanos());
const _: () = assert!(BLOCK_INTERVAL.as_nanos() < HEARTBEAT.as_nanos());

/// Passing over a silent leader, by the bounds above.
#[must_use]
pub const fn skip_policy() -> simplex::config::SkipPolicy {
    simplex::config::SkipPolicy::Enabled {
        timeout: INACTIVE_LEADER,
        budget: simplex::config::SkipBudget::Participants,
    }
}
