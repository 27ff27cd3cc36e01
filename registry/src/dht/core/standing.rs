//! What a peer may ask, and what it has done.
//!
//! This module owns a score, three token buckets and a cut-off for each of a bounded number of peers. A score falls with each
//! offence and recovers with time; at the limit the peer is cut off, longer each time. Whether something is an offence is for who sees it.

use std::collections::BTreeMap;

use super::Offence;
use super::bucket::{Bucket, Rate};
use crate::dht::peer::Peer;

/// Peers remembered. Who is cut off stays longest.
const PEERS_MAX: usize = 4096;

/// At this score a peer is cut off.
const SCORE_LIMIT: i64 = -100_000;

/// A thousandth of a point a millisecond is a point a second: what cuts off at once is forgiven in a quarter of an hour.
const RECOVERED_IN_MS: i64 = 9;

/// The first cut-off; each further one is twice as long.
const CUT_OFF_MS: u64 = 10 * 60 * 1000;
const CUT_OFF_MS_MAX: u64 = 24 * 3600 * 1000;

/// A busy reconciliation fetches eight records at a time over short distances.
pub(super) const REQUESTS: Rate = Rate {
    each_second: 200,
    burst: 1000,
};
/// A full record store of 64 KiB records moves at 4 MiB a second.
pub(super) const BYTES: Rate = Rate {
    each_second: 4 << 20,
    burst: 16 << 20,
};
/// A signature takes 50 to 100 µs: at most a fiftieth of one core for each peer.
pub(super) const SIGNATURES: Rate = Rate {
    each_second: 200,
    burst: 1000,
};
/// Announcements, whatever they say. Who lets on what is true does so as often as there are changes, so this is no share but a bound on what is a
/// flood: a node cannot verify so many changes a second anyway, and to look at so many takes a hundredth of a core. What announcements make this node
/// fetch is bounded by `hints`, and false ones are offences of their own.
const HINTS: Rate = Rate {
    each_second: 1_000,
    burst: 10_000,
};

/// Refusals for lack of tokens that a peer may have at a time: a peer that heeds `retry_ms` has those of what was on its way. One more is an offence. They
/// are forgiven, so that what adds up over hours is none.
const REFUSED: Rate = Rate {
    each_second: 10,
    burst: 49,
};

/// How long a refused peer is told to wait.
pub(super) const RETRY_MS: u32 = 1_000;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    /// Requests, one each.
    Request,
    /// Bytes, in and out.
    Bytes(usize),
    /// Signatures to verify.
    Signatures(usize),
    /// Announcements.
    Hint,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    /// Thousandths of points, never above zero.
    score: i64,
    at_ms: u64,
    cut_until_ms: u64,
    cuts: u32,
    requests: Bucket,
    bytes: Bucket,
    signatures: Bucket,
    hints: Bucket,
    refused: Bucket,
}

impl Entry {
    fn recover(&mut self, now_ms: u64) {
        let waited = i64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(i64::MAX);
        self.score = self.score.saturating_add(waited / RECOVERED_IN_MS).min(0);
        // What is less than a thousandth of a point is waited for further.
        self.at_ms = now_ms - (waited % RECOVERED_IN_MS).unsigned_abs().min(now_ms);
    }
}

/// The standings.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    peers: BTreeMap<Peer, Entry>,
}

impl Standing {
    /// Notes an offence. Until when the peer is cut off, if that is new.
    pub(super) fn offend(&mut self, now_ms: u64, peer: Peer, offence: Offence) -> Option<u64> {
        let entry = self.entry(now_ms, peer);
        if entry.cut_until_ms > now_ms {
            return None;
        }
        entry.recover(now_ms);
        entry.score = entry.score.saturating_sub(price(offence));
        if entry.score > SCORE_LIMIT {
            return None;
        }
        let longer = CUT_OFF_MS.saturating_mul(1 << entry.cuts.min(10));
        entry.cuts = entry.cuts.saturating_add(1);
        entry.cut_until_ms = now_ms.saturating_add(longer.min(CUT_OFF_MS_MAX));
        entry.score = 0;
        Some(entry.cut_until_ms)
    }

    /// Whether a peer may cost us this. One that goes on without is flooding.
    pub(super) fn admit(
        &mut self,
        now_ms: u64,
        peer: Peer,
        cost: Cost,
    ) -> Result<(), Option<Offence>> {
        let entry = self.entry(now_ms, peer);
        let fits = match cost {
            Cost::Request => entry.requests.take(now_ms, 1, REQUESTS),
            Cost::Bytes(count) => entry.bytes.take(now_ms, count as u64, BYTES),
            Cost::Signatures(count) => entry.signatures.take(now_ms, count as u64, SIGNATURES),
            Cost::Hint => entry.hints.take(now_ms, 1, HINTS),
        };
        if fits {
            return Ok(());
        }
        let flood = !entry.refused.take(now_ms, 1, REFUSED);
        if flood {
            entry.refused = Bucket::default();
        }
        Err(flood.then_some(Offence::Flood))
    }

    /// Takes for what is done already: what is not left of the share is not owed.
    pub(super) fn charge_bytes(&mut self, now_ms: u64, peer: Peer, count: usize) {
        let bytes = &mut self.entry(now_ms, peer).bytes;
        bytes.charge(now_ms, count as u64, BYTES);
    }

    /// Whether a peer is cut off.
    pub(super) fn is_cut_off(&self, now_ms: u64, peer: &Peer) -> bool {
        let entry = self.peers.get(peer);
        entry.is_some_and(|entry| entry.cut_until_ms > now_ms)
    }

    /// How many are cut off.
    pub(super) fn cut_off(&self, now_ms: u64) -> usize {
        let cut = |entry: &&Entry| entry.cut_until_ms > now_ms;
        self.peers.values().filter(cut).count()
    }

    /// In points: 0 is a stranger or a good peer, -100 is cut off.
    pub(super) fn points(&self, now_ms: u64, peer: &Peer) -> i32 {
        let Some(entry) = self.peers.get(peer) else {
            return 0;
        };
        let mut entry = entry.clone();
        if entry.cut_until_ms > now_ms {
            return -100;
        }
        entry.recover(now_ms);
        i32::try_from(entry.score / 1000).expect("above the limit")
    }

    fn entry(&mut self, now_ms: u64, peer: Peer) -> &mut Entry {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&peer) {
            let worth = |entry: &Entry| {
                let cut = entry.cut_until_ms > now_ms;
                (
                    cut,
                    entry.cuts,
                    entry.score < 0,
                    entry.requests.at_ms().max(entry.at_ms),
                )
            };
            let least = self.peers.iter().min_by_key(|(_, entry)| worth(entry));
            if let Some(least) = least.map(|(peer, _)| *peer) {
                self.peers.remove(&least);
            }
        }
        self.peers.entry(peer).or_insert_with(|| Entry {
            at_ms: now_ms,
            ..Entry::default()
        })
    }
}

/// In thousandths of points. What happens to honest peers too is cheap: they vanish, and a record expires on its way.
fn price(offence: Offence) -> i64 {
    match offence {
        Offence::Garbage | Offence::InvalidRecord | Offence::Stale | Offence::FalseLedger => 34_000,
        Offence::FalseAnnouncement | Offence::Flood => 25_000,
        Offence::Silent => 2_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer([1; 32]);

    #[test]
    fn offences_add_up_and_are_forgiven() {
        let check = |offence, every_ms: u64, cut_after: Option<u32>| {
            let mut standing = Standing::default();
            let cut = (1..=100).find(|number| {
                let now_ms = u64::from(*number) * every_ms;
                standing.offend(now_ms, PEER, offence).is_some()
            });
            assert_eq!(cut, cut_after, "{offence:?} every {every_ms} ms");
        };
        check(Offence::Garbage, 1, Some(3));
        check(Offence::InvalidRecord, 60_000, Some(4));
        check(Offence::Garbage, 400_000, None);
        check(Offence::Flood, 1_000, Some(5));
        check(Offence::Silent, 100, Some(51));
        check(Offence::Silent, 20_000, None);
    }

    #[test]
    fn what_was_read_is_taken_from_the_next() {
        let mut standing = Standing::default();
        standing.charge_bytes(1, PEER, 64 << 20);
        assert_eq!(standing.admit(1, PEER, Cost::Bytes(1)), Err(None));
        assert_eq!(standing.admit(1_001, PEER, Cost::Bytes(4 << 20)), Ok(()));
    }

    #[test]
    fn each_cut_off_is_longer() {
        let mut standing = Standing::default();
        let (mut now_ms, mut lengths) = (0, Vec::new());
        for _ in 0..12 {
            now_ms += 1;
            if let Some(until) = standing.offend(now_ms, PEER, Offence::Garbage) {
                lengths.push((until - now_ms) / 60_000);
                assert!(standing.is_cut_off(now_ms, &PEER) && standing.cut_off(now_ms) == 1);
                assert_eq!(standing.points(now_ms, &PEER), -100);
                assert_eq!(standing.offend(now_ms, PEER, Offence::Garbage), None);
                now_ms = until;
                assert!(!standing.is_cut_off(now_ms, &PEER));
            }
        }
        assert_eq!(lengths, [10, 20, 40, 80]);
    }

    #[test]
    fn a_flood_is_what_goes_on_after_being_refused() {
        let mut standing = Standing::default();
        let (mut admitted, mut floods) = (0, 0);
        for number in 0..4_000 {
            match standing.admit(number, PEER, Cost::Request) {
                Ok(()) => admitted += 1,
                Err(flood) => floods += u32::from(flood.is_some()),
            }
        }
        // Four seconds of tokens and the burst.
        assert_eq!((admitted, floods), (1_799, 2_201 / 50));
        assert_eq!(standing.admit(4_000, Peer([2; 32]), Cost::Request), Ok(()));
    }

    #[test]
    fn refusals_are_forgiven_with_time() {
        let check = |pause_ms: u64, flood: bool| {
            let mut standing = Standing::default();
            let mut floods = 0;
            for round in 1..=100 {
                let now_ms = round * pause_ms;
                // The share is used up, and some that were on their way are refused.
                while standing.admit(now_ms, PEER, Cost::Request).is_ok() {}
                for _ in 0..19 {
                    let refused = standing.admit(now_ms, PEER, Cost::Request);
                    floods += u32::from(refused == Err(Some(Offence::Flood)));
                }
            }
            assert_eq!(floods > 0, flood, "every {pause_ms} ms");
        };
        check(2_000, false);
        check(1_000, true);
    }

    #[test]
    fn strangers_do_not_push_out_who_is_cut_off() {
        let mut standing = Standing::default();
        for _ in 0..3 {
            standing.offend(0, PEER, Offence::Garbage);
        }
        for number in 0..2 * PEERS_MAX as u64 {
            let mut key = [2; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            let _ = standing.admit(1 + number, Peer(key), Cost::Request);
        }
        assert_eq!(standing.peers.len(), PEERS_MAX);
        assert!(standing.is_cut_off(10_000, &PEER));
    }
}
