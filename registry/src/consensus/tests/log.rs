//! A real application, and a simple one: a log that takes each entry once. The root of its state is a hash over all entries.
//! An entry `validators 0 2 3` says who votes from the next epoch on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dotkey_proto::ledger::{Certificate, Header, transactions_digest};
use dotkey_proto::time::Timestamp;

use crate::consensus::{
    Application, Block, Evidence, Identity, Objection, TRANSACTIONS_BYTES_MAX, Tip, Validator,
};

pub(super) const NETWORK: [u8; 32] = [7; 32];

/// When the networks of the tests began; the deterministic runtime begins at the epoch of Unix.
pub(super) const BEGIN: u64 = 0;

/// The secrets of validator `at`.
pub(super) fn identity(at: u8) -> Identity {
    // A BLS secret is a number below the order of the group, which is above 2^254.
    let (mut identity, mut vote) = ([at + 1; 32], [at + 1; 32]);
    (identity[0], vote[0]) = (0, 0);
    Identity::new(&identity, &vote).expect("secrets")
}

#[derive(Clone, Default)]
struct State {
    root: [u8; 32],
    entries: BTreeSet<Bytes>,
    next: Vec<usize>,
}

#[derive(Default)]
struct Inner {
    blocks: Vec<(Block, Option<Certificate>)>,
    executed: BTreeMap<[u8; 32], State>,
    pending: BTreeSet<Bytes>,
    sets: Vec<Vec<usize>>,
    accused: Vec<Evidence>,
}

pub(super) struct Log {
    validators: Vec<Validator>,
    epoch_length: u64,
    inner: Mutex<Inner>,
}

fn entries(mut transactions: &[u8]) -> Option<Vec<Bytes>> {
    let mut entries = Vec::new();
    while let Some((len, rest)) = transactions.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        entries.push(Bytes::copy_from_slice(entry));
        transactions = rest;
    }
    transactions.is_empty().then_some(entries)
}

fn packed<'a>(entries: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut packed = Vec::new();
    for entry in entries {
        if packed.len() + 2 + entry.len() > TRANSACTIONS_BYTES_MAX {
            break;
        }
        let len = u16::try_from(entry.len()).expect("short entries");
        packed.extend_from_slice(&len.to_be_bytes());
        packed.extend_from_slice(entry);
    }
    packed.into()
}

impl State {
    fn after(&self, transactions: &[u8]) -> Result<Self, Objection> {
        let invalid = |what: &str| Objection::Invalid(what.to_owned());
        let mut after = self.clone();
        for entry in entries(transactions).ok_or_else(|| invalid("a broken frame"))? {
            if let Some(names) = entry.strip_prefix(b"validators ") {
                let names = std::str::from_utf8(names).map_err(|_| invalid("no names"))?;
                let names = names.split(' ').map(str::parse::<usize>);
                let names: Result<_, _> = names.collect();
                after.next = names.map_err(|_| invalid("no numbers"))?;
            }
            let root = [&after.root[..], &entry].concat();
            after.root = blake3::derive_key("dotkey test log", &root);
            if !after.entries.insert(entry) {
                return Err(invalid("an entry stands twice"));
            }
        }
        Ok(after)
    }
}

impl Log {
    /// The first `members` of the validators vote in the first epoch.
    pub(super) fn new(validators: Vec<Validator>, members: usize, epoch_length: u64) -> Self {
        let log = Self {
            validators,
            epoch_length,
            inner: Mutex::default(),
        };
        {
            let mut inner = log.inner();
            let genesis = log.genesis();
            let next: Vec<usize> = (0..members).collect();
            let state = State {
                next: next.clone(),
                ..State::default()
            };
            inner.sets.push(next);
            inner.executed.insert(genesis.digest(), state);
            inner.blocks.push((genesis, None));
        }
        log
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a process that is killed forgets: everything but the final blocks.
    pub(super) fn forget(&self) {
        let mut inner = self.inner();
        let tip = inner.blocks.last().expect("genesis").0.digest();
        inner.executed.retain(|digest, _| *digest == tip);
    }

    /// An entry is to be written.
    pub(super) fn submit(&self, entry: &str) -> Bytes {
        let entry = Bytes::copy_from_slice(entry.as_bytes());
        self.inner().pending.insert(entry.clone());
        entry
    }

    /// The final blocks' digests, genesis first.
    pub(super) fn chain(&self) -> Vec<[u8; 32]> {
        self.inner()
            .blocks
            .iter()
            .map(|(block, _)| block.digest())
            .collect()
    }

    pub(super) fn block(&self, height: u64) -> (Block, Option<Certificate>) {
        self.inner().blocks[usize::try_from(height).expect("a height")].clone()
    }

    pub(super) fn holds(&self, entry: &str) -> bool {
        let inner = self.inner();
        let tip = inner.blocks.last().expect("genesis").0.digest();
        inner.executed[&tip].entries.contains(entry.as_bytes())
    }

    pub(super) fn accused(&self) -> Vec<Evidence> {
        self.inner().accused.clone()
    }
}

impl Application for Log {
    fn genesis(&self) -> Block {
        let header = Header {
            network: NETWORK,
            height: 0,
            time: Timestamp::from_secs(BEGIN).expect("a time"),
            parent: [0; 32],
            state_root: [0; 32],
            transactions: transactions_digest(&[]),
            epoch: 0,
            validators: [0; 32],
            next_validators: None,
        };
        Block::new(header, Bytes::new()).expect("a block")
    }

    fn tip(&self) -> Tip {
        let inner = self.inner();
        let (block, _) = inner.blocks.last().expect("genesis");
        Tip {
            height: block.header().height,
            digest: block.digest(),
        }
    }

    fn validators(&self, epoch: u64) -> Option<Vec<Validator>> {
        let inner = self.inner();
        let set = inner.sets.get(usize::try_from(epoch).ok()?)?;
        Some(set.iter().map(|at| self.validators[*at].clone()).collect())
    }

    fn observers(&self) -> Vec<Validator> {
        self.validators.clone()
    }

    fn executed(&self, digest: &[u8; 32]) -> bool {
        self.inner().executed.contains_key(digest)
    }

    fn execute(&self, block: &Block) -> Result<(), Objection> {
        let mut inner = self.inner();
        let before = inner
            .executed
            .get(&block.header().parent)
            .expect("the parent is executed");
        let after = before.after(block.transactions())?;
        if after.root != block.header().state_root {
            return Err(Objection::Invalid("another root".to_owned()));
        }
        inner.executed.insert(block.digest(), after);
        Ok(())
    }

    fn has_work(&self, parent: &Header) -> bool {
        let inner = self.inner();
        let state = inner.executed.get(&parent.digest());
        state.is_some_and(|state| {
            inner
                .pending
                .iter()
                .any(|entry| !state.entries.contains(entry))
        })
    }

    fn propose(&self, parent: &Header, time: Timestamp) -> Result<Block, Objection> {
        let mut inner = self.inner();
        let parent_digest = parent.digest();
        let before = inner
            .executed
            .get(&parent_digest)
            .expect("the parent is executed")
            .clone();
        let transactions = packed(
            inner
                .pending
                .iter()
                .filter(|entry| !before.entries.contains(*entry)),
        );
        let after = before.after(&transactions)?;
        let height = parent.height + 1;
        let header = Header {
            network: NETWORK,
            height,
            time,
            parent: parent_digest,
            state_root: after.root,
            transactions: transactions_digest(&transactions),
            epoch: height / self.epoch_length,
            validators: [0; 32],
            next_validators: None,
        };
        let block = Block::new(header, transactions).expect("a block");
        inner.executed.insert(block.digest(), after);
        Ok(block)
    }

    fn finalise(&self, block: &Block, certificate: Option<&Certificate>) -> Result<(), Objection> {
        let tip = self.tip();
        let height = block.header().height;
        assert!(height == tip.height + 1, "heights come one by one");
        assert!(
            block.header().parent == tip.digest,
            "final blocks follow each other"
        );
        if !self.executed(&block.digest()) {
            self.execute(block)?;
        }
        let mut inner = self.inner();
        let state = inner.executed.remove(&block.digest()).expect("executed");
        inner.pending.retain(|entry| !state.entries.contains(entry));
        if (height + 1).is_multiple_of(self.epoch_length) {
            inner.sets.push(state.next.clone());
        }
        // What stands on this block stays, and this block; the branches that it excludes cannot be told apart here.
        inner.executed.remove(&tip.digest);
        inner.executed.insert(block.digest(), state);
        inner.blocks.push((block.clone(), certificate.cloned()));
        Ok(())
    }

    fn receive(&self, transaction: &[u8]) -> bool {
        let mut inner = self.inner();
        let tip = inner.blocks.last().expect("genesis").0.digest();
        let known = inner.executed[&tip].entries.contains(transaction);
        !known && inner.pending.insert(Bytes::copy_from_slice(transaction))
    }

    fn accuse(&self, evidence: &Evidence) {
        self.inner().accused.push(evidence.clone());
    }
}
