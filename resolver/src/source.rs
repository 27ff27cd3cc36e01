//! Where records come from. A source is believed in nothing: what it gives is bytes, and verification happens above it.
//!
//! The registry, remote nodes over HTTP and a folder of files are sources alike; several are raced and the best valid answer
//! wins. This module owns the trait and the folder of files. The order of answers is for the lookup that asks.

use core::future::Future;
use core::pin::Pin;
use std::path::{Path, PathBuf};

use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_proto::time::Timestamp;
use tokio::io::AsyncReadExt;

/// What a source gave for a key id: not verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The record as it was received. Signatures cover exactly these bytes.
    pub bytes: Vec<u8>,
    /// Who gave it, for traces and for blame.
    pub source: Origin,
    /// When; the age that a person is shown counts from here.
    pub fetched_at: Timestamp,
}

/// Who gave an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The registry in this process.
    Registry,
    /// A remote node, by its URL.
    Node(String),
    /// A folder of records.
    Folder(PathBuf),
}

/// Why a source gave no answer. "There is none" is not an error.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The source did not answer in time.
    #[error("{origin:?} gave no answer within {waited_ms} ms")]
    TimedOut {
        /// Which source.
        origin: Origin,
        /// How long it was given.
        waited_ms: u64,
    },
    /// The source answered with more than any record may have.
    #[error("{origin:?} gave more than {RECORD_BYTES_MAX} bytes for one record")]
    TooLong {
        /// Which source.
        origin: Origin,
    },
    /// A file is there and cannot be read.
    #[error("{file} cannot be read: {error}")]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
}

/// An answer on its way.
pub type Fetch<'a> = Pin<Box<dyn Future<Output = Result<Option<Answer>, SourceError>> + Send + 'a>>;

/// Something that may have records.
pub trait Source: Send + Sync {
    /// The newest record it has for the key id, if any. `now` is stamped on the answer.
    fn fetch<'a>(&'a self, key_id: &'a [u8; 32], now: Timestamp) -> Fetch<'a>;
}

/// A folder with one `<key id in hex>.record` a key id: for tests, for machines without a network, and for records that
/// travel on a stick.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    async fn read(&self, key_id: &[u8; 32]) -> Result<Option<Vec<u8>>, SourceError> {
        let hex: String = key_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = self.0.join(format!("{hex}.record"));
        let unreadable = |error| SourceError::Unreadable {
            file: file.clone(),
            error,
        };
        let opened = match tokio::fs::File::open(&file).await {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let mut bytes = Vec::new();
        // One byte more than allowed tells "too long" without reading all of a file that is.
        let mut bounded = opened.take(RECORD_BYTES_MAX as u64 + 1);
        bounded.read_to_end(&mut bytes).await.map_err(unreadable)?;
        if bytes.len() > RECORD_BYTES_MAX {
            let origin = Origin::Folder(self.0.clone());
            return Err(SourceError::TooLong { origin });
        }
        Ok(Some(bytes))
    }
}

impl Source for Folder {
    fn fetch<'a>(&'a self, key_id: &'a [u8; 32], now: Timestamp) -> Fetch<'a> {
        Box::pin(async move {
            Ok(self.read(key_id).await?.map(|bytes| Answer {
                bytes,
                source: Origin::Folder(self.0.clone()),
                fetched_at: now,
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::MAX;

    async fn check(written: Option<usize>, expected: Result<Option<usize>, &str>) {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(length) = written {
            let file = folder.path().join(format!("{}.record", "07".repeat(32)));
            std::fs::write(file, vec![1; length]).expect("written");
        }
        let source: Box<dyn Source> = Box::new(Folder::new(folder.path()));
        let found = source.fetch(&[7; 32], NOW).await;
        let found = found.map(|answer| answer.map(|answer| answer.bytes.len()));
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
            (found, expected) => panic!("{found:?} is not {expected:?}"),
        }
    }

    #[tokio::test]
    async fn a_folder_gives_what_it_has_within_bounds() {
        check(None, Ok(None)).await;
        check(Some(0), Ok(Some(0))).await;
        check(Some(RECORD_BYTES_MAX), Ok(Some(RECORD_BYTES_MAX))).await;
        check(Some(RECORD_BYTES_MAX + 1), Err("more than 65536 bytes")).await;
    }
}
