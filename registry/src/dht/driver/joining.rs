//! When to dial the bootstrap list and the peers of the [`Book`](super::book::Book).
//!
//! Alone, a node tries its bootstrap list and a few of the book at once, then ever less often. In company it still tries one from the book and its unconnected
//! bootstrap peers now and then, more often while it sees only a few: that is what brings the halves together after a cut cable is mended, for each half has forgotten
//! who of the other could not be dialled. A node that sees many and has lost many within minutes looks more often too, until it has met most of them again or an hour is
//! over; then what is left is the network. The size of its table would not show that: others of its own half take the places. It tries the book only: that is another peer for everyone, and the bootstrap peers are the same few for all.

use std::collections::BTreeMap;

use crate::dht::REPLICATION;
use crate::dht::peer::Peer;

/// The first pause between two attempts while alone, doubled each time.
const PAUSE_MS_MIN: u64 = 1_000;

/// The longest pause while alone: a network that comes back is found within this.
const PAUSE_MS_MAX: u64 = 15_000;

/// How often one of the book is tried in company that is thin: a few nodes, perhaps the smaller part of a network that was cut.
const THIN_MS: u64 = 20_000;

/// The same in company enough. Everybody's bootstrap peers are the same few: at this pace a hundred thousand nodes are
/// two hundred connections a second for five of them.
const ENOUGH_MS: u64 = 600_000;

/// Of those that a node knew, the share that may be lost in [`WINDOW_MS`] before it is more than coming and going: a quarter.
const LOSS: usize = 4;

/// The share below which it is enough that was found again: an eighth.
const REST: usize = 8;

/// The dead of a cut are found within three minutes ([`super::refresh`]).
const WINDOW_MS: u64 = 300_000;

/// Lost peers that are remembered: a table of the largest network.
const LOST_MAX: usize = 512;

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
    /// Whether to look again for who is near, among few: libp2p does so once when it meets the first, and if that one has no time or no room, not again for half
    /// an hour.
    pub(crate) lookup: bool,
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

/// Who was in the table and was not reached any more.
#[derive(Debug, Default)]
struct Losses {
    lost: BTreeMap<Peer, u64>,
    searching_ms: Option<u64>,
}

impl Losses {
    /// Whether many are missing, beside so many that are known.
    fn are_many(&mut self, now_ms: u64, known: usize) -> bool {
        let over = |since_ms: u64, ms| now_ms >= since_ms.saturating_add(ms);
        match self.searching_ms {
            None => self.lost.retain(|_, lost_ms| !over(*lost_ms, WINDOW_MS)),
            Some(since_ms) if over(since_ms, SEARCH_MS_MAX) => *self = Self::default(),
            Some(_) => {}
        }
        let (missing, whole) = (self.lost.len(), self.lost.len() + known);
        match self.searching_ms {
            None if missing > 0 && missing * LOSS >= whole => self.searching_ms = Some(now_ms),
            Some(_) if missing * REST <= whole => *self = Self::default(),
            _ => {}
        }
        self.searching_ms.is_some()
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

    /// A peer of the table was not reached, and left it.
    pub(crate) fn lost(&mut self, peer: Peer, now_ms: u64) {
        let lost = &mut self.losses.lost;
        if lost.len() < LOST_MAX {
            lost.insert(peer, now_ms);
        }
    }

    /// A peer was met.
    pub(crate) fn met(&mut self, peer: &Peer) {
        self.losses.lost.remove(peer);
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
        Some(Attempt {
            book,
            bootstrap,
            lookup: company == Company::Thin,
        })
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

    fn attempt(book: usize, lookup: bool) -> Option<Attempt> {
        Some(Attempt {
            book,
            bootstrap: true,
            lookup,
        })
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

        assert_eq!(joining.due(60_000, THIN), attempt(BOOK_IN_COMPANY, true));
        assert!(!joining.in_vain());
        assert_eq!(joining.due(79_999, THIN), None);
        assert_eq!(joining.due(79_999, 0), attempt(BOOK_ALONE, false));
        assert_eq!(joining.due(80_000, 0), None);
        assert_eq!(joining.due(81_000, ENOUGH), attempt(BOOK_IN_COMPANY, false));
        assert_eq!(joining.due(680_999, ENOUGH), None);
    }

    /// Attempts from `from_ms` to `to_ms` with so many known, and those of them that go to the bootstrap peers too.
    fn tried(joining: &mut Joining, (from_ms, to_ms): (u64, u64), known: usize) -> (usize, usize) {
        let attempts = (from_ms..to_ms).step_by(250);
        let attempts = attempts.filter_map(|now_ms| joining.due(now_ms, known));
        let attempts: Vec<_> = attempts.collect();
        let bootstrap = attempts.iter().filter(|it| it.bootstrap).count();
        (attempts.len(), bootstrap)
    }

    fn someone(number: u16) -> Peer {
        let mut key = [0; 32];
        key[..2].copy_from_slice(&number.to_be_bytes());
        Peer(key)
    }

    const MINUTE: u64 = 60_000;

    #[test]
    fn half_of_a_large_network_looks_for_the_other() {
        let mut joining = Joining::new();
        let day = 24 * 60 * MINUTE;
        assert_eq!(tried(&mut joining, (0, day), 80), (144, 144));
        // In three minutes half of the table is found to be dead, and others take most of their places.
        for number in 0..40_u16 {
            let now_ms = day + u64::from(number) * 3 * MINUTE / 40;
            joining.lost(someone(number), now_ms);
            tried(&mut joining, (now_ms, now_ms + 1), 70);
        }
        let cut = (day + 3 * MINUTE, day + 13 * MINUTE);
        let searching = tried(&mut joining, cut, 70);
        assert_eq!(searching.0, 30, "three a minute");
        assert!(searching.1 <= 1, "and the bootstrap peers as ever");
        for number in 0..20 {
            joining.met(&someone(number));
        }
        let half = (cut.1, cut.1 + 10 * MINUTE);
        assert_eq!(
            tried(&mut joining, half, 70).0,
            30,
            "many are still missing"
        );
        for number in 20..32 {
            joining.met(&someone(number));
        }
        let calm = (half.1 + MINUTE, half.1 + 61 * MINUTE);
        tried(&mut joining, (half.1, calm.0), 70);
        assert!(tried(&mut joining, calm, 70).0 <= 7);
    }

    #[test]
    fn who_does_not_come_back_is_not_looked_for_for_ever() {
        let mut joining = Joining::new();
        for number in 0..2_000 {
            joining.lost(someone(number), 0);
        }
        assert_eq!(joining.losses.lost.len(), LOST_MAX);
        assert_eq!(tried(&mut joining, (0, SEARCH_MS_MAX), 100).0, 180);
        let after = (SEARCH_MS_MAX, 2 * SEARCH_MS_MAX);
        assert!((5..=7).contains(&tried(&mut joining, after, 100).0));
    }

    #[test]
    fn coming_and_going_alarms_nobody() {
        let mut joining = Joining::new();
        // A few are lost in each five minutes, for a day, and do not come back.
        let mut attempts = 0;
        for number in 0..288 * 8_u16 {
            let now_ms = u64::from(number) * WINDOW_MS / 8;
            joining.lost(someone(number), now_ms);
            attempts += tried(&mut joining, (now_ms, now_ms + WINDOW_MS / 8), 30).0;
        }
        assert_eq!(attempts, 144);
    }
}
