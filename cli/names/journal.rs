//! What a claim has done so far, on disk: `claims/NETWORK/LABEL.IDENTITY.json` in the data folder. It is written whole, to stay through a
//! power cut, before what it says is done; so whoever is killed goes on from there. Only its owner may read it: until the claim is
//! revealed, the salt is a secret.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use dotkey_proto::identity::KeyId;
use dotkey_proto::words::counted;
use serde::{Deserialize, Serialize};

use super::claim::{Claim, Signed};
use crate::exit::{CliError, Result};
use crate::files;

/// Two transactions and two stamps in hexadecimal, and room.
const JOURNAL_BYTES_MAX: usize = 64 * 1024;

/// Letters of the network's id and of the key id that tell files apart.
const ID_LETTERS: usize = 16;

/// Where one claim is written down.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
}

/// Held by the one process of a data folder that makes transactions: two would use the same nonce.
#[derive(Debug)]
pub(crate) struct Turn {
    _file: File,
}

/// As it is written. Bytes are hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u8,
    network: String,
    label: String,
    key_id: String,
    salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opening: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    commit: Option<SignedPage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reveal: Option<SignedPage>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignedPage {
    nonce: u64,
    transaction: String,
}

fn folder(data: &Path) -> PathBuf {
    data.join("claims")
}

impl Journal {
    pub(crate) fn of(data: &Path, network: &[u8; 32], label: &str, key_id: &KeyId) -> Self {
        let network = &HEXLOWER.encode(network)[..ID_LETTERS];
        let identity = &HEXLOWER.encode(key_id.as_bytes())[..ID_LETTERS];
        let name = format!("{label}.{identity}.json");
        Self {
            path: folder(data).join(network).join(name),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was written; nothing where no claim is under way.
    pub(crate) fn read(&self) -> Result<Option<Claim>> {
        read(&self.path)
    }

    /// Writes it down. When this returns, a power cut does not take it back.
    pub(crate) fn write(&self, claim: &Claim) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            files::make_private_folder(folder)?;
        }
        files::write_private(&self.path, &encode(claim))
    }

    /// The claim has come to its end.
    pub(crate) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(files::unwritable(&self.path, &error))
            }
            _ => Ok(()),
        }
    }
}

/// The claims of a network that are under way in a data folder. What cannot be read is told to who goes on with it.
pub(crate) fn under_way(data: &Path, network: &[u8; 32]) -> Vec<Claim> {
    let folder = folder(data).join(&HEXLOWER.encode(network)[..ID_LETTERS]);
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let pages = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    let mut claims: Vec<Claim> = pages.filter_map(|path| read(&path).ok()?).collect();
    claims.sort_by(|a, b| a.label.cmp(&b.label));
    claims
}

impl Turn {
    /// Waits for the others of this data folder; `busy` is told when there are some.
    pub(crate) fn take(data: &Path, busy: impl FnOnce()) -> Result<Self> {
        let folder = folder(data);
        files::make_private_folder(&folder)?;
        let file = files::lock(&folder.join("lock"), busy)?;
        Ok(Self { _file: file })
    }
}

fn read(path: &Path) -> Result<Option<Claim>> {
    let bytes = match files::read(path, JOURNAL_BYTES_MAX, "the journal of a claim") {
        Err(error) if error.code == "not-found" => return Ok(None),
        read => read?,
    };
    decode(&bytes).map(Some).map_err(|why| {
        CliError::failed(
            "bad-journal",
            format!("{}: {why}", path.display()),
            "move that file away and claim again: what was announced lapses by itself after a day",
        )
    })
}

fn encode(claim: &Claim) -> Vec<u8> {
    let signed = |signed: &Signed| SignedPage {
        nonce: signed.nonce,
        transaction: HEXLOWER.encode(&signed.bytes),
    };
    let hex = |bytes: &Vec<u8>| HEXLOWER.encode(bytes);
    let page = Page {
        version: 1,
        network: HEXLOWER.encode(&claim.network),
        label: claim.label.clone(),
        key_id: HEXLOWER.encode(claim.key_id.as_bytes()),
        salt: HEXLOWER.encode(&claim.salt),
        opening: claim.opening.as_ref().map(hex),
        stamp: claim.stamp.as_ref().map(hex),
        commit: claim.commit.as_ref().map(signed),
        reveal: claim.reveal.as_ref().map(signed),
    };
    let mut text = serde_json::to_string_pretty(&page).expect("text and numbers are JSON");
    text.push('\n');
    text.into_bytes()
}

fn decode(bytes: &[u8]) -> Result<Claim, String> {
    if bytes.len() > JOURNAL_BYTES_MAX {
        return Err(format!("it has more than {JOURNAL_BYTES_MAX} bytes"));
    }
    let page: Page = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if page.version != 1 {
        return Err(format!(
            "it has version {}; this program knows version 1",
            page.version
        ));
    }
    let signed = |signed: SignedPage| {
        Ok::<_, String>(Signed {
            nonce: signed.nonce,
            bytes: unhex(&signed.transaction)?,
        })
    };
    let bytes = |text: Option<String>| text.as_deref().map(unhex).transpose();
    Ok(Claim {
        network: array(&page.network)?,
        label: page.label,
        key_id: KeyId::from_bytes(array(&page.key_id)?),
        salt: array(&page.salt)?,
        opening: bytes(page.opening)?,
        stamp: bytes(page.stamp)?,
        commit: page.commit.map(signed).transpose()?,
        reveal: page.reveal.map(signed).transpose()?,
    })
}

fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let decoded = HEXLOWER.decode(text.as_bytes());
    decoded.map_err(|_| "what should be hexadecimal is not".to_owned())
}

fn array<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let bytes = unhex(text)?;
    bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| format!("{} where {N} should be", counted(bytes.len(), "byte")))
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    /// As it comes back from the disk.
    pub(in crate::names) fn written_and_read(claim: &Claim) -> Claim {
        decode(&encode(claim)).expect("it was written whole")
    }

    fn some_claim() -> impl Strategy<Value = Claim> {
        let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300));
        let signed = || {
            let bytes = proptest::collection::vec(any::<u8>(), 0..8192);
            proptest::option::of(
                (any::<u64>(), bytes).prop_map(|(nonce, bytes)| Signed { nonce, bytes }),
            )
        };
        (
            any::<[u8; 32]>(),
            "[a-z]{1,48}",
            any::<[u8; 32]>(),
            any::<[u8; 16]>(),
            bytes(),
            bytes(),
            signed(),
            signed(),
        )
            .prop_map(
                |(network, label, key_id, salt, opening, stamp, commit, reveal)| Claim {
                    network,
                    label,
                    key_id: KeyId::from_bytes(key_id),
                    salt,
                    opening,
                    stamp,
                    commit,
                    reveal,
                },
            )
    }

    proptest! {
        #[test]
        fn a_claim_comes_back(claim in some_claim()) {
            prop_assert!(encode(&claim).len() <= JOURNAL_BYTES_MAX);
            prop_assert_eq!(written_and_read(&claim), claim);
        }

        #[test]
        fn any_bytes_get_a_verdict(bytes: Vec<u8>, claim in some_claim(), at: usize, byte: u8) {
            let _ = decode(&bytes);
            let mut changed = encode(&claim);
            let at = at % changed.len();
            changed[at] = byte;
            let _ = decode(&changed);
            // All but the line feed at its end.
            changed.truncate(at.min(changed.len() - 2));
            prop_assert!(decode(&changed).is_err(), "half a journal is none");
        }
    }

    #[test]
    fn it_is_its_owners_alone_and_ends_with_the_claim() {
        let data = tempfile::tempdir().expect("a folder");
        let claim = Claim::new(
            [7; 32],
            "mysite".into(),
            KeyId::from_bytes([8; 32]),
            [9; 16],
        );
        let journal = Journal::of(data.path(), &claim.network, &claim.label, &claim.key_id);
        assert_eq!(journal.read().expect("nothing is fine"), None);
        journal.write(&claim).expect("written");
        journal.write(&claim).expect("written again");
        let mode = fs::metadata(journal.path())
            .expect("it is there")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(journal.read().expect("read"), Some(claim.clone()));
        let listed = under_way(data.path(), &claim.network);
        assert_eq!(listed, std::slice::from_ref(&claim));
        assert_eq!(under_way(data.path(), &[1; 32]), []);
        fs::write(journal.path(), "{").expect("damaged");
        assert_eq!(journal.read().expect_err("damaged").code, "bad-journal");
        assert_eq!(under_way(data.path(), &claim.network), []);
        journal.remove().expect("removed");
        journal.remove().expect("nothing to remove is fine");
        assert_eq!(journal.read().expect("nothing is fine"), None);
    }

    #[test]
    fn one_at_a_time_makes_transactions() {
        let data = tempfile::tempdir().expect("a folder");
        let first = Turn::take(data.path(), || panic!("nobody else")).expect("a turn");
        let path = data.path().to_owned();
        let (told, hears) = std::sync::mpsc::channel();
        let second = std::thread::spawn(move || {
            Turn::take(&path, || told.send(()).expect("it listens")).expect("a turn")
        });
        hears.recv().expect("it waits");
        drop(first);
        drop(second.join().expect("it gets its turn"));
    }
}
