//! Ed25519 signatures that only some verifiers accept, made by the equation itself.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest, Sha512};

/// A secret scalar with a public key that has a part of order 8: `A = aB + T`.
pub(super) struct MixedKey {
    secret: Scalar,
    pub(super) public: [u8; 32],
}

impl MixedKey {
    pub(super) fn new() -> Self {
        let secret = Scalar::from(0x1234_5678_9abc_def1_u64);
        let point = secret * ED25519_BASEPOINT_POINT + EIGHT_TORSION[1];
        Self {
            secret,
            public: point.compress().to_bytes(),
        }
    }

    /// A signature for which the equation holds without the cofactor, or one for which it holds only with it.
    pub(super) fn sign(&self, message: &[u8], without_cofactor: bool) -> [u8; 64] {
        (1_u64..)
            .map(Scalar::from)
            .map(|nonce| {
                let commitment = nonce * ED25519_BASEPOINT_POINT;
                (nonce, commitment.compress().to_bytes())
            })
            .find_map(|(nonce, commitment)| {
                let k = challenge(&commitment, &self.public, message);
                // k T vanishes only where 8 divides k.
                let divides = k.as_bytes()[0] % 8 == 0;
                let response = nonce + k * self.secret;
                (divides == without_cofactor).then(|| join(&commitment, response.as_bytes()))
            })
            .expect("one of eight nonces will do")
    }
}

/// What an honest key would have to sign with if its commitment were a point of small order, in this encoding.
pub(super) fn with_commitment(seed: u8, commitment: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let k = challenge(commitment, key.verifying_key().as_bytes(), message);
    join(commitment, (k * key.to_scalar()).as_bytes())
}

/// A signature whose commitment has a part of order 8: the equation holds with the cofactor only.
pub(super) fn with_mixed_commitment(seed: u8, message: &[u8]) -> [u8; 64] {
    let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let nonce = Scalar::from(7_u64);
    let point: EdwardsPoint = nonce * ED25519_BASEPOINT_POINT + EIGHT_TORSION[1];
    let commitment = point.compress().to_bytes();
    let k = challenge(&commitment, key.verifying_key().as_bytes(), message);
    join(&commitment, (nonce + k * key.to_scalar()).as_bytes())
}

/// The same signature with the group order added to its response.
pub(super) fn not_reduced(signature: &[u8; 64]) -> [u8; 64] {
    // The group order, little end first: RFC 8032 section 5.1.
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = *signature;
    let mut carry = 0;
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        let digit = u16::from(*byte) + u16::from(order) + carry;
        *byte = digit as u8;
        carry = digit >> 8;
    }
    sum
}

fn challenge(commitment: &[u8; 32], public: &[u8; 32], message: &[u8]) -> Scalar {
    let mut hasher = Sha512::new();
    hasher.update(commitment);
    hasher.update(public);
    hasher.update(message);
    Scalar::from_bytes_mod_order_wide(&hasher.finalize().into())
}

fn join(commitment: &[u8; 32], response: &[u8; 32]) -> [u8; 64] {
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(commitment);
    signature[32..].copy_from_slice(response);
    signature
}
