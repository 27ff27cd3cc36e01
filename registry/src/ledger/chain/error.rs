//! Why the chain does not go on.

use thiserror::Error;

use crate::hex::hex;
use crate::ledger::state::StateError;
use crate::store::StoreError;

/// Why a block is not executed, written or read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// The block breaks a rule, for everyone and for ever.
    #[error("the block is invalid: {0}")]
    Invalid(String),
    /// The state is damaged or cannot be read. The node halts.
    #[error(transparent)]
    State(#[from] StateError),
    /// The disk is full: nothing was written, and the same can be tried again.
    #[error("{0}")]
    NoSpace(String),
    /// The tree in the store is not the one that the last block's header names. The node halts.
    #[error(
        "the ledger's state does not match its last block ({height}): {why}; restore a backup, or move the folder `store` away and start again, if other nodes of the network are there to fetch it from"
    )]
    Audit {
        /// The last block.
        height: u64,
        /// What was found.
        why: String,
    },
    /// The store has another network's ledger.
    #[error(
        "this folder has the ledger of network {}, and the genesis is that of {}; take the other genesis, or another folder",
        hex(.ours), hex(.genesis)
    )]
    OtherNetwork {
        /// The store's.
        ours: [u8; 32],
        /// The genesis'.
        genesis: [u8; 32],
    },
    /// The block, or the one before it, was not executed.
    #[error("the block, or its parent, was not executed here")]
    NotExecuted,
    /// A block was finalised out of order.
    #[error("block {found} was to be written after block {tip}, but is not built on it")]
    NotNext {
        /// The last block.
        tip: u64,
        /// The one that came.
        found: u64,
    },
    /// The engine runs ahead of what it finalises.
    #[error("{0} blocks are executed and not final, which is the most")]
    TooManyUnfinished(usize),
    /// A version that was removed, or is to come.
    #[error("the state after block {asked} is not kept; those of {oldest} to {newest} are")]
    NotKept {
        /// Which.
        asked: u64,
        /// The oldest that is kept.
        oldest: u64,
        /// The newest.
        newest: u64,
    },
    /// A chunk of a snapshot that is not what its header names.
    #[error("the snapshot is refused: {0}; take it from another node")]
    Snapshot(String),
}

impl From<StoreError> for ChainError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSpace { .. } => Self::NoSpace(error.to_string()),
            error => Self::State(StateError::Unreadable(error.to_string())),
        }
    }
}
