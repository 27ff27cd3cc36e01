//! An authority, its leaves, and the way in, against verifiers and clients that are not ours.

mod accepted;
mod browser;
mod files;
mod leaves;
mod operated;
mod verifiers;

use std::sync::Arc;
use std::time::SystemTime;

use dotkey_proto::name::{Name, Suffix};
use dotkey_proto::time::Timestamp;
use dotkey_resolver::tls::install_provider;
use rustls::client::WebPkiServerVerifier;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::*;

/// A folder with an authority in it.
struct World {
    folder: TempDir,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = Authority::open_or_make(folder.path(), &Suffix::KEY, now());
        Self {
            authority: made.expect("an authority"),
            folder,
        }
    }

    fn leaves(&self) -> Arc<Leaves> {
        Arc::new(Leaves::new(self.authority.clone()))
    }

    /// What trusts this authority and no other.
    fn verifier(&self) -> Arc<WebPkiServerVerifier> {
        let roots = self.roots();
        let built = WebPkiServerVerifier::builder_with_provider(roots, install_provider().clone());
        built.build().expect("a verifier")
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let root = self.authority.root().to_vec().into();
        roots.add(root).expect("a root");
        Arc::new(roots)
    }

    fn client(&self) -> ClientConfig {
        install_provider();
        let config = ClientConfig::builder().with_root_certificates(self.roots());
        config.with_no_client_auth()
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("before 10000")
}

fn name(text: &str) -> Name {
    Name::parse(text, &Suffix::KEY).expect("a name")
}

/// As PEM, which every tool reads.
fn pem(kind: &str, der: &[u8]) -> String {
    let encoded = data_encoding::BASE64.encode(der);
    let lines = encoded.as_bytes().chunks(64);
    let lines = lines.map(|line| std::str::from_utf8(line).expect("ASCII"));
    let lines: Vec<&str> = lines.collect();
    format!(
        "-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n",
        lines.join("\n")
    )
}
