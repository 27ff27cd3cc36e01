//! What most requests take: the 95th percentile of a resource's recent answers, after which a second provider is asked.
//!
//! A histogram with buckets that grow by a quarter from 100 microseconds to about ten minutes; each half a minute all counts are halved,
//! so that it follows the hour.

use core::time::Duration;

const BUCKETS: usize = 72;
const FIRST_MICROS: f64 = 100.0;
const GROWTH: f64 = 1.25;
const HALVED_EVERY: Duration = Duration::from_secs(30);

/// Fewer answers than this say nothing about the slowest twentieth.
const SAMPLES_MIN: u32 = 20;

/// Answers for which the 95th percentile is not looked for again.
const SLOWEST_KEPT: u32 = 100;

/// How long recent answers took.
#[derive(Clone, Debug)]
pub(super) struct Durations {
    counts: [u32; BUCKETS],
    total: u32,
    halved_at: Duration,
    /// The 95th percentile when it was looked at last, and how many answers ago.
    slowest: (Option<Duration>, u32),
}

impl Durations {
    /// None yet, at the time `now` since start.
    #[must_use]
    pub(super) const fn new(now: Duration) -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
            halved_at: now,
            slowest: (None, 0),
        }
    }

    /// An answer took this long.
    pub(super) fn note(&mut self, now: Duration, took: Duration) {
        if now.saturating_sub(self.halved_at) >= HALVED_EVERY {
            self.halved_at = now;
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        self.counts[bucket(took)] += 1;
        self.total += 1;
        self.slowest.1 = self.slowest.1.saturating_sub(1);
    }

    /// What 95 of a hundred answers took at most, as of a few answers ago; nothing while there are too few.
    pub(super) fn slowest(&mut self) -> Option<Duration> {
        if self.slowest.1 == 0 {
            self.slowest = (self.at(0.95), SLOWEST_KEPT.min(self.total / 4));
        }
        self.slowest.0
    }

    /// What `share` of the answers took at most; nothing while there are too few.
    #[must_use]
    pub(super) fn at(&self, share: f64) -> Option<Duration> {
        if self.total < SAMPLES_MIN {
            return None;
        }
        let wanted = (f64::from(self.total) * share).ceil() as u32;
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        let micros = FIRST_MICROS * GROWTH.powi(found as i32);
        Some(Duration::from_micros(micros as u64))
    }
}

fn bucket(took: Duration) -> usize {
    let micros = took.as_micros() as f64;
    if micros <= FIRST_MICROS {
        return 0;
    }
    let place = (micros / FIRST_MICROS).ln() / GROWTH.ln();
    (place.ceil() as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_right_within_its_bucket() {
        let mut durations = Durations::new(Duration::ZERO);
        assert_eq!(durations.at(0.95), None);
        for ms in 1..=1000 {
            durations.note(Duration::from_millis(ms), Duration::from_millis(ms));
        }
        for (share, exact) in [(0.5, 0.5), (0.95, 0.95), (1.0, 1.0)] {
            let found = durations.at(share).expect("enough answers").as_secs_f64();
            assert!(found >= exact && found <= exact * 1.26, "{share}: {found}");
        }
    }

    #[test]
    fn the_hour_is_followed() {
        let mut durations = Durations::new(Duration::ZERO);
        let at = |secs| Duration::from_secs(secs);
        (0..1000).for_each(|_| durations.note(at(1), Duration::from_millis(900)));
        (0..20_u64).for_each(|turn| {
            (0..100).for_each(|_| durations.note(at(31 * (turn + 1)), Duration::from_millis(1)));
        });
        assert!(durations.at(0.95) < Some(Duration::from_millis(2)));
    }

    #[test]
    fn the_longest_fits() {
        let mut durations = Durations::new(Duration::ZERO);
        (0..20).for_each(|_| durations.note(Duration::ZERO, Duration::MAX));
        assert!(durations.at(0.5) > Some(Duration::from_secs(500)));
    }
}
