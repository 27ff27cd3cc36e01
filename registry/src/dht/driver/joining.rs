//! When to dial the bootstrap list and the peers of the [`Book`](super::book::Book).
//!
//! Alone, a node tries its bootstrap list and a few of the book at once, then ever less often. In company it still tries one from the book and its unconnected
//! bootstrap peers now and then, more often while it sees only a few: that is what brings the halves together after a cut cable is mended, for each half has forgotten
//! who of the other could not be dialled. A node that sees many and has lost a part of its table within minutes looks more often too, until it is whole again or an hour is
//! over; then what is left is the network. It tries the book only: that is another peer for everyone, and the bootstrap peers are the same few for all.

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

/// Of a table, what may be lost in [`WINDOW_MS`] before it is more than coming and going: a quarter.
const LOSS: usize = 4;

/// A table's size is compared with the largest of this long, and up to twice as long: the dead of a cut leave within three minutes ([`super::refresh`]).
const WINDOW_MS: u64 = 300_000;

/// So long a node looks for who was lost.
const SEARCH_MS_MAX: u64 = 3_600_000;

/// Of the book, tried at once by who has lost many.
const BOOK_SEARCHING: usize = 2;

/// Of the book, tried at once while alone.
const BOOK_ALONE: usize = 8;

/// Of the book, tried at once in company.
const BOOK_IN_COMPANY: usize = 1;

/// Attempts without an answer after which it is worth a warning: the first may come before the network is up.
const ATTEMPTS_QUIET: u32 = 3;

/// How much of the network a node sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Company {
    /// Nobody.
    Alone,
    /// Fewer than keep a record.
    Thin,
    /// As many or more.
    Enough,
    /// The same, of more that there were a little while ago.
    Reduced,
}

/// Whom to dial now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// How many of the book.
    pub(crate) book: usize,
    /// Whether the bootstrap peers too that are not connected.
    pub(crate) bootstrap: bool,
}

/// Paces attempts.
#[derive(Debug)]
pub(crate) struct Joining {
    next_ms: u64,
    pause_ms: u64,
    attempts: u32,
    /// When the bootstrap peers are next tried in company.
    bootstrap_ms: u64,
    losses: Losses,
}

/// Notices when a table has shrunk by much in little time.
#[derive(Debug, Default)]
struct Losses {
    /// The largest size in this window and in the one before it.
    now_max: usize,
    before_max: usize,
    window_ms: u64,
    /// Since when parts are missing, and how many there were.
    missing: Option<(u64, usize)>,
}

impl Losses {
    /// Whether many are missing of those who were known.
    fn are_many(&mut self, now_ms: u64, known: usize) -> bool {
        let lost = |whole: usize| LOSS * known <= (LOSS - 1) * whole && known < whole;
        if let Some((since_ms, whole)) = self.missing {
            // Nearly whole is whole: in such a time some have come and gone anyway.
            let found = 8 * known >= 7 * whole;
            if !found && now_ms < since_ms.saturating_add(SEARCH_MS_MAX) {
                return true;
            }
            *self = Self {
                window_ms: now_ms,
                ..Self::default()
            };
        }
        if now_ms >= self.window_ms.saturating_add(WINDOW_MS) {
            self.before_max = self.now_max;
            self.now_max = 0;
            self.window_ms = now_ms;
        }
        self.now_max = self.now_max.max(known);
        let whole = self.now_max.max(self.before_max);
        if lost(whole) {
            self.missing = Some((now_ms, whole));
        }
        self.missing.is_some()
    }
}

impl Joining {
    pub(crate) fn new() -> Self {
        Self {
            next_ms: 0,
            pause_ms: PAUSE_MS_MIN,
            attempts: 0,
            bootstrap_ms: 0,
            losses: Losses::default(),
        }
    }

    /// Whom to dial now, with so many in the table; nobody when it is not time.
    pub(crate) fn due(&mut self, now_ms: u64, known: usize) -> Option<Attempt> {
        let company = self.company(now_ms, known);
        let alone = company == Company::Alone;
        if alone && self.attempts == 0 {
            // Just become alone: there is nothing to wait for.
            self.next_ms = now_ms;
        }
        if !alone {
            self.attempts = 0;
            self.pause_ms = PAUSE_MS_MIN;
        }
        if company == Company::Reduced {
            // Just become fewer: what was planned in better times is too late.
            self.next_ms = self.next_ms.min(now_ms.saturating_add(THIN_MS));
        }
        if now_ms < self.next_ms {
            return None;
        }
        let (pause_ms, book) = match company {
            Company::Alone => {
                self.attempts = self.attempts.saturating_add(1);
                let pause_ms = self.pause_ms;
                self.pause_ms = (2 * pause_ms).min(PAUSE_MS_MAX);
                (pause_ms, BOOK_ALONE)
            }
            Company::Thin => (THIN_MS, BOOK_IN_COMPANY),
            Company::Reduced => (THIN_MS, BOOK_SEARCHING),
            Company::Enough => (ENOUGH_MS, BOOK_IN_COMPANY),
        };
        self.next_ms = now_ms.saturating_add(pause_ms);
        let bootstrap = company != Company::Reduced || now_ms >= self.bootstrap_ms;
        if bootstrap {
            self.bootstrap_ms = now_ms.saturating_add(ENOUGH_MS);
        }
        Some(Attempt { book, bootstrap })
    }

    fn company(&mut self, now_ms: u64, known: usize) -> Company {
        let reduced = self.losses.are_many(now_ms, known);
        match known {
            0 => Company::Alone,
            known if known < REPLICATION.get() => Company::Thin,
            _ if reduced => Company::Reduced,
            _ => Company::Enough,
        }
    }

    /// Whether it has tried for some time without finding anyone.
    pub(crate) fn in_vain(&self) -> bool {
        self.attempts > ATTEMPTS_QUIET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIN: usize = 19;
    const ENOUGH: usize = 20;

    fn attempt(book: usize) -> Option<Attempt> {
        let bootstrap = true;
        Some(Attempt { book, bootstrap })
    }

    #[test]
    fn alone_it_tries_ever_less_often_and_in_company_now_and_then() {
        let mut joining = Joining::new();
        let mut tried = Vec::new();
        for now_ms in (0..60_000).step_by(250) {
            if joining.due(now_ms, 0).is_some() {
                tried.push(now_ms);
            }
        }
        assert_eq!(tried, [0, 1_000, 3_000, 7_000, 15_000, 30_000, 45_000]);
        assert!(joining.in_vain());

        assert_eq!(joining.due(60_000, THIN), attempt(BOOK_IN_COMPANY));
        assert!(!joining.in_vain());
        assert_eq!(joining.due(79_999, THIN), None);
        assert_eq!(joining.due(79_999, 0), attempt(BOOK_ALONE));
        assert_eq!(joining.due(80_000, 0), None);
        assert_eq!(joining.due(81_000, ENOUGH), attempt(BOOK_IN_COMPANY));
        assert_eq!(joining.due(680_999, ENOUGH), None);
    }

    /// Attempts and those of them that go to the bootstrap peers, from `from_ms` to `to_ms` with as many known as `known` says.
    fn tried(
        joining: &mut Joining,
        (from_ms, to_ms): (u64, u64),
        known: impl Fn(u64) -> usize,
    ) -> (usize, usize) {
        let attempts = (from_ms..to_ms).step_by(250);
        let attempts = attempts.filter_map(|now_ms| joining.due(now_ms, known(now_ms)));
        let attempts: Vec<_> = attempts.collect();
        let bootstrap = attempts.iter().filter(|it| it.bootstrap).count();
        (attempts.len(), bootstrap)
    }

    #[test]
    fn half_of_a_large_network_looks_for_the_other() {
        const MINUTE: u64 = 60_000;
        let mut joining = Joining::new();
        let day = 24 * 60 * MINUTE;
        assert_eq!(tried(&mut joining, (0, day), |_| 80), (144, 144));
        // In three minutes half of the table is found to be dead.
        let fewer = |now_ms| 80 - usize::try_from((now_ms - day) * 40 / (3 * MINUTE)).expect("few");
        let (attempts, _) = tried(&mut joining, (day, day + 3 * MINUTE), fewer);
        assert!((3..=6).contains(&attempts), "{attempts}");
        let cut = (day + 3 * MINUTE, day + 13 * MINUTE);
        let searching = tried(&mut joining, cut, |_| 40);
        assert_eq!(
            searching,
            (30, 1),
            "three a minute, and the bootstrap peers once in ten"
        );
        // Found again, it is as calm as before.
        let whole = (cut.1, cut.1 + 60 * MINUTE);
        let (attempts, _) = tried(&mut joining, whole, |_| 78);
        assert!((6..=7).contains(&attempts), "{attempts}");
    }

    #[test]
    fn who_does_not_come_back_is_not_looked_for_for_ever() {
        let mut joining = Joining::new();
        tried(&mut joining, (0, WINDOW_MS), |_| 200);
        let hour = (WINDOW_MS, WINDOW_MS + SEARCH_MS_MAX);
        assert_eq!(tried(&mut joining, hour, |_| 100).0, 179);
        let after = (hour.1, hour.1 + SEARCH_MS_MAX);
        let (attempts, _) = tried(&mut joining, after, |_| 100);
        assert!((5..=7).contains(&attempts), "{attempts}");
    }

    #[test]
    fn a_network_that_shrinks_slowly_or_a_little_alarms_nobody() {
        let day = 24 * 3_600_000;
        for known in [
            |now_ms: u64| 100 - usize::try_from(now_ms / 1_200_000).expect("few"),
            |now_ms: u64| if now_ms < 1_000_000 { 100 } else { 76 },
            |now_ms: u64| {
                if (now_ms / 3_000_000).is_multiple_of(2) {
                    30
                } else {
                    23
                }
            },
        ] {
            let mut joining = Joining::new();
            let (attempts, bootstrap) = tried(&mut joining, (0, day), known);
            assert_eq!((attempts, bootstrap), (144, 144));
        }
    }
}
