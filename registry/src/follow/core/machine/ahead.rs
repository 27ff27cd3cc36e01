//! Which chunks of a state to ask for while others are on their way. A chunk ends where its giver stopped, so that nobody knows beforehand where the one
//! behind it begins: that is guessed by how far verified ones reached.
//!
//! What comes early waits for its turn. Of two that overlap the later one loses its first leaves, which its proof does not need: that speaks for its last leaf. A
//! gap that a guess left is asked for like any other place. Nothing is learned from what was not verified.

use std::collections::BTreeMap;

use crate::dht::peer::Peer;
use crate::ledger::{CHUNK_BYTES_MAX, Chunk};

pub(super) type Place = [u8; 32];

/// Chunks that are asked for or wait, beside the one that is verified: enough that eight peers with a round trip of 100 ms each fill 20 MB/s.
pub(super) const AHEAD_MAX: usize = 8;

/// So much memory they take at most; as chunks mostly are, a quarter of it.
const _: () = assert!(AHEAD_MAX * CHUNK_BYTES_MAX <= 8 << 20);

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// Behind the last leaf that was handed out, and of those that were verified.
    next: Place,
    verified: Place,
    /// Whether the state's last chunk was handed out.
    is_over: bool,
    /// By the places that were asked for, with their givers.
    waiting: BTreeMap<Place, (Chunk, Peer)>,
    /// Where those that are asked for may end, as it was guessed then; `None` where there was no telling. Those that came to nothing stay until that place is verified.
    guesses: BTreeMap<Place, Option<Place>>,
    /// How far chunks reach, by those that were verified; and that which is being verified.
    reach: Option<u128>,
    tried: Option<u128>,
    /// A place from which on nothing stands, and who says so.
    end: Option<(Place, Peer)>,
}

impl Ahead {
    /// Of a state of which all before a place is verified.
    pub(super) fn at(verified: Place) -> Self {
        Self {
            next: verified,
            verified,
            ..Self::default()
        }
    }

    /// The first place that neither what waits nor what is asked for reaches, if there is room.
    pub(super) fn open(&self, asked: &[Place]) -> Option<Place> {
        let mut place = self.next;
        while let Some(end) = self.reached(place, asked) {
            place = end?;
        }
        let is_guess = place != self.next;
        let is_behind = self.end.is_some_and(|(end, _)| place >= end);
        // What goes on from here has its room whatever waits for it.
        let room = AHEAD_MAX - usize::from(is_guess);
        let fits = asked.len() + self.waiting.len() < room;
        (fits && !self.is_over && !(is_guess && is_behind)).then_some(place)
    }

    /// Behind what waits or is asked for at a place; `None` within where nothing is behind, or nobody can tell.
    fn reached(&self, place: Place, asked: &[Place]) -> Option<Option<Place>> {
        let waits = self.waiting.range(..=place).find_map(|(_, (chunk, _))| {
            let last = last(chunk).filter(|last| *last >= place)?;
            Some((!chunk.says_it_is_the_last()).then(|| after(last)))
        });
        let begun = asked.iter().filter(|from| **from <= place);
        // One that is behind all that is verified reaches nowhere new.
        let mut guesses = begun.map(|from| self.guesses.get(from).copied().unwrap_or(Some(*from)));
        waits.or_else(|| guesses.find(|end| end.is_none_or(|end| end > place)))
    }

    /// A chunk is asked for, from an open place on.
    pub(super) fn ask(&mut self, place: Place) {
        let reach = self.reach.map(|reach| reach - reach / 8);
        let end = reach.and_then(|reach| behind(place, reach));
        self.guesses.insert(place, end);
    }

    /// A chunk came. Whether it is one from that place on.
    pub(super) fn take(&mut self, from: Place, chunk: Chunk, giver: Peer) -> bool {
        let ascends = chunk.leaves.is_sorted_by(|one, next| one.0 < next.0);
        let begins = chunk.leaves.first().is_some_and(|leaf| leaf.0 >= from);
        if !ascends || !begins {
            return false;
        }
        if last(&chunk) >= Some(self.next) && !self.is_over {
            self.waiting.insert(from, (chunk, giver));
        }
        true
    }

    /// Somebody says that nothing stands from a place on. Whether that may be.
    pub(super) fn end(&mut self, from: Place, giver: Peer) -> bool {
        if from <= self.verified {
            return false;
        }
        if self.end.is_none_or(|(end, _)| from < end) {
            self.end = Some((from, giver));
        }
        true
    }

    /// The next chunk in the order of places, if it is here, without the leaves that were handed out before.
    pub(super) fn hand_out(&mut self) -> Option<(Chunk, Peer)> {
        let next = self.next;
        self.waiting
            .retain(|_, (chunk, _)| last(chunk) >= Some(next));
        let from = *self.waiting.range(..=next).next()?.0;
        let (mut chunk, giver) = self.waiting.remove(&from)?;
        let end = last(&chunk)?;
        self.tried = Some(number(end).saturating_sub(number(from)));
        let known = chunk.leaves.partition_point(|(place, _)| *place < next);
        chunk.leaves.drain(..known);
        self.is_over = chunk.says_it_is_the_last();
        self.next = after(end);
        Some((chunk, giver))
    }

    /// What was handed out is verified up to a place, and something stands there or behind. Whoever denied that is named.
    pub(super) fn verified(&mut self, next: Place) -> Option<Peer> {
        self.verified = next;
        self.guesses = self.guesses.split_off(&next);
        if let Some(tried) = self.tried.take() {
            let reach = self.reach.unwrap_or(tried);
            self.reach = Some(reach - reach / 4 + tried / 4);
        }
        self.end
            .take_if(|(end, _)| *end <= next)
            .map(|(_, liar)| liar)
    }

    /// What was handed out is refused: it is to be had from another.
    pub(super) fn refused(&mut self) {
        self.next = self.verified;
        self.is_over = false;
        self.tried = None;
    }
}

fn last(chunk: &Chunk) -> Option<Place> {
    chunk.leaves.last().map(|(place, _)| *place)
}

/// The place behind one.
fn after(mut place: Place) -> Place {
    for byte in place.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    place
}

/// A place as a number, as exactly as guesses need it.
fn number(place: Place) -> u128 {
    let (high, _) = place.split_at(16);
    u128::from_be_bytes(high.try_into().expect("16 bytes of 32"))
}

/// The place so far behind another; `None` beyond the last.
fn behind(place: Place, reach: u128) -> Option<Place> {
    let number = number(place).checked_add(reach.max(1))?;
    let mut place = [0; 32];
    place[..16].copy_from_slice(&number.to_be_bytes());
    Some(place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    const GIVER: Peer = Peer([1; 32]);

    /// What an honest giver has from a place on: so many leaves, or as many as there are.
    fn give(state: &BTreeSet<Place>, from: Place, leaves: usize) -> Option<Chunk> {
        let found: Vec<Place> = state.range(from..).take(leaves).copied().collect();
        let end = *found.last()?;
        let is_last = state.range(after(end)..).next().is_none();
        let sibling = u8::from(!is_last);
        Some(Chunk {
            leaves: found.into_iter().map(|place| (place, vec![1])).collect(),
            // A count, and as many kinds of siblings.
            proof: vec![1, 0, 0, 0, sibling],
        })
    }

    fn any_place() -> impl Strategy<Value = Place> {
        (any::<[u8; 2]>(), any::<u8>()).prop_map(|(head, tail)| {
            // Not the very last, behind which there is no place.
            let mut place = [tail & 0x7f; 32];
            place[..2].copy_from_slice(&head);
            place
        })
    }

    proptest! {
        #[test]
        fn every_leaf_is_handed_out_once_and_in_order(
            state in btree_set(any_place(), 1..200),
            lens in vec(1..30_usize, 1..40),
            order in vec(any::<prop::sample::Index>(), 1..40),
            fails in vec(prop::bool::weighted(0.1), 1..40),
        ) {
            let mut ahead = Ahead::at([0; 32]);
            let (mut asked, mut found) = (Vec::<Place>::new(), Vec::<Place>::new());
            let mut turns = lens.iter().cycle().zip(order.iter().cycle()).zip(fails.iter().cycle());
            for _ in 0..10_000 {
                if ahead.is_over {
                    break;
                }
                while let Some(place) = ahead.open(&asked) {
                    prop_assert!(!asked.contains(&place));
                    ahead.ask(place);
                    asked.push(place);
                    prop_assert!(asked.len() + ahead.waiting.len() <= AHEAD_MAX);
                }
                prop_assert!(!asked.is_empty(), "it goes on");
                let ((len, at), fails) = turns.next().expect("for ever");
                let from = asked.swap_remove(at.index(asked.len()));
                match give(&state, from, *len) {
                    _ if *fails => {}
                    Some(chunk) => prop_assert!(ahead.take(from, chunk, GIVER)),
                    None => prop_assert!(ahead.end(from, GIVER)),
                }
                while let Some((chunk, giver)) = ahead.hand_out() {
                    prop_assert_eq!(giver, GIVER);
                    if *fails {
                        ahead.refused();
                        break;
                    }
                    found.extend(chunk.leaves.iter().map(|(place, _)| *place));
                    if !ahead.is_over {
                        let next = after(*found.last().expect("not empty"));
                        prop_assert_eq!(ahead.verified(next), None, "nobody lied");
                    }
                }
            }
            prop_assert_eq!(found, Vec::from_iter(state));
        }
    }

    #[test]
    fn what_does_not_ascend_from_where_it_was_asked_for_is_refused() {
        let state: BTreeSet<Place> = (1..=9).map(|byte| [byte; 32]).collect();
        let mut ahead = Ahead::at([0; 32]);
        let sound = give(&state, [3; 32], 4).expect("something");
        assert!(
            !ahead.take([4; 32], sound.clone(), GIVER),
            "it begins before"
        );
        let mut turned = sound.clone();
        turned.leaves.swap(0, 1);
        assert!(!ahead.take([3; 32], turned, GIVER));
        let mut empty = sound.clone();
        empty.leaves.clear();
        assert!(!ahead.take([3; 32], empty, GIVER));
        assert!(ahead.take([3; 32], sound, GIVER));
        assert!(ahead.hand_out().is_none(), "what is before it is not here");
    }

    #[test]
    fn who_says_that_nothing_is_left_is_found_out() {
        let mut ahead = Ahead::at([2; 32]);
        assert!(!ahead.end([2; 32], GIVER), "something is left there");
        assert!(ahead.end([5; 32], GIVER), "that may be");
        assert_eq!(ahead.verified([4; 32]), None);
        assert_eq!(ahead.verified([6; 32]), Some(GIVER));
        assert_eq!(ahead.verified([7; 32]), None, "once");
    }
}
