//! BLS signatures on BLS12-381 as the consensus makes them: keys in G2, signatures in G1, over the bytes of section 8.5.

use core::fmt;

use blst::min_sig::{AggregatePublicKey, PublicKey, Signature};
use blst::{BLST_ERROR, Pairing, blst_p1_affine, blst_p2_affine};

use super::LedgerError;
use crate::signature::Hex;

/// Votes, and certificates made of them: the proof-of-possession scheme of draft-irtf-cfrg-bls-signature-05.
const VOTE_TAG: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// Proofs that a key's secret is known to whoever brings the key, in the same scheme.
const POSSESSION_TAG: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// A point of G2, compressed.
pub const VOTING_KEY_BYTES: usize = 96;

/// A point of G1, compressed.
pub const VOTING_SIGNATURE_BYTES: usize = 48;

/// The key that a validator votes with: a point of the right subgroup, which is checked once, when it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VotingKey(PublicKey);

impl VotingKey {
    /// Reads a key.
    ///
    /// # Errors
    /// Bytes that are no point of G2 in its compressed form, or the point at infinity.
    pub fn from_bytes(bytes: &[u8; VOTING_KEY_BYTES]) -> Result<Self, LedgerError> {
        PublicKey::key_validate(bytes)
            .map(Self)
            .map_err(|_| LedgerError::VotingKey(bytes[..8].try_into().expect("96 are more")))
    }

    /// Its compressed form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; VOTING_KEY_BYTES] {
        self.0.compress()
    }

    /// Whether `signature` shows that whoever brings this key with the identity knows the key's secret. A sum of keys says
    /// nothing when one of them was chosen to cancel the others, which its maker could not show this of.
    #[must_use]
    pub fn is_possessed(
        &self,
        identity: &[u8; 32],
        signature: &[u8; VOTING_SIGNATURE_BYTES],
    ) -> bool {
        let message = framed(&possession_namespace(identity), &self.to_bytes());
        verify(&self.0, POSSESSION_TAG, &message, signature)
    }
}

impl fmt::Debug for VotingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VotingKey({})", Hex(&self.to_bytes()))
    }
}

/// Whether `signature` is the sum of one signature of `message` by each of the keys. Nobody's is never valid.
pub(super) fn verify_together<'a>(
    keys: impl IntoIterator<Item = &'a VotingKey>,
    message: &[u8],
    signature: &[u8; VOTING_SIGNATURE_BYTES],
) -> bool {
    let mut keys = keys.into_iter();
    let Some(first) = keys.next() else {
        return false;
    };
    let mut sum = AggregatePublicKey::from_public_key(&first.0);
    for key in keys {
        // Each was checked when it was read, so that adding cannot fail.
        if sum.add_public_key(&key.0, false).is_err() {
            return false;
        }
    }
    verify(&sum.to_public_key(), VOTE_TAG, message, signature)
}

/// In this thread: the library's own `verify` hands the work to a pool of threads.
fn verify(key: &PublicKey, tag: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::sig_validate(signature, true) else {
        return false;
    };
    let (key, signature): (&blst_p2_affine, &blst_p1_affine) = (key.into(), (&signature).into());
    let mut pairing = Pairing::new(true, tag);
    let added = pairing.aggregate(key, false, signature, false, message, &[]);
    pairing.commit();
    added == BLST_ERROR::BLST_SUCCESS && pairing.finalverify(None)
}

/// What the engine is given as the namespace of its votes, so that a vote counts in one network.
#[must_use]
pub fn vote_namespace(network: &[u8; 32]) -> [u8; 51] {
    joined(b"dotkey consensus v1", network)
}

/// What a proof of possession is bound to, so that nobody brings another's key as their own.
#[must_use]
pub fn possession_namespace(identity: &[u8; 32]) -> [u8; 62] {
    joined(b"dotkey validator possession v1", identity)
}

fn joined<const N: usize>(head: &[u8], tail: &[u8; 32]) -> [u8; N] {
    let mut all = [0; N];
    all[..head.len()].copy_from_slice(head);
    all[head.len()..].copy_from_slice(tail);
    all
}

/// The engine's framing: the length of the namespace, the namespace, the message.
pub(super) fn framed(namespace: &[u8], message: &[u8]) -> alloc::vec::Vec<u8> {
    let mut out = alloc::vec::Vec::with_capacity(2 + namespace.len() + message.len());
    push_varint(&mut out, namespace.len() as u64);
    out.extend_from_slice(namespace);
    out.extend_from_slice(message);
    out
}

/// Seven bits a byte, the lowest first; the high bit says that more follow.
pub(super) fn push_varint(out: &mut alloc::vec::Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
