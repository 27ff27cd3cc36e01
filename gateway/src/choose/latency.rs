//! How long a provider would keep one more request waiting.
//!
//! Two candidates are drawn at random and the one with the lower cost gets the request ("power of two choices"), which comes
//! close to the best of all and does not send everyone to one provider. The draw is in [`super::pick`].

use core::time::Duration;

/// The half-life-like decay of what was measured: an improvement is believed after a few times this.
pub const DECAY: Duration = Duration::from_secs(10);

/// What a new provider is thought to need until it is measured: neither the first choice nor the last.
pub const LATENCY_UNKNOWN: Duration = Duration::from_millis(100);

/// What a failure counts as, at least: failing fast must not look like being fast.
pub const FAILURE_PENALTY: Duration = Duration::from_secs(5);

/// A peak-sensitive moving average of a provider's latency: worse news count at once, better ones little by little.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    seconds: f64,
    measured_at: Duration,
    measured: bool,
    pending: u32,
}

impl Latency {
    /// A provider that has not been measured, at the time `now` since start.
    #[must_use]
    pub(super) const fn new(now: Duration) -> Self {
        Self {
            seconds: LATENCY_UNKNOWN.as_secs_f64(),
            measured_at: now,
            measured: false,
            pending: 0,
        }
    }

    /// A request goes to this provider.
    pub(super) const fn begin(&mut self) {
        self.pending = self.pending.saturating_add(1);
    }

    /// A request that began has its answer, after `took`.
    pub(super) fn succeed(&mut self, now: Duration, took: Duration) {
        self.measure(now, took);
    }

    /// A request that began has failed, after `took`.
    pub(super) fn fail(&mut self, now: Duration, took: Duration) {
        self.measure(now, took.max(FAILURE_PENALTY));
    }

    /// Nobody waits any more, after `took`: it would have taken at least that long.
    pub(super) fn abandon(&mut self, now: Duration, took: Duration) {
        if took.as_secs_f64() > self.seconds {
            self.measure(now, took);
        } else {
            self.end();
        }
    }

    fn end(&mut self) {
        assert!(self.pending > 0, "what ends has begun");
        self.pending -= 1;
    }

    fn measure(&mut self, now: Duration, took: Duration) {
        self.end();
        let took = took.as_secs_f64();
        // A first answer replaces a guess.
        if took >= self.seconds || !self.measured {
            self.seconds = took;
        } else {
            let since = now.saturating_sub(self.measured_at).as_secs_f64();
            let kept = (-since / DECAY.as_secs_f64()).exp();
            self.seconds = self.seconds * kept + took * (1.0 - kept);
        }
        self.measured_at = now;
        self.measured = true;
    }

    /// The moving average, in seconds.
    #[must_use]
    pub(super) const fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Whether there was an answer at all.
    #[must_use]
    pub(super) const fn is_measured(&self) -> bool {
        self.measured
    }

    /// How long ago the last measurement was, or the beginning.
    #[must_use]
    pub(super) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.measured_at)
    }

    /// Requests in flight.
    #[must_use]
    pub(super) const fn pending(&self) -> u32 {
        self.pending
    }

    /// The expected wait of one more request, in seconds: latency times the requests that it would queue with.
    #[must_use]
    pub(super) fn cost(&self) -> f64 {
        self.seconds * f64::from(self.pending.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn after(measured: &[(u64, u64)]) -> Latency {
        let mut latency = Latency::new(MS(0));
        for (now, took) in measured {
            latency.begin();
            latency.succeed(MS(*now), MS(*took));
        }
        latency
    }

    #[test]
    fn worse_counts_at_once_and_better_little_by_little() {
        assert!(after(&[(1, 900)]).cost() >= 0.9);
        let better = after(&[(1, 900), (1001, 10)]).cost();
        assert!(better > 0.7 && better < 0.9, "{better}");
        let much_later = after(&[(1, 900), (100_000, 10)]).cost();
        assert!(much_later < 0.02, "{much_later}");
    }

    #[test]
    fn load_multiplies_latency() {
        let (mut busy, idle) = (after(&[(60_000, 20)]), after(&[(60_000, 50)]));
        assert!(busy.cost() < idle.cost());
        busy.begin();
        busy.begin();
        assert!(busy.cost() > idle.cost());
    }

    #[test]
    fn failing_fast_does_not_attract() {
        let (mut failing, slow) = (Latency::new(MS(0)), after(&[(1, 2000)]));
        failing.begin();
        failing.fail(MS(1), MS(1));
        assert!(failing.cost() > slow.cost());
    }

    #[test]
    fn a_clock_that_stands_still_keeps_the_average() {
        let latency = after(&[(5, 900), (5, 10), (4, 10)]);
        assert!((latency.cost() - 0.9).abs() < 1e-9, "{}", latency.cost());
    }
}
