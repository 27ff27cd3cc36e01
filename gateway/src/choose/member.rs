//! One provider of a pool: what its record says of it, and what was seen of it.

use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::zone::Provider;

use super::health::{Checks, Conduct, Failure};
use super::latency::Latency;

/// How long a provider that is new, or came back, takes to get its full share.
pub const SLOW_START: Duration = Duration::from_secs(10);

/// What it gets at first.
const SHARE_FIRST: f64 = 0.1;

/// Requests in flight at one provider, and connections that were taken over. Another one is better off elsewhere, or refused.
pub const PENDING_MAX: u32 = 1024;

/// A provider for as long as its record names it: the number stays when the record changes around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(pub(super) u32);

/// What was counted of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that it was given.
    pub requests: u64,
    /// Those that it failed.
    pub failures: u64,
    /// Ejections.
    pub ejections: u64,
    /// Ejections that the cap forbade.
    pub spared: u64,
}

/// One provider of a pool.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: MemberId,
    pub(super) provider: Arc<Provider>,
    pub(super) latency: Latency,
    pub(super) checks: Checks,
    pub(super) conduct: Conduct,
    pub(super) counts: Counts,
    /// Since when it gets requests, where others were there before it: from there its share grows.
    pub(super) since: Option<Duration>,
    /// 0 where it is in the region that we are in, and one more for each region that is preferred to its own.
    pub(super) distance: u8,
    /// Connections that another protocol has taken over: they have no end of their own.
    pub(super) taken_over: u32,
    /// How far smooth round robin owes it a request.
    pub(super) owed: f64,
}

impl Member {
    pub(super) fn new(
        id: MemberId,
        provider: Arc<Provider>,
        since: Option<Duration>,
        now: Duration,
    ) -> Self {
        Self {
            id,
            provider,
            latency: Latency::new(now),
            checks: Checks::default(),
            conduct: Conduct::default(),
            counts: Counts::default(),
            since,
            distance: 0,
            taken_over: 0,
            owed: 0.0,
        }
    }

    /// Whether it is the provider that a new record names, so that what was seen of it holds.
    pub(super) fn is(&self, provider: &Provider) -> bool {
        self.provider.id == provider.id && self.provider.url == provider.url
    }

    pub(super) fn priority(&self) -> u16 {
        self.provider.priority.unwrap_or(Provider::PRIORITY_DEFAULT)
    }

    pub(super) fn is_available(&self, now: Duration) -> bool {
        !self.checks.is_down() && self.conduct.ejected_until(now).is_none()
    }

    pub(super) fn has_room(&self) -> bool {
        self.latency.pending().saturating_add(self.taken_over) < PENDING_MAX
    }

    /// The owner's weight, less while it starts.
    pub(super) fn weight(&self, now: Duration) -> f64 {
        f64::from(self.provider.weight.unwrap_or(Provider::WEIGHT_DEFAULT)) * self.share(now)
    }

    /// From [`SHARE_FIRST`] to 1, growing evenly while it starts.
    pub(super) fn share(&self, now: Duration) -> f64 {
        let Some(begun) = self.conduct.returned_at(now).max(self.since) else {
            return 1.0;
        };
        let part = now.saturating_sub(begun).as_secs_f64() / SLOW_START.as_secs_f64();
        part.clamp(SHARE_FIRST, 1.0)
    }

    /// Notes a failure. True when it deserves to be ejected for it.
    pub(super) fn fail(&mut self, failure: Failure) -> bool {
        self.counts.failures += 1;
        self.conduct.bad(failure)
    }
}
