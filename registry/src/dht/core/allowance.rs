//! What this node may still ask of each peer.
//!
//! A peer allows so much (`standing`), and takes who asks more for a flooder. However much the clients of this node want, it stays within that: this
//! module counts what is asked of each peer, and waits where a peer says that it is busy. A peer of which no more may be asked is passed over, which is no fault of its own.

use std::collections::BTreeMap;

use dotkey_proto::record::SignedRecord;

use super::bucket::{Bucket, Rate};
use super::standing::{BYTES, REQUESTS, SIGNATURES};
use crate::dht::message::{Request, Value};
use crate::dht::peer::Peer;

/// Peers of which something is gone. With more of them at once no stranger is asked: a bucket is full again after seconds.
const PEERS_MAX: usize = 4096;

/// For gets and puts of who waits here. Gets leave something for puts, and for what makes sure of an answer.
const JOBS: Rate = Rate {
    each_second: 80,
    burst: 400,
};
const READS: Rate = Rate { burst: 300, ..JOBS };

/// For repair, which goes on however much is asked here.
const UPKEEP: Rate = Rate {
    each_second: 100,
    burst: 500,
};

// What was asked evenly arrives in heaps: a tenth is left for that.
const _: () = assert!(JOBS.each_second + UPKEEP.each_second <= REQUESTS.each_second * 9 / 10);
const _: () = assert!(JOBS.burst + UPKEEP.burst <= REQUESTS.burst * 9 / 10);

/// Bytes and signatures are counted where they are known, so that more is left for what is not.
const fn most_of(rate: Rate) -> Rate {
    Rate {
        each_second: rate.each_second * 3 / 4,
        burst: rate.burst * 3 / 4,
    }
}

const BYTES_ASKED: Rate = most_of(BYTES);
const SIGNATURES_ASKED: Rate = most_of(SIGNATURES);

/// A busy peer may let wait so long.
const RETRY_MS_MAX: u32 = 10_000;

/// What an answer costs beside its record, as peers count it.
const ANSWER_BYTES: usize = 2048;

/// Out of which bucket a request is paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// A lookup's question.
    Read,
    /// A put, or a question that the answer depends on.
    Write,
    /// Repair.
    Upkeep,
    /// Who told of a change does not count that it is asked for it.
    News,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    jobs: Bucket,
    upkeep: Bucket,
    bytes: Bucket,
    signatures: Bucket,
    wait_until_ms: u64,
}

impl Entry {
    fn is_unused(&mut self, now_ms: u64) -> bool {
        self.wait_until_ms <= now_ms
            && self.jobs.is_full(now_ms, JOBS)
            && self.upkeep.is_full(now_ms, UPKEEP)
            && self.bytes.is_full(now_ms, BYTES_ASKED)
            && self.signatures.is_full(now_ms, SIGNATURES_ASKED)
    }
}

/// What is left of each peer's allowance.
#[derive(Clone, Debug, Default)]
pub(super) struct Allowance {
    peers: BTreeMap<Peer, Entry>,
}

impl Allowance {
    /// Takes for a request. Whether it may be sent now.
    pub(super) fn take(
        &mut self,
        now_ms: u64,
        peer: Peer,
        share: Share,
        request: &Request,
    ) -> bool {
        let Some(entry) = self.entry(now_ms, peer) else {
            return false;
        };
        if entry.wait_until_ms > now_ms {
            return false;
        }
        let before = entry.clone();
        let (bytes, signatures) = cost(request);
        let fits = entry.bytes.take(now_ms, bytes, BYTES_ASKED)
            && entry.signatures.take(now_ms, signatures, SIGNATURES_ASKED)
            && match share {
                Share::Read => entry.jobs.take(now_ms, 1, READS),
                Share::Write => entry.jobs.take(now_ms, 1, JOBS),
                Share::Upkeep => entry.upkeep.take(now_ms, 1, UPKEEP),
                Share::News => true,
            };
        if !fits {
            *entry = before;
        }
        fits
    }

    /// Takes for what a peer gave.
    pub(super) fn on_given(&mut self, now_ms: u64, peer: Peer, value: &Value) {
        let bytes = ANSWER_BYTES
            + match value {
                Value::Record(bytes) => bytes.len(),
                Value::Summary(_) | Value::Nothing => 0,
            };
        if let Some(entry) = self.entry(now_ms, peer) {
            entry.bytes.charge(now_ms, bytes as u64, BYTES_ASKED);
        }
    }

    /// A peer said that it is busy.
    pub(super) fn on_busy(&mut self, now_ms: u64, peer: Peer, retry_ms: u32) {
        let until_ms = now_ms.saturating_add(u64::from(retry_ms.min(RETRY_MS_MAX)));
        if let Some(entry) = self.entry(now_ms, peer) {
            entry.wait_until_ms = entry.wait_until_ms.max(until_ms);
        }
    }

    fn entry(&mut self, now_ms: u64, peer: Peer) -> Option<&mut Entry> {
        if self.peers.len() >= PEERS_MAX && !self.peers.contains_key(&peer) {
            self.peers.retain(|_, entry| !entry.is_unused(now_ms));
            if self.peers.len() >= PEERS_MAX {
                return None;
            }
        }
        Some(self.peers.entry(peer).or_default())
    }
}

/// Bytes and signatures that a peer counts for a request, as far as they are known before its answer.
fn cost(request: &Request) -> (u64, u64) {
    match request {
        Request::Get { .. } => (0, 0),
        Request::Put { record, .. } => {
            let outline = SignedRecord::new(record.clone()).outline();
            let signatures = outline.map_or(0, |outline| outline.signatures);
            (record.len() as u64, signatures as u64)
        }
        Request::Reconcile { probes, .. } => ((ANSWER_BYTES * probes.len()) as u64, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::standing::{Cost, Standing};
    use super::*;
    use crate::dht::message::Want;
    use crate::dht::peer::Position;

    const PEER: Peer = Peer([1; 32]);

    fn get() -> Request {
        let (at, want) = (Position([0; 32]), Want::Record);
        Request::Get { at, want }
    }

    #[test]
    fn whatever_is_wanted_a_peer_admits_what_is_asked() {
        let (mut allowance, mut standing) = (Allowance::default(), Standing::default());
        let mut asked = 0;
        for now_ms in 0..20_000 {
            for share in [Share::Read, Share::Write, Share::Upkeep] {
                if allowance.take(now_ms, PEER, share, &get()) {
                    asked += 1;
                    // A quarter of a second's worth arrives at once.
                    let arrives_ms = now_ms / 250 * 250;
                    let admitted = standing.admit(arrives_ms, PEER, Cost::Request);
                    assert_eq!(admitted, Ok(()), "at {now_ms} ms");
                }
            }
        }
        assert!(
            (900 + 180 * 19..=900 + 180 * 20).contains(&asked),
            "{asked}"
        );
    }

    #[test]
    fn gets_leave_something_for_puts_and_neither_takes_from_repair() {
        let mut allowance = Allowance::default();
        let mut all = |share| {
            let taken = (0..2_000).take_while(|_| allowance.take(1, PEER, share, &get()));
            taken.count()
        };
        let shares = [Share::Read, Share::Write, Share::Upkeep, Share::Read];
        assert_eq!(shares.map(&mut all), [300, 100, 500, 0]);
    }

    #[test]
    fn a_busy_peer_is_not_asked_before_it_said() {
        let mut allowance = Allowance::default();
        let check = |allowance: &mut Allowance, now_ms, expected| {
            for share in [Share::Read, Share::Upkeep, Share::News] {
                let asked = allowance.take(now_ms, PEER, share, &get());
                assert_eq!(asked, expected, "{share:?} at {now_ms} ms");
            }
        };
        allowance.on_busy(1, PEER, 1_000);
        allowance.on_busy(1, PEER, 10);
        check(&mut allowance, 1_000, false);
        check(&mut allowance, 1_001, true);
        allowance.on_busy(2_000, PEER, u32::MAX);
        check(&mut allowance, 2_000 + u64::from(RETRY_MS_MAX), true);
    }

    #[test]
    fn peers_have_a_bound_and_who_is_not_asked_any_more_makes_room() {
        let mut allowance = Allowance::default();
        let mut ask = |now_ms, number: u64| {
            let mut key = [2; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            let asked = allowance.take(now_ms, Peer(key), Share::Read, &get());
            assert!(allowance.peers.len() <= PEERS_MAX);
            asked
        };
        assert!((0..PEERS_MAX as u64).all(|number| ask(1, number)));
        assert!(!ask(1, u64::MAX) && ask(1, 0));
        assert!(ask(10_000, u64::MAX));
    }
}
