//! Who holds a folder: a lock that the system takes back when its holder dies, on a file that says who that is.
//!
//! RocksDB has a lock of its own, which names nobody; this one is taken first. The file stays when the holder is gone: only the lock
//! counts, and what the file says is believed only of a process that still runs.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, UNIX_EPOCH};

use dotkey_proto::time::Timestamp;

use super::error::StoreError;

/// The file's name in the folder.
pub(super) const FILE: &str = "owner";

/// What is kept of the holder's command line.
const COMMAND_CHARS_MAX: usize = 120;

/// How often, and how far apart, the file is read before its writer is called unknown: between locking and writing there are microseconds.
const READS_MAX: u32 = 10;
const READ_PAUSE: Duration = Duration::from_millis(20);

/// The process that has a folder, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: Option<u32>,
    /// How it was started.
    pub command: Option<String>,
    /// Since when it has the folder.
    pub since: Option<Timestamp>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("another process")?,
        }
        if let Some(command) = &self.command {
            write!(f, " (`{command}`)")?;
        }
        if let Some(since) = self.since {
            write!(f, " since {since}")?;
        }
        Ok(())
    }
}

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    file: File,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started has the file open too until it runs its own program. If this fails, its end does it.
        let _ = self.file.unlock();
    }
}

impl Hold {
    /// Takes a folder that exists.
    pub(super) fn take(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let system = |source: std::io::Error| StoreError::of_system(folder, "be locked", &source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(system)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    folder: folder.to_owned(),
                    holder: holder(&path),
                });
            }
            Err(TryLockError::Error(source)) => return Err(system(source)),
        }
        // What the file says is for people: a full disk must not keep a node from reading.
        let _ = write_owner(&mut file);
        Ok(Self { file })
    }
}

fn write_owner(file: &mut File) -> std::io::Result<()> {
    let pid = std::process::id();
    let start = start_of(pid).unwrap_or_default();
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let command = words.collect::<Vec<_>>().join(" ");
    let command: String = command
        .chars()
        .filter(|c| !c.is_control())
        .take(COMMAND_CHARS_MAX)
        .collect();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{pid} {start} {command}\n").as_bytes())
}

fn holder(path: &Path) -> Holder {
    for read in 0..READS_MAX {
        if read > 0 {
            sleep(READ_PAUSE);
        }
        if let Some(holder) = read_owner(path) {
            return holder;
        }
    }
    Holder::default()
}

/// Who the file names, if that process still runs: else the file is older than the lock.
fn read_owner(path: &Path) -> Option<Holder> {
    let mut file = File::open(path).ok()?;
    let mut text = String::new();
    let most = 8 * COMMAND_CHARS_MAX as u64;
    (&mut file).take(most).read_to_string(&mut text).ok()?;
    let mut words = text.strip_suffix('\n')?.splitn(3, ' ');
    let pid = words.next()?.parse().ok()?;
    let start = words.next()?;
    let command = words.next()?.to_owned();
    if cfg!(target_os = "linux") && start_of(pid).as_deref() != Some(start) {
        return None;
    }
    let modified = file.metadata().ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(Holder {
        pid: Some(pid),
        command: Some(command),
        since: Timestamp::from_secs(since),
    })
}

/// When a process began, in the kernel's ticks: with its number it is one process, although numbers come back. The name in
/// the line may hold spaces and brackets, so it is counted from the last bracket: proc(5), field 22.
fn start_of(pid: u32) -> Option<String> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after) = line.rsplit_once(") ")?;
    after.split(' ').nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_of_the_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let hold = Hold::take(folder.path()).expect("free");
        let error = Hold::take(folder.path()).expect_err("held");
        let StoreError::InUse { holder, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(holder.pid, Some(std::process::id()));
        assert!(holder.since.is_some(), "{holder}");
        let text = error.to_string();
        let named = format!("process {} (`", std::process::id());
        assert!(text.contains(&named), "{text}");
        drop(hold);
        Hold::take(folder.path()).expect("free again, although the file is still there");
    }

    #[test]
    fn a_stale_file_names_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let hold = Hold::take(folder.path()).expect("free");
        let path = folder.path().join(FILE);
        let pid = std::process::id();
        for stale in ["", "x", "0 0 gone\n", &format!("{pid} 1 someone else\n")] {
            std::fs::write(&path, stale).expect("written");
            let error = Hold::take(folder.path()).expect_err("held all the same");
            let text = error.to_string();
            assert!(text.contains("in use by another process;"), "{text}");
        }
        drop(hold);
    }
}
