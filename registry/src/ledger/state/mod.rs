//! What the rules read and write: leaves by their place, and over them what each kind of leaf holds.
//!
//! A [`View`] is a state that stands. A [`Desk`] is a state that a block is changing: what is written stays on the desk until it is
//! taken as [`Changes`], and what a refused transaction wrote is wiped off.

mod beacons;
mod seats;

use std::collections::BTreeMap;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{
    Account, Entry, LedgerError, Singular, identity_leaf, ledger_leaf, name_leaf,
};
use thiserror::Error;

pub use beacons::{BeaconHour, Beacons};
pub use seats::{Approval, BARRED_MAX, SEATS_MAX, Seat, Seats};

/// What leaves hold after a block that they did not before; `None` where nothing stands any more.
pub type Changes = BTreeMap<[u8; 32], Option<Vec<u8>>>;

/// A state that can be read.
pub trait View {
    /// What the leaf at `place` holds.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn leaf(&self, place: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError>;
}

/// A state that nothing can be built on. Who meets it halts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// The store, or the tree in it, cannot be read.
    #[error("the ledger's state cannot be read: {0}")]
    Unreadable(String),
    /// Bytes in it are not what stands there.
    #[error(
        "{what} in the ledger's state is damaged: {source}; restore a backup, or move the folder `store` away and start again, if other nodes of the network are there to fetch it from"
    )]
    Damaged {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        source: LedgerError,
    },
    /// It is not there, and has to be.
    #[error(
        "{0} is missing in the ledger's state; restore a backup, or move the folder `store` away and start again, if other nodes of the network are there to fetch it from"
    )]
    Missing(&'static str),
}

/// A state without anything in it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl View for Nothing {
    fn leaf(&self, _: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(None)
    }
}

/// What holds a state's leaves in memory.
impl View for BTreeMap<[u8; 32], Vec<u8>> {
    fn leaf(&self, place: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.get(place).cloned())
    }
}

/// A state that is being changed.
pub struct Desk<'a> {
    below: &'a dyn View,
    /// By the transactions so far.
    kept: Changes,
    /// By the transaction that is at work.
    fresh: Changes,
}

impl<'a> Desk<'a> {
    /// A desk on a state.
    #[must_use]
    pub fn new(below: &'a dyn View) -> Self {
        Self {
            below,
            kept: Changes::new(),
            fresh: Changes::new(),
        }
    }

    /// Keeps what was written since the last time.
    pub fn keep(&mut self) {
        // One by one: `append` would build all of it anew for each transaction.
        self.kept.extend(std::mem::take(&mut self.fresh));
    }

    /// Wipes off what was written since the last [`Desk::keep`].
    pub fn wipe(&mut self) {
        self.fresh.clear();
    }

    /// How many leaves would have changed.
    #[must_use]
    pub fn len(&self) -> usize {
        let new = self
            .fresh
            .keys()
            .filter(|place| !self.kept.contains_key(*place));
        self.kept.len() + new.count()
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All that was written and kept.
    #[must_use]
    pub fn into_changes(self) -> Changes {
        self.kept
    }

    fn put(&mut self, place: [u8; 32], value: Option<Vec<u8>>) {
        self.fresh.insert(place, value);
    }

    /// Writes who holds a name.
    pub fn put_entry(&mut self, label: &str, entry: &Entry) {
        self.put(name_leaf(label), Some(entry.encode()));
    }

    /// Removes what stands for a name.
    pub fn remove_entry(&mut self, label: &str) {
        self.put(name_leaf(label), None);
    }

    /// Writes an identity's account.
    pub fn put_account(&mut self, key_id: KeyId, account: &Account) {
        self.put(identity_leaf(&key_id), Some(account.encode()));
    }

    /// Writes the beacons.
    pub fn put_beacons(&mut self, beacons: &Beacons) {
        self.put(ledger_leaf(Singular::Beacons), Some(beacons.encode()));
    }

    /// Writes the validators.
    pub fn put_seats(&mut self, seats: &Seats) {
        self.put(ledger_leaf(Singular::Validators), Some(seats.encode()));
    }
}

impl View for Desk<'_> {
    fn leaf(&self, place: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError> {
        match self.fresh.get(place).or_else(|| self.kept.get(place)) {
            Some(value) => Ok(value.clone()),
            None => self.below.leaf(place),
        }
    }
}

/// What stands for a name.
///
/// # Errors
/// See [`StateError`].
pub fn entry(view: &dyn View, label: &str) -> Result<Option<Entry>, StateError> {
    read(view, name_leaf(label), "a name's entry", Entry::decode)
}

/// An identity's account; the empty one where the ledger does not know it.
///
/// # Errors
/// See [`StateError`].
pub fn account(view: &dyn View, key_id: KeyId) -> Result<Account, StateError> {
    let place = identity_leaf(&key_id);
    Ok(read(view, place, "an account", Account::decode)?.unwrap_or_default())
}

/// The beacons.
///
/// # Errors
/// See [`StateError`].
pub fn beacons(view: &dyn View) -> Result<Beacons, StateError> {
    let place = ledger_leaf(Singular::Beacons);
    let beacons = read(view, place, "the beacons", Beacons::decode)?;
    beacons.ok_or(StateError::Missing("the list of beacons"))
}

/// The validators.
///
/// # Errors
/// See [`StateError`].
pub fn seats(view: &dyn View) -> Result<Seats, StateError> {
    let place = ledger_leaf(Singular::Validators);
    let seats = read(view, place, "the validators", Seats::decode)?;
    seats.ok_or(StateError::Missing("the list of validators"))
}

fn read<T>(
    view: &dyn View,
    place: [u8; 32],
    what: &'static str,
    decode: impl Fn(&[u8]) -> Result<T, LedgerError>,
) -> Result<Option<T>, StateError> {
    let Some(bytes) = view.leaf(&place)? else {
        return Ok(None);
    };
    decode(&bytes)
        .map(Some)
        .map_err(|source| StateError::Damaged { what, source })
}
