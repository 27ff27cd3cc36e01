//! Files with secrets: so many bytes, for their owner alone, whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use super::StartError;

/// Reads a secret; `None` where there is no file.
pub(super) fn read<const N: usize>(file: &Path) -> Result<Option<[u8; N]>, StartError> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(file)(error)),
    };
    #[cfg(unix)]
    {
        let metadata = opened.metadata().map_err(failed(file))?;
        let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777;
        if mode & 0o077 != 0 {
            let file = file.to_owned();
            return Err(StartError::KeyReadable { file, mode });
        }
    }
    let mut bytes = Vec::new();
    let mut opened = opened.take(N as u64 + 1);
    opened.read_to_end(&mut bytes).map_err(failed(file))?;
    let file = file.to_owned();
    let secret = bytes.try_into().map_err(|_| StartError::Key { file })?;
    Ok(Some(secret))
}

/// Written aside and moved, so that a crash leaves a whole secret or none.
pub(super) fn write(file: &Path, secret: &[u8]) -> Result<(), StartError> {
    write_aside(file, secret).map_err(failed(file))
}

fn write_aside(file: &Path, secret: &[u8]) -> io::Result<()> {
    let aside = file.with_extension("key.new");
    // What a crash left there may be open to others.
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(&aside)?;
    written.write_all(secret)?;
    written.sync_all()?;
    fs::rename(&aside, file)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn failed(file: &Path) -> impl FnOnce(io::Error) -> StartError {
    let file = file.to_owned();
    move |source| StartError::File { file, source }
}
