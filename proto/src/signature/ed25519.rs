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
        if !is_canonical(&bytes) || is_of_small_order(&bytes) {
            return Err(SignatureError::WeakKey(bytes));
        }
        let key = VerifyingKey::from_bytes(&bytes);
        key.map(Self).map_err(|_| SignatureError::WeakKey(bytes))
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

/// The `y` of the eight points of small order: 0, 1, -1, and the two of order 8. Comparing costs less than multiplying.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = PRIME;
        minus_one[0] -= 1;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

fn is_of_small_order(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_small_order_is_the_curves() {
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut bytes = y;
                bytes[31] |= sign;
                if let Ok(key) = VerifyingKey::from_bytes(&bytes) {
                    assert!(key.is_weak(), "{bytes:02x?}");
                }
                assert!(Ed25519Key::from_bytes(bytes).is_err());
            }
        }
        assert!(!SecretKey::from_seed(&[1; 32]).public().0.is_weak());
    }
}
