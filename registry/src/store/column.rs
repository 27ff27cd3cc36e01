//! The columns, and how much memory and disk RocksDB may take for them.

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ChecksumType, ColumnFamilyDescriptor,
    DBCompressionType, DBRecoveryMode, Options, SliceTransform,
};

/// A family of keys that are compacted and cached together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// Records by their position in the key space.
    Records,
    /// Expiry time, then position: the expired are found without reading a record.
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
    /// What a record is, by its position: a store opens and compares itself with others without reading the records.
    RecordSummaries,
    /// What of the state tree is of no use any more, by the block since which: pruning finds it without reading the tree.
    StateStale,
    /// Who votes, by the epoch since which, the newest first: changes are few, and every epoch may be asked for.
    Validators,
}

impl Column {
    /// Every column, in the order in which they came to be. A new one goes to the end: repair relies on it to know a column by its
    /// number when nothing else is left of its name.
    pub const ALL: [Self; 11] = [
        Self::Records,
        Self::RecordExpiries,
        Self::Blocks,
        Self::Certificates,
        Self::StateNodes,
        Self::StateValues,
        Self::Evidence,
        Self::Node,
        Self::RecordSummaries,
        Self::StateStale,
        Self::Validators,
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
            Self::RecordSummaries => "record-summaries",
            Self::StateStale => "state-stale",
            Self::Validators => "validators",
        }
    }

    /// Whether it can be made anew from the records.
    pub(super) const fn is_of_records(self) -> bool {
        matches!(
            self,
            Self::Records | Self::RecordExpiries | Self::RecordSummaries
        )
    }

    /// What the keys of a version or time begin with, where all that is asked for is the first of them.
    const fn prefix_bytes(self) -> Option<usize> {
        match self {
            Self::StateValues => Some(PLACE_BYTES),
            _ => None,
        }
    }

    fn options(self, cache: &Cache) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_checksum_type(ChecksumType::XXH3);
        blocks.set_block_cache(cache);
        // Else the indexes of all open files stay in memory, whatever the cache may hold.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        // Most reads of these ask for one key, often one that is absent: ten bits a key spare 99% of such disk reads.
        if matches!(self, Self::Records | Self::StateNodes | Self::StateValues) {
            blocks.set_bloom_filter(10.0, false);
            blocks.set_whole_key_filtering(self.prefix_bytes().is_none());
            // In pieces: those of a table of 64 MiB in one are a megabyte each, and a cache that they do not fit reads them anew for every key.
            blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
            blocks.set_partition_filters(true);
            blocks.set_metadata_block_size(PIECE_BYTES);
            blocks.set_pin_top_level_index_and_filter(true);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        if let Some(bytes) = self.prefix_bytes() {
            options.set_prefix_extractor(SliceTransform::create_fixed_prefix(bytes));
            options.set_memtable_prefix_bloom_ratio(MEMORY_FILTER_RATIO);
        }
        options.set_compression_type(DBCompressionType::Lz4);
        options.set_write_buffer_size(COLUMN_BUFFER_BYTES);
        options
    }
}

/// Blocks, indexes and filters in memory. A node's working set is its neighbourhood's summaries; the system caches the rest.
const CACHE_BYTES: usize = 8 << 20;

/// The same for the ledger's state, of which a proof or a transaction reads some twenty nodes, the upper ones always the same: those of a million names.
const STATE_CACHE_BYTES: usize = 32 << 20;

/// Of what a column gathers in memory, for a filter: ten bits for each of the shortest values.
const MEMORY_FILTER_RATIO: f64 = 0.02;

/// A leaf's place, which a version follows.
const PLACE_BYTES: usize = 32;

/// Of an index or a filter: as long as a block of keys.
const PIECE_BYTES: usize = 4 << 10;

/// What one column gathers in memory before it becomes a file: the largest batch, 4 MiB of records, fits twice.
const COLUMN_BUFFER_BYTES: usize = 8 << 20;

/// What all columns together gather.
const BUFFERS_BYTES: usize = 16 << 20;

/// The log that is replayed at an open: longer ones are cut by writing the columns that they are kept for.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// Table files open at a time: of 1 GiB of records in files of 64 MiB all.
const OPEN_FILES_MAX: i32 = 128;

/// Flushes and compactions at a time: a node shares its machine.
const BACKGROUND_JOBS_MAX: i32 = 2;

/// RocksDB's own text log: a file a start and at this size.
const TEXT_LOG_FILES: usize = 4;
const TEXT_LOG_BYTES_MAX: usize = 1 << 20;

/// The whole database's options, for one that exists. `mode` says how a broken log is met.
pub(super) fn database_options(mode: DBRecoveryMode) -> Options {
    let mut options = Options::default();
    options.set_paranoid_checks(true);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_wal_recovery_mode(mode);
    options.set_db_write_buffer_size(BUFFERS_BYTES);
    options.set_max_total_wal_size(LOG_BYTES_MAX);
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_max_background_jobs(BACKGROUND_JOBS_MAX);
    options.set_keep_log_file_num(TEXT_LOG_FILES);
    options.set_max_log_file_size(TEXT_LOG_BYTES_MAX);
    // An idle node writes nothing: no statistics every ten minutes.
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

/// Every column with its options; they share one cache, but for the ledger's state.
pub(super) fn descriptors() -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(CACHE_BYTES);
    let state_cache = Cache::new_lru_cache(STATE_CACHE_BYTES);
    let column = |column: Column| {
        let cache = match column {
            Column::StateNodes | Column::StateValues => &state_cache,
            _ => &cache,
        };
        ColumnFamilyDescriptor::new(column.name(), column.options(cache))
    };
    // RocksDB insists on one of its own. It stays empty, and has options because the largest buffer of any column is the space that
    // must be free before it writes again after a full disk.
    let default = Column::Node.options(&cache);
    let default = ColumnFamilyDescriptor::new(rocksdb::DEFAULT_COLUMN_FAMILY_NAME, default);
    [default]
        .into_iter()
        .chain(Column::ALL.map(column))
        .collect()
}
