//! What can be wrong with an encoding, or with what it encodes.

use core::fmt;

use thiserror::Error;

/// The type of an item, as its head says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An unsigned integer.
    Unsigned,
    /// A negative integer.
    Negative,
    /// A byte string.
    Bytes,
    /// A text string.
    Text,
    /// An array.
    Array,
    /// A map.
    Map,
    /// A tag.
    Tag,
    /// `true` or `false`.
    Bool,
    /// `null`.
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "an unsigned integer",
            Self::Negative => "a negative integer",
            Self::Bytes => "a byte string",
            Self::Text => "a text string",
            Self::Array => "an array",
            Self::Map => "a map",
            Self::Tag => "a tag",
            Self::Bool => "a boolean",
            Self::Null => "null",
        })
    }
}

/// Why bytes are not the encoding of anything, or not of what the schema asks for. Offsets count from the start of the
/// byte string that is being decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CborError {
    /// The input ends within an item.
    #[error("the input ends within the item at byte {offset}")]
    Truncated {
        /// Where the item begins.
        offset: usize,
    },
    /// Something follows the item.
    #[error("the item ends at byte {offset}, but more bytes follow")]
    TrailingBytes {
        /// Where the item ends.
        offset: usize,
    },
    /// A longer form where a shorter one exists.
    #[error("the item at byte {offset} is not in its shortest form")]
    NotShortest {
        /// Where the item begins.
        offset: usize,
    },
    /// An item without a stated length.
    #[error("the item at byte {offset} has an indefinite length")]
    IndefiniteLength {
        /// Where the item begins.
        offset: usize,
    },
    /// A tag, a float, or a simple value that the formats do not use.
    #[error(
        "the item at byte {offset} begins with 0x{initial:02x}, which is a tag, float or simple value that has no place here"
    )]
    ForbiddenItem {
        /// Where the item begins.
        offset: usize,
        /// Its first byte.
        initial: u8,
    },
    /// A map key that is smaller than the one before it.
    #[error("the map key at byte {offset} stands after a greater one")]
    MapOrder {
        /// Where the key begins.
        offset: usize,
    },
    /// A map key twice.
    #[error("the map key at byte {offset} stands twice")]
    DuplicateKey {
        /// Where the second one begins.
        offset: usize,
    },
    /// A text string that is not UTF-8.
    #[error("the text at byte {offset} is not valid UTF-8")]
    InvalidUtf8 {
        /// Where the text's item begins.
        offset: usize,
    },
    /// More levels of arrays and maps than any format has.
    #[error("the item at byte {offset} is nested deeper than {max} levels")]
    TooDeep {
        /// Where the item begins.
        offset: usize,
        /// The limit.
        max: usize,
    },
    /// An input larger than its kind may be.
    #[error("{what} has {len} bytes; at most {max} are allowed")]
    TooLarge {
        /// What was read.
        what: &'static str,
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// An item of another type than the schema asks for.
    #[error("{what}, at byte {offset}, is {found}; expected {expected}")]
    WrongType {
        /// What was read.
        what: &'static str,
        /// Where the item begins.
        offset: usize,
        /// What the schema asks for.
        expected: Kind,
        /// What stands there.
        found: Kind,
    },
    /// A key that has to be there.
    #[error("{what} has no key {key}")]
    MissingKey {
        /// The map.
        what: &'static str,
        /// The key.
        key: u64,
    },
    /// A key that the schema does not know, in a closed map.
    #[error("{what} has the key {key}, which version 1 does not know")]
    UnknownKey {
        /// The map.
        what: &'static str,
        /// The key.
        key: u64,
    },
    /// A number, length or count outside its range.
    #[error("{what}: {found} found, {min} to {max} allowed")]
    OutOfRange {
        /// What was read.
        what: &'static str,
        /// The number, length or count.
        found: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
}

impl CborError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Truncated { .. } => "truncated",
            Self::TrailingBytes { .. } => "trailing-bytes",
            Self::NotShortest { .. } => "not-shortest",
            Self::IndefiniteLength { .. } => "indefinite-length",
            Self::ForbiddenItem { .. } => "forbidden-item",
            Self::MapOrder { .. } => "map-order",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::InvalidUtf8 { .. } => "invalid-utf8",
            Self::TooDeep { .. } => "too-deep",
            Self::TooLarge { .. } => "too-large",
            Self::WrongType { .. } => "wrong-type",
            Self::MissingKey { .. } => "missing-key",
            Self::UnknownKey { .. } => "unknown-key",
            Self::OutOfRange { .. } => "out-of-range",
        }
    }
}
