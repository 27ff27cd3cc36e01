//! The records: what is kept of what the network says, within a number of bytes, each at its position.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;

use super::column::Column;
use super::database::Store;
use super::error::StoreError;
use super::format::{Header, decode_summary_value, position};
use super::index::{Index, Taken};
use super::plan::{Differences, Plan};
use crate::dht::core::reconcile::{Fingerprint, Prefix, Shelf, Sums};
use crate::dht::core::{Held, Known, Written};
use crate::dht::message::{Expected, Refusal, Summary};
use crate::dht::peer::Position;
use crate::node::RecordStatus;

/// What a record store is to be.
#[derive(Clone, Copy, Debug)]
pub struct StoreConfig {
    /// What the records may take, counted with what finding them takes. The disk holds up to about twice that until RocksDB has
    /// rewritten its files.
    pub bytes_max: u64,
    /// This node's position: the farthest from it leave first.
    pub position: Position,
}

/// The records of a node. A clone is the same store.
#[derive(Clone)]
pub struct RecordStore {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<Store>,
    config: StoreConfig,
    /// Who has it writes: one batch at a time. It may be ahead of the disk while a batch is planned.
    index: Mutex<Index>,
    /// What readers see: never ahead of the disk, and never locked while it is waited for.
    durable: RwLock<Durable>,
    trouble: Mutex<Trouble>,
}

/// What someone should look at.
#[derive(Default)]
struct Trouble {
    /// Damage stays until it is repaired, which is not while the store is open.
    damage: Option<String>,
    /// The last failure, until a write succeeds.
    failure: Option<String>,
}

#[derive(Default)]
struct Durable {
    sums: Sums,
    bytes: u64,
}

/// What left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Records that are gone.
    pub records: u64,
    /// What they took.
    pub bytes: u64,
}

impl RecordStore {
    /// Opens the store in `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// As [`Store::open`]. Damage in what is known of the records shows here, damage in a record when it is read.
    pub fn open(folder: &Path, config: StoreConfig) -> Result<Self, StoreError> {
        Self::new(Arc::new(Store::open(folder)?), config)
    }

    /// The records of a store that is open.
    ///
    /// # Errors
    /// When the summaries cannot be read.
    pub fn new(store: Arc<Store>, config: StoreConfig) -> Result<Self, StoreError> {
        let mut index = Index::new(config.position);
        let mut sums = Sums::default();
        each_summary(&store, &Prefix::ALL, |position, header, since| {
            let cost = header.cost();
            index.set(position, Some(Taken { cost, since }));
            sums.add(&position, &header.summary);
            ControlFlow::Continue(())
        })?;
        let bytes = index.bytes();
        Ok(Self {
            inner: Arc::new(Inner {
                store,
                config,
                index: Mutex::new(index),
                durable: RwLock::new(Durable { sums, bytes }),
                trouble: Mutex::default(),
            }),
        })
    }

    /// The record at a position, also one that has expired and not left yet.
    ///
    /// # Errors
    /// When the disk fails or is damaged there.
    pub fn get(&self, position: &Position) -> Result<Option<Held>, StoreError> {
        let read = read_record(&self.inner.store, position);
        read.inspect_err(|error| self.note(error))
    }

    /// What is known of the record at a position, as [`RecordStore::get`] without reading the record.
    ///
    /// # Errors
    /// When the disk fails or is damaged there.
    pub fn summary(&self, position: &Position) -> Result<Option<Known>, StoreError> {
        let header = read_summary(&self.inner.store, position);
        let header = header.inspect_err(|error| self.note(error))?;
        Ok(header.map(|header| Known {
            key_id: header.key_id,
            summary: header.summary,
            expires: header.expires,
        }))
    }

    /// Stores each record that is newer than what is there (on disk or earlier in `records`) and as expected, and says how each
    /// ended. All are on disk when this returns; when the disk fails, none of them is.
    #[must_use]
    pub fn write_all(
        &self,
        records: Vec<(Box<Verified<Record>>, Expected)>,
        now: Timestamp,
    ) -> Vec<Written> {
        let count = records.len();
        let mut index = self.index();
        let mut plan = Plan::new(
            &self.inner.store,
            &mut index,
            self.inner.config.bytes_max,
            now,
        );
        let mut results = Vec::with_capacity(count);
        for (record, expected) in records {
            results.push(plan.keep(record, expected).unwrap_or_else(|error| {
                self.note(&error);
                Written::Refused(Refusal::Disk)
            }));
        }
        match plan.commit() {
            Ok(differences) => {
                self.publish(&differences, &index);
                results
            }
            Err(error) => {
                self.note(&error);
                vec![Written::Refused(Refusal::Disk); count]
            }
        }
    }

    /// Lets go of what has expired, and of the farthest where the rest takes too much (the bound was lowered).
    ///
    /// # Errors
    /// When the disk fails.
    pub fn expire(&self, now: Timestamp) -> Result<Expired, StoreError> {
        let mut gone = Expired::default();
        loop {
            // A batch at a time: writers get their turn in between.
            let mut index = self.index();
            let before = index.bytes();
            let mut plan = Plan::new(
                &self.inner.store,
                &mut index,
                self.inner.config.bytes_max,
                now,
            );
            let noted = |error: &StoreError| self.note(error);
            let all = plan.drop_expired().inspect_err(noted)?;
            if all {
                plan.drop_excess().inspect_err(noted)?;
            }
            let differences = plan.commit().inspect_err(|error| self.note(error))?;
            self.publish(&differences, &index);
            gone.records += differences.len() as u64;
            gone.bytes += before - index.bytes();
            if all {
                return Ok(gone);
            }
        }
    }

    /// How much there is.
    #[must_use]
    pub fn status(&self) -> RecordStatus {
        let durable = self.durable();
        RecordStatus {
            count: durable.sums.total().count,
            bytes: durable.bytes,
            bytes_max: self.inner.config.bytes_max,
        }
    }

    /// What someone should look at: damage, or the last failure of the disk until a write succeeds.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.lock_trouble();
        trouble.damage.clone().or_else(|| trouble.failure.clone())
    }

    /// The folder and its other columns.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }

    /// Copies the whole store into a new folder while it is in use, and says how many bytes the copy has.
    ///
    /// # Errors
    /// When `to` exists or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        self.inner.store.backup(to)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // A plan that panics puts the index back as it was.
        let index = &self.inner.index;
        index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn durable(&self) -> std::sync::RwLockReadGuard<'_, Durable> {
        let durable = &self.inner.durable;
        durable.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self, differences: &Differences, index: &Index) {
        let durable = &self.inner.durable;
        if !differences.is_empty() {
            self.lock_trouble().failure = None;
        }
        let mut durable = durable.write().unwrap_or_else(PoisonError::into_inner);
        for (position, before, after) in differences {
            if let Some(before) = before {
                durable.sums.remove(position, before);
            }
            if let Some(after) = after {
                durable.sums.add(position, after);
            }
        }
        durable.bytes = index.bytes();
    }

    fn lock_trouble(&self) -> MutexGuard<'_, Trouble> {
        let trouble = &self.inner.trouble;
        trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, error: &StoreError) {
        let text = error.to_string();
        let mut trouble = self.lock_trouble();
        let last = match error {
            StoreError::Damaged { .. } => &mut trouble.damage,
            _ => &mut trouble.failure,
        };
        // A full disk fails every write: once is enough.
        if last.as_ref() != Some(&text) {
            tracing::error!("{text}");
            *last = Some(text);
        }
    }
}

impl Shelf for RecordStore {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        if let Some(kept) = self.durable().sums.get(prefix) {
            return kept;
        }
        let mut all = Fingerprint::default();
        let read = each_summary(&self.inner.store, prefix, |position, header, _| {
            all.add(Fingerprint::of(&position, &header.summary));
            ControlFlow::Continue(())
        });
        // Half of it would be a lie; nothing makes the neighbours send what cannot be read here.
        read.inspect_err(|error| self.note(error))
            .map_or_else(|_| Fingerprint::default(), |()| all)
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        let mut listed = Vec::new();
        if most == 0 {
            return listed;
        }
        let read = each_summary(&self.inner.store, prefix, |position, header, _| {
            listed.push((position, header.summary));
            if listed.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        if let Err(error) = read {
            self.note(&error);
        }
        listed
    }
}

/// Shows what is known of each record under a prefix, in order of position, and since when it has been there.
fn each_summary(
    store: &Store,
    prefix: &Prefix,
    mut visit: impl FnMut(Position, Header, Timestamp) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let last = prefix.last();
    let mut damage = None;
    store.scan(Column::RecordSummaries, &prefix.first.0, |key, value| {
        let found = position(key).and_then(|it| Ok((it, decode_summary_value(value)?)));
        match found {
            Ok((position, _)) if position > last => ControlFlow::Break(()),
            Ok((position, (header, since))) => visit(position, header, since),
            Err(reason) => {
                damage = Some(reason);
                ControlFlow::Break(())
            }
        }
    })?;
    damage.map_or(Ok(()), |reason| Err(damaged(store, &reason)))
}

/// What is known of the record at a position.
pub(super) fn read_summary(
    store: &Store,
    position: &Position,
) -> Result<Option<Header>, StoreError> {
    let Some(value) = store.get(Column::RecordSummaries, &position.0)? else {
        return Ok(None);
    };
    let decoded = decode_summary_value(&value).map_err(|reason| damaged(store, &reason))?;
    Ok(Some(decoded.0))
}

/// The record at a position.
pub(super) fn read_record(store: &Store, position: &Position) -> Result<Option<Held>, StoreError> {
    let Some(value) = store.get(Column::Records, &position.0)? else {
        return Ok(None);
    };
    let (header, bytes) =
        Header::decode_with_record(&value).map_err(|reason| damaged(store, &reason))?;
    Ok(Some(Held {
        key_id: header.key_id,
        summary: header.summary,
        bytes: bytes.into(),
        expires: header.expires,
    }))
}

fn damaged(store: &Store, reason: &str) -> StoreError {
    StoreError::damaged(store.folder().to_owned(), format!("there is {reason}"))
}
