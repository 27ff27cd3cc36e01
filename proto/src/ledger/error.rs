//! Why bytes are not a ledger item.

use alloc::string::String;

use thiserror::Error;

use crate::cbor::CborError;
use crate::identity::ChainError;
use crate::limits::VALIDATORS_MAX;
use crate::signature::{Hex, SignatureError};
use crate::time::Timestamp;
use crate::words::counted;

/// Which rule of form is broken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// The encoding or the schema is broken.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The envelope of a transaction is broken.
    #[error(transparent)]
    Envelope(#[from] SignatureError),
    /// The policy chain of a transaction is malformed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A version that this implementation does not know.
    #[error("{what} has version {found}; this program knows version 1")]
    UnknownVersion {
        /// What was read.
        what: &'static str,
        /// Its version.
        found: u64,
    },
    /// An action that this implementation does not know.
    #[error("the action {0} is not known; actions are 1 (commit) to 9 (accuse)")]
    UnknownAction(u64),
    /// A name that could not be claimed.
    #[error("`{}` cannot be claimed: {reason}", label.escape_debug())]
    Label {
        /// The label.
        label: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A lease that ends before it begins.
    #[error("the lease was claimed at {claimed} and ends at {ends}; it must end later")]
    Lease {
        /// Its begin.
        claimed: Timestamp,
        /// Its end.
        ends: Timestamp,
    },
    /// A key that nobody could vote with.
    #[error(
        "the voting key {}... is not a compressed point of G2 of BLS12-381; ask its validator for the right one",
        Hex(.0)
    )]
    VotingKey(
        /// Its first bytes.
        [u8; 8],
    ),
    /// A voting key that was brought without its secret.
    #[error(
        "the proof of possession of validator {} does not hold for its voting key; its validator has to make it again",
        Hex(.0)
    )]
    Possession(
        /// Its identity.
        [u8; 32],
    ),
    /// None, or more than there may be.
    #[error("{}; a set has 1 to {VALIDATORS_MAX}", counted(*.0, "validator"))]
    ValidatorCount(
        /// How many.
        usize,
    ),
    /// Validators that do not ascend.
    #[error(
        "validator {0} (from 0) does not come after the one before it; their identities ascend"
    )]
    ValidatorOrder(
        /// Which, from 0.
        usize,
    ),
    /// Two validators with one voting key.
    #[error("two validators have the same voting key; each has one of its own")]
    ValidatorTwice,
    /// An empty subtree that is written out.
    #[error("a sibling is the hash that stands for an empty subtree; it is written null")]
    EmptySibling,
    /// Reserved labels that do not ascend.
    #[error("the reserved label `{}` does not come after the one before it; they ascend", .0.escape_debug())]
    ReservedOrder(
        /// The label.
        String,
    ),
    /// Numbers that do not fit together.
    #[error(
        "the parameters allow renewal {renewal_secs} s before the end of a lease of {lease_secs} s, or a heartbeat of {heartbeat_ms} ms between blocks that are {block_interval_ms} ms apart; renewal and block interval are the shorter ones"
    )]
    Parameters {
        /// How long before its end a lease can be renewed.
        renewal_secs: u64,
        /// How long it is.
        lease_secs: u64,
        /// The most time between blocks.
        heartbeat_ms: u64,
        /// The least.
        block_interval_ms: u64,
    },
    /// A name of a network that is none.
    #[error("`{}` is no network's name: write 1 to 32 of a-z, 0-9 and -, and no - at an edge", .0.escape_debug())]
    NetworkName(
        /// What stands there.
        String,
    ),
    /// Names of an account out of order, or one twice.
    #[error("the names of an account must stand in ascending order, each once; `{label}` does not")]
    NameOrder {
        /// The one out of place.
        label: String,
    },
}

impl LedgerError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::Envelope(error) => error.code(),
            Self::Chain(error) => error.code(),
            Self::UnknownVersion { .. } => "unknown-version",
            Self::UnknownAction(_) => "unknown-action",
            Self::Label { .. } => "label",
            Self::Lease { .. } => "out-of-range",
            Self::VotingKey(_) => "voting-key",
            Self::Possession(_) => "possession",
            Self::ValidatorCount(_) => "out-of-range",
            Self::ValidatorOrder(_) => "validator-order",
            Self::ValidatorTwice => "validator-twice",
            Self::EmptySibling => "empty-sibling",
            Self::ReservedOrder(_) => "label-order",
            Self::Parameters { .. } => "parameters",
            Self::NetworkName(_) => "network-name",
            Self::NameOrder { .. } => "name-order",
        }
    }
}
