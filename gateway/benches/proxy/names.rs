//! The name that is asked for, its signed record, and certificates for those that cannot make their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::record::SignedRecord;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::text::toml;
use dotkey_proto::time::Timestamp;
use tempfile::TempDir;

/// A name with providers on loopback, and the folder that all who serve it work in.
pub(crate) struct Site {
    folder: TempDir,
    /// The name of a key.
    pub(crate) host: String,
    /// Where its providers listen.
    pub(crate) providers: Vec<u16>,
}

impl Site {
    pub(crate) fn new(providers: &[u16]) -> Self {
        let folder = TempDir::new().expect("a folder");
        let secret = SecretKey::from_seed(&[7; 32]);
        let key_id = Policy::bare_key_id(PublicKey::Ed25519(secret.public()));
        let zone = toml::parse(&zone(providers), "bench.toml").expect("a zone");
        let window = now().saturating_sub(600)..now().saturating_add(86_400);
        let record = SignedRecord::of_bare_key(&secret, 1, window, zone.zone.encode());
        let records = folder.path().join("records");
        fs::create_dir(&records).expect("a folder");
        let file = records.join(format!("{key_id}.record"));
        fs::write(file, record.expect("a record").as_bytes()).expect("written");
        let host = format!("{key_id}.key");
        certificate(folder.path(), &host);
        Self {
            folder,
            host,
            providers: providers.to_vec(),
        }
    }

    /// A file of this site's folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn zone(providers: &[u16]) -> String {
    let mut zone = "[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n".to_owned();
    for (number, port) in providers.iter().enumerate() {
        zone.push_str(&format!(
            "\n[[resource.provider]]\nid = \"p{number}\"\nurl = \"http://127.0.0.1:{port}\"\n"
        ));
    }
    zone
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

/// Of the same kind as the leaves of dotkey's authority: ECDSA over P-256.
fn certificate(folder: &Path, host: &str) {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).expect("made");
    let (chain, key) = (made.cert.pem(), made.key_pair.serialize_pem());
    fs::write(folder.join("cert.pem"), &chain).expect("written");
    fs::write(folder.join("key.pem"), &key).expect("written");
    // HAProxy wants both in one file.
    fs::write(folder.join("both.pem"), chain + &key).expect("written");
}
