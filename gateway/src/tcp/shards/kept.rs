//! The epochs of a name, kept over restarts: a small file in a folder of the gateway's.
//!
//! It is written whole beside its place, synced and moved there, before a record's new primary gets a connection: killed at any
//! moment, the gateway finds the epochs of every primary that it ever used.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::known::{Damaged, FILE_BYTES_MAX, Known};

/// Of a name so much is in its file's name, for people; the rest is a hash.
const NAME_CHARS_MAX: usize = 64;

/// Two listeners of one name have one file: who writes takes over what the other knew.
static WRITING: Mutex<()> = Mutex::new(());

/// Where the epochs of a name are kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    file: PathBuf,
}

/// Why a listener does not know which primaries were replaced.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// The system does not let us.
    #[error(
        "the epochs of {name} cannot be read from {file}: {source}; make that file readable for this program"
    )]
    Unreadable {
        /// The name.
        name: String,
        /// Which file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It was changed by somebody else, or by the disk.
    #[error(
        "the epochs of {name} are damaged in {file}: {damaged}; restore the file, or make sure that the newest record is published and remove it: the first record that comes then is believed, whatever its epochs"
    )]
    Damaged {
        /// The name.
        name: String,
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        damaged: Damaged,
    },
}

impl Kept {
    pub(crate) fn new(folder: &Path, name: &str) -> Self {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let shown = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        let shown: String = name.chars().filter(shown).take(NAME_CHARS_MAX).collect();
        let hash = blake3::hash(name.as_bytes()).to_hex();
        let file = folder.join(format!("{shown}-{}.epochs", &hash[..16]));
        Self { file }
    }

    /// What was known; nothing where this name is new here.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Known>, KeptError> {
        match self.read_file() {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => match Known::decode(&bytes) {
                Ok(known) => Ok(Some(known)),
                Err(damaged) => Err(KeptError::Damaged {
                    name: name.to_owned(),
                    file: self.file.clone(),
                    damaged,
                }),
            },
            Err(source) => Err(KeptError::Unreadable {
                name: name.to_owned(),
                file: self.file.clone(),
                source,
            }),
        }
    }

    fn read_file(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Keeps it, with what another listener of the same name has found meanwhile. `used` says which shards the record has: where all do
    /// not fit, those are kept.
    pub(crate) fn write(&self, mut known: Known, used: impl Fn(&str) -> bool) -> io::Result<()> {
        let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self
            .read_file()?
            .and_then(|bytes| Known::decode(&bytes).ok());
        if let Some(before) = before {
            known.merge(before);
        }
        let mut text = known.encode();
        if text.len() > FILE_BYTES_MAX {
            known.shards.retain(|id, _| used(id));
            text = known.encode();
        }
        if text.len() > FILE_BYTES_MAX {
            return Err(io::Error::other("they are more than a file may have"));
        }
        let folder = self.file.parent().expect("it is in a folder");
        if !folder.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)?;
            if let Some(above) = folder.parent() {
                File::open(above)?.sync_all()?;
            }
        }
        let aside = self.file.with_extension("new");
        let mut open = OpenOptions::new();
        open.write(true).create(true).truncate(true).mode(0o600);
        let mut written = open.open(&aside)?;
        written.write_all(text.as_bytes())?;
        written.sync_all()?;
        fs::rename(&aside, &self.file)?;
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dotkey_proto::identity::KeyId;
    use dotkey_proto::zone::{Provider, Shard};

    use super::*;

    fn known(epochs: &[(&str, u64)]) -> Known {
        let shard = |(id, epoch): &(&str, u64)| {
            let url = "redis://one.example.net".parse().expect("a URL");
            let shard = Shard {
                id: (*id).into(),
                epoch: *epoch,
                primary: Provider::new("one", url),
                replicas: Vec::new(),
                start: None,
                weight: None,
                extension: Default::default(),
            };
            (shard.id.clone(), shard)
        };
        Known {
            owner: KeyId::from_bytes([1; 32]),
            shards: epochs.iter().map(shard).collect::<BTreeMap<_, _>>(),
        }
    }

    #[test]
    fn epochs_are_kept_and_two_listeners_lose_none_of_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, two) = (
            Kept::new(&folder.path().join("epochs"), "db.a.key"),
            Kept::new(&folder.path().join("epochs"), "DB.a.key."),
        );
        assert!(one.read("db.a.key").expect("readable").is_none());
        one.write(known(&[("a", 4), ("b", 1)]), |_| true)
            .expect("written");
        two.write(known(&[("a", 3), ("c", 2)]), |_| true)
            .expect("written");
        let read = one.read("db.a.key").expect("readable");
        assert_eq!(read, Some(known(&[("a", 4), ("b", 1), ("c", 2)])));
        let other = Kept::new(&folder.path().join("epochs"), "db.b.key");
        assert!(other.read("db.b.key").expect("readable").is_none());
        // A write that was cut off before it was moved to its place.
        fs::write(one.file.with_extension("new"), "half").expect("written");
        assert!(one.read("db.a.key").expect("readable").is_some());
        one.write(known(&[("a", 5)]), |_| true).expect("written");
        let read = one.read("db.a.key").expect("readable").expect("kept");
        assert_eq!(read.shards["a"].epoch, 5);
    }

    #[test]
    fn a_damaged_file_is_said_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(folder.path(), "db.a.key");
        kept.write(known(&[("a", 4)]), |_| true).expect("written");
        let text = fs::read_to_string(&kept.file).expect("text");
        fs::write(&kept.file, text.replace("\"epoch\":4", "\"epoch\":3")).expect("written");
        let error = kept.read("db.a.key").expect_err("damaged").to_string();
        assert!(error.contains("remove it"), "{error}");
        assert!(error.contains(&kept.file.display().to_string()), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_what_the_record_has_no_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept::new(folder.path(), "db.a.key");
        let ids: Vec<String> = (0..9000).map(|at| format!("shard-{at}")).collect();
        let many: Vec<(&str, u64)> = ids.iter().map(|id| (&**id, 1)).collect();
        let used = |id: &str| id.len() == "shard-1".len();
        kept.write(known(&many), used).expect("written");
        let read = kept.read("db.a.key").expect("readable").expect("kept");
        assert_eq!(read.shards.len(), 10);
        assert!(kept.write(known(&many), |_| true).is_err());
    }
}
