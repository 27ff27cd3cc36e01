//! Why bytes are not a ledger item.

use alloc::string::String;

use thiserror::Error;

use crate::cbor::CborError;
use crate::identity::ChainError;
use crate::signature::SignatureError;
use crate::time::Timestamp;

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
    /// Names of an account out of order, or one twice.
    #[error("the names of an account must stand in ascending order, each once; `{label}` does not")]
    NameOrder {
        /// The one out of place.
        label: String,
    },
    /// A certificate of another header.
    #[error("the certificate is not for this header")]
    HeaderDigest,
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
            Self::NameOrder { .. } => "name-order",
            Self::HeaderDigest => "header-digest",
        }
    }
}
