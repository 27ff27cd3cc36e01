//! What one batch will change, decided before anything is written: compare-and-swap, room, and what has to leave for it.
//!
//! A plan changes the index as it goes, so that the next record of the batch sees what the one before it did, and puts it back
//! as it was when the batch fails.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;

use super::column::Column;
use super::database::{Change, Store};
use super::error::StoreError;
use super::format::{EXPIRY_KEY_BYTES, HEADER_BYTES, Header, decode_expiry_key, expiry_key};
use super::index::Index;
use super::records::{read_record, read_summary};
use crate::dht::core::Written;
use crate::dht::message::{ErrorCode, Expected, Refusal, Summary};
use crate::dht::peer::Position;

/// Expired records that leave in one batch: 4096 of them are 1 MiB of deletions.
pub(super) const EXPIRED_MAX: usize = 4096;

/// Where a batch changes something: what is on disk, and what will be.
struct Pending {
    before: Option<Header>,
    after: Option<(Header, Box<Verified<Record>>)>,
}

/// A batch in the making.
pub(super) struct Plan<'a> {
    store: &'a Store,
    index: &'a mut Index,
    bytes_max: u64,
    now: Timestamp,
    pending: BTreeMap<Position, Pending>,
    /// What each change of the index replaced, the last one last.
    undo: Vec<(Position, Option<u64>)>,
    /// Expiries of no record, which leave with the expired.
    dangling: Vec<[u8; EXPIRY_KEY_BYTES]>,
    /// Up to when the expired are planned to leave, if they are.
    expired_until: Option<Timestamp>,
}

/// What a batch did to the sums of a store: the summary that was at a position, and the one that is.
pub(super) type Differences = Vec<(Position, Option<Summary>, Option<Summary>)>;

impl<'a> Plan<'a> {
    pub(super) fn new(
        store: &'a Store,
        index: &'a mut Index,
        bytes_max: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            store,
            index,
            bytes_max,
            now,
            pending: BTreeMap::new(),
            undo: Vec::new(),
            dangling: Vec::new(),
            expired_until: None,
        }
    }

    /// Plans to keep a record, unless there is a reason not to.
    pub(super) fn keep(
        &mut self,
        record: Box<Verified<Record>>,
        expected: Expected,
    ) -> Result<Written, StoreError> {
        let position = Position::of_record(&record);
        let header = Header::of(&record);
        if header.expires <= self.now {
            let code = ErrorCode("expired".to_owned());
            return Ok(Written::Refused(Refusal::Invalid(code)));
        }
        let there = self.header(&position)?;
        if let Some(there) = &there {
            if there.summary.digest == header.summary.digest {
                return Ok(Written::Known);
            }
            // The expired is as good as gone: nobody could verify it, so it stands in nobody's way.
            if there.expires > self.now && there.summary > header.summary {
                let newer = self.record(&position)?;
                return Ok(Written::Refused(
                    newer.map_or(Refusal::Disk, Refusal::Older),
                ));
            }
        }
        let alive = there.as_ref().filter(|there| there.expires > self.now);
        let as_expected = match expected {
            Expected::Older => true,
            Expected::Nothing => alive.is_none(),
            Expected::Digest(digest) => {
                let digest_there = there.as_ref().map(|there| there.summary.digest);
                digest_there == Some(digest)
            }
        };
        if !as_expected {
            let other = match alive {
                Some(_) => self.record(&position)?,
                None => None,
            };
            return Ok(Written::Refused(Refusal::Unexpected(other)));
        }
        if !self.make_room(&position, header.cost())? {
            return Ok(Written::Refused(Refusal::Full));
        }
        self.set(position, there, Some((header, record)));
        Ok(Written::New)
    }

    /// Plans to let go of what has expired, at most [`EXPIRED_MAX`], and says whether that was all.
    pub(super) fn drop_expired(&mut self) -> Result<bool, StoreError> {
        let mut expired = Vec::new();
        let mut damage = None;
        let from = expiry_key(self.index.earliest(), &Position([0; 32]));
        self.store.scan(Column::RecordExpiries, &from, |key, _| {
            match decode_expiry_key(key) {
                Ok((expires, _)) if expires > self.now => return ControlFlow::Break(()),
                Ok(at) => expired.push(at),
                Err(reason) => damage = Some(reason),
            }
            if expired.len() < EXPIRED_MAX && damage.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        if let Some(reason) = damage {
            let reason = format!("the index of expiries has {reason}");
            return Err(StoreError::damaged(self.store.folder().to_owned(), reason));
        }
        let all = expired.len() < EXPIRED_MAX;
        let last = expired.last().map(|(expires, _)| *expires);
        self.expired_until = if all { Some(self.now) } else { last };
        for (expires, position) in expired {
            let there = self.header(&position)?;
            if there.as_ref().is_some_and(|there| there.expires == expires) {
                self.set(position, there, None);
            } else {
                self.dangling.push(expiry_key(expires, &position));
            }
        }
        Ok(all)
    }

    /// Plans to let go of the farthest until the rest fits.
    pub(super) fn drop_excess(&mut self) -> Result<(), StoreError> {
        while self.index.bytes() > self.bytes_max {
            let Some(farthest) = self.index.farthest() else {
                break;
            };
            let there = self.header(&farthest)?;
            self.set(farthest, there, None);
        }
        Ok(())
    }

    /// Writes the plan in one batch, and says what it changed. When that fails nothing is changed, here or on disk.
    pub(super) fn commit(mut self) -> Result<Differences, StoreError> {
        let pending = std::mem::take(&mut self.pending);
        let written = self.store.write_pending(&pending, &self.dangling);
        written?;
        self.undo.clear();
        let kept = pending
            .values()
            .filter_map(|pending| pending.after.as_ref());
        // A clock that was set back lets in what expires before what has left.
        let earliest = kept.map(|(header, _)| header.expires).min();
        let until = self.expired_until.unwrap_or(self.index.earliest());
        self.index
            .set_earliest(earliest.map_or(until, |earliest| earliest.min(until)));
        let summaries = |(position, pending): (&Position, &Pending)| {
            let before = pending.before.as_ref().map(|header| header.summary);
            let after = pending.after.as_ref().map(|(header, _)| header.summary);
            (*position, before, after)
        };
        Ok(pending.iter().map(summaries).collect())
    }

    /// Whether what `position` will cost fits, after all that is farther has left if need be.
    fn make_room(&mut self, position: &Position, cost: u64) -> Result<bool, StoreError> {
        let replaced = self.index.get(position).unwrap_or_default();
        let over = |plan: &Self| plan.index.bytes() - replaced + cost > plan.bytes_max;
        if over(self) && self.expired_until.is_none() {
            self.drop_expired()?;
            // The place itself may have been among the expired: then there is nothing to replace any more.
            return self.make_room(position, cost);
        }
        // Nothing leaves for the sake of a record that does not find room in the end.
        let mut leaving = Vec::new();
        while over(self) {
            match self.index.farthest() {
                Some(farthest) if self.index.is_farther(&farthest, position) => {
                    let cost = self.index.set(farthest, None);
                    leaving.push((farthest, cost));
                }
                _ => {
                    for (position, cost) in leaving {
                        self.index.set(position, cost);
                    }
                    return Ok(false);
                }
            }
        }
        for (position, cost) in &leaving {
            self.index.set(*position, *cost);
        }
        for (position, _) in leaving {
            let there = self.header(&position)?;
            self.set(position, there, None);
        }
        Ok(true)
    }

    /// What will be at a position when the plan so far is written.
    fn header(&self, position: &Position) -> Result<Option<Header>, StoreError> {
        match self.pending.get(position) {
            Some(pending) => Ok(pending.after.as_ref().map(|(header, _)| header.clone())),
            // The index knows every position that is taken: most writes need no read.
            None if self.index.get(position).is_none() => Ok(None),
            None => read_summary(self.store, position),
        }
    }

    fn record(&self, position: &Position) -> Result<Option<std::sync::Arc<[u8]>>, StoreError> {
        match self.pending.get(position) {
            Some(pending) => Ok(pending.after.as_ref().map(|(_, r)| r.as_bytes().into())),
            None => Ok(read_record(self.store, position)?.map(|held| held.bytes)),
        }
    }

    fn set(
        &mut self,
        position: Position,
        there: Option<Header>,
        after: Option<(Header, Box<Verified<Record>>)>,
    ) {
        let cost = after.as_ref().map(|(header, _)| header.cost());
        self.undo.push((position, self.index.set(position, cost)));
        let pending = self.pending.entry(position);
        pending
            .or_insert(Pending {
                before: there,
                after: None,
            })
            .after = after;
    }
}

impl Drop for Plan<'_> {
    /// A plan that was not written did not happen.
    fn drop(&mut self) {
        while let Some((position, cost)) = self.undo.pop() {
            self.index.set(position, cost);
        }
    }
}

impl Store {
    fn write_pending(
        &self,
        pending: &BTreeMap<Position, Pending>,
        dangling: &[[u8; EXPIRY_KEY_BYTES]],
    ) -> Result<(), StoreError> {
        struct Bytes {
            header: [u8; HEADER_BYTES],
            value: Vec<u8>,
            expiry: [u8; EXPIRY_KEY_BYTES],
        }
        let parts = |(position, pending): (&Position, &Pending)| {
            let before = pending.before.as_ref();
            let old = before.map(|header| expiry_key(header.expires, position));
            let new = pending.after.as_ref().map(|(header, record)| Bytes {
                header: header.encode(),
                value: [&header.encode()[..], record.as_bytes()].concat(),
                expiry: expiry_key(header.expires, position),
            });
            (*position, old, new)
        };
        let parts: Vec<_> = pending.iter().map(parts).collect();
        let mut changes = Vec::with_capacity(4 * parts.len() + dangling.len());
        changes.extend(dangling.iter().map(|key| Change::Delete {
            column: Column::RecordExpiries,
            key,
        }));
        for (position, old, new) in &parts {
            let (key, records) = (&position.0[..], [Column::Records, Column::RecordSummaries]);
            if let Some(key) = old {
                let column = Column::RecordExpiries;
                changes.push(Change::Delete { column, key });
            }
            match new {
                None => changes.extend(records.map(|column| Change::Delete { column, key })),
                Some(new) => changes.extend([
                    put(Column::Records, key, &new.value),
                    put(Column::RecordSummaries, key, &new.header),
                    put(Column::RecordExpiries, &new.expiry, &[]),
                ]),
            }
        }
        self.write(&changes)
    }
}

fn put<'a>(column: Column, key: &'a [u8], value: &'a [u8]) -> Change<'a> {
    Change::Put { column, key, value }
}
