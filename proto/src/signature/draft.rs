//! Something that is being signed, by several people in turns.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::envelope::{self, signer_header};
use super::{Ed25519Key, Envelope, PublicKey, SecretKey, SignatureError, Subject};

/// A payload with the signatures that it has so far, each of them checked. Unlike an envelope it may have none.
#[derive(Clone, Debug)]
pub struct Draft {
    subject: Subject,
    payload: Vec<u8>,
    signatures: BTreeMap<Vec<u8>, (PublicKey, Vec<u8>)>,
}

/// What a key is asked to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signable {
    /// Bytes for an ed25519 key.
    Bytes(Vec<u8>),
    /// A text for a wallet's `personal_sign`.
    Text(String),
}

impl Draft {
    /// Nothing signed yet.
    #[must_use]
    pub fn new(subject: Subject, payload: Vec<u8>) -> Self {
        Self {
            subject,
            payload,
            signatures: BTreeMap::new(),
        }
    }

    /// Takes up an envelope, signed or not: `subject` reads from the payload what it is about.
    ///
    /// # Errors
    /// What `subject` finds; a malformed envelope; a signature that does not hold.
    pub fn decode<E: From<SignatureError>>(
        bytes: &[u8],
        subject: impl FnOnce(&[u8]) -> Result<Subject, E>,
    ) -> Result<Self, E> {
        let envelope = Envelope::decode_signed(bytes, 0)?;
        let mut draft = Self::new(subject(envelope.payload)?, envelope.payload.to_vec());
        for signature in &envelope.signatures {
            let key = PublicKey::from_bytes(signature.algorithm, signature.kid)?;
            draft.add(key, signature.signature())?;
        }
        Ok(draft)
    }

    /// What is being signed.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The bytes that are being signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Who has signed.
    pub fn signers(&self) -> impl ExactSizeIterator<Item = &PublicKey> {
        self.signatures.values().map(|(key, _)| key)
    }

    /// What `key` would sign.
    #[must_use]
    pub fn signable(&self, key: &PublicKey) -> Signable {
        let signed = self.signed(key);
        match key {
            PublicKey::Ed25519(_) => Signable::Bytes(signed),
            PublicKey::Wallet(_) => Signable::Text(self.subject.wallet_text(&signed)),
        }
    }

    fn signed(&self, key: &PublicKey) -> Vec<u8> {
        let mut signed = Vec::with_capacity(self.payload.len() + 128);
        self.subject
            .write_signed(&signer_header(key), &self.payload, &mut signed);
        signed
    }

    /// Adds a signature that was made elsewhere; a second one of the same key replaces the first.
    ///
    /// # Errors
    /// It does not hold.
    pub fn add(&mut self, key: PublicKey, signature: &[u8]) -> Result<(), SignatureError> {
        let expected = key.algorithm().signature_len();
        if signature.len() != expected {
            return Err(SignatureError::SignatureLength {
                algorithm: key.algorithm(),
                expected,
                found: signature.len(),
            });
        }
        envelope::verify(&key, &self.subject, &self.signed(&key), signature)?;
        self.signatures
            .insert(key.as_bytes().to_vec(), (key, signature.to_vec()));
        Ok(())
    }

    /// Signs with a key that is at hand, and says which that is.
    pub fn sign(&mut self, secret: &SecretKey) -> Ed25519Key {
        let public = secret.public();
        let key = PublicKey::Ed25519(public);
        let signature = secret.sign(&self.signed(&key));
        self.signatures
            .insert(key.as_bytes().to_vec(), (key, signature.to_vec()));
        public
    }

    /// The envelope as it stands.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let signatures = self
            .signatures
            .values()
            .map(|(key, signature)| (key, &signature[..]));
        envelope::encode(&self.payload, signatures)
    }
}
