//! Folders that only their owner looks into: what a node keeps is nobody else's, whatever the umask says.

use std::fs::{self, DirBuilder};
use std::io;
use std::path::Path;

/// Makes a folder, and those above it that are missing, for its owner alone. One that is there and open to others is closed to them.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    close(folder)
}

#[cfg(unix)]
fn close(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(folder)?.permissions().mode() & 0o777;
    if mode == 0o700 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn close(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_its_owners_alone_new_or_not() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("above/store");
        let mode = |path: &Path| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
                & 0o777
        };
        make_folder(&folder).expect("made");
        assert_eq!(
            (mode(&folder), mode(&place.path().join("above"))),
            (0o700, 0o700)
        );
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("set");
        make_folder(&folder).expect("closed");
        assert_eq!(mode(&folder), 0o700);
    }
}
