//! What one batch will change, decided before anything is written: compare-and-swap, room, and what has to leave for it.
//!
//! A plan changes the index as it goes, so that the next record of the batch sees what the one before it did, and puts it back
//! as it was when the batch fails.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;

use super::column::Column;
use super::database::Store;
use super::error::StoreError;
use super::format::{EXPIRY_KEY_BYTES, Header, decode_expiry_key, expiry_key, summary_value};
use super::index::{Index, NEWCOMERS_PART, Taken};
use super::records::{read_record, read_summary};
use crate::dht::core::Written;
use crate::dht::message::{ErrorCode, Expected, Refusal, Summary};
use crate::dht::peer::Position;

/// Expired records that leave in one batch: 4096 of them are 1 MiB of deletions.
pub(super) const EXPIRED_MAX: usize = 4096;

/// What RocksDB adds to a batch of [`super::writer`]'s size: some bytes to each of its changes.
const BATCH_FRAMING_BYTES: usize = 16 << 10;

/// Where a batch changes something: what is on disk, and what will be.
struct Pending {
    before: Option<Header>,
    after: Option<Kept>,
}

/// A record to be kept.
struct Kept {
    header: Header,
    record: Box<Verified<Record>>,
    /// Since when its position has been taken, by it and those before it.
    since: Timestamp,
}

/// A batch in the making.
pub(super) struct Plan<'a> {
    store: &'a Store,
    index: &'a mut Index,
    bytes_max: u64,
    now: Timestamp,
    pending: BTreeMap<Position, Pending>,
    /// What each change of the index replaced, the last one last.
    undo: Vec<(Position, Option<Taken>)>,
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
        index.settle(now);
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
        // An owner that renews its record keeps its place: nobody else can.
        let since = self.index.get(&position).map(|taken| taken.since);
        let kept = Kept {
            header,
            record,
            since: since.unwrap_or(self.now),
        };
        self.set(position, there, Some(kept));
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

    /// Plans to let go of the farthest until the rest fits, of the newcomers first while they have more than their part.
    pub(super) fn drop_excess(&mut self) -> Result<(), StoreError> {
        while self.index.bytes() > self.bytes_max {
            let newcomers = self.index.newcomer_bytes() > self.newcomers_max();
            let farthest = if newcomers {
                self.index.farthest_newcomer()
            } else {
                self.index.farthest()
            };
            let Some(farthest) = farthest else {
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
        let earliest = kept.map(|kept| kept.header.expires).min();
        let until = self.expired_until.unwrap_or(self.index.earliest());
        self.index
            .set_earliest(earliest.map_or(until, |earliest| earliest.min(until)));
        let summaries = |(position, pending): (&Position, &Pending)| {
            let before = pending.before.as_ref().map(|header| header.summary);
            let after = pending.after.as_ref().map(|kept| kept.header.summary);
            (*position, before, after)
        };
        Ok(pending.iter().map(summaries).collect())
    }

    /// Whether what `position` will cost fits, after all that gives way to it has left if need be.
    fn make_room(&mut self, position: &Position, cost: u64) -> Result<bool, StoreError> {
        let replaced = self.index.get(position).map_or(0, |taken| taken.cost);
        let over = |plan: &Self| plan.index.bytes() - replaced + cost > plan.bytes_max;
        if over(self) && self.expired_until.is_none() {
            self.drop_expired()?;
            // The place itself may have been among the expired: then there is nothing to replace any more.
            return self.make_room(position, cost);
        }
        // Nothing leaves for the sake of a record that does not find room in the end.
        let mut leaving = Vec::new();
        while over(self) {
            let Some(other) = self.gives_way_to(position, replaced, cost) else {
                for (position, taken) in leaving {
                    self.index.set(position, taken);
                }
                return Ok(false);
            };
            leaving.push((other, self.index.set(other, None)));
        }
        for (position, taken) in &leaving {
            self.index.set(*position, *taken);
        }
        for (position, _) in leaving {
            let there = self.header(&position)?;
            self.set(position, there, None);
        }
        Ok(true)
    }

    /// Who leaves next, if that one gives way to a record at `position`.
    fn gives_way_to(&self, position: &Position, replaced: u64, cost: u64) -> Option<Position> {
        let is_new = self.index.is_newcomer(position) || self.index.get(position).is_none();
        let more = if is_new { cost - replaced.min(cost) } else { 0 };
        if self.index.newcomer_bytes() + more <= self.newcomers_max() {
            let farthest = self.index.farthest()?;
            let gives_way = self.index.is_farther(&farthest, position);
            return gives_way.then_some(farthest);
        }
        let farthest = self.index.farthest_newcomer()?;
        // Who has been here for longer does not give way to newcomers that have their part already.
        let gives_way = !is_new || self.index.is_farther(&farthest, position);
        gives_way.then_some(farthest)
    }

    /// What newcomers may take of a store that is full.
    fn newcomers_max(&self) -> u64 {
        self.bytes_max / NEWCOMERS_PART
    }

    /// What will be at a position when the plan so far is written.
    fn header(&self, position: &Position) -> Result<Option<Header>, StoreError> {
        match self.pending.get(position) {
            Some(pending) => Ok(pending.after.as_ref().map(|kept| kept.header.clone())),
            // The index knows every position that is taken: most writes need no read.
            None if self.index.get(position).is_none() => Ok(None),
            None => read_summary(self.store, position),
        }
    }

    fn record(&self, position: &Position) -> Result<Option<std::sync::Arc<[u8]>>, StoreError> {
        match self.pending.get(position) {
            Some(pending) => Ok(pending
                .after
                .as_ref()
                .map(|kept| kept.record.as_bytes().into())),
            None => Ok(read_record(self.store, position)?.map(|held| held.bytes)),
        }
    }

    fn set(&mut self, position: Position, there: Option<Header>, after: Option<Kept>) {
        let taken = after.as_ref().map(|kept| Taken {
            cost: kept.header.cost(),
            since: kept.since,
        });
        self.undo.push((position, self.index.set(position, taken)));
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
        while let Some((position, taken)) = self.undo.pop() {
            self.index.set(position, taken);
        }
    }
}

impl Store {
    fn write_pending(
        &self,
        pending: &BTreeMap<Position, Pending>,
        dangling: &[[u8; EXPIRY_KEY_BYTES]],
    ) -> Result<(), StoreError> {
        let after = |pending: &Pending| pending.after.as_ref().map_or(0, |kept| kept.header.cost());
        let bytes: u64 = pending.values().map(after).sum();
        let mut batch = self.batch(usize::try_from(bytes).unwrap_or(0) + BATCH_FRAMING_BYTES);
        // Column by column: each has a table of its own in memory, which stays in the processor's cache so.
        let mut value = Vec::new();
        for (Position(key), pending) in pending {
            let Some(Kept { header, record, .. }) = &pending.after else {
                batch.delete(Column::Records, key);
                continue;
            };
            value.clear();
            value.extend_from_slice(&header.encode());
            value.extend_from_slice(record.as_bytes());
            batch.put(Column::Records, key, &value);
        }
        for (Position(key), pending) in pending {
            match &pending.after {
                None => batch.delete(Column::RecordSummaries, key),
                Some(Kept { header, since, .. }) => {
                    let value = summary_value(header, *since);
                    batch.put(Column::RecordSummaries, key, &value);
                }
            }
        }
        for key in dangling {
            batch.delete(Column::RecordExpiries, key);
        }
        for (position, pending) in pending {
            if let Some(header) = &pending.before {
                let key = expiry_key(header.expires, position);
                batch.delete(Column::RecordExpiries, &key);
            }
            if let Some(Kept { header, .. }) = &pending.after {
                let key = expiry_key(header.expires, position);
                batch.put(Column::RecordExpiries, &key, &[]);
            }
        }
        batch.write()
    }
}
