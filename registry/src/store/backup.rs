//! Copies of a whole store: made while it is in use, and put in the place of none.
//!
//! A copy shares no file with its original, so that one bad block does not take both. Both directions write beside the target and
//! rename at the end: what has the name is whole.

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, DBRecoveryMode, IteratorMode, ReadOptions};

use super::column::{Column, database_options, descriptors};
use super::database::Store;
use super::error::StoreError;
use super::owner;

impl Store {
    /// Copies the whole store into a new folder while it is in use, and says how many bytes the copy has. Writes go on; those
    /// that end after this began may or may not be in it, each batch whole.
    ///
    /// # Errors
    /// When `to` exists or cannot be written.
    pub fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        refuse_existing(to)?;
        self.refuse_inside(to)?;
        let partial = beside(to, ".partial");
        let system = |source: io::Error| StoreError::of_system(to, "be written", &source);
        remove_left_over(&partial).map_err(system)?;
        let bytes = self.checkpoint(&partial).and_then(|()| {
            unshare(&partial)
                .and_then(|bytes| fs::rename(&partial, to).map(|()| bytes))
                .and_then(|bytes| sync_parent(to).map(|()| bytes))
                .map_err(system)
        });
        if bytes.is_err() {
            // Half a backup only takes space.
            let _ = remove_left_over(&partial);
        }
        bytes
    }

    /// A copy in the store's own folder would be taken for a part of it, and be lost with it.
    fn refuse_inside(&self, to: &Path) -> Result<(), StoreError> {
        let system = |source: io::Error| StoreError::of_system(to, "be written", &source);
        let parent = to.parent().unwrap_or(Path::new("/"));
        let parent = parent.canonicalize().map_err(system)?;
        let own = self.db().path().canonicalize().map_err(system)?;
        if parent.starts_with(own) {
            let folder = to.to_owned();
            return Err(StoreError::Inside { folder });
        }
        Ok(())
    }

    fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        // Of everything: the log is written to the columns' files first, as it has no copy that is checked when it is made.
        Checkpoint::new(self.db())
            .and_then(|checkpoint| checkpoint.create_checkpoint(to))
            .map_err(|source| self.error("be copied", &source))
    }
}

/// Puts a backup where no store is, after reading every block of the copy against its checksum, and says how many bytes it has.
///
/// # Errors
/// When `folder` has a store, when `from` has none, or when the copy is damaged; then `folder` is as it was.
pub fn restore(from: &Path, folder: &Path) -> Result<u64, StoreError> {
    if !from.join("CURRENT").exists() {
        let folder = from.to_owned();
        return Err(StoreError::Missing { folder });
    }
    refuse_existing(folder)?;
    let partial = beside(folder, ".restoring");
    let system = |source: io::Error| StoreError::of_system(folder, "be written", &source);
    let restored = remove_left_over(&partial)
        .and_then(|()| copy_files(from, &partial))
        .map_err(system)
        .and_then(|bytes| check(&partial, from).map(|()| bytes))
        .and_then(|bytes| {
            // An empty folder may stand there: a rename replaces it.
            fs::rename(&partial, folder).map_err(system)?;
            sync_parent(folder).map_err(system)?;
            Ok(bytes)
        });
    if restored.is_err() {
        let _ = remove_left_over(&partial);
    }
    restored
}

/// Reads all of a copy; errors name the folder that it was made of.
fn check(copy: &Path, from: &Path) -> Result<(), StoreError> {
    let error = |source: rocksdb::Error| StoreError::of_database(from, "be read", &source);
    // Read-only and not as an open store: a look must change nothing.
    let options = database_options(DBRecoveryMode::AbsoluteConsistency);
    let db =
        DB::open_cf_descriptors_read_only(&options, copy, descriptors(), false).map_err(error)?;
    for column in Column::ALL {
        let family = db.cf_handle(column.name()).expect("opened with it");
        each(&db, family, |_, _| ControlFlow::Continue(())).map_err(error)?;
    }
    Ok(())
}

/// Reads a whole column once, past the cache.
fn each(
    db: &DB,
    family: &rocksdb::ColumnFamily,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), rocksdb::Error> {
    let mut once = ReadOptions::default();
    once.fill_cache(false);
    once.set_total_order_seek(true);
    for item in db.iterator_cf_opt(family, once, IteratorMode::Start) {
        let (key, value) = item?;
        if visit(&key, &value).is_break() {
            break;
        }
    }
    Ok(())
}

/// Gives each file of a folder a body of its own, on disk: a checkpoint shares its tables with the store.
fn unshare(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let copy = path.with_extension("copy");
        bytes += copy_file(&path, &copy)?;
        fs::rename(&copy, &path)?;
    }
    File::open(folder)?.sync_all()?;
    Ok(bytes)
}

/// Copies the files of a folder, except for who held it, into a new one, on disk.
pub(super) fn copy_files(from: &Path, to: &Path) -> io::Result<u64> {
    fs::create_dir(to)?;
    let mut bytes = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && name != owner::FILE && name != "LOCK" {
            bytes += copy_file(&entry.path(), &to.join(name))?;
        }
    }
    File::open(to)?.sync_all()?;
    Ok(bytes)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
    let bytes = fs::copy(from, to)?;
    File::open(to)?.sync_all()?;
    Ok(bytes)
}

/// A name beside `folder`: its own with `suffix`.
pub(super) fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(suffix);
    folder.with_file_name(name)
}

fn refuse_existing(folder: &Path) -> Result<(), StoreError> {
    let is_free = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    match is_free {
        true => Ok(()),
        false => Err(StoreError::Exists {
            folder: folder.to_owned(),
        }),
    }
}

/// Removes what an interrupted copy of ours left under a name that only copies have.
pub(super) fn remove_left_over(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes a rename last.
pub(super) fn sync_parent(folder: &Path) -> io::Result<()> {
    let parent = folder
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
