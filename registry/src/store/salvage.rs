//! Reading what is left of a damaged store, three ways, and keeping the newest of what verifies.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use dotkey_proto::record::SignedRecord;
use rocksdb::{ColumnFamily, DB, DBRecoveryMode, Direction, IteratorMode, Options};

use super::column::{Column, database_options, descriptors};
use super::database::{Change, Store};
use super::error::StoreError;
use super::format::{Header, decode_expiry_key, expiry_key, position};
use super::records::read_summary;
use crate::dht::message::Summary;
use crate::dht::peer::Position;

/// A way to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As it is, block by block: loses what is in a damaged block. Needs a manifest.
    AsItIs,
    /// The log alone, into empty columns: what was not in the columns' files yet, when the manifest is lost.
    LogAlone,
    /// After RocksDB made a new manifest of the tables that it can read from end to end: when the manifest is lost, or a table cannot be
    /// opened and hides those under it.
    Rebuilt,
}

impl Way {
    pub(super) const ALL: [Self; 3] = [Self::AsItIs, Self::LogAlone, Self::Rebuilt];
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: BTreeSet<String>,
    pub(super) kept: u64,
    pub(super) dropped: u64,
    pub(super) cells: u64,
    /// Whether something was damaged that is no record.
    other_damage: bool,
    /// Whether something was damaged of which nobody can tell what it was.
    any_damage: bool,
}

impl Found {
    /// Whether cells of other columns than those of records may be lost.
    pub(super) fn cells_lost(&self) -> bool {
        self.other_damage || self.any_damage && self.cells > 0
    }
}

/// A salvage into a fresh store.
pub(super) struct Salvage<'a> {
    fresh: &'a Store,
    /// Positions of which anything was seen, in any column.
    seen: BTreeSet<Position>,
    found: Found,
}

/// The parts that a column is read in: where one is damaged, reading goes on with the next and comes back from its end.
const PARTS: u32 = 4096;

impl<'a> Salvage<'a> {
    pub(super) fn new(fresh: &'a Store) -> Self {
        Self {
            fresh,
            seen: BTreeSet::new(),
            found: Found::default(),
        }
    }

    /// Adds what one way finds in a copy of the damaged folder, which is used up.
    pub(super) fn pour(&mut self, way: Way, copy: &Path) -> Result<(), StoreError> {
        match self.open(way, copy) {
            Ok(db) => self.pour_all(&db),
            Err(error) => {
                self.damaged(error);
                Ok(())
            }
        }
    }

    /// The sum of it.
    pub(super) fn finish(mut self) -> Result<Found, StoreError> {
        for position in &self.seen {
            match read_summary(self.fresh, position)? {
                Some(_) => self.found.kept += 1,
                None => self.found.dropped += 1,
            }
        }
        Ok(self.found)
    }

    fn open(&mut self, way: Way, copy: &Path) -> Result<DB, StoreError> {
        let error = |source| StoreError::of_open(copy, &source);
        let mut options = lenient();
        // A column without a table is unknown to a new manifest.
        options.create_missing_column_families(true);
        match way {
            Way::AsItIs => {
                // Strictly first, to learn which file it is.
                let strict = database_options(DBRecoveryMode::TolerateCorruptedTailRecords);
                let looked = DB::open_cf_descriptors_read_only(&strict, copy, descriptors(), false);
                if let Err(source) = looked.map(drop) {
                    self.damaged(error(source));
                }
                let opened =
                    DB::open_cf_descriptors_read_only(&lenient(), copy, descriptors(), false);
                opened.map_err(error)
            }
            Way::LogAlone => {
                let empty = copy.join("log-alone");
                options.create_if_missing(true);
                let open = || DB::open_cf_descriptors(&options, &empty, descriptors());
                drop(open().map_err(error)?);
                move_logs(copy, &empty)
                    .map_err(|source| StoreError::of_system(copy, "be read", &source))?;
                open().map_err(error)
            }
            Way::Rebuilt => {
                DB::repair(&options, copy).map_err(error)?;
                DB::open_cf_descriptors(&options, copy, descriptors()).map_err(error)
            }
        }
    }

    /// What does not read of a column.
    fn note(&mut self, copy: &Path, column: Column, error: &rocksdb::Error) {
        self.found.other_damage |= !column.is_of_records();
        let error = StoreError::of_database(copy, "be read", error);
        self.found.files.extend(file_of(error));
    }

    /// What keeps the whole from opening may be of any column.
    fn damaged(&mut self, error: StoreError) {
        self.found.any_damage = true;
        self.found.files.extend(file_of(error));
    }

    fn pour_all(&mut self, db: &DB) -> Result<(), StoreError> {
        for column in Column::ALL {
            let Some(family) = db.cf_handle(column.name()) else {
                continue;
            };
            let mut failure = Ok(());
            let broken = read_parts(db, family, |key, value| {
                let taken = self.take(column, key, value);
                if let Err(error) = taken {
                    failure = Err(error);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            });
            failure?;
            for error in broken {
                self.note(db.path(), column, &error);
            }
        }
        self.pour_known(db)
    }

    /// Asks for each record that something is known of: a block that a scan stumbles over may be another one than its own.
    fn pour_known(&mut self, db: &DB) -> Result<(), StoreError> {
        let Some(records) = db.cf_handle(Column::Records.name()) else {
            return Ok(());
        };
        for position in self.seen.clone() {
            if read_summary(self.fresh, &position)?.is_some() {
                continue;
            }
            match db.get_cf(records, position.0) {
                Ok(Some(value)) => self.take(Column::Records, &position.0, &value)?,
                Ok(None) => {}
                Err(error) => self.note(db.path(), Column::Records, &error),
            }
        }
        Ok(())
    }

    fn take(&mut self, column: Column, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        match column {
            Column::Records => self.take_record(key, value),
            Column::RecordSummaries => {
                self.seen.extend(position(key));
                Ok(())
            }
            Column::RecordExpiries => {
                let key = decode_expiry_key(key);
                self.seen.extend(key.map(|(_, position)| position));
                Ok(())
            }
            _ if self.fresh.get(column, key)?.is_some() => Ok(()),
            _ => {
                self.found.cells += 1;
                self.fresh
                    .write_later(&[Change::Put { column, key, value }])
            }
        }
    }

    /// Keeps a record that verifies, where it belongs and nothing newer is.
    fn take_record(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let Ok(at) = position(key) else {
            return Ok(());
        };
        self.seen.insert(at);
        let Ok((header, bytes)) = Header::decode_with_record(value) else {
            return Ok(());
        };
        // At the begin of its time, whatever the time is: the expired leave later, by themselves.
        let Ok(record) = SignedRecord::new(bytes).verify(header.not_before, None) else {
            return Ok(());
        };
        let there = read_summary(self.fresh, &at)?;
        let newer = there
            .as_ref()
            .is_none_or(|there| there.summary < Summary::of(&record));
        if Position::of_record(&record) != at || !newer {
            return Ok(());
        }
        let header = Header::of(&record);
        let (head, expiry) = (header.encode(), expiry_key(header.expires, &at));
        let value = [&head[..], bytes].concat();
        let put = |column, key, value| Change::Put { column, key, value };
        let old = there.map(|there| expiry_key(there.expires, &at));
        let mut changes = Vec::new();
        changes.extend(old.as_ref().map(|key| Change::Delete {
            column: Column::RecordExpiries,
            key,
        }));
        changes.extend([
            put(Column::Records, key, &value),
            put(Column::RecordSummaries, key, &head),
            put(Column::RecordExpiries, &expiry, &[]),
        ]);
        self.fresh.write_later(&changes)
    }
}

fn file_of(error: StoreError) -> Option<String> {
    match error {
        StoreError::Damaged { file, .. } => file,
        _ => None,
    }
}

/// Options that read on where ours would stop.
fn lenient() -> Options {
    let mut options = database_options(DBRecoveryMode::SkipAnyCorruptedRecord);
    options.set_paranoid_checks(false);
    options.set_track_and_verify_wals_in_manifest(false);
    options
}

/// Moves the logs of one database to an empty one. They get higher numbers: a log older than the columns is passed over.
fn move_logs(from: &Path, to: &Path) -> io::Result<()> {
    let log_number = |name: &str| name.strip_suffix(".log")?.parse::<u64>().ok();
    let mut logs = Vec::new();
    let mut own = 0;
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if let Some(number) = entry.file_name().to_str().and_then(log_number) {
            own = own.max(number);
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(log_number);
        logs.extend(number.map(|number| (number, entry.path())));
    }
    logs.sort();
    for (number, path) in logs {
        fs::rename(path, to.join(format!("{:06}.log", number + own)))?;
    }
    Ok(())
}

/// Shows `visit` every key that can be read, some of them twice, and gives the errors between them.
fn read_parts(
    db: &DB,
    family: &ColumnFamily,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Vec<rocksdb::Error> {
    let mut errors = Vec::new();
    for part in 0..PARTS {
        let bound = |part: u32| ((part << 20).to_be_bytes(), part < PARTS);
        let (first, (end, has_end)) = (bound(part).0, bound(part + 1));
        let inside = |key: &[u8]| key >= &first[..2] && (!has_end || key < &end[..2]);
        let forward = IteratorMode::From(&first[..2], Direction::Forward);
        let mut broken = None;
        for item in db.full_iterator_cf(family, forward) {
            match item {
                Ok((key, _)) if !inside(&key) => break,
                Ok((key, value)) => {
                    if visit(&key, &value).is_break() {
                        return errors;
                    }
                }
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        let Some(error) = broken else {
            continue;
        };
        errors.push(error);
        let backward = if has_end {
            IteratorMode::From(&end[..2], Direction::Reverse)
        } else {
            IteratorMode::End
        };
        for (key, value) in db.full_iterator_cf(family, backward).map_while(Result::ok) {
            // The end itself belongs to the next part.
            if key[..] < first[..2] || visit(&key, &value).is_break() {
                break;
            }
        }
    }
    errors
}
