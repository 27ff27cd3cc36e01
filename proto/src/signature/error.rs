//! Why an envelope or one of its signatures is refused.

use alloc::boxed::Box;

use thiserror::Error;

use super::PublicKey;
use crate::cbor::CborError;

/// Why an envelope is not well formed, a key is not one, or a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The encoding or the schema is broken.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// Not the tag of a COSE_Sign message.
    #[error("a signed envelope begins with the CBOR tag 98 (bytes d8 62); this begins with {}", Begin(.0))]
    WrongTag(
        /// The first bytes, at most two.
        Box<[u8]>,
    ),
    /// Text that does not write a key.
    #[error(
        "`{}` is not a public key; write `ed25519:` and 64 hexadecimal digits, or a wallet's `0x` and 40",
        .0.escape_debug()
    )]
    NotAKey(
        /// The text.
        alloc::string::String,
    ),
    /// A wallet's address whose capitals are not those that EIP-55 gives it.
    #[error(
        "`{0}` has a typing mistake: its capitals are not the checksum of its digits (EIP-55); copy the address again"
    )]
    AddressChecksum(
        /// The text.
        alloc::string::String,
    ),
    /// A number that names no algorithm of ours.
    #[error("the algorithm {0} is not known; -8 is ed25519 and -65537 is a wallet")]
    UnknownAlgorithm(i64),
    /// A key of the wrong length for its algorithm.
    #[error("a key of {algorithm} has {expected} bytes; this has {found}")]
    KeyLength {
        /// The algorithm that the key claims.
        algorithm: super::Algorithm,
        /// The length of its keys.
        expected: usize,
        /// The length that was found.
        found: usize,
    },
    /// A point that is not encoded canonically, not on the curve, or of small order.
    #[error("the ed25519 key {} is not a usable public key (not a canonical curve point, or of small order)", crate::signature::key::Hex(.0))]
    WeakKey(
        /// The bytes.
        [u8; 32],
    ),
    /// A signature of the wrong length for its algorithm.
    #[error("a signature of {algorithm} has {expected} bytes; this has {found}")]
    SignatureLength {
        /// The algorithm that the signature claims.
        algorithm: super::Algorithm,
        /// The length of its signatures.
        expected: usize,
        /// The length that was found.
        found: usize,
    },
    /// Signatures out of order, or two of one key.
    #[error(
        "signatures must stand in ascending order of their keys, one each; number {position} does not"
    )]
    SignatureOrder {
        /// Which signature, counting from 1.
        position: usize,
    },
    /// A signature that does not verify.
    #[error("the signature of {signer} does not match what was signed")]
    BadSignature {
        /// Whose it claims to be.
        signer: Box<PublicKey>,
    },
    /// A wallet signature in its malleable form.
    #[error(
        "the signature of {signer} has its s above half the group order; only the low form is accepted"
    )]
    HighS {
        /// Whose it claims to be.
        signer: Box<PublicKey>,
    },
}

impl SignatureError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::WrongTag(_) => "wrong-tag",
            Self::NotAKey(_) => "not-a-key",
            Self::AddressChecksum(_) => "address-checksum",
            Self::UnknownAlgorithm(_) => "unknown-algorithm",
            Self::KeyLength { .. } => "key-length",
            Self::WeakKey(_) => "weak-key",
            Self::SignatureLength { .. } => "signature-length",
            Self::SignatureOrder { .. } => "signature-order",
            Self::BadSignature { .. } => "bad-signature",
            Self::HighS { .. } => "high-s",
        }
    }
}

/// The first bytes of something that is not an envelope, for a message.
struct Begin<'a>(&'a [u8]);

impl core::fmt::Display for Begin<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            [] => f.write_str("nothing"),
            bytes => super::key::Hex(bytes).fmt(f),
        }
    }
}
