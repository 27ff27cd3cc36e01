//! How soon peers answer here, and who did not.
//!
//! This module owns one estimate of a round trip, over all peers, and a bounded number of those that let a question wait. A lookup asks another peer when one is later
//! than nearly all are, and asks who did not answer just now last, without waiting for it. Nobody is blamed for either: that is for [`super::standing`].

use std::collections::BTreeSet;

use super::bounded::Recent;
use super::lookup::SLOW_MS;
use crate::dht::peer::Peer;

/// The least that a peer is waited for alone: on one machine answers take less, and a thread may take so long to have its turn.
const PATIENCE_MS_MIN: u64 = 50;

/// Before so many answers nothing is known: a few that happen to come from nearby would make everyone else late.
const ANSWERS_MIN: u32 = 16;

/// So long who did not answer is asked last, unless it gives a sign of life before. Then it costs a get one hedge to learn more.
const SILENT_MS: u64 = 60_000;

/// Silent peers remembered, only such as are in the routing table: strangers could name any number.
const SILENT_MAX: usize = 256;

/// What was learnt of answers.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    /// Sixteen times the smoothed round trip.
    trip: u64,
    /// Eight times how far answers are from it.
    off: u64,
    answers: u32,
    /// Until when each counts as silent.
    silent: Recent<Peer, u64>,
}

impl Default for Pace {
    fn default() -> Self {
        let silent = Recent::new(SILENT_MAX);
        Self {
            trip: 0,
            off: 0,
            answers: 0,
            silent,
        }
    }
}

impl Pace {
    /// A question was answered after so long.
    pub(super) fn answered(&mut self, took_ms: u64) {
        // As RFC 6298 section 2, but over all peers, some near and some far: so it forgets more slowly.
        let took_ms = took_ms.min(SLOW_MS);
        if self.answers == 0 {
            (self.trip, self.off) = (16 * took_ms, 4 * took_ms);
        } else {
            let further = took_ms.abs_diff(self.trip / 16);
            self.trip = self.trip - self.trip / 16 + took_ms;
            self.off = self.off - self.off / 8 + further;
        }
        self.answers = self.answers.saturating_add(1);
    }

    /// Who takes longer than this is later than nearly all: another is asked besides.
    pub(super) fn patience_ms(&self) -> u64 {
        if self.answers < ANSWERS_MIN {
            return SLOW_MS;
        }
        let (mean, off) = (self.trip / 16, self.off / 8);
        (mean + (4 * off).max(mean)).clamp(PATIENCE_MS_MIN, SLOW_MS)
    }

    /// A peer lets a question wait. Whether that is new.
    pub(super) fn note_silent(&mut self, now_ms: u64, peer: Peer) -> bool {
        let new = !self.is_silent(now_ms, &peer);
        self.silent.insert(peer, now_ms.saturating_add(SILENT_MS));
        new
    }

    /// A peer gave a sign of life.
    pub(super) fn note_alive(&mut self, peer: &Peer) {
        self.silent.remove(peer);
    }

    /// Those that are to be asked last.
    pub(super) fn silent(&self, now_ms: u64) -> BTreeSet<Peer> {
        let silent = self.silent.iter().filter(|(_, until)| **until > now_ms);
        silent.map(|(peer, _)| *peer).collect()
    }

    fn is_silent(&self, now_ms: u64, peer: &Peer) -> bool {
        self.silent.get(peer).is_some_and(|until| *until > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_the_round_trips() {
        let check = |trips: &[u64], expected: core::ops::RangeInclusive<u64>| {
            let mut pace = Pace::default();
            for trip in trips.iter().cycle().take(200) {
                pace.answered(*trip);
            }
            let patience = pace.patience_ms();
            assert!(expected.contains(&patience), "{trips:?}: {patience}");
            let all = trips.iter().all(|trip| *trip.min(&SLOW_MS) <= patience);
            assert!(all, "{trips:?}: {patience}");
        };
        let mut new = Pace::default();
        for _ in 1..ANSWERS_MIN {
            new.answered(1);
        }
        assert_eq!(new.patience_ms(), SLOW_MS);
        check(&[0, 1], PATIENCE_MS_MIN..=PATIENCE_MS_MIN);
        check(&[100], 200..=210);
        check(&[20, 200, 110, 60, 160], 250..=400);
        check(&[u64::MAX], SLOW_MS..=SLOW_MS);
    }

    #[test]
    fn who_is_silent_is_so_until_it_gives_a_sign_or_for_a_minute() {
        let (mut pace, peer) = (Pace::default(), Peer([1; 32]));
        assert!(pace.note_silent(1, peer));
        assert!(!pace.note_silent(2, peer));
        assert_eq!(pace.silent(1 + SILENT_MS), BTreeSet::from([peer]));
        assert_eq!(pace.silent(2 + SILENT_MS), BTreeSet::new());
        assert!(pace.note_silent(2 + SILENT_MS, peer));
        pace.note_alive(&peer);
        assert_eq!(pace.silent(2 + SILENT_MS), BTreeSet::new());
        for number in 0..=255 {
            pace.note_silent(1, Peer([number; 32]));
            pace.note_silent(1, Peer([number.wrapping_add(1); 32]));
        }
        assert!(pace.silent(1).len() <= SILENT_MAX);
    }
}
