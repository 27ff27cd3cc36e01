//! A seal on the journal of votes, from one clean stop to the next start: bits that rot while nobody runs would otherwise look
//! like a write that a crash cut short, and a vote that is forgotten could be cast again for something else. After a crash there
//! is no seal, and the journal's own checksums have the word.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::journal::JournalError;

const SEAL: &str = "seal";

/// What becomes the seal when it is whole.
const UNFINISHED: &str = "seal.new";

/// Checks the seal, where there is one, and breaks it.
pub(super) fn open(folder: &Path) -> Result<(), JournalError> {
    let seal = folder.join(SEAL);
    let expected = match fs::read(&seal) {
        Ok(expected) => expected,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(storage(&error)),
    };
    let found = digest(folder).map_err(|error| storage(&error))?;
    if expected != found.as_bytes() {
        return Err(JournalError::Damaged);
    }
    fs::remove_file(&seal)
        .and_then(|()| sync(folder))
        .map_err(|error| storage(&error))
}

/// Seals the journal of an engine that has stopped.
pub(super) fn close(folder: &Path) -> Result<(), JournalError> {
    let unfinished = folder.join(UNFINISHED);
    let sealed = digest(folder).and_then(|digest| {
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(digest.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, folder.join(SEAL))?;
        sync(folder)
    });
    sealed.map_err(|error| {
        // Half a seal, as on a full disk, would say that the votes are damaged. It may not have come about.
        let _ = fs::remove_file(&unfinished);
        storage(&error)
    })
}

fn storage(error: &io::Error) -> JournalError {
    JournalError::Storage(error.to_string())
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// The names and contents of all files in which votes are.
fn digest(folder: &Path) -> io::Result<blake3::Hash> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("votes-") || name == "signed" {
            collect(&path, &mut files)?;
        }
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let content = fs::read(&file)?;
        let name = file.strip_prefix(folder).unwrap_or(&file);
        hasher.update(&(name.as_os_str().len() as u64).to_be_bytes());
        hasher.update(name.as_os_str().as_encoded_bytes());
        hasher.update(&(content.len() as u64).to_be_bytes());
        hasher.update(&content);
    }
    Ok(hasher.finalize())
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_under_the_seal_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let votes = folder.path().join("votes-3");
        fs::create_dir(&votes).expect("made");
        fs::write(votes.join("0"), b"a vote").expect("written");
        fs::write(folder.path().join("blocks"), b"a block").expect("written");

        open(folder.path()).expect("no seal: as after a crash");
        close(folder.path()).expect("sealed");
        fs::write(folder.path().join("blocks"), b"another").expect("written");
        open(folder.path()).expect("blocks are no votes");
        fs::write(votes.join("0"), b"no vote").expect("written");
        open(folder.path()).expect("the seal was broken by the start");
        close(folder.path()).expect("sealed");
        fs::write(votes.join("0"), b"a vote").expect("written");
        assert_eq!(open(folder.path()), Err(JournalError::Damaged));
        assert_eq!(open(folder.path()), Err(JournalError::Damaged));
    }
}
