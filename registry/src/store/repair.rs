//! Repair: a new store from what can still be read of a damaged one, which is moved aside and never changed. A sound one stays as it is.
//!
//! What is read is read three ways ([`super::salvage`]); every record is verified again, signatures included, and the newest of
//! each position is kept, so that it does not matter which way found it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::backup::{beside, copy_files, remove_left_over, sync_parent};
use super::database::Store;
use super::error::{StoreError, is_database_file};
use super::examine::{Holding, examine};
use super::owner::Hold;
use super::salvage::{Salvage, Way};

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairReport {
    /// Where the damaged store is now, unchanged. Nothing where the store is sound: it is as it was.
    pub damaged: Option<PathBuf>,
    /// Its files in which damage was found.
    pub files: Vec<String>,
    /// Records that are in the store now, each verified again.
    pub kept: u64,
    /// Records that are known to have been there and could not be read or verified. What left no trace is not counted: what was in
    /// a broken block of the log, above all.
    pub dropped: u64,
    /// Cells of the other columns that are in the store now. Their owners check them when they are read.
    pub cells: u64,
    /// Whether cells of the other columns may be lost: nothing tells how many.
    pub cells_lost: bool,
}

impl RepairReport {
    /// Whether the log was damaged: what was in its broken part left no trace.
    #[must_use]
    pub fn log_damaged(&self) -> bool {
        self.files.iter().any(|file| file.ends_with(".log"))
    }
}

/// The suffixes of the folders of a repair: what it reads, what it writes, what is ready to take the store's name.
const COPY: &str = ".repair-copy";
const REBUILDING: &str = ".repairing";
const READY: &str = ".repaired";

/// Makes a new store of what can be read of the one in `folder`, unless it is sound. The damaged one is moved beside it, as
/// `<folder>.damaged-<number>`.
///
/// # Errors
/// When another process has it, when there is none, when a newer version wrote it, or when the disk has no room for a second one.
pub fn repair(folder: &Path) -> Result<RepairReport, StoreError> {
    finish(folder)?;
    let system = |source: io::Error| StoreError::of_system(folder, "be repaired", &source);
    if !has_database(folder).map_err(system)? {
        let folder = folder.to_owned();
        return Err(StoreError::Missing { folder });
    }
    let hold = Hold::take(folder)?;
    let (copy, rebuilding, ready) = (
        beside(folder, COPY),
        beside(folder, REBUILDING),
        beside(folder, READY),
    );
    // A store that was ready while the damaged one was still in its place: this repair makes it again.
    for left_over in [&copy, &rebuilding, &ready] {
        remove_left_over(left_over).map_err(system)?;
    }
    copy_files(folder, &copy).map_err(system)?;
    let sound = sound(folder, &copy)?;
    remove_left_over(&copy).map_err(system)?;
    if let Some(Holding { records, cells }) = sound {
        return Ok(RepairReport {
            damaged: None,
            files: Vec::new(),
            kept: records,
            dropped: 0,
            cells,
            cells_lost: false,
        });
    }
    let fresh = Store::open(&rebuilding)?;
    let mut salvage = Salvage::new(&fresh);
    for way in Way::ALL {
        copy_files(folder, &copy).map_err(system)?;
        salvage.pour(way, &copy)?;
        remove_left_over(&copy).map_err(system)?;
    }
    let found = salvage.finish()?;
    fresh.flush()?;
    drop(fresh);

    let damaged = free_name(folder);
    fs::rename(&rebuilding, &ready).map_err(system)?;
    // Between these two no store has the name; `finish` knows what that means.
    fs::rename(folder, &damaged).map_err(system)?;
    finish(folder)?;
    drop(hold);
    Ok(RepairReport {
        damaged: Some(damaged),
        cells_lost: found.cells_lost(),
        files: found.files.into_iter().collect(),
        kept: found.kept,
        dropped: found.dropped,
        cells: found.cells,
    })
}

/// What the copy of a sound store holds. It is opened as a node opens a store, which may change it.
fn sound(folder: &Path, copy: &Path) -> Result<Option<Holding>, StoreError> {
    let examined = Store::open(copy).and_then(|store| examine(&store));
    let folder = folder.to_owned();
    match examined {
        // What a newer version wrote is not damaged, and a full disk says nothing.
        Err(StoreError::Newer { found, .. }) => Err(StoreError::Newer { folder, found }),
        Err(StoreError::NoSpace { .. }) => Err(StoreError::NoSpace { folder }),
        Err(_) => Ok(None),
        Ok(holding) => Ok(holding),
    }
}

/// Ends a repair that was cut short after its store was ready.
pub(super) fn finish(folder: &Path) -> Result<(), StoreError> {
    let ready = beside(folder, READY);
    if folder.exists() || !ready.exists() {
        return Ok(());
    }
    fs::rename(&ready, folder)
        .and_then(|()| sync_parent(folder))
        .map_err(|source| StoreError::of_system(folder, "be repaired", &source))
}

fn has_database(folder: &Path) -> io::Result<bool> {
    if !folder.exists() {
        return Ok(false);
    }
    for entry in fs::read_dir(folder)? {
        if entry?.file_name().to_str().is_some_and(is_database_file) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn free_name(folder: &Path) -> PathBuf {
    (1_u32..)
        .map(|number| beside(folder, &format!(".damaged-{number}")))
        .find(|name| !name.exists())
        .expect("there are fewer damaged stores than numbers")
}
