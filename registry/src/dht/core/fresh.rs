//! Verified records of the last seconds, kept here or not: whoever was told of a change by this node can get it from this node.
//!
//! News goes from neighbour to neighbour, and each asks the one that told it. So the load spreads along the way that the news takes, where it
//! would fall on the twenty that keep the record; and a record that many ask for at once is read from the disk by none of them.

use std::collections::{BTreeMap, VecDeque};

use super::Held;
use crate::dht::message::Summary;
use crate::dht::peer::Position;

/// By then whoever was told has asked: gossip lets an unverified message go after 4 s.
const KEPT_MS: u64 = 10_000;

/// Of all of them: the largest 64, or some thousands of usual ones.
const BYTES_MAX: usize = 4 << 20;

/// The records, each the newest of its position.
#[derive(Clone, Debug, Default)]
pub(super) struct Fresh {
    records: BTreeMap<Position, Held>,
    /// In order of age; one that was replaced leaves its entry here until that is the oldest.
    ages: VecDeque<(u64, Position, Summary)>,
    bytes: usize,
}

impl Fresh {
    pub(super) fn get(&self, at: &Position) -> Option<&Held> {
        self.records.get(at)
    }

    pub(super) fn add(&mut self, now_ms: u64, at: Position, record: Held) {
        self.ages.push_back((now_ms, at, record.summary));
        self.bytes += record.bytes.len();
        if let Some(before) = self.records.insert(at, record) {
            self.bytes -= before.bytes.len();
        }
        while self.bytes > BYTES_MAX {
            self.forget_oldest();
        }
    }

    /// Lets go of what has been here long enough.
    pub(super) fn forget(&mut self, now_ms: u64) {
        let is_old = |since: u64| now_ms >= since.saturating_add(KEPT_MS);
        while self.ages.front().is_some_and(|(since, ..)| is_old(*since)) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let (_, at, summary) = self.ages.pop_front().expect("what has bytes has an age");
        if self
            .records
            .get(&at)
            .is_some_and(|it| it.summary == summary)
            && let Some(gone) = self.records.remove(&at)
        {
            self.bytes -= gone.bytes.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dotkey_proto::identity::KeyId;
    use dotkey_proto::time::Timestamp;

    fn held(sequence: u64, bytes: usize) -> Held {
        let summary = Summary {
            policy: 1,
            sequence,
            digest: [7; 32],
        };
        Held {
            key_id: KeyId::from_bytes([3; 32]),
            summary,
            bytes: vec![0; bytes].into(),
            expires: Timestamp::MAX,
        }
    }

    fn at(number: usize) -> Position {
        let mut at = Position([7; 32]);
        at.0[..8].copy_from_slice(&number.to_be_bytes());
        at
    }

    #[test]
    fn what_is_old_leaves_and_what_replaced_it_stays() {
        let mut fresh = Fresh::default();
        fresh.add(0, at(1), held(1, 10));
        fresh.add(1, at(2), held(1, 10));
        fresh.add(5_000, at(1), held(2, 30));
        let there = |fresh: &Fresh| {
            let sequence = |number| fresh.get(&at(number)).map(|it| it.summary.sequence);
            (sequence(1), sequence(2), fresh.bytes)
        };
        fresh.forget(KEPT_MS);
        assert_eq!(there(&fresh), (Some(2), Some(1), 40));
        fresh.forget(KEPT_MS + 1);
        assert_eq!(there(&fresh), (Some(2), None, 30));
        fresh.forget(KEPT_MS + 5_000);
        assert_eq!(there(&fresh), (None, None, 0));
        assert!(fresh.ages.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let mut fresh = Fresh::default();
        let each = BYTES_MAX / 64;
        for number in 0..100 {
            fresh.add(0, at(number), held(1, each));
            // Also where one is added again and again.
            fresh.add(0, at(1_000), held(number as u64 + 1, each));
        }
        assert_eq!(fresh.records.len(), 64);
        assert_eq!(fresh.bytes, BYTES_MAX);
        assert!(fresh.get(&at(99)).is_some() && fresh.get(&at(0)).is_none());
        let renewed = fresh.get(&at(1_000)).map(|it| it.summary.sequence);
        assert_eq!(renewed, Some(100));
        assert!(fresh.ages.len() <= 200);
    }
}
