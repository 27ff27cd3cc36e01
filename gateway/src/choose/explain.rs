//! Why a provider gets what it gets, in words and numbers that a person can check.

use core::time::Duration;

use super::health::Failure;
use super::member::{Counts, Member};

/// What a provider is to its pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It gets requests.
    Serving,
    /// It gets requests, fewer than it will: it is new or came back.
    Starting,
    /// It gets none for a while: visitors' requests failed.
    Ejected {
        /// Until it is tried again.
        remaining: Duration,
        /// What failed last.
        failure: Option<Failure>,
    },
    /// It gets none: checks of our own fail.
    Down,
}

impl Standing {
    /// What logs and metrics call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Starting => "starting",
            Self::Ejected { .. } => "ejected",
            Self::Down => "down",
        }
    }
}

/// One provider, explained.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// Its id in the record.
    pub id: Box<str>,
    /// Its address.
    pub url: Box<str>,
    /// Its region.
    pub region: Option<Box<str>>,
    /// Lower is tried first.
    pub priority: u16,
    /// The owner's weight.
    pub weight: u16,
    /// What it gets of its weight now.
    pub share: f64,
    /// What it is to the pool.
    pub standing: Standing,
    /// The moving average of its answers, in seconds.
    pub latency_secs: f64,
    /// Whether it was measured at all.
    pub measured: bool,
    /// Latency times the requests that another one would wait with: the lower of two gets a request.
    pub cost: f64,
    /// Requests in flight.
    pub pending: u32,
    /// Connections that another protocol has taken over.
    pub taken_over: u32,
    /// Failures in a row, in points of [`super::health::POINTS_MAX`].
    pub points: u8,
    /// What was counted.
    pub counts: Counts,
    /// Whether it pins its keys.
    pub pinned: bool,
}

impl Explained {
    pub(super) fn of(member: &Member, now: Duration) -> Self {
        let provider = &member.provider;
        Self {
            id: provider.id.clone(),
            url: provider.url.as_str().into(),
            region: provider.region.clone(),
            priority: member.priority(),
            weight: provider
                .weight
                .unwrap_or(dotkey_proto::zone::Provider::WEIGHT_DEFAULT),
            share: member.share(now),
            standing: standing(member, now),
            latency_secs: member.latency.seconds(),
            measured: member.latency.is_measured(),
            cost: member.latency.cost(),
            pending: member.latency.pending(),
            taken_over: member.taken_over,
            points: member.conduct.points(),
            counts: member.counts,
            pinned: !provider.pins.is_empty(),
        }
    }
}

fn standing(member: &Member, now: Duration) -> Standing {
    if let Some(until) = member.conduct.ejected_until(now) {
        return Standing::Ejected {
            remaining: until.saturating_sub(now),
            failure: member.conduct.last_failure(),
        };
    }
    if member.checks.is_down() {
        return Standing::Down;
    }
    if member.share(now) < 1.0 {
        Standing::Starting
    } else {
        Standing::Serving
    }
}
