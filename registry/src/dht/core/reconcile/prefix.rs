//! Prefixes of positions: the nodes of the tree that a comparison walks.

use core::fmt;

use crate::dht::peer::Position;

/// The half bytes of a position.
pub const NIBBLES_MAX: u8 = 64;

/// A prefix of positions: the first `nibbles` half bytes of `first`, the rest zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The first position that has it.
    pub first: Position,
    /// How many half bytes it has: 0 is everything, 64 one position.
    pub nibbles: u8,
}

impl Prefix {
    /// Of every position.
    pub const ALL: Self = Self {
        first: Position([0; 32]),
        nibbles: 0,
    };

    /// The first `nibbles` half bytes of a position, at most all [`NIBBLES_MAX`].
    #[must_use]
    pub fn of(position: &Position, nibbles: u8) -> Self {
        let nibbles = nibbles.min(NIBBLES_MAX);
        let first = Position(core::array::from_fn(|index| {
            position.0[index] & mask(index, nibbles)
        }));
        Self { first, nibbles }
    }

    /// The prefixes that together hold what shares the first `bits` bits with a position: one, or 2, 4 or 8 where the bits end
    /// within a half byte.
    #[must_use]
    pub fn of_bits(position: &Position, bits: u32) -> Vec<Self> {
        let bits = bits.min(4 * u32::from(NIBBLES_MAX));
        let whole = u8::try_from(bits / 4).expect("at most 64");
        let parent = Self::of(position, whole);
        let rest = bits % 4;
        if rest == 0 {
            return vec![parent];
        }
        let shares = |child: &Self| child.first.shared_bits(position) >= bits;
        (0..16)
            .filter_map(|nibble| parent.child(nibble))
            .filter(shares)
            .collect()
    }

    /// The last position that has it.
    #[must_use]
    pub fn last(&self) -> Position {
        Position(core::array::from_fn(|index| {
            self.first.0[index] | !mask(index, self.nibbles)
        }))
    }

    /// Whether a position has it.
    #[must_use]
    pub fn contains(&self, position: &Position) -> bool {
        Self::of(position, self.nibbles).first == self.first
    }

    /// The prefix that is longer by one half byte, where there is one.
    #[must_use]
    pub fn child(&self, nibble: u8) -> Option<Self> {
        if self.nibbles >= NIBBLES_MAX {
            return None;
        }
        let mut first = self.first;
        let shift = if self.nibbles.is_multiple_of(2) { 4 } else { 0 };
        first.0[usize::from(self.nibbles / 2)] |= (nibble & 0xf) << shift;
        Some(Self {
            first,
            nibbles: self.nibbles + 1,
        })
    }

    /// The bytes that it reaches into.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.first.0[..usize::from(self.nibbles.min(NIBBLES_MAX).div_ceil(2))]
    }
}

/// The bits of byte `index` that the first `nibbles` half bytes hold.
fn mask(index: usize, nibbles: u8) -> u8 {
    match usize::from(nibbles).saturating_sub(2 * index) {
        0 => 0x00,
        1 => 0xf0,
        _ => 0xff,
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Prefix(")?;
        for index in 0..self.nibbles.min(NIBBLES_MAX) {
            let byte = self.first.0[usize::from(index / 2)];
            let shift = if index.is_multiple_of(2) { 4 } else { 0 };
            write!(f, "{:x}", byte >> shift & 0xf)?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_reaches_from_its_first_to_its_last() {
        let position = Position([0xab; 32]);
        let check = |nibbles, text: &str, first: [u8; 2], last: [u8; 2]| {
            let prefix = Prefix::of(&position, nibbles);
            assert_eq!(format!("{prefix:?}"), format!("Prefix({text})"));
            assert_eq!(prefix.first.0[..2], first);
            assert_eq!(prefix.last().0[..2], last);
            assert!(prefix.contains(&position));
            assert!(prefix.contains(&prefix.first) && prefix.contains(&prefix.last()));
        };
        check(0, "", [0x00, 0x00], [0xff, 0xff]);
        check(1, "a", [0xa0, 0x00], [0xaf, 0xff]);
        check(2, "ab", [0xab, 0x00], [0xab, 0xff]);
        check(3, "aba", [0xab, 0xa0], [0xab, 0xaf]);
        assert_eq!(Prefix::of(&position, 64).last(), position);
        assert_eq!(Prefix::of(&position, 65).nibbles, 64);
    }

    #[test]
    fn bits_are_covered() {
        let position = Position([0xab; 32]);
        let check = |bits, covered: &str| {
            let prefixes = Prefix::of_bits(&position, bits);
            assert_eq!(format!("{prefixes:?}").replace("Prefix", ""), covered);
        };
        check(0, "[()]");
        check(1, "[(8), (9), (a), (b), (c), (d), (e), (f)]");
        check(2, "[(8), (9), (a), (b)]");
        check(3, "[(a), (b)]");
        check(4, "[(a)]");
        check(7, "[(aa), (ab)]");
        check(8, "[(ab)]");
        assert_eq!(Prefix::of_bits(&position, 256), [Prefix::of(&position, 64)]);
    }

    #[test]
    fn children_share_out_their_parent() {
        let position = Position(core::array::from_fn(|index| index as u8));
        for nibbles in 0..NIBBLES_MAX {
            let parent = Prefix::of(&position, nibbles);
            let children: Vec<_> = (0..16).filter_map(|nibble| parent.child(nibble)).collect();
            assert_eq!(children[0].first, parent.first);
            assert_eq!(children[15].last(), parent.last());
            let holders = children.iter().filter(|child| child.contains(&position));
            assert_eq!(holders.count(), 1, "{parent:?}");
            assert!(children.contains(&Prefix::of(&position, nibbles + 1)));
        }
        assert_eq!(Prefix::of(&position, 64).child(0), None);
    }
}
