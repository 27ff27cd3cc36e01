//! Why the store could not do what was asked, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rocksdb::ErrorKind;

use super::owner::Holder;

/// Why the store could not do what was asked. Every message ends with the next step.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder.
    #[error(
        "the store in {folder} is in use by {holder}; stop that one, or give this node a folder of its own"
    )]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// Something on disk is not what was written.
    #[error("the store in {folder} is damaged{}: {reason}; stop the node and run `dotkey node repair`", file.as_ref().map(|file| format!(" in {file}")).unwrap_or_default())]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// The file in it, as far as it is known.
        file: Option<String>,
        /// What was found.
        reason: String,
    },
    /// A newer version of this program wrote it.
    #[error(
        "the store in {folder} was written by a newer version ({found}); run that version, or restore an older backup with `dotkey node restore`"
    )]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// What this version does not know.
        found: String,
    },
    /// The disk is full.
    #[error(
        "no space is left for the store in {folder}; free some, then writing goes on by itself"
    )]
    NoSpace {
        /// The folder.
        folder: PathBuf,
    },
    /// What is to be made exists.
    #[error("{folder} exists already; move it away, or choose another folder")]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A backup is to stand in the store that it is of.
    #[error(
        "{folder} is inside the store; choose a folder elsewhere, on another disk if there is one"
    )]
    Inside {
        /// The backup's folder.
        folder: PathBuf,
    },
    /// What is to be read does not exist.
    #[error("there is no store in {folder}; check the path")]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// The system refuses.
    #[error(
        "the store in {folder} could not {doing}: {reason}; check the disk, and who may write there"
    )]
    System {
        /// The folder.
        folder: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        reason: String,
    },
}

impl StoreError {
    /// What RocksDB says, sorted by who must act.
    pub(super) fn of_database(folder: &Path, doing: &'static str, source: &rocksdb::Error) -> Self {
        let (folder, reason) = (folder.to_owned(), source.as_ref().to_owned());
        let lost = reason.contains("No such file") && named_file(&reason).is_some();
        match source.kind() {
            _ if reason.contains("No space left") => Self::NoSpace { folder },
            ErrorKind::IOError if reason.contains("/LOCK") || reason.contains("lock hold by") => {
                let holder = Holder::default();
                Self::InUse { folder, holder }
            }
            ErrorKind::InvalidArgument if reason.contains("Column families not opened") => {
                Self::Newer {
                    folder,
                    found: reason,
                }
            }
            ErrorKind::Corruption | ErrorKind::NotSupported => Self::damaged(folder, reason),
            ErrorKind::IOError if lost => Self::damaged(folder, reason),
            _ => Self::System {
                folder,
                doing,
                reason,
            },
        }
    }

    /// What RocksDB says at an open. It names its tables and its manifest, and leaves out the name of a log.
    pub(super) fn of_open(folder: &Path, source: &rocksdb::Error) -> Self {
        let mut error = Self::of_database(folder, "be opened", source);
        if let Self::Damaged { file, .. } = &mut error
            && file.is_none()
        {
            *file = logs(folder);
        }
        error
    }

    /// What the system says.
    pub(super) fn of_system(folder: &Path, doing: &'static str, source: &io::Error) -> Self {
        let folder = folder.to_owned();
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::NoSpace { folder };
        }
        Self::System {
            folder,
            doing,
            reason: source.to_string(),
        }
    }

    pub(super) fn damaged(folder: PathBuf, reason: String) -> Self {
        Self::Damaged {
            folder,
            file: named_file(&reason),
            reason,
        }
    }
}

/// The logs of a folder that are not empty; mostly it is one.
fn logs(folder: &Path) -> Option<String> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let has_bytes = entry.metadata().is_ok_and(|data| data.len() > 0);
        if name.ends_with(".log") && is_database_file(&name) && has_bytes {
            logs.push(name);
        }
    }
    logs.sort();
    (!logs.is_empty()).then(|| logs.join(" or "))
}

/// The file of a database that a message of RocksDB names.
pub(super) fn named_file(reason: &str) -> Option<String> {
    reason
        .split(|c: char| c == '/' || c == ':' || c == ',' || c.is_whitespace())
        .find(|word| is_database_file(word))
        .map(str::to_owned)
}

/// Whether a folder with a file of this name holds a database.
pub(super) fn is_database_file(name: &str) -> bool {
    let numbered = |suffix: &str| {
        let stem = name.strip_suffix(suffix);
        stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit()))
    };
    name == "CURRENT" || name.starts_with("MANIFEST-") || numbered(".sst") || numbered(".log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_damaged_file_is_named() {
        let check = |reason: &str, expected: Option<&str>| {
            assert_eq!(named_file(reason).as_deref(), expected, "{reason}");
        };
        let mismatch =
            "Corruption: block checksum mismatch: stored = 1  in /a/b/000012.sst offset 0 size 9";
        check(mismatch, Some("000012.sst"));
        check(
            "Corruption: CURRENT file does not end with newline",
            Some("CURRENT"),
        );
        check(
            "IO error: No such file: /a/MANIFEST-000005: No such file",
            Some("MANIFEST-000005"),
        );
        check(
            "Corruption: checksum mismatch in log file /a/000004.log",
            Some("000004.log"),
        );
        check("Corruption: not an sstable", None);
        check("dotkey.log", None);
    }
}
