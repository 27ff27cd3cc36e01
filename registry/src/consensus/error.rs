//! Why the engine does not start, or stops.

use thiserror::Error;

use super::{JournalError, KeyError};

/// Each says who must act.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConsensusError {
    /// The data folder has lost something.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A key is none.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// An address of a validator cannot be read.
    #[error(
        "`{0}` is no address of a validator; write it as `192.0.2.1:4381` or `validator.example.net:4381`"
    )]
    Address(String),
    /// A setting is out of its bounds.
    #[error("{0}")]
    Setting(&'static str),
    /// The ledger cannot go on.
    #[error("the ledger: {0}")]
    Ledger(String),
    /// A part of the engine ended.
    #[error("the engine stopped: {0}. Start the node again; if it stops again, report this")]
    Stopped(String),
}
