//! An identity as the store has it: verified policies, and the key files beside them.

use std::path::PathBuf;

use dotkey_proto::identity::{Authority, Chain, Key, KeyId, Policy, PublicKey, key_id_of};
use dotkey_proto::keyfile::KeyFile;
use dotkey_proto::signature::Ed25519Key;

use super::KeyName;
use crate::exit::{CliError, Result};

/// An identity of this data folder.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) name: KeyName,
    pub(crate) folder: PathBuf,
    /// The genesis policy and the updates since.
    pub(crate) chain: Vec<Vec<u8>>,
    /// What they give.
    pub(crate) authority: Authority,
    /// The secret keys that are here.
    pub(crate) keys: Vec<StoredKey>,
}

/// A key file in the store.
#[derive(Clone, Debug)]
pub(crate) struct StoredKey {
    pub(crate) path: PathBuf,
    pub(crate) file: KeyFile,
}

/// What a secret key is to its identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Held {
    /// A key of the newest policy.
    InUse,
    /// The one key of the next policy.
    Next,
    /// A recovery key.
    Recovery,
    /// None of these: rotated away, or waiting for a recovery.
    Aside,
}

impl Held {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::InUse => "in use",
            Self::Next => "next",
            Self::Recovery => "recovery",
            Self::Aside => "not in use",
        }
    }
}

/// Verifies the policies of an identity from its genesis policy on.
pub(crate) fn verify_chain(chain: &[Vec<u8>], what: &str) -> Result<Authority> {
    let Some(genesis) = chain.first() else {
        return Err(CliError::invalid(
            "missing-key",
            format!("{what} has no policy"),
            "get a new copy of it",
        ));
    };
    let encoded = Chain::encode(chain);
    let verified = Chain::decode(&encoded).and_then(|chain| chain.verify(key_id_of(genesis), None));
    verified.map_err(|error| {
        CliError::invalid(
            error.code(),
            format!("{what}: {error}"),
            "get a new copy of it from whoever made it, or from a backup",
        )
    })
}

impl Identity {
    pub(crate) fn key_id(&self) -> KeyId {
        self.authority.key_id()
    }

    pub(crate) fn policy(&self) -> &Policy {
        self.authority.policy()
    }

    /// Its only key, where that is what it has.
    pub(crate) fn single_key(&self) -> Option<&Key> {
        match &self.policy().keys[..] {
            [key] => Some(key),
            _ => None,
        }
    }

    /// What a key file is to it.
    pub(crate) fn held(&self, key: &StoredKey) -> Held {
        let public = PublicKey::Ed25519(key.file.public);
        let policy = self.policy();
        let recovers = |recovery: &dotkey_proto::identity::Recovery| {
            recovery.keys.iter().any(|key| key.public == public)
        };
        if policy.key(&public).is_some() {
            Held::InUse
        } else if policy.next.is_some() && policy.next == self.commitment_to(&public) {
            Held::Next
        } else if policy.recovery.as_ref().is_some_and(recovers) {
            Held::Recovery
        } else {
            Held::Aside
        }
    }

    /// The secret key that is ready to be the next one of a single-key identity.
    pub(crate) fn next_key(&self) -> Option<&StoredKey> {
        self.keys.iter().find(|key| self.held(key) == Held::Next)
    }

    /// The commitment to an authority like this one's, with another single key.
    fn commitment_to(&self, public: &PublicKey) -> Option<[u8; 32]> {
        self.with_single_key(*public)
            .map(|policy| policy.authority_commitment())
    }

    /// Its policy with another key in the place of its only one.
    pub(crate) fn with_single_key(&self, public: PublicKey) -> Option<Policy> {
        let key = Key {
            public,
            ..self.single_key()?.clone()
        };
        Some(Policy {
            keys: vec![key],
            ..self.policy().clone()
        })
    }

    /// The stored secret of a public key.
    pub(crate) fn stored(&self, public: &Ed25519Key) -> Option<&StoredKey> {
        self.keys.iter().find(|key| key.file.public == *public)
    }
}
