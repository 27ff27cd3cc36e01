//! The files in which an owner keeps an identity: a secret key under a passphrase, and an identity to carry elsewhere.
//!
//! This module owns their bytes and promises to read any input in bounded memory. It cannot open a key: deriving a key from
//! a passphrase and the cipher belong to the program. Specified in `docs/keys.md`.

mod identity;
mod key;

pub use identity::{IDENTITY_FILE_BYTES_MAX, IdentityFile};
pub use key::{Cost, KEY_FILE_BYTES_MAX, KeyFile, Nonce, Salt, Sealed};

use thiserror::Error;

use crate::cbor::CborError;
use crate::signature::SignatureError;

/// Why bytes are no key file, or no identity file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyFileError {
    /// Another kind of file.
    #[error("this is not {expected}: it does not begin with the line `{first_line}`")]
    NotThisKind {
        /// What was to be read.
        expected: &'static str,
        /// The line that it begins with.
        first_line: &'static str,
    },
    /// Badly encoded, or not what the format asks for.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// The public key is no usable one.
    #[error(transparent)]
    Key(#[from] SignatureError),
}

impl KeyFileError {
    /// The stable name of the broken rule.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotThisKind { .. } => "not-this-kind",
            Self::Cbor(error) => error.code(),
            Self::Key(error) => error.code(),
        }
    }
}

/// What follows the first line, when the input is no longer than `max` and begins with it.
fn after_first_line<'a>(
    bytes: &'a [u8],
    what: &'static str,
    first_line: &'static str,
    max: usize,
) -> Result<&'a [u8], KeyFileError> {
    if bytes.len() > max {
        let len = bytes.len();
        return Err(CborError::TooLarge { what, len, max }.into());
    }
    bytes
        .strip_prefix(first_line.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"\n"))
        .ok_or(KeyFileError::NotThisKind {
            expected: what,
            first_line,
        })
}

#[cfg(test)]
mod tests;
