//! Who signs, what exactly is signed, and the envelope that carries it: `docs/protocol/4-signatures.md`.
//!
//! An [`Envelope`] is the shape, taken apart without copying. A [`Subject`] says what kind of thing is signed, so that no
//! signature is good for another kind. A [`Draft`] collects signatures in turns. Which signers are needed is not decided
//! here: `identity` and `record` know that.

mod draft;
mod ed25519;
mod envelope;
mod error;
mod key;
mod subject;
mod wallet;

pub use draft::{Draft, Signable};
pub use ed25519::{Ed25519Key, SecretKey};
pub use envelope::{Envelope, EnvelopeSignature};
pub use error::SignatureError;
pub(crate) use key::Hex;
pub use key::{Algorithm, PublicKey};
pub use subject::Subject;
pub use wallet::{WalletAddress, WalletRefusal, message_hash as wallet_message_hash};

#[cfg(test)]
mod tests;
