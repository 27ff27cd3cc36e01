//! Finding the differences between two stores at a cost that follows the differences.
//!
//! The key space is a tree of prefixes, sixteen children a node. Equal fingerprints end a branch; different ones are looked into
//! until few enough records are left to list.

use crate::dht::message::Summary;
use crate::dht::peer::Position;

/// A prefix of positions: the first `nibbles` half bytes of `position`, the rest zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The first position that has it.
    pub first: Position,
    /// How many half bytes it has: 0 is everything, 64 one position.
    pub nibbles: u8,
}

/// What a set of records is, in a few bytes: how many, and the sum of a hash of each. Sums add and subtract, so that a store keeps
/// them up to date at each write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// How many records.
    pub count: u64,
    /// The sum of their hashes, modulo 2^128.
    pub sum: u128,
}

/// A question of a comparison: this is what I have under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The prefix.
    pub prefix: Prefix,
    /// What the asker has there.
    pub fingerprint: Fingerprint,
}

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The same is here.
    Same,
    /// Something else is here: the fingerprints of the sixteen longer prefixes.
    Children(Box<[Fingerprint; 16]>),
    /// Something else is here, and little enough to list.
    Listed(Vec<(Position, Summary)>),
}

/// A store as reconciliation sees it.
pub trait Shelf {
    /// What is under a prefix.
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint;
    /// The records under a prefix, in order of position, at most `most` of them.
    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)>;
}
