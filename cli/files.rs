//! Files: read in bounded memory, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use dotkey_proto::words::counted;

use crate::exit::{CliError, Result};

/// What only its owner may read.
pub(crate) const PRIVATE: u32 = 0o600;
/// What everybody may read, less what the umask takes.
pub(crate) const PUBLIC: u32 = 0o666;

/// Reads a file of at most `max` bytes; `-` is standard input. One byte more is read, so that what is too large still shows as
/// that to whoever decodes it.
pub(crate) fn read(path: &Path, max: usize, what: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = max as u64 + 1;
    let result = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    match result {
        Ok(_) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(CliError::not_found(
            format!("there is no file {}", path.display()),
            format!("check the path of {what}"),
        )),
        Err(error) => Err(CliError::failed(
            "unreadable",
            format!("{} cannot be read: {error}", path.display()),
            format!("check that {what} is a file that you may read"),
        )),
    }
}

/// As [`read`], and in UTF-8.
pub(crate) fn read_text(path: &Path, max: usize, what: &str) -> Result<String> {
    text(path, read(path, max, what)?, max, what)
}

/// The text that was read from a file.
pub(crate) fn text(path: &Path, bytes: Vec<u8>, max: usize, what: &str) -> Result<String> {
    let next = format!("check that it is {what}");
    if bytes.len() > max {
        return Err(CliError::failed(
            "too-large",
            format!("{} has more than {}", path.display(), counted(max, "byte")),
            next,
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        CliError::failed(
            "invalid-utf8",
            format!("{}: line {line} is not UTF-8 text", path.display()),
            next,
        )
    })
}

/// Refuses what is too large to be looked into, of which [`read`] has only the beginning.
pub(crate) fn check_size(path: &Path, bytes: &[u8], max: usize, what: &str) -> Result<()> {
    if bytes.len() <= max {
        return Ok(());
    }
    Err(CliError::invalid(
        "too-large",
        format!(
            "{}: not valid (too-large): it has more than {}",
            path.display(),
            counted(max, "byte")
        ),
        format!("check that it is {what}"),
    ))
}

/// A path as a shell takes it, for commands that a person copies.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "-_./+,:@%=~".contains(c);
    if !text.is_empty() && !text.starts_with('~') && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Writes a file that must not exist yet. Either the whole file is there afterwards, under a name that was free, or nothing.
pub(crate) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let place = |temporary: &Path| match fs::hard_link(temporary, path) {
        // Some file systems, such as those of memory sticks, have no hard links.
        Err(error)
            if !matches!(
                error.kind(),
                io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
            ) =>
        {
            copy_new(path, bytes, mode)
        }
        linked => linked,
    };
    let written = with_temporary(path, bytes, mode, |temporary| {
        let placed = place(temporary);
        // The file's other name, placed or not.
        let _ = fs::remove_file(temporary);
        placed
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => unwritable(path, &error),
    })
}

/// Writes a file, in place of another where there is one: readers see the old one or the new one, never half of it. Whoever
/// calls knows what the old one is. What is no plain file is not replaced: a link, a pipe, a device.
pub(crate) fn write_replacing(path: &Path, bytes: &[u8]) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(exists(path)),
        _ => replace(path, bytes).map_err(|error| unwritable(path, &error)),
    }
}

/// As [`write_replacing`], for what only its owner may read: this program's own files.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    with_temporary(path, bytes, PRIVATE, |temporary| {
        fs::rename(temporary, path)
    })
    .map_err(|error| unwritable(path, &error))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    with_temporary(path, bytes, PUBLIC, |temporary| fs::rename(temporary, path))
}

/// Makes a folder, and those above it that are missing, for its owner alone: whatever the umask takes is given back.
pub(crate) fn make_private_folder(folder: &Path) -> Result<()> {
    if let Some(above) = folder.parent()
        && above != Path::new("")
        && !above.exists()
    {
        make_private_folder(above)?;
    }
    let made = match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)),
        Err(_) if folder.is_dir() => Ok(()),
        failed => failed,
    };
    made.map_err(|error| unwritable(folder, &error))
}

/// A file whose lock one process has at a time, until the file is dropped. `busy` is told when another has it.
pub(crate) fn lock(path: &Path, busy: impl FnOnce()) -> Result<File> {
    let failed = |error: io::Error| unwritable(path, &error);
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(PRIVATE);
    let file = options.open(path).map_err(failed)?;
    if let Err(fs::TryLockError::WouldBlock) = file.try_lock() {
        busy();
    }
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Refuses a folder that others may write to: they may put something else in the place of what is in it. One that is not there is
/// as good as one of ours.
pub(crate) fn check_folder(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    if !folder.is_dir() {
        return Err(CliError::failed(
            "no-folder",
            format!("{} is no folder", folder.display()),
            "name a folder with --data",
        ));
    }
    check_permissions(folder, 0o022, "700")
}

/// Refuses what has one of the `forbidden` permissions.
pub(crate) fn check_permissions(path: &Path, forbidden: u32, right: &str) -> Result<()> {
    let found = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & forbidden != 0 {
        return Err(CliError::failed(
            "loose-permissions",
            format!("{} is open to others (mode {mode:03o})", path.display()),
            format!(
                "if you trust what is in it, run: chmod {right} '{}'",
                path.display()
            ),
        ));
    }
    Ok(())
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(
        "unreadable",
        format!("{} cannot be read: {error}", path.display()),
        "check its permissions, or name another data folder with --data",
    )
}

pub(crate) fn exists(path: &Path) -> CliError {
    CliError::failed(
        "exists",
        format!("{} exists, and is not overwritten", path.display()),
        "choose another name, or move that file away first",
    )
}

pub(crate) fn unwritable(path: &Path, error: &io::Error) -> CliError {
    CliError::failed(
        "unwritable",
        format!("{} cannot be written: {error}", path.display()),
        "check the folder, its permissions and the free space on its disk",
    )
}

fn with_temporary(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    place: impl FnOnce(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    let result = create(&temporary, bytes, mode).and_then(|()| place(&temporary));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result.and_then(|()| sync_folder(folder_of(path)))
}

fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    if mode == PRIVATE {
        // The umask can only have taken from it; the owner must be able to read it again.
        file.set_permissions(fs::Permissions::from_mode(PRIVATE))?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

fn copy_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    create(path, bytes, mode).inspect_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            let _ = fs::remove_file(path);
        }
    })
}

/// A name that nobody else uses, in the same folder and so on the same file system.
pub(crate) fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this is no file name"))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", random_word()?));
    Ok(path.with_file_name(temporary))
}

/// 64 random bits, in hexadecimal.
pub(crate) fn random_word() -> io::Result<String> {
    let word = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{word:016x}"))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Makes what was placed in a folder last through a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some file systems cannot sync folders; they have no stronger promise to give.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}
