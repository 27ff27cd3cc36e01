//! TLS on both sides of a gateway: servers with keys of their own that records pin, and visitors who trust this installation's authority.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use sha2::{Digest, Sha256};

use super::World;

/// A server's side of TLS.
#[derive(Clone)]
pub(super) struct Secured {
    pub(super) config: Arc<ServerConfig>,
    /// The key, as a record pins it.
    pub(super) pin: String,
}

impl Secured {
    /// A new key, whose certificate nobody vouches for, for servers that speak `protocol`.
    pub(super) fn new(protocol: &str) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["provider.example".to_owned()])
            .expect("a certificate");
        let key = PrivateKeyDer::try_from(certified.key_pair.serialize_der()).expect("a key");
        let digest = Sha256::digest(certified.key_pair.public_key_der());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("it knows TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("a configuration");
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Self {
            config: Arc::new(config),
            pin: format!("sha256:{}", data_encoding::BASE64.encode(&digest)),
        }
    }
}

/// The scheme of a server's URL, and the line that pins its key.
pub(super) fn in_zone(secured: Option<&Secured>) -> (&'static str, String) {
    match secured {
        Some(secured) => ("https", format!("pin = \"{}\"\n", secured.pin)),
        None => ("http", String::new()),
    }
}

impl World {
    /// What a visitor believes who trusts the authority of this place and no other, and who speaks `protocol`.
    pub(super) fn trusting(&self, protocol: &str) -> Arc<ClientConfig> {
        let told = self.place.json(&["trust", "show"]);
        let pem = told["authority"]["pem"].as_str().expect("text");
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
        roots.add(root).expect("it is one");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("it knows TLS 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Arc::new(config)
    }
}
