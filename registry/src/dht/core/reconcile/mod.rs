//! Finding the differences between two stores at a cost that follows the differences. `docs/protocol/9-record-exchange.md`.
//!
//! The key space is a tree of prefixes, sixteen children a node. Equal fingerprints end a branch; different ones are looked into
//! until few enough records are left to list. This module owns fingerprints and how a store keeps them ([`Sums`]), the walk of who asks
//! ([`Session`]) and the comparison of who answers ([`respond`]). It promises that a session ends and holds little, whatever is answered. To fetch what
//! is found missing and to verify it is for who asked; nothing here is believed.

mod memory;
mod prefix;
mod respond;
mod session;
mod sums;
#[cfg(test)]
mod tests;

pub use memory::MemoryShelf;
pub use prefix::{NIBBLES_MAX, Prefix};
pub use respond::respond;
pub(crate) use respond::respond_counting;
pub use session::{DIFFERENCES_MAX, Mismatch, REQUESTS_MAX, Session};
pub use sums::{Fingerprint, SUMS_NIBBLES, Sums};

use crate::dht::message::Summary;
use crate::dht::peer::Position;

/// Records under a prefix that are listed instead of looked into further. Sixteen fingerprints are as long as five listed
/// records, but they cost another round trip.
pub const LISTED_MAX: usize = 16;

/// Probes in one request: the answer, with [`LISTED_MAX`] records to each, fits a response.
pub const PROBES_MAX: usize = 64;

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
    /// Something else is here, more than [`LISTED_MAX`]: the fingerprints of the sixteen longer prefixes.
    Children(Box<[Fingerprint; 16]>),
    /// Something else is here: all of it, at most [`LISTED_MAX`], in order of position.
    Listed(Vec<(Position, Summary)>),
}

/// A store as reconciliation sees it.
pub trait Shelf {
    /// What is under a prefix.
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint;
    /// The records under a prefix, in order of position, at most `most` of them.
    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)>;
}
