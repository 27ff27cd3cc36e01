//! Certificates that an operator has for ordinary domains, such as a bridge's: read from files, and again when these change.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use dotkey_resolver::tls::{CertificateError, certified_key};
use rustls::sign::CertifiedKey;

use super::describe::dns_names;

/// A chain of a few certificates, in PEM.
const PEM_BYTES_MAX: u64 = 64 * 1024;

/// An operator's certificates. Each is shown for the names that stand in it.
#[derive(Debug, Default)]
pub struct Operated(Vec<Pair>);

/// A chain, its key, and what was last read of them.
#[derive(Debug)]
struct Pair {
    chain: PathBuf,
    key: PathBuf,
    read: RwLock<ReadPair>,
}

#[derive(Clone, Debug)]
struct ReadPair {
    certified: Arc<CertifiedKey>,
    names: Arc<[String]>,
    /// Of the files when they were last looked at, whether they could be used or not.
    stamps: [Option<Stamp>; 2],
}

/// What differs when a file was written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    bytes: u64,
}

/// A certificate that an operator named and that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum OperatedError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}; check the path, and that the gateway may read it", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no certificate with its key.
    #[error("{}: {source}", file.display())]
    Unusable {
        /// The chain's file.
        file: PathBuf,
        /// What is wrong.
        source: CertificateError,
    },
    /// It is for no host.
    #[error("{} names no host; give a certificate with a DNS name in its subject alternative names", file.display())]
    NoNames {
        /// The chain's file.
        file: PathBuf,
    },
}

impl Operated {
    /// Reads each pair of files: a chain, the leaf first, and its private key, both in PEM.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(files: &[(PathBuf, PathBuf)]) -> Result<Self, OperatedError> {
        let pairs = files.iter().map(|(chain, key)| {
            Ok(Pair {
                read: RwLock::new(read(chain, key)?),
                chain: chain.clone(),
                key: key.clone(),
            })
        });
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// Looks at the files and reads those that changed since they were last looked at. What cannot be used does not take the place
    /// of what could. It reads files, so it is called now and then and never for a visitor.
    ///
    /// Returns each pair that changed, by its chain's file, and whether the new one is shown.
    pub fn refresh(&self) -> Vec<(PathBuf, Result<(), OperatedError>)> {
        let mut changed = Vec::new();
        for pair in &self.0 {
            let stamps = [stamp(&pair.chain), stamp(&pair.key)];
            if pair.shown().stamps == stamps {
                continue;
            }
            let result = read(&pair.chain, &pair.key);
            let mut shown = pair.read.write().unwrap_or_else(PoisonError::into_inner);
            let result = match result {
                Ok(read) => {
                    *shown = read;
                    Ok(())
                }
                Err(error) => {
                    shown.stamps = stamps;
                    Err(error)
                }
            };
            changed.push((pair.chain.clone(), result));
        }
        changed
    }

    /// The certificate for a host in lower case, where one names it: itself, or by a `*` for its first label (RFC 6125 section 6.4.3).
    pub(super) fn of(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        let above = host.split_once('.').map(|(_, above)| above);
        let covers = |name: &String| {
            name == host
                || name
                    .strip_prefix("*.")
                    .is_some_and(|rest| Some(rest) == above)
        };
        let found = self.0.iter().map(Pair::shown);
        let mut found = found.filter(|read| read.names.iter().any(covers));
        found.next().map(|read| read.certified)
    }
}

impl Pair {
    fn shown(&self) -> ReadPair {
        self.read
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn read(chain: &Path, key: &Path) -> Result<ReadPair, OperatedError> {
    // Before the files: what is written meanwhile is read again.
    let stamps = [stamp(chain), stamp(key)];
    let file = chain.to_owned();
    let certified = match certified_key(&bytes(chain)?, &bytes(key)?) {
        Ok(certified) => certified,
        Err(source) => return Err(OperatedError::Unusable { file, source }),
    };
    let names: Arc<[String]> = certified
        .cert
        .first()
        .map(dns_names)
        .unwrap_or_default()
        .into();
    if names.is_empty() {
        return Err(OperatedError::NoNames { file });
    }
    Ok(ReadPair {
        certified,
        names,
        stamps,
    })
}

fn bytes(path: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, OperatedError> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let read = File::open(path).and_then(|file| file.take(PEM_BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(bytes),
        Err(source) => Err(OperatedError::Unreadable {
            file: path.to_owned(),
            source,
        }),
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp {
        modified: found.modified().ok()?,
        bytes: found.len(),
    })
}
