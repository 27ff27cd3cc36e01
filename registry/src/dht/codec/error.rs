//! What can be wrong with a message.

use dotkey_proto::cbor::CborError;

/// Which rule of the protocol bytes break that should be a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// They are no encoding, or not of what the schema asks for.
    #[error(transparent)]
    Encoding(#[from] CborError),
    /// A kind of message that this version of the protocol does not have.
    #[error("{what} of kind {kind}, which version 1 does not know")]
    UnknownMessage {
        /// What was read.
        what: &'static str,
        /// Its kind.
        kind: u64,
    },
    /// A prefix whose last byte goes on after it.
    #[error("a prefix of {nibbles} half bytes has something in the one after them")]
    Prefix {
        /// Its length.
        nibbles: u8,
    },
    /// The code of a refusal is not in the form of codes.
    #[error(
        "the code of a refusal has other characters than lower-case letters, digits and hyphens"
    )]
    ErrorCode,
}

impl MessageError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding(error) => error.code(),
            Self::UnknownMessage { .. } => "unknown-message",
            Self::Prefix { .. } => "prefix",
            Self::ErrorCode => "error-code",
        }
    }
}
