//! Where a thing stands in the state's tree: section 10.1.
//!
//! The place is a hash, so that the tree stays balanced whatever names people choose, with a context of its own for each kind of
//! thing, so that no label can be made whose place is an identity's.

use crate::identity::KeyId;

/// The leaf of a name's [`Entry`](super::Entry).
#[must_use]
pub fn name_leaf(label: &str) -> [u8; 32] {
    blake3::derive_key("dotkey name leaf v1", label.as_bytes())
}

/// The leaf of an identity's account: what it has made of transactions, pinned and claimed.
#[must_use]
pub fn identity_leaf(key_id: &KeyId) -> [u8; 32] {
    blake3::derive_key("dotkey identity leaf v1", key_id.as_bytes())
}

/// The leaf of the one thing of its kind in the whole ledger.
#[must_use]
pub fn ledger_leaf(thing: Singular) -> [u8; 32] {
    blake3::derive_key("dotkey ledger leaf v1", thing.word().as_bytes())
}

/// What the ledger has one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Singular {
    /// The recent beacons that stamps are made for, and the demand that sets their cost.
    Beacons,
    /// The validators of this epoch and of the next, and what each of them approves.
    Validators,
}

impl Singular {
    fn word(self) -> &'static str {
        match self {
            Self::Beacons => "beacons",
            Self::Validators => "validators",
        }
    }
}
