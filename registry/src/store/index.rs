//! What is where and how much of it: the positions that are taken, kept in memory so that who leaves next is found without a disk.
//!
//! About 60 bytes a record, and 130 more while it is a newcomer. Newcomers may take a share of the store from what has been here for longer, and no
//! more: identities cost nothing, so that anyone makes records as close to a node as it likes, and distance alone would let a flood of them push
//! out all others at once. Beside them stands from when on anything can expire: what has left before is not looked through again.

use std::collections::{BTreeMap, BTreeSet};

use dotkey_proto::time::Timestamp;

use crate::dht::peer::Position;

/// For so long a record is a newcomer, however often it is renewed: a day in which people see a store that suddenly fills.
pub(super) const NEWCOMER_SECS: u64 = 24 * 3600;

/// What newcomers may take of a full store: one part in so many.
pub(super) const NEWCOMERS_PART: u64 = 4;

/// A position that is taken: what it costs, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) cost: u64,
    pub(super) since: Timestamp,
}

/// Positions with what each costs, and who leaves first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    own: Position,
    costs: BTreeMap<Position, u32>,
    bytes: u64,
    newcomers: Newcomers,
    earliest: Timestamp,
}

/// Those that came after a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Newcomers {
    after: Timestamp,
    since: BTreeMap<Position, Timestamp>,
    in_order: BTreeSet<(Timestamp, Position)>,
    bytes: u64,
}

const EPOCH_SECS: u64 = 0;

impl Index {
    pub(super) fn new(own: Position) -> Self {
        let epoch = Timestamp::from_secs(EPOCH_SECS).expect("in range");
        Self {
            own,
            costs: BTreeMap::new(),
            bytes: 0,
            newcomers: Newcomers {
                after: epoch,
                since: BTreeMap::new(),
                in_order: BTreeSet::new(),
                bytes: 0,
            },
            earliest: epoch,
        }
    }

    /// Nothing expires before this.
    pub(super) fn earliest(&self) -> Timestamp {
        self.earliest
    }

    pub(super) fn set_earliest(&mut self, earliest: Timestamp) {
        self.earliest = earliest;
    }

    /// What all of them cost.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What those cost that have been here for less than [`NEWCOMER_SECS`].
    pub(super) fn newcomer_bytes(&self) -> u64 {
        self.newcomers.bytes
    }

    pub(super) fn get(&self, position: &Position) -> Option<Taken> {
        let cost = u64::from(*self.costs.get(position)?);
        let since = self.newcomers.since.get(position).copied();
        // Since when those have been here that are no newcomers does not matter any more.
        let since = since.unwrap_or(self.newcomers.after);
        Some(Taken { cost, since })
    }

    pub(super) fn is_newcomer(&self, position: &Position) -> bool {
        self.newcomers.since.contains_key(position)
    }

    /// Those that have been here long enough at `now` are newcomers no more. A clock that is set back makes none of them one again.
    pub(super) fn settle(&mut self, now: Timestamp) {
        let after = now.as_secs().saturating_sub(NEWCOMER_SECS);
        self.newcomers.after = Timestamp::from_secs(after).expect("before now");
        while let Some((since, position)) = self.newcomers.in_order.first().copied()
            && since <= self.newcomers.after
        {
            let cost = self.costs.get(&position).copied().unwrap_or_default();
            self.newcomers.remove(&position, u64::from(cost));
        }
    }

    /// Sets what takes a position, or that nothing does, and gives what did before.
    pub(super) fn set(&mut self, position: Position, taken: Option<Taken>) -> Option<Taken> {
        let before = self.get(&position);
        if let Some(before) = before {
            self.bytes -= before.cost;
            self.newcomers.remove(&position, before.cost);
        }
        match taken {
            None => {
                self.costs.remove(&position);
            }
            Some(taken) => {
                let cost = u32::try_from(taken.cost).expect("a record costs less than 4 GiB");
                self.costs.insert(position, cost);
                self.bytes += taken.cost;
                self.newcomers.add(position, taken);
            }
        }
        before
    }

    pub(super) fn is_farther(&self, a: &Position, b: &Position) -> bool {
        self.own.distance(a) > self.own.distance(b)
    }

    /// The position farthest from our own.
    pub(super) fn farthest(&self) -> Option<Position> {
        farthest(&self.own, &self.costs)
    }

    /// The farthest of the newcomers.
    pub(super) fn farthest_newcomer(&self) -> Option<Position> {
        farthest(&self.own, &self.newcomers.since)
    }
}

impl Newcomers {
    fn add(&mut self, position: Position, taken: Taken) {
        if taken.since > self.after {
            self.since.insert(position, taken.since);
            self.in_order.insert((taken.since, position));
            self.bytes += taken.cost;
        }
    }

    fn remove(&mut self, position: &Position, cost: u64) {
        if let Some(since) = self.since.remove(position) {
            self.in_order.remove(&(since, *position));
            self.bytes -= cost;
        }
    }
}

/// The position farthest from `own`. Bit by bit, the half of the positions that differ from ours in that bit is farther
/// than the other half; where it is empty, the other half it is. About as many steps as the number of positions has bits.
fn farthest<T>(own: &Position, positions: &BTreeMap<Position, T>) -> Option<Position> {
    let (mut first, mut last) = (Position([0; 32]), Position([0xff; 32]));
    for bit in 0..256 {
        let mut within = positions.range(first..=last);
        let low = *within.next()?.0;
        let Some((high, _)) = within.next_back() else {
            return Some(low); // The only one.
        };
        // Where both ends agree, all between them do, so only one half has any.
        let far = if has(&low, bit) == has(high, bit) {
            has(&low, bit)
        } else {
            !has(own, bit)
        };
        let (byte, mask) = (bit / 8, 0x80 >> (bit % 8));
        if far {
            first.0[byte] |= mask;
        } else {
            last.0[byte] &= !mask;
        }
    }
    Some(first)
}

fn has(position: &Position, bit: usize) -> bool {
    position.0[bit / 8] & (0x80 >> (bit % 8)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).expect("in range")
    }

    fn at(number: u8) -> Position {
        Position(blake3::hash(&[number]).into())
    }

    #[test]
    fn the_farthest_leave_in_the_order_of_distance() {
        let taken = Taken {
            cost: 3,
            since: time(0),
        };
        for own in 0..20_u8 {
            let own = at(own);
            let mut index = Index::new(own);
            assert_eq!(index.farthest(), None);
            let mut near = own; // Neighbours that differ in the last bits only.
            near.0[31] ^= 1;
            let hashed = (0..200_u8).map(|n| Position(blake3::hash(&[n, 1]).into()));
            let mut positions: Vec<_> = hashed.chain([own, near]).collect();
            for position in &positions {
                assert_eq!(index.set(*position, Some(taken)), None);
            }
            assert_eq!(index.bytes(), 3 * positions.len() as u64);
            positions.sort_by_key(|position| std::cmp::Reverse(own.distance(position)));
            for expected in positions {
                assert_eq!(index.farthest(), Some(expected));
                assert_eq!(index.set(expected, None), Some(taken));
            }
            assert_eq!(index.bytes(), 0);
        }
    }

    /// Something happens to a position, or time passes.
    type Step = (u8, Option<(u64, u64)>, u64);

    fn step() -> impl Strategy<Value = Step> {
        let taken = proptest::option::of((1..1_000_u64, 0..2 * NEWCOMER_SECS));
        (0..12_u8, taken, 0..NEWCOMER_SECS / 4)
    }

    proptest! {
        #[test]
        fn newcomers_are_those_that_came_within_a_day(steps in proptest::collection::vec(step(), 0..60)) {
            let mut index = Index::new(at(99));
            let mut there: BTreeMap<Position, (u64, u64)> = BTreeMap::new();
            let mut now = 1_000_000;
            for (number, taken, passes) in steps {
                now += passes;
                index.settle(time(now));
                let ago = |(cost, ago): (u64, u64)| (cost, now - ago);
                let taken = taken.map(ago);
                let as_taken = |(cost, since)| Taken { cost, since: time(since) };
                index.set(at(number), taken.map(as_taken));
                match taken {
                    None => there.remove(&at(number)),
                    Some(taken) => there.insert(at(number), taken),
                };
                let is_new = |since: u64| since > now - NEWCOMER_SECS;
                let new = there.iter().filter(|(_, (_, since))| is_new(*since));
                let new: Vec<_> = new.map(|(position, (cost, _))| (*position, *cost)).collect();
                prop_assert_eq!(index.newcomer_bytes(), new.iter().map(|(_, cost)| cost).sum::<u64>());
                prop_assert_eq!(index.bytes(), there.values().map(|(cost, _)| cost).sum::<u64>());
                let far = |of: &mut dyn Iterator<Item = Position>| of.max_by_key(|it| at(99).distance(it));
                prop_assert_eq!(index.farthest_newcomer(), far(&mut new.iter().map(|(it, _)| *it)));
                prop_assert_eq!(index.farthest(), far(&mut there.keys().copied()));
            }
        }
    }
}
