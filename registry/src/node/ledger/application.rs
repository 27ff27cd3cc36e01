//! Executes the engine's blocks on the chain, and keeps what waits for one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Action, Body, Certificate, Header, SignedTransaction};
use dotkey_proto::time::Timestamp;
use tokio::sync::{broadcast, watch};

use super::outcomes::{Outcome, Outcomes};
use super::{Clock, ValidatorKey};
use crate::consensus::{Application, Block, Evidence, Objection, Tip, Validator};
use crate::ledger::rules::{Receipt, Setback, free_at};
use crate::ledger::state::StateError;
use crate::ledger::{
    CLAIM_BLOCKS_MIN, Chain, ChainError, Judge, Pool, PoolRefusal, Refusal, Voter,
};

/// Transactions that wait for whoever passes them on; who is slower loses some.
const TAKEN_MAX: usize = 1024;

/// See the module.
pub(super) struct Executor {
    pub(super) chain: Arc<Chain>,
    waiting: Mutex<Waiting>,
    key: Option<ValidatorKey>,
    clock: Clock,
    broken: OnceLock<String>,
    waits: Mutex<Option<String>>,
    /// Final blocks after which others may vote next.
    observers_changed: AtomicU64,
    tips: watch::Sender<u64>,
    taken: broadcast::Sender<Bytes>,
}

struct Waiting {
    pool: Pool,
    /// What a proposal did not take, by the height of its block: it is looked at again when one of that height is final.
    passed_over: BTreeMap<[u8; 32], u64>,
    outcomes: Outcomes,
}

/// Why a transaction does not wait here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It breaks a rule.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no place for it.
    #[error(transparent)]
    NoPlace(#[from] PoolRefusal),
    /// The state cannot be read.
    #[error("{0}")]
    Broken(String),
}

impl Executor {
    pub(super) fn new(
        chain: Arc<Chain>,
        key: Option<ValidatorKey>,
        clock: Clock,
    ) -> Result<Self, ChainError> {
        let outcomes = Outcomes::of(&chain)?;
        let tips = watch::Sender::new(chain.tip().height);
        Ok(Self {
            waiting: Mutex::new(Waiting {
                pool: Pool::default(),
                passed_over: BTreeMap::new(),
                outcomes,
            }),
            chain,
            key,
            clock,
            broken: OnceLock::new(),
            waits: Mutex::default(),
            observers_changed: AtomicU64::new(0),
            tips,
            taken: broadcast::Sender::new(TAKEN_MAX),
        })
    }

    /// Lets a transaction wait for a block. Says whether it is new here.
    pub(super) fn take(&self, transaction: Arc<SignedTransaction>) -> Result<bool, NotTaken> {
        if let Some(why) = self.broken() {
            return Err(NotTaken::Broken(why));
        }
        let asked = transaction.transaction();
        let (key_id, nonce) = (asked.key_id, asked.nonce);
        let before = {
            let waiting = self.waiting();
            if waiting.pool.get(&transaction.digest()).is_some() {
                return Ok(false);
            }
            waiting.pool.before(key_id, nonce)
        };
        let now = (self.clock)();
        match self.chain.check_after(&before, &transaction, now) {
            Ok(_) => {}
            // The blocks until then are made at once when something waits for them.
            Err(Setback::Refused(Refusal::TooEarly {
                label,
                from,
                height,
                ..
            })) if from <= height + CLAIM_BLOCKS_MIN => {
                self.check_free(label, now)?;
            }
            Err(Setback::Refused(refusal)) => return Err(refusal.into()),
            Err(Setback::State(error)) => return Err(NotTaken::Broken(self.halt(&error))),
        }
        let account = self.chain.account(key_id);
        let next = account.map_err(|error| NotTaken::Broken(self.halt(&error)))?;
        let bytes = Bytes::copy_from_slice(transaction.as_bytes());
        let is_new = self.waiting().pool.add(transaction, next.nonce, now)?;
        if is_new {
            // Nobody may be listening.
            let _ = self.taken.send(bytes);
        }
        Ok(is_new)
    }

    /// Whether somebody may claim a name, as far as that is known before its claim can be made.
    fn check_free(&self, label: String, now: Timestamp) -> Result<(), NotTaken> {
        let entry = self.chain.entry(&label);
        let entry = entry.map_err(|error| NotTaken::Broken(self.halt(&error)))?;
        match entry.map(|entry| (entry.key_id, free_at(self.chain.charter(), &entry))) {
            Some((holder, free)) if now < free => {
                let taken = Refusal::Taken {
                    label,
                    holder,
                    free,
                };
                Err(taken.into())
            }
            _ => Ok(()),
        }
    }

    /// What became of a transaction.
    pub(super) fn outcome(&self, id: &[u8; 32]) -> Outcome {
        let waiting = self.waiting();
        match waiting.outcomes.get(id) {
            Some(known) => known.clone(),
            None if waiting.pool.get(id).is_some() => Outcome::Waiting,
            None => Outcome::Unknown,
        }
    }

    /// The epoch of the next block.
    pub(super) fn epoch(&self) -> u64 {
        self.chain.charter().epoch(self.chain.tip().height + 1)
    }

    /// How many transactions wait, and their bytes.
    pub(super) fn load(&self) -> (usize, usize) {
        self.waiting().pool.load()
    }

    /// The height of the last final block, from now on.
    pub(super) fn tips(&self) -> watch::Receiver<u64> {
        self.tips.subscribe()
    }

    /// The transactions that come to wait here, from now on.
    pub(super) fn taken(&self) -> broadcast::Receiver<Bytes> {
        self.taken.subscribe()
    }

    /// Why nothing is executed any more.
    pub(super) fn broken(&self) -> Option<String> {
        self.broken.get().cloned()
    }

    /// Why the last final block is not written yet, where the disk has no room for it.
    pub(super) fn waits(&self) -> Option<String> {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.clone()
    }

    fn note_space(&self, objection: Option<&Objection>) {
        let why = match objection {
            Some(Objection::NoSpace(why)) => Some(why.clone()),
            _ => None,
        };
        *self.waits.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// From now on nothing is executed, proposed or written. The first reason stays.
    pub(super) fn halt(&self, why: &impl ToString) -> String {
        let why = why.to_string();
        if self.broken.set(why.clone()).is_ok() {
            tracing::error!(%why, "the ledger halts: halting beats forking");
        }
        why
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // What a thread that panicked left is in order after each step.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sound(&self) -> Result<(), Objection> {
        match self.broken() {
            Some(why) => Err(Objection::Broken(why)),
            None => Ok(()),
        }
    }

    fn objection(&self, error: ChainError) -> Objection {
        match error {
            ChainError::Invalid(why) => Objection::Invalid(why),
            // It can be executed again once blocks are final; not to vote meanwhile is always safe.
            error @ (ChainError::NotExecuted | ChainError::TooManyUnfinished(_)) => {
                Objection::Invalid(error.to_string())
            }
            ChainError::NoSpace(why) => Objection::NoSpace(why),
            error => Objection::Broken(self.halt(&error)),
        }
    }

    /// The next nonces on a block; an identity whose account does not read has nothing to do.
    fn nonces<'a>(
        &'a self,
        parent: &[u8; 32],
    ) -> Result<impl Fn(KeyId) -> u64 + use<'a>, ChainError> {
        let nonces = self.chain.nonces_after(parent)?;
        Ok(move |key_id| {
            nonces(key_id).unwrap_or_else(|error| {
                self.halt(&error);
                u64::MAX
            })
        })
    }

    /// What was taken into a final block waits no more; what a proposal passed over is looked at again.
    fn settle(&self, height: u64, taken: &[(KeyId, [u8; 32])]) -> Result<(), StateError> {
        let read = |error: ChainError| StateError::Unreadable(error.to_string());
        let tip = self.chain.tip();
        // Read before the lock, for which everyone who asks waits.
        let accounts = taken.iter().map(|(key_id, _)| self.chain.account(*key_id));
        let accounts: Vec<_> = accounts.collect::<Result<_, _>>().map_err(read)?;
        let again = {
            let mut waiting = self.waiting();
            let mut gone = Vec::new();
            for ((key_id, _), account) in taken.iter().zip(accounts) {
                gone.extend(waiting.pool.settle(*key_id, account.nonce));
            }
            let is_final: BTreeSet<_> = taken.iter().map(|(_, digest)| *digest).collect();
            // Another one with its nonce may have been in the block: who waits for it would wait for ever.
            gone.retain(|(digest, _)| !is_final.contains(digest));
            for (digest, why) in gone {
                let (code, detail) = (why.code(), why.to_string());
                waiting.passed_over.remove(&digest);
                waiting
                    .outcomes
                    .set(digest, Outcome::Refused { code, detail });
            }
            for (_, digest) in taken {
                waiting.passed_over.remove(digest);
                waiting.outcomes.set(*digest, Outcome::Final { height });
            }
            waiting.pool.expire(tip.time);
            let due = |at: &u64| *at <= height;
            let again: Vec<_> = waiting
                .passed_over
                .iter()
                .filter(|(_, at)| due(at))
                .collect();
            let again: Vec<[u8; 32]> = again.into_iter().map(|(digest, _)| *digest).collect();
            again
        };
        for digest in again {
            let found = self.waiting().pool.get(&digest);
            let verdict = found.map(|one| self.chain.check(&one, tip.time));
            let mut waiting = self.waiting();
            waiting.passed_over.remove(&digest);
            match verdict {
                None | Some(Ok(_)) => {}
                Some(Err(Setback::State(error))) => return Err(error),
                Some(Err(Setback::Refused(refusal))) => {
                    waiting.pool.discard(&digest);
                    let (code, detail) = (refusal.code(), refusal.to_string());
                    waiting
                        .outcomes
                        .set(digest, Outcome::Refused { code, detail });
                }
            }
        }
        Ok(())
    }

    fn accusation(&self, evidence: &Evidence) -> Result<Option<SignedTransaction>, ChainError> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let key_id = key.key_id();
        let next = self.chain.account(key_id)?.nonce;
        let waiting = self.waiting().pool.before(key_id, u64::MAX);
        let last = waiting.last().map(|one| one.transaction().nonce + 1);
        let action = Action::Accuse {
            votes: evidence.votes.to_vec(),
        };
        let nonce = last.unwrap_or(next).max(next);
        let signed = key.sign(self.chain.charter().network, nonce, action);
        Ok(signed
            .inspect_err(
                |why| tracing::error!(%why, "an accusation is no transaction; report this"),
            )
            .ok())
    }
}

/// Whose votes contradict each other: the engine's answer to the rules.
pub(super) fn judge(network: [u8; 32]) -> Judge {
    Arc::new(move |votes, epoch, seats| {
        match Evidence::epoch_of(votes) {
            None => return Err("they are no votes".to_owned()),
            Some(other) if other != epoch => return Err(format!("they are of epoch {other}")),
            Some(_) => {}
        }
        let validators = seats.iter().map(|seat| {
            let vote_key = seat.voting_key[..].try_into();
            Ok(Validator {
                identity: seat.identity,
                vote_key: vote_key.map_err(|_| "a voting key of the state is none".to_owned())?,
                address: String::new(),
            })
        });
        let validators: Vec<_> = validators.collect::<Result<_, String>>()?;
        let evidence = Evidence::verify(votes, &network, &validators);
        let evidence =
            evidence.ok_or("they are not two votes of one of them that exclude each other")?;
        Ok(evidence.validator)
    })
}

fn validator(voter: Voter) -> Validator {
    Validator {
        identity: *voter.validator.identity.as_bytes(),
        vote_key: voter.validator.key.to_bytes(),
        address: voter.address,
    }
}

impl Application for Executor {
    fn genesis(&self) -> Block {
        let header = self.chain.genesis().clone();
        Block::new(header, Body::default().encode().into())
            .expect("the first block has no transactions")
    }

    fn tip(&self) -> Tip {
        let tip = self.chain.tip();
        Tip {
            height: tip.height,
            digest: tip.digest(),
        }
    }

    fn validators(&self, epoch: u64) -> Option<Vec<Validator>> {
        let voters = self.chain.voters(epoch);
        let voters = voters.map_err(|error| self.halt(&error)).ok()??;
        Some(voters.into_iter().map(validator).collect())
    }

    fn observers(&self) -> Vec<Validator> {
        let next = self.chain.voters_next();
        let next = next.map_err(|error| self.halt(&error)).unwrap_or_default();
        next.into_iter().map(validator).collect()
    }

    fn observers_changed(&self) -> u64 {
        self.observers_changed.load(Ordering::Acquire)
    }

    fn executed(&self, digest: &[u8; 32]) -> bool {
        self.chain.is_executed(digest)
    }

    fn execute(&self, block: &Block) -> Result<(), Objection> {
        self.sound()?;
        let body = Body::decode(block.transactions());
        let body = body.map_err(|error| Objection::Invalid(error.to_string()))?;
        let known = |digest: &[u8; 32]| self.waiting().pool.get(digest);
        let executed = self.chain.execute_known(block.header(), &body, &known);
        executed.map(drop).map_err(|error| self.objection(error))
    }

    fn has_work(&self, parent: &Header) -> bool {
        let waiting = self.waiting();
        // Nothing can be proved before the first block: it is not waited for.
        if parent.height == 0 {
            return true;
        }
        if waiting.pool.load().0 == 0 || self.broken().is_some() {
            return false;
        }
        let height = parent.height + 1;
        let passed_over = |digest: &[u8; 32]| {
            waiting
                .passed_over
                .get(digest)
                .is_some_and(|at| *at >= height)
        };
        // A parent that is not at hand will be executed before anything is proposed on it.
        let nonces = self.nonces(&parent.digest());
        nonces.is_ok_and(|next| waiting.pool.has_work(next, passed_over))
    }

    fn propose(&self, parent: &Header, time: Timestamp) -> Result<Block, Objection> {
        self.sound()?;
        let (digest, height) = (parent.digest(), parent.height + 1);
        let next = self
            .nonces(&digest)
            .map_err(|error| self.objection(error))?;
        let mut chosen = {
            let waiting = self.waiting();
            let mut chosen = waiting.pool.choose(next);
            if !waiting.passed_over.is_empty() {
                let passed_over = |one: &Arc<SignedTransaction>| {
                    waiting
                        .passed_over
                        .get(&one.digest())
                        .is_some_and(|at| *at >= height)
                };
                chosen.retain(|one| !passed_over(one));
            }
            chosen
        };
        self.sound()?;
        let proposal = self.chain.propose(&digest, time, chosen.drain(..));
        let proposal = proposal.map_err(|error| self.objection(error))?;
        let mut waiting = self.waiting();
        for (digest, refusal) in proposal.refused {
            // These pass with the next blocks.
            if !matches!(refusal, Refusal::TooEarly { .. } | Refusal::BlockFull(_)) {
                waiting.passed_over.insert(digest, height);
            }
        }
        drop(waiting);
        Block::new(proposal.header, proposal.transactions)
            .map_err(|error| Objection::Broken(self.halt(&error)))
    }

    fn finalise(&self, block: &Block, certificate: Option<&Certificate>) -> Result<(), Objection> {
        self.sound()?;
        let digest = block.digest();
        if !self.chain.is_executed(&digest) {
            self.execute(block)?;
        }
        let receipts = self.chain.finalise(&digest, certificate);
        let receipts = receipts.map_err(|error| self.objection(error));
        self.note_space(receipts.as_ref().err());
        let receipts = receipts?;
        let changes = |one: &Receipt| matches!(one.word, "validator-change" | "accuse");
        if receipts.iter().any(changes) {
            self.observers_changed.fetch_add(1, Ordering::Release);
        }
        let taken: Vec<_> = receipts
            .iter()
            .map(|one| (one.key_id, one.transaction))
            .collect();
        let height = block.header().height;
        let settled = self.settle(height, &taken);
        settled.map_err(|error| Objection::Broken(self.halt(&error)))?;
        self.tips.send_replace(height);
        Ok(())
    }

    fn receive(&self, transaction: &[u8]) -> bool {
        let Ok(transaction) = SignedTransaction::decode(transaction) else {
            return false;
        };
        let taken = self.take(Arc::new(transaction));
        taken
            .inspect_err(
                |why| tracing::debug!(%why, "a validator's transaction does not wait here"),
            )
            .unwrap_or(false)
    }

    fn accuse(&self, evidence: &Evidence) {
        match self.accusation(evidence) {
            Ok(None) => {}
            Ok(Some(transaction)) => match self.take(Arc::new(transaction)) {
                // Another validator was first.
                Ok(_) | Err(NotTaken::Refused(Refusal::Barred)) => {}
                Err(why) => tracing::warn!(%why, "an accusation does not wait for a block"),
            },
            Err(error) => drop(self.halt(&error)),
        }
    }
}
