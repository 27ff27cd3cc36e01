//! When to dial the bootstrap list and the peers of the [`Book`](super::book::Book).
//!
//! Alone, a node tries its bootstrap list and a few of the book at once, then ever less often. In company it still tries one from the book and an unconnected
//! bootstrap peer now and then: that is what brings the halves together after a cut cable is mended, for each half has forgotten
//! who of the other could not be dialled.

/// The first pause between two attempts while alone, doubled each time.
const PAUSE_MS_MIN: u64 = 1_000;

/// The longest pause while alone: a network that comes back is found within this.
const PAUSE_MS_MAX: u64 = 15_000;

/// How often one of the book is tried in company.
const COMPANY_MS: u64 = 20_000;

/// Of the book, tried at once while alone.
const BOOK_ALONE: usize = 8;

/// Of the book, tried at once in company.
const BOOK_IN_COMPANY: usize = 1;

/// Attempts without an answer after which it is worth a warning: the first may come before the network is up.
const ATTEMPTS_QUIET: u32 = 3;

/// Paces attempts.
#[derive(Debug)]
pub(crate) struct Joining {
    next_ms: u64,
    pause_ms: u64,
    attempts: u32,
}

impl Joining {
    pub(crate) fn new() -> Self {
        Self {
            next_ms: 0,
            pause_ms: PAUSE_MS_MIN,
            attempts: 0,
        }
    }

    /// How many of the book to dial now, beside the bootstrap peers that are not connected; none when it is not time.
    pub(crate) fn due(&mut self, now_ms: u64, alone: bool) -> Option<usize> {
        if alone && self.attempts == 0 {
            // Just become alone: there is nothing to wait for.
            self.next_ms = now_ms;
        }
        if !alone {
            self.attempts = 0;
            self.pause_ms = PAUSE_MS_MIN;
        }
        if now_ms < self.next_ms {
            return None;
        }
        if alone {
            self.attempts = self.attempts.saturating_add(1);
            self.next_ms = now_ms + self.pause_ms;
            self.pause_ms = (2 * self.pause_ms).min(PAUSE_MS_MAX);
            return Some(BOOK_ALONE);
        }
        self.next_ms = now_ms + COMPANY_MS;
        Some(BOOK_IN_COMPANY)
    }

    /// Whether it has tried for some time without finding anyone.
    pub(crate) fn in_vain(&self) -> bool {
        self.attempts > ATTEMPTS_QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_it_tries_ever_less_often_and_in_company_now_and_then() {
        let mut joining = Joining::new();
        let mut tried = Vec::new();
        for now_ms in (0..60_000).step_by(250) {
            if joining.due(now_ms, true).is_some() {
                tried.push(now_ms);
            }
        }
        assert_eq!(tried, [0, 1_000, 3_000, 7_000, 15_000, 30_000, 45_000]);
        assert!(joining.in_vain());

        assert_eq!(joining.due(60_000, false), Some(BOOK_IN_COMPANY));
        assert!(!joining.in_vain());
        assert_eq!(joining.due(79_999, false), None);
        assert_eq!(joining.due(79_999, true), Some(BOOK_ALONE));
        assert_eq!(joining.due(80_000, true), None);
    }
}
