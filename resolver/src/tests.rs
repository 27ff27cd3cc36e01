//! What tests of several modules share: keys, records and a source that gives what it was told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use dotkey_proto::dns::RecordType;
use dotkey_proto::identity::{Branch, KeyId, Policy, PublicKey};
use dotkey_proto::ledger::Subject;
use dotkey_proto::record::{Claims, SignedRecord};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::text::toml;
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::Zone;

use tokio::sync::Notify;

use crate::source::{Fetch, Hint, Origin, Source, SourceError, Wanted};

/// The time of all tests.
pub(crate) const NOW_SECS: u64 = 1_795_284_000;

pub(crate) fn now() -> Timestamp {
    Timestamp::from_secs(NOW_SECS).expect("in range")
}

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// The bare identity of a test's key.
pub(crate) fn key_id(seed: u8) -> KeyId {
    Policy::bare_key_id(PublicKey::Ed25519(secret(seed).public()))
}

pub(crate) fn zone(text: &str) -> Zone {
    let document = toml::parse(text, "test.toml");
    document.unwrap_or_else(|error| panic!("{error}")).zone
}

/// A record of a key's zone that holds for an hour around [`NOW_SECS`].
pub(crate) fn record(seed: u8, sequence: u64, zone: &Zone) -> Vec<u8> {
    let window = now().saturating_sub(600)..now().saturating_add(3000);
    let record = SignedRecord::of_bare_key(&secret(seed), sequence, window, zone.encode());
    record.expect("a record").as_bytes().to_vec()
}

/// The same of a branch.
pub(crate) fn branch_record(seed: u8, sequence: u64, branch: &str, zone: &Zone) -> Vec<u8> {
    let whole = record(seed, sequence, zone);
    let (claims, _) = Claims::resume(&whole).expect("a record");
    let branch: Branch = branch.parse().expect("a branch");
    let claims = Claims {
        branch: Some(branch),
        ..claims
    };
    let mut draft = claims.draft().expect("claims");
    draft.sign(&secret(seed));
    draft.encode()
}

/// A source that gives what it was told, and counts.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Told>>, Arc<Notify>);

#[derive(Default)]
struct Told {
    records: HashMap<(KeyId, Option<Branch>), Vec<u8>>,
    proofs: HashMap<String, Vec<u8>>,
    /// Proofs with records in them, where it gives both at once.
    together: HashMap<String, Vec<u8>>,
    all: Option<Vec<u8>>,
    silent: bool,
    asked: usize,
}

impl Memory {
    pub(crate) fn tell(&self, seed: u8, branch: Option<&str>, record: Vec<u8>) {
        let branch = branch.map(|branch| branch.parse().expect("a branch"));
        self.0
            .lock()
            .expect("whole")
            .records
            .insert((key_id(seed), branch), record);
        self.1.notify_one();
    }

    pub(crate) fn prove(&self, label: &str, bundle: Vec<u8>) {
        let mut told = self.0.lock().expect("whole");
        told.proofs.insert(label.to_owned(), bundle);
    }

    /// Gives this proof, and what is in it, to who asks for a proof and a record at once.
    pub(crate) fn prove_together(&self, label: &str, bundle: Vec<u8>) {
        let mut told = self.0.lock().expect("whole");
        told.together.insert(label.to_owned(), bundle);
    }

    /// Gives this record whoever is asked for.
    pub(crate) fn give_all(&self, record: Vec<u8>) {
        self.0.lock().expect("whole").all = Some(record);
    }

    pub(crate) fn silence(&self, silent: bool) {
        self.0.lock().expect("whole").silent = silent;
    }

    /// How often it was asked for something.
    pub(crate) fn asked(&self) -> usize {
        self.0.lock().expect("whole").asked
    }

    fn answer(
        &self,
        what: impl Fn(&Told) -> Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let mut told = self.0.lock().expect("whole");
        told.asked += 1;
        match told.silent {
            true => Err(SourceError::TimedOut { waited_ms: 1 }),
            false => Ok(what(&told)),
        }
    }
}

impl Source for Memory {
    fn origin(&self) -> Origin {
        Origin::Other("memory".into())
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        Box::pin(async move {
            let key = (wanted.key_id, wanted.branch.clone());
            self.answer(|told| told.records.get(&key).or(told.all.as_ref()).cloned())
        })
    }

    fn proof<'a>(&'a self, subject: &'a Subject, _epoch: u64) -> Fetch<'a> {
        Box::pin(async move {
            let Subject::Name(label) = subject else {
                return Ok(None);
            };
            self.answer(|told| told.proofs.get(label).cloned())
        })
    }

    fn proof_with_record<'a>(&'a self, subject: &'a Subject, _epoch: u64) -> Option<Fetch<'a>> {
        let Subject::Name(label) = subject else {
            return None;
        };
        let together = self.0.lock().expect("whole").together.contains_key(label);
        together.then(|| -> Fetch<'a> {
            Box::pin(async move { self.answer(|told| told.together.get(label).cloned()) })
        })
    }

    fn changed<'a>(&'a self, _key_id: &'a KeyId) -> Hint<'a> {
        Box::pin(self.1.notified())
    }
}

/// A type by its mnemonic.
pub(crate) fn rtype(text: &str) -> RecordType {
    text.parse().expect("a type")
}
