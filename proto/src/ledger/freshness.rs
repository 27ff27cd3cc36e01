//! How old a header may be to be believed about the present: section 8.9.

use thiserror::Error;

use crate::limits::{FRESHNESS_SECS_MAX, HEADER_AHEAD_SECS_MAX};
use crate::time::Timestamp;
use crate::words::lasting;

/// The time of a check, and how old a header it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// The time by the verifier's clock.
    pub now: Timestamp,
    /// The oldest header that still says something about now.
    pub age_secs_max: u64,
}

/// Why a header says nothing about the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FreshnessError {
    /// The header is too old.
    #[error(
        "the proof's block is of {time}, {} before {now}; at most {} old is allowed here",
        lasting(*age_secs),
        lasting(*age_secs_max)
    )]
    Stale {
        /// The header's time.
        time: Timestamp,
        /// The time of the check.
        now: Timestamp,
        /// Seconds between them.
        age_secs: u64,
        /// How many are allowed.
        age_secs_max: u64,
    },
    /// The header is of a time to come.
    #[error(
        "the proof's block is of {time}, and it is {now} here; more than {} ahead is a wrong clock, here or there",
        lasting(HEADER_AHEAD_SECS_MAX)
    )]
    Ahead {
        /// The header's time.
        time: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
}

impl FreshnessError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale",
            Self::Ahead { .. } => "ahead",
        }
    }
}

impl Freshness {
    /// As fresh as a resolver wants it where nobody says otherwise.
    #[must_use]
    pub fn usual(now: Timestamp) -> Self {
        Self {
            now,
            age_secs_max: FRESHNESS_SECS_MAX,
        }
    }

    /// Checks a header's time.
    ///
    /// # Errors
    /// It is too old, or of a time to come.
    pub fn check(&self, time: Timestamp) -> Result<(), FreshnessError> {
        let Self { now, age_secs_max } = *self;
        if time.secs_since(now) > HEADER_AHEAD_SECS_MAX {
            return Err(FreshnessError::Ahead { time, now });
        }
        let age_secs = now.secs_since(time);
        if age_secs > age_secs_max {
            return Err(FreshnessError::Stale {
                time,
                now,
                age_secs,
                age_secs_max,
            });
        }
        Ok(())
    }
}
