//! What a block does to the state. Every rule stands once, in the file of its kind of transaction, with its reason.
//!
//! A [`Session`] is one block in the making: it takes transactions one by one and refuses those that break a rule, so that a
//! proposer leaves them out. [`apply`] is the same for a block that another made, where a refused transaction makes the whole
//! block invalid. A transaction is held to what all have in common first (network, nonce, stamp of the opening, signatures), then to
//! the rules of its action. Nothing here knows a clock: time is the block's.

mod accuse;
mod authorise;
mod checkpoint;
mod claim;
mod commit;
mod holding;
mod release;
mod renew;
mod set_policy;
mod stamps;
mod transfer;
mod validator_change;

use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{
    Account, Action, Body, SignedTransaction, Transaction, Usage, transaction_digest,
};
use dotkey_proto::time::Timestamp;
use thiserror::Error;

use super::charter::{BLOCK_SIGNATURES_MAX, BLOCK_WRITES_MAX, DAY_SECS, TRANSACTIONS_PER_DAY_MAX};
use super::state::{self, Beacons, Changes, Desk, Seat, Seats, StateError, View};
use super::{Charter, Memo, Refusal};

pub use holding::{INCOMING_NAMES_MAX, free_at};

/// What of a block the rules ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// How many blocks came before.
    pub height: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Digest of the header before.
    pub parent: [u8; 32],
}

/// Answers what only the consensus can.
pub trait Referee {
    /// The identity and the voting key of a candidate whose form is right, and who has shown that it has the voting key.
    ///
    /// # Errors
    /// What is wrong with it.
    fn admit(&self, candidate: &[u8]) -> Result<([u8; 32], Vec<u8>), String>;

    /// The identity of the validator of this epoch whose votes these are, if they are two where it may cast one.
    ///
    /// # Errors
    /// What they do not show.
    fn culprit(&self, votes: &[u8], epoch: u64, validators: &[Seat]) -> Result<[u8; 32], String>;
}

/// All that stays the same from block to block.
#[derive(Clone, Copy)]
pub struct Bench<'a> {
    /// The numbers of the rules.
    pub charter: &'a Charter,
    /// What was verified before.
    pub memo: &'a Memo,
    /// Whom to ask about validators.
    pub referee: &'a dyn Referee,
}

/// What an accepted transaction did, for whoever waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// See [`SignedTransaction::digest`].
    pub transaction: [u8; 32],
    /// Who acted.
    pub key_id: KeyId,
    /// The word of the action.
    pub word: &'static str,
    /// The name that it was about.
    pub label: Option<String>,
}

/// Why a block cannot be executed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It breaks a rule, for everyone and for ever.
    #[error("transaction {index} of the block is refused: {refusal}")]
    Refused {
        /// Which one.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
    /// This node cannot tell.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Why a transaction is not taken: it breaks a rule, or the state cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Setback {
    /// It breaks a rule.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This node cannot tell.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Gives a transaction that was decoded before, by its digest.
pub type Known<'a> = &'a dyn Fn(&[u8; 32]) -> Option<Arc<SignedTransaction>>;

/// What all transactions of a block do to the state that it is built on. Those that are `known` are not decoded again.
///
/// # Errors
/// See [`Fault`].
pub fn apply(
    below: &dyn View,
    bench: Bench<'_>,
    context: Context,
    (body, known): (&Body, Known<'_>),
) -> Result<(Changes, Vec<Receipt>), Fault> {
    let mut session = Session::open(below, bench, context)?;
    let mut receipts = Vec::with_capacity(body.0.len());
    for (index, bytes) in body.0.iter().enumerate() {
        let transaction = match known(&transaction_digest(bytes)) {
            Some(known) => Ok(known),
            None => SignedTransaction::decode(bytes).map(Arc::new),
        };
        let accepted = transaction
            .map_err(Refusal::from)
            .map_err(Setback::from)
            .and_then(|one| session.take(&one));
        receipts.push(accepted.map_err(|setback| match setback {
            Setback::Refused(refusal) => Fault::Refused { index, refusal },
            Setback::State(error) => Fault::State(error),
        })?);
    }
    Ok((session.close()?, receipts))
}

/// The first state: who votes, and the first beacon.
#[must_use]
pub fn genesis(charter: &Charter, began: Timestamp, validators: Vec<Seat>) -> Changes {
    let mut desk = Desk::new(&state::Nothing);
    desk.put_beacons(&Beacons::genesis(charter.network, began));
    desk.put_seats(&Seats::genesis(validators));
    desk.keep();
    desk.into_changes()
}

/// A block in the making.
pub struct Session<'a> {
    desk: Desk<'a>,
    bench: Bench<'a>,
    context: Context,
    signatures: usize,
    /// Read once, and written when the block ends: nearly every transaction asks for them.
    beacons: Beacons,
    beacons_changed: bool,
    /// Claims of the transaction that is at work.
    claims: u64,
}

impl<'a> Session<'a> {
    /// Begins a block on a state.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn open(
        below: &'a dyn View,
        bench: Bench<'a>,
        context: Context,
    ) -> Result<Self, StateError> {
        let desk = Desk::new(below);
        let mut beacons = state::beacons(&desk)?;
        let target = bench.charter.claims_per_hour();
        let beacons_changed = beacons.advance(context.time, context.parent, target);
        Ok(Self {
            desk,
            bench,
            context,
            signatures: 0,
            beacons,
            beacons_changed,
            claims: 0,
        })
    }

    /// Takes a transaction into the block. One that is refused changes nothing.
    ///
    /// # Errors
    /// See [`Setback`].
    pub fn take(&mut self, signed: &SignedTransaction) -> Result<Receipt, Setback> {
        let signatures = signed.signatures();
        let taken = self.room_for(signatures).and_then(|()| self.act(signed));
        let taken = taken.and_then(|()| match self.writes() > BLOCK_WRITES_MAX {
            true => Err(Refusal::BlockFull("its transactions write as much as one may").into()),
            false => Ok(()),
        });
        let claims = std::mem::take(&mut self.claims);
        if let Err(setback) = taken {
            self.desk.wipe();
            return Err(setback);
        }
        self.desk.keep();
        self.beacons.claims += claims;
        self.beacons_changed |= claims > 0;
        self.signatures += signatures;
        let transaction = signed.transaction();
        Ok(Receipt {
            transaction: signed.digest(),
            key_id: transaction.key_id,
            word: transaction.action.word(),
            label: label(&transaction.action).map(str::to_owned),
        })
    }

    /// Ends the block.
    ///
    /// # Errors
    /// See [`StateError`].
    pub fn close(mut self) -> Result<Changes, StateError> {
        if self.beacons_changed {
            self.desk.put_beacons(&self.beacons);
            self.desk.keep();
        }
        if self.bench.charter.is_epoch_end(self.context.height) {
            let mut seats = state::seats(&self.desk)?;
            seats.turn();
            self.desk.put_seats(&seats);
            self.desk.keep();
        }
        Ok(self.desk.into_changes())
    }

    /// How many leaves the block writes so far.
    fn writes(&self) -> usize {
        self.desk.len() + usize::from(self.beacons_changed || self.claims > 0)
    }

    fn room_for(&self, signatures: usize) -> Result<(), Setback> {
        if self.signatures + signatures > BLOCK_SIGNATURES_MAX {
            return Err(Refusal::BlockFull("it has as many signatures as one may").into());
        }
        Ok(())
    }

    /// What all transactions have in common, the cheap first; then the action.
    fn act(&mut self, signed: &SignedTransaction) -> Result<(), Setback> {
        let transaction = signed.transaction();
        if transaction.network != self.bench.charter.network {
            return Err(Refusal::Network.into());
        }
        let mut account = state::account(&self.desk, transaction.key_id)?;
        self.check_turn(transaction, &account)?;
        authorise::check(self, signed, &account)?;
        self.count(transaction, &mut account)?;
        // What nobody can go back to any more is of no use.
        account.undo.retain(|undo| undo.until >= self.context.time);
        let actor = transaction.key_id;
        match &transaction.action {
            Action::Commit { commitment } => commit::act(self, &mut account, commitment),
            Action::Claim { label, salt, stamp } => {
                claim::act(self, (actor, &mut account), label, (salt, stamp))
            }
            Action::Renew { label, stamp } => renew::act(self, actor, label, stamp),
            Action::Transfer { label, to } => {
                transfer::act(self, (actor, &mut account), label, *to)
            }
            Action::Release { label } => release::act(self, (actor, &mut account), label),
            Action::SetPolicy => set_policy::act(self, (actor, &mut account), transaction),
            Action::Checkpoint { sequence } => {
                checkpoint::act(self, (actor, &mut account), transaction, *sequence)
            }
            Action::ValidatorChange { validator, weight } => {
                validator_change::act(self, actor, validator, *weight)
            }
            Action::Accuse { votes } => accuse::act(self, votes),
        }?;
        self.desk.put_account(actor, &account);
        Ok(())
    }

    /// Nonces are what makes a transaction count once, and in its maker's order.
    fn check_turn(&self, transaction: &Transaction, account: &Account) -> Result<(), Setback> {
        let (key_id, found, expected) = (transaction.key_id, transaction.nonce, account.nonce);
        let (is_first, has_stamp) = (found == 0, transaction.opening.is_some());
        match found {
            used if used < expected => Err(Refusal::Replay {
                key_id,
                expected,
                found,
            }
            .into()),
            early if early > expected => Err(Refusal::Gap {
                key_id,
                expected,
                found,
            }
            .into()),
            _ if is_first => stamps::check_opening(self, transaction),
            _ if has_stamp => Err(Refusal::OpeningSurplus.into()),
            _ => Ok(()),
        }
    }

    /// An identity costs a stamp once. Without a bound on what it does then, one would fill the blocks.
    fn count(&self, transaction: &Transaction, account: &mut Account) -> Result<(), Refusal> {
        let day = self.context.time.as_secs() / DAY_SECS;
        if account.usage.day != day {
            account.usage = Usage { day, count: 0 };
        }
        if account.usage.count >= TRANSACTIONS_PER_DAY_MAX {
            let (key_id, max) = (transaction.key_id, TRANSACTIONS_PER_DAY_MAX);
            return Err(Refusal::DayFull { key_id, max });
        }
        account.usage.count += 1;
        account.nonce += 1;
        Ok(())
    }
}

/// The name that an action is about.
fn label(action: &Action) -> Option<&str> {
    match action {
        Action::Claim { label, .. }
        | Action::Renew { label, .. }
        | Action::Transfer { label, .. }
        | Action::Release { label } => Some(label),
        _ => None,
    }
}
