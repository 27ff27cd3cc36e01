//! The secrets of a validator, as they lie in a data folder.

use std::fmt;
use std::path::Path;

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::{
    Action, Candidate, LedgerError, SignedTransaction, Transaction, Validator, VotingKey,
};
use dotkey_proto::signature::{Ed25519Key, SecretKey};

use crate::consensus::Identity;
use crate::node::{StartError, secret_file};

/// The file in the data folder.
pub const VALIDATOR_KEY_FILE: &str = "validator.key";

/// The ed25519 secret by which other validators know this one, and the BLS secret that it votes with. Not printed.
///
/// Two nodes with the same secrets would sign two things sooner or later, and be kept out for good: a copy is for a node that is gone.
#[derive(Clone)]
pub struct ValidatorKey {
    identity: [u8; 32],
    vote: [u8; 32],
}

impl fmt::Debug for ValidatorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValidatorKey")
    }
}

impl ValidatorKey {
    /// Makes secrets and writes them into a data folder that has none.
    ///
    /// # Errors
    /// A file that cannot be written, or that is there already.
    pub fn make(data: &Path) -> Result<Self, StartError> {
        if let Some(there) = Self::load(data)? {
            return Ok(there);
        }
        let mut secrets = [0; 64];
        let key = loop {
            getrandom::fill(&mut secrets).map_err(StartError::Random)?;
            // About every second number is too large for a BLS secret.
            if let Some(key) = Self::of(&secrets) {
                break key;
            }
        };
        secret_file::write(&data.join(VALIDATOR_KEY_FILE), &secrets)?;
        Ok(key)
    }

    /// The secrets of a data folder; `None` where there are none.
    ///
    /// # Errors
    /// A file that others can read, that cannot be read, or that has no such secrets.
    pub fn load(data: &Path) -> Result<Option<Self>, StartError> {
        let file = data.join(VALIDATOR_KEY_FILE);
        let secrets = match secret_file::read::<64>(&file) {
            Ok(Some(secrets)) => secrets,
            Ok(None) => return Ok(None),
            Err(StartError::Key { file }) => return Err(StartError::ValidatorKey { file }),
            Err(error) => return Err(error),
        };
        let key = Self::of(&secrets).ok_or(StartError::ValidatorKey { file })?;
        Ok(Some(key))
    }

    fn of(secrets: &[u8; 64]) -> Option<Self> {
        let (identity, vote) = secrets.split_at(32);
        let key = Self {
            identity: identity.try_into().ok()?,
            vote: vote.try_into().ok()?,
        };
        Identity::new(&key.identity, &key.vote).ok().map(|_| key)
    }

    /// What others are told, so that they make it a validator.
    ///
    /// # Panics
    /// Never: the secrets were checked.
    #[must_use]
    pub fn candidate(&self, address: &str) -> Candidate {
        let identity = self.secrets();
        let public = identity.validator(address);
        Candidate {
            validator: Validator {
                identity: Ed25519Key::from_bytes(public.identity).expect("a secret has a key"),
                key: VotingKey::from_bytes(&public.vote_key).expect("a secret has a key"),
            },
            possession: identity.possession(),
            address: public.address,
        }
    }

    /// By which other validators know it.
    #[must_use]
    pub fn identity_key(&self) -> [u8; 32] {
        self.secrets().validator("").identity
    }

    /// The identity that acts for it on the ledger: the bare key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        Policy::bare_key_id(self.public())
    }

    /// A transaction of this validator, of which the ledger asks for no opening.
    ///
    /// # Errors
    /// An action that is out of its range.
    pub fn sign(
        &self,
        network: [u8; 32],
        nonce: u64,
        action: Action,
    ) -> Result<SignedTransaction, LedgerError> {
        let policy = Policy::bare(self.public()).encode();
        let transaction = Transaction {
            network,
            key_id: self.key_id(),
            nonce,
            chain: vec![policy.expect("a bare key is a policy")],
            action,
            opening: None,
        };
        let mut draft = transaction.draft()?;
        draft.sign(&SecretKey::from_seed(&self.identity));
        SignedTransaction::decode(&draft.encode())
    }

    fn public(&self) -> PublicKey {
        PublicKey::Ed25519(SecretKey::from_seed(&self.identity).public())
    }

    pub(super) fn secrets(&self) -> Identity {
        Identity::new(&self.identity, &self.vote).expect("they were checked when they were made")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn secrets_are_made_once_and_show_their_possession() {
        let data = tempfile::tempdir().expect("a folder");
        assert!(ValidatorKey::load(data.path()).expect("readable").is_none());
        let made = ValidatorKey::make(data.path()).expect("made");
        let candidate = made.candidate("127.0.0.1:4381");
        candidate.admit().expect("it knows its secret");
        let again = ValidatorKey::make(data.path()).expect("read");
        assert_eq!(again.candidate("127.0.0.1:4381"), candidate);
        assert_eq!(format!("{made:?}"), "ValidatorKey");
        let file = data.path().join(VALIDATOR_KEY_FILE);
        for bad in [vec![0; 63], vec![255; 64], vec![1; 65]] {
            fs::write(&file, bad).expect("written");
            let error = ValidatorKey::load(data.path()).expect_err("no secrets");
            assert!(error.to_string().contains("validator.key"), "{error}");
        }
    }
}
