//! What a node keeps on disk: one RocksDB folder, split into columns by who writes them and how they are read.
//!
//! This module owns the columns and the folder. It promises that what was written together is there together after a crash,
//! and that a flipped bit on disk is an error, never an answer. What the bytes mean is for the modules that own the columns.

use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, ChecksumType, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    Options, WriteBatch, WriteOptions,
};

/// A family of keys that are compacted and cached together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// Records by their place in the key space, so that a neighbour's range is one scan.
    Records,
    /// Expiry time, then place: the expired are found without reading a record.
    RecordExpiries,
    /// Finalised blocks by height. Written once and read by followers: kept apart so that compaction leaves them alone.
    Blocks,
    /// Certificates by height. A light client reads these without the blocks.
    Certificates,
    /// Nodes of the state tree by version and path, written in one batch with the values they prove.
    StateNodes,
    /// Ledger entries by key hash and version.
    StateValues,
    /// What shows a validator signing two things for one height. Never removed: it is what removes the validator.
    Evidence,
    /// A few cells about this node itself: the format of the folder, the genesis it follows.
    Node,
}

impl Column {
    /// Every column, in the order above.
    pub const ALL: [Self; 8] = [
        Self::Records,
        Self::RecordExpiries,
        Self::Blocks,
        Self::Certificates,
        Self::StateNodes,
        Self::StateValues,
        Self::Evidence,
        Self::Node,
    ];

    /// The family's name on disk: part of the format, so it outlives renames in the code.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::RecordExpiries => "record-expiries",
            Self::Blocks => "blocks",
            Self::Certificates => "certificates",
            Self::StateNodes => "state-nodes",
            Self::StateValues => "state-values",
            Self::Evidence => "evidence",
            Self::Node => "node",
        }
    }

    fn options(self) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_checksum_type(ChecksumType::XXH3);
        // Most reads of these ask for one key, often one that is absent: ten bits a key spare 99% of such disk reads.
        if matches!(self, Self::Records | Self::StateNodes | Self::StateValues) {
            blocks.set_bloom_filter(10.0, false);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(DBCompressionType::Lz4);
        options
    }
}

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder is in use, damaged, or written by a newer version.
    #[error("the store in {folder} does not open: {source}")]
    Open {
        /// Where the store is.
        folder: PathBuf,
        /// What RocksDB says.
        source: rocksdb::Error,
    },
    /// A read or a write failed: the disk is full or damaged.
    #[error("the store failed in column `{column}`: {source}")]
    Disk {
        /// The column that was read, or the first that was written.
        column: &'static str,
        /// What RocksDB says.
        source: rocksdb::Error,
    },
}

/// An open folder. RocksDB lets only one process hold it.
pub struct Store {
    db: DB,
}

impl Store {
    /// Opens the store in `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the folder is held by another process or does not pass its checks.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_paranoid_checks(true);
        options.set_keep_log_file_num(4); // RocksDB's own text log, a file a start.
        let columns =
            Column::ALL.map(|column| ColumnFamilyDescriptor::new(column.name(), column.options()));
        let db = DB::open_cf_descriptors(&options, folder, columns).map_err(|source| {
            StoreError::Open {
                folder: folder.to_owned(),
                source,
            }
        })?;
        Ok(Self { db })
    }

    /// The value of `key` in `column`.
    ///
    /// # Errors
    /// [`StoreError::Disk`] when the disk cannot be read or its bytes do not match their checksum.
    pub fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db
            .get_cf(self.family(column), key)
            .map_err(|source| disk(column, source))
    }

    /// Writes all `changes` or none, and returns when they are on disk.
    ///
    /// # Errors
    /// [`StoreError::Disk`] when they could not be written; then none of them is.
    pub fn write(&self, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let Some(first) = changes.first() else {
            return Ok(());
        };
        let mut batch = WriteBatch::default();
        for change in changes {
            match change {
                Change::Put { column, key, value } => {
                    batch.put_cf(self.family(*column), key, value)
                }
                Change::Delete { column, key } => batch.delete_cf(self.family(*column), key),
            }
        }
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        self.db
            .write_opt(&batch, &synced)
            .map_err(|source| disk(first.column(), source))
    }

    fn family(&self, column: Column) -> &ColumnFamily {
        self.db
            .cf_handle(column.name())
            .expect("`open` opened every column")
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

impl Change<'_> {
    const fn column(&self) -> Column {
        match self {
            Self::Put { column, .. } | Self::Delete { column, .. } => *column,
        }
    }
}

fn disk(column: Column, source: rocksdb::Error) -> StoreError {
    StoreError::Disk {
        column: column.name(),
        source,
    }
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
    fn a_folder_in_use_is_refused_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let _held = Store::open(folder.path()).expect("a new store");
        let error = Store::open(folder.path()).err().expect("it is held");
        let named = folder.path().display().to_string();
        assert!(error.to_string().contains(&named), "{error}");
    }
}
