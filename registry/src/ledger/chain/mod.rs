//! The chain of blocks: executes what is proposed, writes what is final, and reads what was written.
//!
//! Blocks are executed in memory on top of each other until one of them is final; then it goes to disk in one batch with the tree's
//! nodes, the values, the header, the certificate and the body, so that a crash leaves the block before or this one. What is
//! read is what is final. A state that cannot be read or does not match its header is an error that nothing is built on.

mod begin;
mod epochs;
mod error;
mod import;
mod layers;
mod reads;
mod scribe;
mod snapshot;
mod sweep;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dotkey_proto::ledger::{
    BODY_BYTES_MAX, Body, Certificate, Genesis, Header, SignedTransaction, transactions_digest,
};
use dotkey_proto::time::Timestamp;

use super::disk::Disk;
use super::referee::{Judge, Registrar};
use super::rules::{self, Bench, Context, Fault, Known, Receipt, Session, Setback};
use super::state::{self, Changes};
use super::update::Update;
use super::{Charter, Memo};
use crate::store::{Column, Store};
use begin::{
    TIP_CELL, block_writes, first_block, read_base, read_tip, tip_of, validator_set,
    validators_digest,
};
use layers::{Changed, Executed, Layers, Unfinished};
use snapshot::Offers;
use tokio::sync::watch;

pub use epochs::Voter;
pub use error::ChainError;
pub use import::Import;

/// Blocks that are executed and not final: the engine is a few ahead of itself at most.
const EXECUTED_MAX: usize = 64;

/// Blocks whose state can still be read and proved, the newest among them.
pub const VERSIONS_KEPT: u64 = 256;

/// Leaves that a start checks against the root, from the first place on: under a second. What is read later is checked then.
const AUDITED_LEAVES: usize = 8192;

/// The cell of [`Column::Node`] that has the height of the block whose state was taken over, where one was.
const BASE_CELL: &[u8] = b"ledger-base";

/// See the module.
pub struct Chain {
    charter: Charter,
    memo: Memo,
    registrar: Registrar,
    disk: Disk,
    genesis: Header,
    inner: Mutex<Inner>,
    tips: watch::Sender<u64>,
    walks: Mutex<epochs::Walks>,
}

struct Inner {
    tip: Tip,
    executed: Unfinished,
    /// The first block whose state was ever here, besides the genesis: those after it can be given to others.
    base: u64,
    /// Whether nothing lies below the base any more.
    is_swept: bool,
    offers: Offers,
}

/// The last block that is final.
#[derive(Clone)]
struct Tip {
    header: Header,
    digest: [u8; 32],
    validators_after: [u8; 32],
}

impl Chain {
    /// Opens the ledger of a network in a store, and begins it if there is none.
    ///
    /// # Errors
    /// Another network's ledger, or one that is damaged.
    pub fn open(store: Arc<Store>, genesis: &Genesis, judge: Judge) -> Result<Self, ChainError> {
        let charter = Charter::of(genesis);
        let disk = Disk::new(store);
        let (first, update, changes) = first_block(&charter, genesis)?;
        let base = read_base(&disk)?;
        disk.rise(base);
        let tip = match disk.store.get(Column::Node, TIP_CELL)? {
            Some(cell) => read_tip(&disk, &first, &cell)?,
            None => {
                let mut writes = disk.writes(0, &update, &changes)?;
                writes.extend(block_writes(&first, None, &Body::default().encode()));
                disk.write_block(&update, &writes)?;
                tip_of(&disk, first.clone())?
            }
        };
        disk.written(tip.header.height, &Changes::new());
        sweep::finish(&disk, tip.header.height)?;
        let chain = Self {
            memo: Memo::default(),
            registrar: Registrar { judge },
            disk,
            genesis: first,
            tips: watch::Sender::new(tip.header.height),
            walks: Mutex::default(),
            inner: Mutex::new(Inner {
                tip,
                executed: BTreeMap::new(),
                base,
                is_swept: base == 0,
                offers: Offers::default(),
            }),
            charter,
        };
        chain.audit(AUDITED_LEAVES)?;
        chain.complete(genesis)?;
        Ok(chain)
    }

    /// Block 0, which nobody votes for.
    #[must_use]
    pub fn genesis(&self) -> &Header {
        &self.genesis
    }

    /// The numbers of the rules.
    #[must_use]
    pub fn charter(&self) -> &Charter {
        &self.charter
    }

    /// The header of the last block that is final.
    #[must_use]
    pub fn tip(&self) -> Header {
        self.inner().tip.header.clone()
    }

    /// The block after which all are here: 0, unless a later state was taken over.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.inner().base
    }

    /// The height of the last block that is final, as it changes.
    #[must_use]
    pub fn tips(&self) -> watch::Receiver<u64> {
        self.tips.subscribe()
    }

    /// Whether the state after this block is at hand.
    #[must_use]
    pub fn is_executed(&self, digest: &[u8; 32]) -> bool {
        let inner = self.inner();
        inner.tip.digest == *digest || inner.executed.contains_key(digest)
    }

    /// Executes a block that another made, on a parent that is executed.
    ///
    /// # Errors
    /// [`ChainError::Invalid`] when it breaks a rule; all else is this node's trouble.
    pub fn execute(&self, header: &Header, body: &Body) -> Result<Vec<Receipt>, ChainError> {
        self.execute_known(header, body, &|_| None)
    }

    /// As [`Chain::execute`]; transactions that are `known` are not decoded again.
    ///
    /// # Errors
    /// See [`Chain::execute`].
    pub fn execute_known(
        &self,
        header: &Header,
        body: &Body,
        known: Known<'_>,
    ) -> Result<Vec<Receipt>, ChainError> {
        let digest = header.digest();
        if let Some(known) = self.inner().executed.get(&digest) {
            return Ok(known.receipts.clone());
        }
        let (layers, parent) = self.below(&header.parent)?;
        check_head(&self.charter, &parent, header)?;
        let context = context_of(header);
        let applied = rules::apply(&layers, self.bench(), context, (body, known));
        let (changes, receipts) = applied.map_err(|fault| match fault {
            Fault::Refused { .. } => ChainError::Invalid(fault.to_string()),
            Fault::State(error) => ChainError::State(error),
        })?;
        let body = body.encode();
        let made = self.build((&layers, &parent), header.time, body, (changes, receipts))?;
        // One by one, so that a developer who meets it knows where two programs part.
        for (what, same) in [
            ("state root", made.header.state_root == header.state_root),
            (
                "digest of transactions",
                made.header.transactions == header.transactions,
            ),
            (
                "next validators",
                made.header.next_validators == header.next_validators,
            ),
        ] {
            if !same {
                let why = format!("the header names another {what} than its transactions give");
                return Err(ChainError::Invalid(why));
            }
        }
        assert!(
            made.digest == digest,
            "a header is what was compared, and what was checked before"
        );
        let receipts = made.receipts.clone();
        self.keep(made)?;
        Ok(receipts)
    }

    /// Makes a block of those of the transactions that are taken, in their order, and executes it. Says which were not taken.
    ///
    /// # Errors
    /// A parent that is not executed, or trouble of this node.
    pub fn propose(
        &self,
        parent: &[u8; 32],
        time: Timestamp,
        transactions: impl IntoIterator<Item = Arc<SignedTransaction>>,
    ) -> Result<Proposal, ChainError> {
        let (layers, parent) = self.below(parent)?;
        let height = parent.header.height + 1;
        let context = Context {
            height,
            time,
            parent: parent.digest,
        };
        let mut session = Session::open(&layers, self.bench(), context)?;
        let (mut body, mut bytes) = (Body::default(), Body::cost(0));
        let (mut receipts, mut refused) = (Vec::new(), Vec::new());
        for transaction in transactions {
            let len = transaction.as_bytes().len();
            if bytes + Body::cost(len) > BODY_BYTES_MAX {
                break;
            }
            match session.take(&transaction) {
                Ok(receipt) => {
                    bytes += Body::cost(len);
                    body.0.push(transaction.as_bytes().to_vec());
                    receipts.push(receipt);
                }
                Err(Setback::Refused(refusal)) => refused.push((transaction.digest(), refusal)),
                Err(Setback::State(error)) => return Err(error.into()),
            }
        }
        let changes = session.close()?;
        let bytes = body.encode();
        let made = self.build((&layers, &parent), time, bytes, (changes, receipts))?;
        let (header, transactions) = (made.header.clone(), made.transactions.clone());
        self.keep(made)?;
        Ok(Proposal {
            header,
            body,
            transactions,
            refused,
        })
    }

    /// Writes a block that is final, with what speaks for it, and forgets those that it excludes. A second time does nothing.
    ///
    /// # Errors
    /// A block that was not executed or does not follow, or trouble of this node. Either halts it.
    pub fn finalise(
        &self,
        digest: &[u8; 32],
        certificate: Option<&Certificate>,
    ) -> Result<Vec<Receipt>, ChainError> {
        let mut inner = self.inner();
        if inner.tip.digest == *digest {
            return Ok(Vec::new());
        }
        let block = inner
            .executed
            .get(digest)
            .cloned()
            .ok_or(ChainError::NotExecuted)?;
        let height = block.header.height;
        if block.header.parent != inner.tip.digest {
            return Err(ChainError::NotNext {
                tip: inner.tip.header.height,
                found: height,
            });
        }
        let mut writes = self.disk.writes(height, &block.update, &block.changes)?;
        inner.offers.pass(block.header.time);
        let window = (height + 1).saturating_sub(VERSIONS_KEPT);
        writes.extend(self.disk.prune(inner.offers.oldest(window))?);
        writes.extend(inner.sweep(&self.disk, window)?);
        writes.extend(block_writes(
            &block.header,
            certificate,
            &block.transactions,
        ));
        if block.header.next_validators.is_some() {
            let layers = Layers {
                blocks: vec![Arc::clone(&block)],
                disk: self.disk.clone(),
                version: inner.tip.header.height,
            };
            let seats = state::seats(&layers)?;
            let epoch = block.header.epoch;
            writes.extend(epochs::turn_write(epoch, &seats.former, &seats.current)?);
        }
        self.disk.write_block(&block.update, &writes)?;
        self.disk.written(height, &block.changes);
        inner.tip = Tip {
            header: block.header.clone(),
            digest: *digest,
            validators_after: block.validators_after,
        };
        self.tips.send_replace(height);
        let unfinished = &mut inner.executed;
        // Those beside it, and what was built on them: nothing of their height or below can be final any more.
        unfinished.retain(|_, other| other.header.height > height);
        loop {
            let orphans = layers::orphans(unfinished, digest);
            if orphans.is_empty() {
                break;
            }
            unfinished.retain(|digest, _| !orphans.contains(digest));
        }
        drop(inner);
        let receipts = block.receipts.clone();
        // Where somebody still reads it, the disk has its nodes as well.
        if let Some(block) = Arc::into_inner(block) {
            self.disk.remember(height, block.update);
        }
        Ok(receipts)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Whoever panicked held it for reading, or before the tip moved, which comes after the disk.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bench(&self) -> Bench<'_> {
        Bench {
            charter: &self.charter,
            memo: &self.memo,
            referee: &self.registrar,
        }
    }

    /// The state after a block, and what a block on it has to follow.
    fn below(&self, parent: &[u8; 32]) -> Result<(Layers, Tip), ChainError> {
        let inner = self.inner();
        let mut blocks = Vec::new();
        let mut digest = *parent;
        while digest != inner.tip.digest {
            let block = inner.executed.get(&digest).ok_or(ChainError::NotExecuted)?;
            digest = block.header.parent;
            blocks.push(Arc::clone(block));
        }
        let tip = blocks.first().map_or_else(
            || inner.tip.clone(),
            |newest| Tip {
                header: newest.header.clone(),
                digest: newest.digest,
                validators_after: newest.validators_after,
            },
        );
        let (disk, version) = (self.disk.clone(), inner.tip.header.height);
        Ok((
            Layers {
                blocks,
                disk,
                version,
            },
            tip,
        ))
    }

    /// The header and the tree's update of a block whose changes are known.
    fn build(
        &self,
        (layers, parent): (&Layers, &Tip),
        time: Timestamp,
        body: Vec<u8>,
        (changes, receipts): (Changes, Vec<Receipt>),
    ) -> Result<Executed, ChainError> {
        let height = parent.header.height + 1;
        let (state_root, update) = Update::of(&changes, height, &|key| layers.node(key))?;
        let mut validators_after = parent.validators_after;
        let mut next_validators = None;
        if self.charter.is_epoch_end(height) {
            let view = Changed {
                below: layers,
                changes: &changes,
            };
            validators_after = validators_digest(&state::seats(&view)?.current)?;
            next_validators = Some(validators_after);
        }
        let header = Header {
            network: self.charter.network,
            height,
            time,
            parent: parent.digest,
            state_root,
            transactions: transactions_digest(&body),
            epoch: self.charter.epoch(height),
            validators: parent.validators_after,
            next_validators,
        };
        Ok(Executed {
            digest: header.digest(),
            header,
            transactions: body.into(),
            changes,
            update,
            receipts,
            validators_after,
        })
    }

    fn keep(&self, block: Executed) -> Result<(), ChainError> {
        let mut inner = self.inner();
        if inner.executed.len() >= EXECUTED_MAX && !inner.executed.contains_key(&block.digest) {
            // Views that came to nothing leave blocks behind. If one is wanted again, it is executed again.
            let oldest = layers::abandoned(&inner.executed, &block.header.parent);
            let oldest = oldest.ok_or(ChainError::TooManyUnfinished(EXECUTED_MAX))?;
            inner.executed.remove(&oldest);
        }
        // It may have been finalised by another thread since it was begun.
        if block.header.height > inner.tip.header.height {
            inner.executed.insert(block.digest, Arc::new(block));
        }
        Ok(())
    }
}

/// A block that was made here.
#[derive(Debug)]
pub struct Proposal {
    /// Its header.
    pub header: Header,
    /// Its transactions.
    pub body: Body,
    /// Their bytes, as the header names them.
    pub transactions: Bytes,
    /// Those that were not taken, by their digests, and why.
    pub refused: Vec<([u8; 32], super::Refusal)>,
}

fn context_of(header: &Header) -> Context {
    Context {
        height: header.height,
        time: header.time,
        parent: header.parent,
    }
}

/// What a header says that does not follow from its transactions.
fn check_head(charter: &Charter, parent: &Tip, header: &Header) -> Result<(), ChainError> {
    let height = parent.header.height + 1;
    let why = if header.network != charter.network {
        "it is of another network"
    } else if header.height != height {
        "its height is not one more than its parent's"
    } else if header.time < parent.header.time {
        "it is older than its parent"
    } else if header.epoch != charter.epoch(height) {
        "it names another epoch than its height's"
    } else if header.validators != parent.validators_after {
        "it names other validators than its epoch's"
    } else {
        return Ok(());
    };
    Err(ChainError::Invalid(why.to_owned()))
}
