//! How long the engine waits for what, and which times a block may have. A wide-area round trip is at most 300 ms; each bound
//! leaves room for a few of them.

use core::time::Duration;

use dotkey_proto::time::Timestamp;

use super::library::{ViewDelta, simplex};

/// What differs from network to network: by its genesis, and in tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pacing {
    /// Blocks with transactions follow each other at this distance or more.
    pub block_interval: Duration,
    /// An empty block is made when there was no work for so long.
    pub heartbeat: Duration,
}

impl Default for Pacing {
    fn default() -> Self {
        Self {
            block_interval: BLOCK_INTERVAL,
            heartbeat: HEARTBEAT,
        }
    }
}

/// Ten blocks a second while there is work: a claim waits 50 ms for its block on the average, and the votes on a block cost
/// a validator less than a tenth of a core. The first claim after a pause waits for nothing.
pub const BLOCK_INTERVAL: Duration = Duration::from_millis(100);

/// An empty block this often keeps checkpoints fresh: a proof older than a few of these is stale.
pub const HEARTBEAT: Duration = Duration::from_secs(3);

/// The longest heartbeat that the bounds below leave room for.
pub const HEARTBEAT_MAX: Duration = Duration::from_secs(3);

/// A leader that has not proposed by then is passed over. An idle one waits for the heartbeat first.
pub const LEADER_TIMEOUT: Duration = Duration::from_secs(4);

/// A view without a certificate by then is given up: a proposal, a vote and a certificate are three trips.
pub const CERTIFICATION_TIMEOUT: Duration = Duration::from_secs(5);

/// How often the wish to give a view up is repeated: messages get lost.
pub const TIMEOUT_RETRY: Duration = Duration::from_secs(3);

/// A leader silent this long is passed over at once, so that a dead validator costs its turn only at first. Everyone votes at
/// each heartbeat.
pub const INACTIVE_LEADER: Duration = Duration::from_secs(8);

/// How long a validator waits for another's answer before it asks the next.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a write is tried again while the disk is full.
pub const NO_SPACE_PAUSE: Duration = Duration::from_secs(1);

/// Views that votes are still counted for below the last final one: evidence of signing twice may come late.
pub(super) const VIEW_RETENTION: ViewDelta = ViewDelta::new(64);

/// A block may be this much ahead of a voter's clock: more than machines that keep time are apart.
pub const CLOCK_AHEAD_SECS_MAX: u64 = 10;

/// And this much behind: it may have taken a while to come by.
pub const CLOCK_BEHIND_SECS_MAX: u64 = 60;

// The engine refuses to start when these do not hold; better that this does not compile.
const _: () = assert!(HEARTBEAT.as_nanos() <= HEARTBEAT_MAX.as_nanos());
const _: () = assert!(HEARTBEAT_MAX.as_nanos() < LEADER_TIMEOUT.as_nanos());
const _: () = assert!(LEADER_TIMEOUT.as_nanos() < CERTIFICATION_TIMEOUT.as_nanos());
const _: () = assert!(CERTIFICATION_TIMEOUT.as_nanos() < INACTIVE_LEADER.as_nanos());
const _: () = assert!(TIMEOUT_RETRY.as_nanos() < INACTIVE_LEADER.as_nanos());
const _: () = assert!(2 * HEARTBEAT_MAX.as_nanos() < INACTIVE_LEADER.as_nanos());
const _: () = assert!(BLOCK_INTERVAL.as_nanos() < HEARTBEAT.as_nanos());

/// Passing over a silent leader, by the bounds above.
pub(super) const fn skip_policy() -> simplex::config::SkipPolicy {
    simplex::config::SkipPolicy::Enabled {
        timeout: INACTIVE_LEADER,
        budget: simplex::config::SkipBudget::Participants,
    }
}

/// What a voter thinks of a block's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeliness {
    /// It may be voted for.
    Fair,
    /// It is before its parent's, which no clock excuses.
    BeforeParent,
    /// It may be voted for after so many seconds, unless the view is given up first.
    Ahead(u64),
    /// It is so many seconds old, and gets no vote.
    Behind(u64),
}

/// Compares a block's time with its parent's and with the voter's clock.
pub(super) fn timeliness(parent: Timestamp, block: Timestamp, now: Timestamp) -> Timeliness {
    let ahead = block.secs_since(now);
    let behind = now.secs_since(block);
    if block < parent {
        Timeliness::BeforeParent
    } else if ahead > CLOCK_AHEAD_SECS_MAX {
        Timeliness::Ahead(ahead - CLOCK_AHEAD_SECS_MAX)
    } else if behind > CLOCK_BEHIND_SECS_MAX {
        Timeliness::Behind(behind)
    } else {
        Timeliness::Fair
    }
}

/// How long a proposer still waits, `waited` after it could have proposed: `None` when it is time.
pub(super) fn pause(pacing: Pacing, waited: Duration, has_work: bool) -> Option<Duration> {
    let until = if has_work {
        pacing.block_interval
    } else {
        pacing.heartbeat
    };
    until.checked_sub(waited).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).expect("a time")
    }

    #[test]
    fn times_are_fair_within_their_bounds() {
        for (parent, block, now, expected) in [
            (100, 100, 100, Timeliness::Fair),
            (100, 99, 100, Timeliness::BeforeParent),
            (100, 1099, 1039, Timeliness::Ahead(50)),
            (100, 1000, 990, Timeliness::Fair),
            (100, 1000, 989, Timeliness::Ahead(1)),
            (100, 1000, 1060, Timeliness::Fair),
            (100, 1000, 1061, Timeliness::Behind(61)),
        ] {
            let found = timeliness(at(parent), at(block), at(now));
            assert_eq!(found, expected, "{parent} {block} {now}");
        }
    }

    #[test]
    fn a_proposer_waits_for_work_or_the_heartbeat() {
        let pacing = Pacing::default();
        let short = BLOCK_INTERVAL / 2;
        assert_eq!(pause(pacing, short, true), Some(BLOCK_INTERVAL - short));
        assert_eq!(pause(pacing, BLOCK_INTERVAL, true), None);
        assert_eq!(
            pause(pacing, BLOCK_INTERVAL, false),
            Some(HEARTBEAT - BLOCK_INTERVAL)
        );
        assert_eq!(pause(pacing, HEARTBEAT * 2, false), None);
    }
}
