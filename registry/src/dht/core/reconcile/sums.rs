//! Fingerprints of sets of records, and the ones that a store keeps up to date.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};

use crate::dht::message::Summary;
use crate::dht::peer::Position;

use super::Prefix;

/// What is hashed of a record, and nothing else is.
const CONTEXT: &str = "dotkey reconciliation v1";

/// The same for every record: made once, it is half of the work.
static CONTEXT_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(CONTEXT));

/// Half bytes of the longest prefixes whose fingerprints are kept: 4096 of them. In a store of 100,000 records 24 are under each,
/// so that a longer prefix is summed up when it is asked for; all of them together take 140 kB.
pub const SUMS_NIBBLES: u8 = 3;

/// What a set of records is, in a few bytes: how many, and the sum of a hash of each. Sums add and subtract, so that a store keeps
/// them up to date at each write.
///
/// Different sets have one fingerprint by accident once in 2^128. Who chooses records can make it happen (sums of hashes are
/// no commitment), and would hide from us what it has: which it can do by saying nothing, and which hides nothing that another neighbour has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many records.
    pub count: u64,
    /// The sum of their hashes, modulo 2^128.
    pub sum: u128,
}

impl Fingerprint {
    /// Of a single record: the first 16 bytes of the hash of its position and its summary, as a number.
    #[must_use]
    pub fn of(position: &Position, summary: &Summary) -> Self {
        let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT_KEY);
        hasher.update(&position.0);
        hasher.update(&summary.policy.to_be_bytes());
        hasher.update(&summary.sequence.to_be_bytes());
        hasher.update(&summary.digest);
        let mut sum = [0; 16];
        hasher.finalize_xof().fill(&mut sum);
        Self {
            count: 1,
            sum: u128::from_be_bytes(sum),
        }
    }

    /// Of records in any order, each of them once.
    #[must_use]
    pub fn of_all<'a>(records: impl IntoIterator<Item = &'a (Position, Summary)>) -> Self {
        let mut all = Self::default();
        for (position, summary) in records {
            all.add(Self::of(position, summary));
        }
        all
    }

    /// Puts another set to this one; they have no record in common.
    pub fn add(&mut self, other: Self) {
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// Takes a set out of this one that is a part of it.
    pub fn subtract(&mut self, other: Self) {
        self.count = self.count.wrapping_sub(other.count);
        self.sum = self.sum.wrapping_sub(other.sum);
    }
}

/// The fingerprints of all prefixes of up to [`SUMS_NIBBLES`] half bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Level by level, the shortest prefix first: 1 + 16 + 256 + 4096.
    kept: Vec<Fingerprint>,
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            kept: vec![Fingerprint::default(); level_begin(SUMS_NIBBLES + 1)],
        }
    }
}

impl Sums {
    /// Counts a record in.
    pub fn add(&mut self, position: &Position, summary: &Summary) {
        let one = Fingerprint::of(position, summary);
        for nibbles in 0..=SUMS_NIBBLES {
            self.kept[index(position, nibbles)].add(one);
        }
    }

    /// Counts a record out that was counted in with the same summary. A newer record in the place of an older one is a `remove`
    /// and an `add`.
    pub fn remove(&mut self, position: &Position, summary: &Summary) {
        let one = Fingerprint::of(position, summary);
        for nibbles in 0..=SUMS_NIBBLES {
            self.kept[index(position, nibbles)].subtract(one);
        }
    }

    /// The fingerprint of a prefix, if it is one of those that are kept.
    #[must_use]
    pub fn get(&self, prefix: &Prefix) -> Option<Fingerprint> {
        let kept = prefix.nibbles <= SUMS_NIBBLES;
        kept.then(|| self.kept[index(&prefix.first, prefix.nibbles)])
    }

    /// Of all records.
    #[must_use]
    pub fn total(&self) -> Fingerprint {
        self.kept[0]
    }
}

/// How many shorter prefixes there are: 0, 1, 17, 273, 4369.
const fn level_begin(nibbles: u8) -> usize {
    ((1 << (4 * nibbles)) - 1) / 15
}

fn index(position: &Position, nibbles: u8) -> usize {
    let [a, b, ..] = position.0;
    let first = usize::from(u16::from_be_bytes([a, b]));
    level_begin(nibbles) + (first >> (16 - 4 * u32::from(nibbles)))
}

const _: () = assert!(SUMS_NIBBLES < 4, "an index is made of two bytes");

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u8) -> (Position, Summary) {
        let position = Position(blake3::hash(&[number]).into());
        let summary = Summary {
            policy: u32::from(number % 3),
            sequence: u64::from(number) + 1,
            digest: [number; 32],
        };
        (position, summary)
    }

    #[test]
    fn a_fingerprint_is_what_the_page_says() {
        let summary = Summary {
            policy: 1,
            sequence: 2,
            digest: [3; 32],
        };
        let one = Fingerprint::of(&Position([4; 32]), &summary);
        let said = [
            &[4; 32][..],
            &[0, 0, 0, 1],
            &[0, 0, 0, 0, 0, 0, 0, 2],
            &[3; 32],
        ]
        .concat();
        let hash = blake3::derive_key("dotkey reconciliation v1", &said);
        assert_eq!(one.count, 1);
        assert_eq!(one.sum.to_be_bytes(), hash[..16]);

        // The same numbers stand in tests/interop/tests/test_exchange.py.
        let two = [(Position([4; 32]), summary), (Position([5; 32]), summary)];
        let two = Fingerprint::of_all(&two);
        assert_eq!(two.count, 2);
        assert_eq!(
            format!("{:032x}", two.sum),
            "dbba11af1c997d4f64a49a09f24cbb81"
        );
    }

    #[test]
    fn sums_are_of_what_is_counted_in() {
        let records: Vec<_> = (0..=u8::MAX).map(record).collect();
        let mut sums = Sums::default();
        for (position, summary) in &records {
            sums.add(position, summary);
        }
        for (position, _) in &records {
            for nibbles in 0..=SUMS_NIBBLES {
                let prefix = Prefix::of(position, nibbles);
                let under = records.iter().filter(|(at, _)| prefix.contains(at));
                assert_eq!(sums.get(&prefix), Some(Fingerprint::of_all(under)));
            }
            assert_eq!(sums.get(&Prefix::of(position, SUMS_NIBBLES + 1)), None);
        }
        assert_eq!(sums.total().count, 256);
        for (position, summary) in &records {
            sums.remove(position, summary);
        }
        assert_eq!(sums, Sums::default());
    }
}
