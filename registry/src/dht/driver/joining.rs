//! When to dial the bootstrap list and the peers of the [`Book`](super::book::Book).
//!
//! Alone, a node tries its bootstrap list and a few of the book at once, then ever less often. In company it still tries one from the book and its unconnected
//! bootstrap peers now and then, more often while it sees only a few: that is what brings the halves together after a cut cable is mended, for each half has forgotten
//! who of the other could not be dialled.

use crate::dht::REPLICATION;

/// The first pause between two attempts while alone, doubled each time.
const PAUSE_MS_MIN: u64 = 1_000;

/// The longest pause while alone: a network that comes back is found within this.
const PAUSE_MS_MAX: u64 = 15_000;

/// How often one of the book is tried in company that is thin: a few nodes, perhaps the smaller part of a network that was cut.
const THIN_MS: u64 = 20_000;

/// The same in company enough. Everybody's bootstrap peers are the same few: at this pace a hundred thousand nodes are
/// two hundred connections a second for five of them.
const ENOUGH_MS: u64 = 600_000;

/// Of the book, tried at once while alone.
const BOOK_ALONE: usize = 8;

/// Of the book, tried at once in company.
const BOOK_IN_COMPANY: usize = 1;

/// Attempts without an answer after which it is worth a warning: the first may come before the network is up.
const ATTEMPTS_QUIET: u32 = 3;

/// How much of the network a node sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    /// Nobody.
    Alone,
    /// Fewer than keep a record.
    Thin,
    /// As many or more.
    Enough,
}

impl Company {
    /// Of a node with so many in its table.
    pub(crate) fn of(known: usize) -> Self {
        match known {
            0 => Self::Alone,
            known if known < REPLICATION.get() => Self::Thin,
            _ => Self::Enough,
        }
    }
}

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
    pub(crate) fn due(&mut self, now_ms: u64, company: Company) -> Option<usize> {
        let alone = company == Company::Alone;
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
        let pause_ms = if company == Company::Thin {
            THIN_MS
        } else {
            ENOUGH_MS
        };
        self.next_ms = now_ms + pause_ms;
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
            if joining.due(now_ms, Company::Alone).is_some() {
                tried.push(now_ms);
            }
        }
        assert_eq!(tried, [0, 1_000, 3_000, 7_000, 15_000, 30_000, 45_000]);
        assert!(joining.in_vain());

        assert_eq!(joining.due(60_000, Company::Thin), Some(BOOK_IN_COMPANY));
        assert!(!joining.in_vain());
        assert_eq!(joining.due(79_999, Company::Thin), None);
        assert_eq!(joining.due(79_999, Company::Alone), Some(BOOK_ALONE));
        assert_eq!(joining.due(80_000, Company::Alone), None);
        assert_eq!(joining.due(81_000, Company::Enough), Some(BOOK_IN_COMPANY));
        assert_eq!(joining.due(680_999, Company::Enough), None);
    }
}
