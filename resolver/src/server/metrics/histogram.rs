//! How long things took: a count for each of a few lengths.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

use super::Seat;

/// From a kept answer, which takes microseconds, to what a stub resolver gives up on.
pub(super) const BOUNDS: [Duration; 17] = [
    Duration::from_micros(5),
    Duration::from_micros(10),
    Duration::from_micros(25),
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// The bounds, and all that is longer.
const LENGTHS: usize = BOUNDS.len() + 1;

/// Counts of a thread.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    lengths: [AtomicU64; LENGTHS],
    nanos: AtomicU64,
}

/// Counts that were added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(super) lengths: [u64; LENGTHS],
    pub(super) nanos: u64,
}

impl Histogram {
    /// Counts one length, of a seat's numbers.
    pub(super) fn observe<T>(seat: &Seat<'_, T>, of: impl Fn(&T) -> &Self, took: Duration) {
        let (at, nanos) = (length(took), nanos(took));
        seat.add(|counts| &of(counts).lengths[at], 1);
        seat.add(|counts| &of(counts).nanos, nanos);
    }

    pub(super) fn add_to(&self, times: &mut Times) {
        for (sum, one) in times.lengths.iter_mut().zip(&self.lengths) {
            *sum += one.load(Ordering::Relaxed);
        }
        times.nanos = times.nanos.wrapping_add(self.nanos.load(Ordering::Relaxed));
    }
}

impl Times {
    pub(super) fn count(&self) -> u64 {
        self.lengths.iter().sum()
    }
}

fn length(took: Duration) -> usize {
    BOUNDS.partition_point(|bound| *bound < took)
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_counts_at_the_first_bound_that_it_does_not_pass() {
        let check = |took, at| assert_eq!(length(took), at, "{took:?}");
        check(Duration::ZERO, 0);
        check(BOUNDS[0], 0);
        check(BOUNDS[0] + Duration::from_nanos(1), 1);
        check(Duration::from_secs(5), BOUNDS.len() - 1);
        check(Duration::MAX, BOUNDS.len());
        assert!(BOUNDS.is_sorted());
    }
}
