//! An open folder: columns, batches that are on disk when they return, and reads that check what they read.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rocksdb::{
    ColumnFamily, CompactOptions, DB, DBRecoveryMode, Direction, FlushOptions, IteratorMode,
    ReadOptions, WriteBatch, WriteOptions,
};

use super::column::{Column, database_options, descriptors};
use super::error::{StoreError, is_database_file};
use super::owner::Hold;
use super::repair;
use crate::private;

/// The format of the folder: what the columns' keys and values are. It grows when an older program would misread them.
const FORMAT: u32 = 1;

/// The cell of [`Column::Node`] that has the format, as four bytes.
const FORMAT_CELL: &[u8] = b"format";

/// An open folder. Only one process holds it.
pub struct Store {
    db: DB,
    folder: PathBuf,
    // Dropped last: nobody else may have the folder while RocksDB still does.
    _hold: Hold,
}

impl Store {
    /// Opens the store in `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// When another process has it, when it does not pass its checks, or when a newer version wrote it.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        repair::finish(folder)?;
        private::make_folder(folder)
            .map_err(|source| StoreError::of_system(folder, "be made", &source))?;
        let hold = Hold::take(folder)?;
        // A log that ends in the middle of a write is what a power cut leaves: that write was never acknowledged. Damage
        // before the end is an error, where RocksDB's default would forget everything after it.
        let mode = DBRecoveryMode::TolerateCorruptedTailRecords;
        let mut options = database_options(mode);
        options.create_if_missing(is_new(folder)?);
        // Also in an old one: its first start may have been cut short, or it is from before a column.
        options.create_missing_column_families(true);
        let db = DB::open_cf_descriptors(&options, folder, descriptors())
            .map_err(|source| StoreError::of_open(folder, &source))?;
        let store = Self {
            db,
            folder: folder.to_owned(),
            _hold: hold,
        };
        store.check_format()?;
        Ok(store)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The value of `key` in `column`.
    ///
    /// # Errors
    /// When the disk cannot be read or its bytes do not match their checksum.
    pub fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .get_cf(self.family(column), key)
            .map_err(|source| self.error("be read", &source))
    }

    /// Shows every key from `from` on and its value to `visit`, in order, until that breaks.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn scan(
        &self,
        column: Column,
        from: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mode = IteratorMode::From(from, Direction::Forward);
        // In full: what a column's filters say of a prefix holds for that prefix alone.
        for item in self.db.full_iterator_cf(self.family(column), mode) {
            let (key, value) = item.map_err(|source| self.error("be read", &source))?;
            if visit(&key, &value).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What `read` makes of the first key from `from` on that has its prefix, and of its value. In a column whose keys have one, see [`Column::prefix_bytes`],
    /// tables without that prefix are not looked into.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub(crate) fn first<T>(
        &self,
        column: Column,
        from: &[u8],
        read: impl FnOnce(&[u8], &[u8]) -> T,
    ) -> Result<Option<T>, StoreError> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mut found = self.db.raw_iterator_cf_opt(self.family(column), options);
        found.seek(from);
        match found.item() {
            Some((key, value)) => Ok(Some(read(key, value))),
            None => found
                .status()
                .map(|()| None)
                .map_err(|source| self.error("be read", &source)),
        }
    }

    /// Writes all `changes` or none, and returns when they are on disk.
    ///
    /// # Errors
    /// When they could not be written; then none of them is.
    pub fn write(&self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        self.write_with(changes, &synced())
    }

    /// Writes all `changes` or none, on disk by the next [`Store::write`] or [`Store::flush`], in their order: for what nobody uses before that.
    pub(crate) fn write_later(&self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        self.write_with(changes, &WriteOptions::default())
    }

    fn write_with(&self, changes: &[Change<'_>], options: &WriteOptions) -> Result<(), StoreError> {
        let mut batch = self.batch(0);
        for change in changes {
            match change {
                Change::Put { column, key, value } => batch.put(*column, key, value),
                Change::Delete { column, key } => batch.delete(*column, key),
            }
        }
        batch.write_with(options)
    }

    /// A batch to be filled with about so many bytes.
    pub(super) fn batch(&self, bytes: usize) -> Batch<'_> {
        Batch {
            store: self,
            changes: WriteBatch::with_capacity_bytes(bytes),
            column: None,
        }
    }

    /// Writes what is only in the log to the columns' files, so that the next open has nothing to replay.
    ///
    /// # Errors
    /// When the disk cannot be written.
    pub fn flush(&self) -> Result<(), StoreError> {
        let families = Column::ALL.map(|column| self.family(column));
        self.db
            .flush_cfs_opt(&families, &FlushOptions::default())
            .map_err(|source| self.error("be written", &source))
    }

    /// Rewrites the columns without what was removed: the space comes back now, not when RocksDB gets to it.
    pub fn compact(&self) {
        let options = CompactOptions::default();
        for column in Column::ALL {
            let family = self.family(column);
            self.db
                .compact_range_cf_opt::<&[u8], &[u8]>(family, None, None, &options);
        }
    }

    pub(super) fn db(&self) -> &DB {
        &self.db
    }

    pub(super) fn error(&self, doing: &'static str, source: &rocksdb::Error) -> StoreError {
        StoreError::of_database(&self.folder, doing, source)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let cell = self.get(Column::Node, FORMAT_CELL)?;
        match cell.as_deref().map(<[u8; 4]>::try_from) {
            None => self.write(&[Change::Put {
                column: Column::Node,
                key: FORMAT_CELL,
                value: &FORMAT.to_be_bytes(),
            }]),
            Some(Ok(format)) if u32::from_be_bytes(format) <= FORMAT => Ok(()),
            found => Err(StoreError::Newer {
                folder: self.folder.clone(),
                found: match found {
                    Some(Ok(format)) => format!(
                        "format {}, and this version reads up to {FORMAT}",
                        u32::from_be_bytes(format)
                    ),
                    _ => "its format is not a number".to_owned(),
                },
            }),
        }
    }

    fn family(&self, column: Column) -> &ColumnFamily {
        self.db
            .cf_handle(column.name())
            .expect("`open` opened every column")
    }
}

/// All of it is written, or none.
pub(super) struct Batch<'a> {
    store: &'a Store,
    changes: WriteBatch,
    /// The last one that was written to: changes come column by column, and finding one by its name takes as long as a short change.
    column: Option<(Column, &'a ColumnFamily)>,
}

impl<'a> Batch<'a> {
    pub(super) fn put(&mut self, column: Column, key: &[u8], value: &[u8]) {
        let family = self.family(column);
        self.changes.put_cf(family, key, value);
    }

    pub(super) fn delete(&mut self, column: Column, key: &[u8]) {
        let family = self.family(column);
        self.changes.delete_cf(family, key);
    }

    /// Returns when it is on disk.
    pub(super) fn write(self) -> Result<(), StoreError> {
        self.write_with(&synced())
    }

    fn write_with(self, options: &WriteOptions) -> Result<(), StoreError> {
        let Self { store, changes, .. } = self;
        if changes.is_empty() {
            return Ok(());
        }
        let written = store.db.write_opt(changes, options);
        written.map_err(|source| store.error("be written", &source))
    }

    fn family(&mut self, column: Column) -> &'a ColumnFamily {
        match self.column {
            Some((last, family)) if last == column => family,
            _ => {
                let family = self.store.family(column);
                self.column = Some((column, family));
                family
            }
        }
    }
}

fn synced() -> WriteOptions {
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    synced
}

/// Whether there is no database yet. One whose `CURRENT` is lost is not new: RocksDB would start afresh and delete its files.
fn is_new(folder: &Path) -> Result<bool, StoreError> {
    let system = |source| StoreError::of_system(folder, "be listed", &source);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(system)? {
        let name = entry.map_err(system)?.file_name();
        files.extend(
            name.into_string()
                .ok()
                .filter(|name| is_database_file(name)),
        );
    }
    if files.iter().any(|name| name == "CURRENT") {
        return Ok(false);
    }
    // A start that was cut short leaves a manifest and perhaps an empty log, no data.
    let has_data = |name: &String| {
        let bytes = fs::metadata(folder.join(name)).map_or(0, |data| data.len());
        !name.starts_with("MANIFEST-") && bytes > 0
    };
    match files.iter().find(|name| has_data(name)) {
        None => Ok(true),
        Some(name) => {
            let reason = format!("CURRENT is missing beside {name}");
            Err(StoreError::damaged(folder.to_owned(), reason))
        }
    }
}

/// One change of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Change<'a> {
    /// Sets a key.
    Put {
        /// Where.
        column: Column,
        /// Which key.
        key: &'a [u8],
        /// To what.
        value: &'a [u8],
    },
    /// Removes a key; it need not be there.
    Delete {
        /// Where.
        column: Column,
        /// Which key.
        key: &'a [u8],
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put<'a>(column: Column, key: &'a [u8], value: &'a [u8]) -> Change<'a> {
        Change::Put { column, key, value }
    }

    #[test]
    fn columns_keep_what_was_written_across_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        for column in Column::ALL {
            let value = column.name().as_bytes();
            store.write(&[put(column, b"key", value)]).expect("written");
        }
        drop(store);

        let store = Store::open(folder.path()).expect("the same store");
        for column in Column::ALL {
            let value = store.get(column, b"key").expect("read");
            assert_eq!(value.as_deref(), Some(column.name().as_bytes()));
            assert_eq!(store.get(column, b"other").expect("read"), None);
        }
    }

    #[test]
    fn a_batch_spans_columns_and_deletes() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let (old, new) = (Column::StateNodes, Column::StateValues);
        store.write(&[]).expect("nothing to write");
        store.write(&[put(old, b"a", b"1")]).expect("written");
        let delete = Change::Delete {
            column: old,
            key: b"a",
        };
        store
            .write(&[delete, put(new, b"a", b"2")])
            .expect("written");
        assert_eq!(store.get(old, b"a").expect("read"), None);
        assert_eq!(
            store.get(new, b"a").expect("read").as_deref(),
            Some(&b"2"[..])
        );
    }

    #[test]
    fn the_first_of_a_prefix_is_found_in_memory_and_in_tables_and_nowhere_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a new store");
        let column = Column::StateValues;
        let place = |first: u8| [first; 32];
        let key = |first, last: u8| [&place(first)[..], &[last]].concat();
        for (first, last) in [(1, 5), (1, 9), (3, 5)] {
            store
                .write(&[put(column, &key(first, last), &[last])])
                .expect("written");
        }
        let check = |first, last, expected: Option<u8>| {
            let found = store.first(column, &key(first, last), |_, value| value[0]);
            assert_eq!(found.expect("it reads"), expected, "{first} from {last} on");
        };
        for _ in 0..2 {
            check(1, 0, Some(5));
            check(1, 6, Some(9));
            check(1, 10, None);
            check(2, 0, None);
            check(3, 5, Some(5));
            check(4, 0, None);
            let mut all = 0;
            store
                .scan(column, &place(2), |_, _| {
                    all += 1;
                    ControlFlow::Continue(())
                })
                .expect("it reads");
            assert_eq!(all, 1, "a scan is of all prefixes");
            store.flush().expect("written");
            store.compact();
        }
    }

    #[test]
    fn a_first_start_that_was_cut_short_is_made_up_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        drop(DB::open(&options, folder.path()).expect("a database without columns"));
        let store = Store::open(folder.path()).expect("the columns are made");
        store
            .write(&[put(Column::Evidence, b"a", b"1")])
            .expect("written");
    }

    #[test]
    fn what_a_newer_version_wrote_is_refused() {
        let check = |spoil: fn(&Store), expected: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            let store = Store::open(folder.path()).expect("a new store");
            spoil(&store);
            drop(store);
            let error = Store::open(folder.path()).err().expect("refused");
            assert!(matches!(error, StoreError::Newer { .. }), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(
            |store| {
                let format = put(Column::Node, FORMAT_CELL, &[0, 0, 0, 2]);
                store.write(&[format]).expect("written");
            },
            "format 2, and this version reads up to 1",
        );
        check(
            |store| {
                let format = put(Column::Node, FORMAT_CELL, b"?");
                store.write(&[format]).expect("written");
            },
            "not a number",
        );
    }

    #[test]
    fn an_unknown_column_is_from_a_newer_version() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = rocksdb::Options::default();
        options.create_if_missing(true);
        let mut db = DB::open(&options, folder.path()).expect("a database");
        db.create_cf("unheard-of", &options).expect("a column");
        let held = Store::open(folder.path()).err().expect("held by RocksDB");
        assert!(matches!(held, StoreError::InUse { .. }), "{held}");
        drop(db);
        let error = Store::open(folder.path()).err().expect("refused");
        assert!(matches!(error, StoreError::Newer { .. }), "{error}");
        assert!(error.to_string().contains("unheard-of"), "{error}");
    }

    #[test]
    fn a_folder_in_use_is_refused_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let _held = Store::open(folder.path()).expect("a new store");
        let error = Store::open(folder.path()).err().expect("it is held");
        let named = folder.path().display().to_string();
        assert!(error.to_string().contains(&named), "{error}");
    }
}
