//! What is where and how much of it: the positions that are taken, kept in memory so that the farthest is found without a disk.
//!
//! About 60 bytes a record. Beside them stands from when on anything can expire: what has left before is not looked through again.

use std::collections::BTreeMap;

use dotkey_proto::time::Timestamp;

use crate::dht::peer::Position;

/// Positions with what each costs. Those farthest from `own` are found first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    own: Position,
    costs: BTreeMap<Position, u32>,
    bytes: u64,
    earliest: Timestamp,
}

impl Index {
    pub(super) fn new(own: Position) -> Self {
        Self {
            own,
            costs: BTreeMap::new(),
            bytes: 0,
            earliest: Timestamp::from_secs(0).expect("the epoch"),
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

    pub(super) fn get(&self, position: &Position) -> Option<u64> {
        self.costs.get(position).map(|cost| u64::from(*cost))
    }

    /// Sets what a position costs, or that nothing is there, and gives what it cost before.
    pub(super) fn set(&mut self, position: Position, cost: Option<u64>) -> Option<u64> {
        let before = match cost {
            None => self.costs.remove(&position),
            Some(cost) => {
                let cost = u32::try_from(cost).expect("a record costs less than 4 GiB");
                self.costs.insert(position, cost)
            }
        };
        let before = before.map(u64::from);
        self.bytes += cost.unwrap_or_default();
        self.bytes -= before.unwrap_or_default();
        before
    }

    pub(super) fn is_farther(&self, a: &Position, b: &Position) -> bool {
        self.own.distance(a) > self.own.distance(b)
    }

    /// The position farthest from our own. Bit by bit, the half of the positions that differ from ours in that bit is farther
    /// than the other half; where it is empty, the other half it is. About as many steps as the number of positions has bits.
    pub(super) fn farthest(&self) -> Option<Position> {
        let (mut first, mut last) = (Position([0; 32]), Position([0xff; 32]));
        for bit in 0..256 {
            let mut within = self.costs.range(first..=last);
            let low = *within.next()?.0;
            let Some((high, _)) = within.next_back() else {
                return Some(low); // The only one.
            };
            // Where both ends agree, all between them do, so only one half has any.
            let far = if has(&low, bit) == has(high, bit) {
                has(&low, bit)
            } else {
                !has(&self.own, bit)
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
}

fn has(position: &Position, bit: usize) -> bool {
    position.0[bit / 8] & (0x80 >> (bit % 8)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_leave_in_the_order_of_distance() {
        for own in 0..20_u8 {
            let own = Position(blake3::hash(&[own]).into());
            let mut index = Index::new(own);
            assert_eq!(index.farthest(), None);
            let mut near = own; // Neighbours that differ in the last bits only.
            near.0[31] ^= 1;
            let hashed = (0..200_u8).map(|n| Position(blake3::hash(&[n, 1]).into()));
            let mut positions: Vec<_> = hashed.chain([own, near]).collect();
            for position in &positions {
                assert_eq!(index.set(*position, Some(3)), None);
            }
            assert_eq!(index.bytes(), 3 * positions.len() as u64);
            positions.sort_by_key(|position| std::cmp::Reverse(own.distance(position)));
            for expected in positions {
                assert_eq!(index.farthest(), Some(expected));
                assert_eq!(index.set(expected, None), Some(3));
            }
            assert_eq!(index.bytes(), 0);
        }
    }
}
