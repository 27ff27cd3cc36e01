//! Whether the disk has room for what is signed: asked where the engine ended, and until it can go on.
//!
//! What counts is whether a write succeeds, whatever stands in its way (a quota, blocks set aside for root), so a write is what is tried.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// The journals of an epoch, some blocks, and what the store sets aside.
const ROOM_BYTES: usize = 16 << 20;

const PIECE_BYTES: usize = 1 << 20;

const FILE: &str = "room";

/// How often a stop is looked for.
const STOP_PAUSE: Duration = Duration::from_millis(200);

/// Whether the disk of a folder is full, or nearly.
pub(super) fn is_short(folder: &Path) -> bool {
    let file = folder.join(FILE);
    let written = fill(&file);
    // It may not have come about.
    let _ = fs::remove_file(&file);
    written.is_err_and(|error| is_space(&error))
}

fn is_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}

fn fill(file: &Path) -> io::Result<()> {
    let mut file = File::create(file)?;
    let piece = vec![1; PIECE_BYTES];
    for _ in 0..ROOM_BYTES / PIECE_BYTES {
        file.write_all(&piece)?;
    }
    file.sync_all()
}

/// Waits until there is room, looking for it at intervals. `false` when it is to stop before.
pub(super) fn wait(folder: &Path, pause: Duration, is_over: impl Fn() -> bool) -> bool {
    loop {
        let looked = Instant::now();
        while looked.elapsed() < pause {
            if is_over() {
                return false;
            }
            thread::sleep(STOP_PAUSE.min(pause));
        }
        if !is_short(folder) {
            return true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_room_is_not_short_and_keeps_nothing_of_the_question() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!is_short(folder.path()));
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
        // What cannot be written for another reason is no want of space.
        assert!(!is_short(&folder.path().join("nowhere")));
        assert!(wait(folder.path(), Duration::ZERO, || true));
        assert!(!wait(folder.path(), Duration::from_secs(60), || true));
    }
}
