//! Numbers that each thread counts up for itself, so that counting is an addition and no more.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Threads that count apart. More than that share the last seat, and pay for it with an atomic addition.
const SEATS: usize = 32;
const SHARED: usize = SEATS - 1;

/// Seats of this process that no thread has: a bit each. A thread has the same seat at every server.
static FREE: AtomicU32 = AtomicU32::new(u32::MAX >> 1);

const _: () = assert!(
    SEATS == u32::BITS as usize,
    "a bit for each seat, but that of the shared one is never set"
);

thread_local! {
    static MINE: Mine = Mine::take();
}

/// The seat of a thread, which it gives back when it ends.
struct Mine(usize);

impl Mine {
    fn take() -> Self {
        let mut free = FREE.load(Ordering::Relaxed);
        loop {
            let at = free.trailing_zeros() as usize;
            if at >= SHARED {
                return Self(SHARED);
            }
            // Acquires what the seat's last thread counted.
            let taken = FREE.compare_exchange_weak(
                free,
                free & !(1 << at),
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => return Self(at),
                Err(now) => free = now,
            }
        }
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        if self.0 != SHARED {
            FREE.fetch_or(1 << self.0, Ordering::Release);
        }
    }
}

/// The numbers `T` once for each thread.
#[derive(Debug)]
pub(super) struct Seats<T>(Box<[Line<T>]>);

/// Two lines, which processors fetch together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line<T>(T);

/// The numbers of this thread.
pub(super) struct Seat<'a, T> {
    counts: &'a T,
    alone: bool,
}

impl<T: Default> Default for Seats<T> {
    fn default() -> Self {
        Self((0..SEATS).map(|_| Line::default()).collect())
    }
}

impl<T> Seats<T> {
    /// This thread's.
    pub(super) fn take(&self) -> Seat<'_, T> {
        // A thread that is about to end has none any more.
        let at = MINE.try_with(|mine| mine.0).unwrap_or(SHARED);
        Seat {
            counts: &self.0[at].0,
            alone: at != SHARED,
        }
    }

    /// A number of all threads together.
    pub(super) fn sum(&self, number: impl Fn(&T) -> &AtomicU64) -> u64 {
        let numbers = self
            .0
            .iter()
            .map(|line| number(&line.0).load(Ordering::Relaxed));
        numbers.sum()
    }

    /// Looks at the numbers of each thread.
    pub(super) fn each(&self, mut look: impl FnMut(&T)) {
        self.0.iter().for_each(|line| look(&line.0));
    }
}

impl<T> Seat<'_, T> {
    pub(super) fn add(&self, number: impl Fn(&T) -> &AtomicU64, n: u64) {
        let number = number(self.counts);
        if self.alone {
            // Nobody else writes it: an addition that locks the line would cost ten times as much.
            let now = number.load(Ordering::Relaxed);
            number.store(now.wrapping_add(n), Ordering::Relaxed);
        } else {
            number.fetch_add(n, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn many_threads_at_once_lose_no_count() {
        #[derive(Debug, Default)]
        struct One(AtomicU64);
        const THREADS: u64 = 100;
        const EACH: u64 = 2_000;
        let seats: Arc<Seats<One>> = Arc::default();
        // Twice: those of the second round sit where those of the first sat.
        for _ in 0..2 {
            let counting = (0..THREADS).map(|_| {
                let seats = Arc::clone(&seats);
                thread::spawn(move || {
                    for _ in 0..EACH {
                        seats.take().add(|one| &one.0, 1);
                    }
                })
            });
            let counting: Vec<_> = counting.collect();
            for one in counting {
                one.join().expect("it counts");
            }
        }
        assert_eq!(seats.sum(|one| &one.0), 2 * THREADS * EACH);
    }
}
