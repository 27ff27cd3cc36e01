//! The file of an authority: two certificates and the key of the second, in PEM, for its owner alone, whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{PemObject, SectionKind};
use zeroize::Zeroizing;

use super::error::AuthorityError;
use super::issue::{Made, not_made};

/// Its name in a data folder.
const NAME: &str = "gateway-authority.pem";

/// Two certificates and a key have some 3 KiB.
pub(super) const FILE_BYTES_MAX: usize = 32 * 1024;

/// Read and written by its owner, and by nobody else.
const PRIVATE: u32 = 0o600;

/// What stands above the certificates.
const HEADING: &str = "# dotkey: an authority's root, its intermediate, and the intermediate's private key. Keep this file to yourself.\n";

/// What the file holds, not yet believed.
pub(super) struct Contents {
    pub(super) root: CertificateDer<'static>,
    pub(super) intermediate: CertificateDer<'static>,
    /// In PKCS #8.
    pub(super) key: Zeroizing<Vec<u8>>,
}

pub(super) fn in_folder(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// What the file holds; `None` where there is no file.
pub(super) fn read(file: &Path) -> Result<Option<Contents>, AuthorityError> {
    let unreadable = |source| AuthorityError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mode = opened.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let file = file.to_owned();
        return Err(AuthorityError::OpenToOthers { file, mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES_MAX + 1));
    let mut limited = opened.take(FILE_BYTES_MAX as u64 + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    let damaged = |what| AuthorityError::Damaged {
        file: file.to_owned(),
        what,
    };
    decode(&bytes).map(Some).map_err(damaged)
}

/// Root, intermediate and key, in this order, and nothing else.
pub(super) fn decode(bytes: &[u8]) -> Result<Contents, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    let mut sections = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, content) = section.map_err(|_| "it is no PEM".to_owned())?;
        sections.push((kind, Zeroizing::new(content)));
    }
    let kinds: Vec<SectionKind> = sections.iter().map(|(kind, _)| *kind).collect();
    let right = [
        SectionKind::Certificate,
        SectionKind::Certificate,
        SectionKind::PrivateKey,
    ];
    if kinds != right {
        let what = "it does not have two certificates and a private key, in this order";
        return Err(what.to_owned());
    }
    let mut contents = sections.into_iter().map(|(_, content)| content);
    let mut next = || contents.next().expect("three were counted");
    let (root, intermediate, key) = (next(), next(), next());
    Ok(Contents {
        root: root.to_vec().into(),
        intermediate: intermediate.to_vec().into(),
        key,
    })
}

/// Writes a new authority where there is none. Whoever comes second finds the first one's, and leaves it.
pub(super) fn write_new(file: &Path, made: &Made) -> Result<(), AuthorityError> {
    let key = Zeroizing::new(made.key.serialize_pem());
    let parts = [HEADING, &made.root.pem(), &made.intermediate.pem(), &key];
    let bytes = Zeroizing::new(parts.concat());
    let aside = beside(file)?;
    let written = write_aside(&aside, bytes.as_bytes()).and_then(|()| place(&aside, file));
    // Its other name where it was placed, else what is left of it.
    let _ = fs::remove_file(&aside);
    let folder = file.parent().unwrap_or(Path::new("."));
    written
        .and_then(|()| File::open(folder)?.sync_all())
        .map_err(|source| AuthorityError::Unwritable {
            file: file.to_owned(),
            source,
        })
}

fn write_aside(aside: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(PRIVATE);
    let mut written = options.open(aside)?;
    // The umask can only have taken from it; the owner must be able to read it again.
    written.set_permissions(fs::Permissions::from_mode(PRIVATE))?;
    written.write_all(bytes)?;
    written.sync_all()
}

/// Under its name, which nobody has taken meanwhile. A link never takes another's place, as a renamed file would.
fn place(aside: &Path, file: &Path) -> io::Result<()> {
    match fs::hard_link(aside, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // Some file systems, such as those of memory sticks, have no hard links.
        Err(_) if !file.exists() => fs::rename(aside, file),
        linked => linked,
    }
}

/// A name that nobody else uses, in the same folder and so on the same file system.
fn beside(file: &Path) -> Result<PathBuf, AuthorityError> {
    let word = getrandom::u64().map_err(not_made)?;
    Ok(file.with_file_name(format!(".{NAME}.{word:016x}")))
}
