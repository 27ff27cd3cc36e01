//! A folder of files as a source: for tests, for machines without a network, and for records that travel on a stick.

use core::time::Duration;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Subject;
use dotkey_proto::limits::{BUNDLE_BYTES_MAX, RECORD_BYTES_MAX};
use tokio::io::AsyncReadExt;

use super::{Fetch, Hint, Origin, Source, SourceError, Wanted};

/// How often the folder is looked at by who waits for a change.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// A folder with one `KEY-ID.record` an identity, one `KEY-ID.BRANCH.record` a branch that is published apart, and one
/// `LABEL.proof` a claimed name, as `dotkey resolve NAME --proof FILE` saves it. `KEY-ID` is the 56-character label.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    async fn read(&self, name: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, SourceError> {
        let file = self.0.join(name);
        let unreadable = |error: std::io::Error| SourceError::Unreadable {
            file: file.clone(),
            reason: error.to_string(),
        };
        let opened = match tokio::fs::File::open(&file).await {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let mut bytes = Vec::new();
        // One byte more than allowed tells "too long" without reading all of a file that is.
        let mut bounded = opened.take(bytes_max as u64 + 1);
        bounded.read_to_end(&mut bytes).await.map_err(unreadable)?;
        if bytes.len() > bytes_max {
            return Err(SourceError::TooLong { bytes_max });
        }
        Ok(Some(bytes))
    }
}

impl Source for Folder {
    fn origin(&self) -> Origin {
        Origin::Folder(self.0.clone())
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        Box::pin(async move {
            let name = match &wanted.branch {
                None => format!("{}.record", wanted.key_id),
                // Of letters, digits, hyphens, underscores and dots: no path leads out of the folder.
                Some(branch) => format!("{}.{branch}.record", wanted.key_id),
            };
            self.read(&name, RECORD_BYTES_MAX).await
        })
    }

    fn proof<'a>(&'a self, subject: &'a Subject, _epoch: u64) -> Fetch<'a> {
        Box::pin(async move {
            let name = match subject {
                Subject::Name(label) => label.clone(),
                Subject::Identity(key_id) => KeyId::to_string(key_id),
            };
            self.read(&format!("{name}.proof"), BUNDLE_BYTES_MAX).await
        })
    }

    /// Files do not say that they change: they are looked at, all those of the identity.
    fn changed<'a>(&'a self, key_id: &'a KeyId) -> Hint<'a> {
        Box::pin(async move {
            let before = self.written(key_id).await;
            loop {
                tokio::time::sleep(LOOK_INTERVAL).await;
                if self.written(key_id).await != before {
                    return;
                }
            }
        })
    }
}

impl Folder {
    /// The files of an identity, each with when it was written and how long it is.
    async fn written(&self, key_id: &KeyId) -> BTreeSet<(OsString, SystemTime, u64)> {
        let prefix = format!("{key_id}.");
        let mut files = BTreeSet::new();
        let Ok(mut entries) = tokio::fs::read_dir(&self.0).await else {
            return files;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with(&prefix) {
                continue;
            }
            if let Ok(about) = entry.metadata().await {
                let at = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.insert((name, at, about.len()));
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(written: Option<usize>, expected: Result<Option<usize>, &str>) {
        let folder = tempfile::tempdir().expect("a folder");
        let key_id = KeyId::from_bytes([7; 32]);
        if let Some(length) = written {
            let file = folder.path().join(format!("{key_id}.record"));
            std::fs::write(file, vec![1; length]).expect("written");
        }
        let source: Box<dyn Source> = Box::new(Folder::new(folder.path()));
        let wanted = Wanted {
            key_id,
            branch: None,
            fresh: false,
        };
        let found = source.record(&wanted).await;
        match (found.map(|found| found.map(|bytes| bytes.len())), expected) {
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

    #[tokio::test]
    async fn a_file_that_is_written_is_a_hint() {
        let folder = tempfile::tempdir().expect("a folder");
        let key_id = KeyId::from_bytes([7; 32]);
        let source = Folder::new(folder.path());
        let changed = tokio::spawn(async move { source.changed(&key_id).await });
        let other = KeyId::from_bytes([8; 32]);
        std::fs::write(folder.path().join(format!("{other}.record")), "x").expect("written");
        tokio::time::sleep(3 * LOOK_INTERVAL).await;
        assert!(!changed.is_finished(), "another identity's file is none");
        std::fs::write(folder.path().join(format!("{key_id}.record")), "x").expect("written");
        changed.await.expect("it ends");
    }

    #[tokio::test]
    async fn branches_and_proofs_have_files_of_their_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let key_id = KeyId::from_bytes([7; 32]);
        std::fs::write(folder.path().join(format!("{key_id}.blog.record")), "b").expect("written");
        std::fs::write(folder.path().join("mysite.proof"), "p").expect("written");
        let source = Folder::new(folder.path());
        let mut wanted = Wanted {
            key_id,
            branch: Some("blog".parse().expect("a branch")),
            fresh: false,
        };
        let found = source.record(&wanted).await.expect("readable");
        assert_eq!(found.as_deref(), Some(&b"b"[..]));
        wanted.branch = None;
        assert_eq!(source.record(&wanted).await.expect("readable"), None);
        let subject = Subject::Name("mysite".to_owned());
        let found = source.proof(&subject, 0).await.expect("readable");
        assert_eq!(found.as_deref(), Some(&b"p"[..]));
    }
}
