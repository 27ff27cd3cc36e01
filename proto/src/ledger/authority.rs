//! Whether those signed a transaction who may act for its identity: section 10.4.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

use super::{LedgerError, Transaction};
use crate::identity::{Anchor, Authority, Chain, ChainError, PublicKey, Role};
use crate::limits::TRANSACTION_SIGNATURES_MAX;
use crate::signature::{Envelope, SignatureError};

/// A transaction whose form was checked, with the bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedTransaction {
    bytes: Vec<u8>,
    digest: [u8; 32],
    signatures: usize,
    transaction: Transaction,
}

/// The name of a transaction's bytes, signatures included.
#[must_use]
pub fn transaction_digest(bytes: &[u8]) -> [u8; 32] {
    blake3::derive_key("dotkey transaction digest v1", bytes)
}

/// How a transaction's chain stands to what the ledger has pinned.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'a> {
    /// It goes through the pinned policy, if there is one.
    Forward(Option<&'a Anchor>),
    /// Its last update is a recovery, made against this earlier policy.
    Recovery(&'a Anchor),
}

impl SignedTransaction {
    /// Reads a transaction.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let (transaction, signatures) = Transaction::decode_counting(bytes)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            digest: transaction_digest(bytes),
            signatures,
            transaction,
        })
    }

    /// What it asks.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// As it was signed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of these very bytes, signatures included.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many signatures are on it and in its chain.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.signatures
    }

    /// Verifies its chain and its signatures, which the admins of the chain's newest policy made.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify(&self, standing: Standing<'_>) -> Result<Authority, AuthorityError> {
        let envelope = Envelope::decode(&self.bytes).expect("it was decoded");
        let chain = Chain::encode(&self.transaction.chain);
        let chain = Chain::decode(&chain)?;
        let found = self.signatures;
        if found > TRANSACTION_SIGNATURES_MAX {
            let max = TRANSACTION_SIGNATURES_MAX;
            return Err(AuthorityError::TooManySignatures { found, max });
        }
        let key_id = self.transaction.key_id;
        let authority = match standing {
            Standing::Forward(anchor) => chain.verify(key_id, anchor)?,
            Standing::Recovery(before) => chain.verify_recovery(key_id, before)?,
        };
        self.check_signatures(&envelope, &authority)?;
        Ok(authority)
    }

    fn check_signatures(
        &self,
        envelope: &Envelope<'_>,
        authority: &Authority,
    ) -> Result<(), AuthorityError> {
        let policy = authority.policy();
        let mut signers: Vec<PublicKey> = Vec::with_capacity(envelope.signatures.len());
        for signature in &envelope.signatures {
            let number = policy.number;
            let Some(key) = policy.keys.iter().find(|key| signature.is_by(&key.public)) else {
                let signer = signature.signer();
                return Err(AuthorityError::UnknownSigner { signer, number });
            };
            if !key.roles.contains(&Role::Admin) {
                let signer = Box::new(key.public);
                return Err(AuthorityError::NotAdmin { signer, number });
            }
            signers.push(key.public);
        }
        let subject = self.transaction.subject();
        let mut buffer = Vec::with_capacity(envelope.payload.len() + 128);
        for (signature, signer) in envelope.signatures.iter().zip(&signers) {
            signature.verify(signer, &subject, envelope.payload, &mut buffer)?;
        }
        let reached = policy.weight_of(&Role::Admin, &signers);
        let needed = policy
            .threshold(&Role::Admin)
            .expect("every policy has a threshold for `admin`");
        if reached < needed {
            return Err(AuthorityError::Threshold { reached, needed });
        }
        Ok(())
    }
}

/// Why a transaction does not speak for its identity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AuthorityError {
    /// The chain does not show who acts for the identity.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A signature is refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// More signatures than anybody needs.
    #[error(
        "the transaction and its chain carry {found} signatures; {max} are the most: begin the chain with the pinned policy"
    )]
    TooManySignatures {
        /// How many.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// A signer whom the policy does not know.
    #[error(
        "{signer} signed the transaction, but is no key of policy number {number}, the newest of its chain"
    )]
    UnknownSigner {
        /// Who signed, which need not be a key at all.
        signer: String,
        /// The number of the policy.
        number: u32,
    },
    /// A signer with other roles.
    #[error(
        "{signer} signed the transaction, but policy number {number} does not make it an admin, and only admins act on the ledger"
    )]
    NotAdmin {
        /// Who signed.
        signer: Box<PublicKey>,
        /// The number of the policy.
        number: u32,
    },
    /// Too few of those who must sign.
    #[error(
        "the transaction is signed with weight {reached} of the {needed} that its identity's admins need; collect more signatures"
    )]
    Threshold {
        /// The weight that signed.
        reached: u32,
        /// The weight it takes.
        needed: u32,
    },
}

impl AuthorityError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Chain(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::TooManySignatures { .. } => "too-many-signatures",
            Self::UnknownSigner { .. } => "unknown-signer",
            Self::NotAdmin { .. } => "wrong-role",
            Self::Threshold { .. } => "threshold",
        }
    }
}
