//! ed25519, strictly.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use zeroize::Zeroize;

use super::SignatureError;

/// The field's prime, 2^255 - 19, little end first: a canonical `y` is below it.
const PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// A public key that is known to be a canonically encoded curve point, not of small order. It keeps the decoded point,
/// because decoding costs a tenth of a verification.
#[derive(Clone, Copy)]
pub struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// The key of 32 bytes.
    ///
    /// # Errors
    /// Bytes that are no canonical point, or one of small order.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, SignatureError> {
        // The two points whose x is zero could carry a wrong sign bit, but both are of small order.
        let weak = SignatureError::WeakKey(bytes);
        if !is_canonical(&bytes) {
            return Err(weak);
        }
        match VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(key)),
            _ => Err(weak),
        }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether `signature` is this key's over `message`, by the strict rules of section 4.3.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

fn is_canonical(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f;
    y.iter().rev().lt(PRIME.iter().rev())
}

impl PartialEq for Ed25519Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Ed25519Key {}

impl PartialOrd for Ed25519Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ed25519Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Ed25519Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", super::key::Hex(self.as_bytes()))
    }
}

/// An ed25519 secret key, wiped from memory when dropped. Where its 32 random bytes come from is the caller's.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key of a 32-byte seed (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public key.
    #[must_use]
    pub fn public(&self) -> Ed25519Key {
        // A secret scalar is clamped, so its point is never of small order.
        Ed25519Key(self.0.verifying_key())
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }

    /// The seed, for a key file; the copy is wiped when it is dropped.
    #[must_use]
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        let mut seed = self.0.to_bytes();
        let kept = zeroize::Zeroizing::new(seed);
        seed.zeroize();
        kept
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {:?})", self.public())
    }
}
