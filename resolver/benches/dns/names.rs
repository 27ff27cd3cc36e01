//! The names that are asked for, as the clients read them, and their answers.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::rc::Rc;

use data_encoding::BASE64URL_NOPAD;
use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::signature::SecretKey;
use tempfile::TempDir;

/// Names in one zone of ours: far from filling its 64 KiB.
pub(crate) const ZONE_NAMES: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Below `example.com`.
    Ordinary,
    /// In zones of ours.
    Ours,
}

/// A file of questions.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    folder: Rc<TempDir>,
    count: usize,
}

impl Names {
    pub(crate) fn write(kind: Kind, count: usize) -> Self {
        let folder = Rc::new(TempDir::new().expect("a folder"));
        let create = |name| {
            let file = std::fs::File::create(folder.path().join(name));
            BufWriter::new(file.expect("a file"))
        };
        let (mut file, mut uris) = (create("names"), create("uris"));
        for number in scattered(count) {
            let name = match kind {
                Kind::Ordinary => format!("{}.example.com", label(number)),
                Kind::Ours => format!("{}.{}.key", label(number), key_id(number / ZONE_NAMES)),
            };
            writeln!(file, "{name} A").expect("written");
            let query = BASE64URL_NOPAD.encode(&query(&name));
            writeln!(uris, "/dns-query?dns={query}").expect("written");
        }
        file.flush().expect("written");
        uris.flush().expect("written");
        Self { folder, count }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("names")
    }

    /// The same questions, as DoH asks them.
    pub(crate) fn uris(&self) -> PathBuf {
        self.folder.path().join("uris")
    }

    /// The message of an answer with one address and no EDNS.
    pub(crate) fn answer_bytes(&self) -> usize {
        let question = label(self.count).len() + 1 + "example.com".len() + 2 + 4;
        12 + question + 16
    }
}

pub(crate) fn query(name: &str) -> Vec<u8> {
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    query
}

/// All numbers below `count`, in an order without runs.
fn scattered(count: usize) -> impl Iterator<Item = usize> {
    // A prime that divides no count of ours.
    (0..count).map(move |at| at * 7_919 % count)
}

pub(crate) fn label(number: usize) -> String {
    format!("n{number:06}")
}

/// The address of a name.
pub(crate) fn address(number: usize) -> [u8; 4] {
    [198, 51, 100, (number % 256) as u8]
}

pub(crate) fn secret(zone: usize) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(zone as u64).to_le_bytes());
    SecretKey::from_seed(&seed)
}

pub(crate) fn key_id(zone: usize) -> KeyId {
    Policy::bare_key_id(PublicKey::Ed25519(secret(zone).public()))
}
