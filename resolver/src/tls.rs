//! One cryptographic provider for every TLS and QUIC connection of the process.
//!
//! rustls panics at start-up when two providers are compiled in and none is chosen. libp2p's QUIC brings aws-lc-rs, so that
//! is ours everywhere, and it is installed before anything else runs.
//!
//! Here is also the certificate that the servers show, which can be exchanged while they run.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};

/// Chooses aws-lc-rs for the process. Called first in `main`; calling it again changes nothing.
///
/// # Panics
/// When another provider was installed before: connections would then not be what this crate's tests tested.
pub fn install_provider() -> &'static Arc<CryptoProvider> {
    // An error means that there is one already, which the assertion looks at.
    let _ = aws_lc_rs::default_provider().install_default();
    let installed = CryptoProvider::get_default().expect("one is installed now");
    let ours = aws_lc_rs::default_provider();
    assert!(
        installed.cipher_suites == ours.cipher_suites,
        "aws-lc-rs is the process's provider"
    );
    installed
}

/// The certificate that the servers show. A clone shows the same one.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<Shown>);

#[derive(Debug)]
struct Shown(RwLock<Arc<CertifiedKey>>);

/// A certificate that cannot be shown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what} cannot be used: {reason}; give a chain of certificates and its private key in PEM")]
pub struct CertificateError {
    what: &'static str,
    reason: String,
}

impl Certificate {
    /// The certificate of a chain, the leaf first, and its private key, both in PEM.
    ///
    /// # Errors
    /// They cannot be read, or do not belong together.
    pub fn new(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let read = certified_key(chain, key)?;
        Ok(Self(Arc::new(Shown(RwLock::new(read)))))
    }

    /// Shows another one from now on; connections that stand keep the one they saw.
    ///
    /// # Errors
    /// It cannot be used, and the one before is still shown.
    pub fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let read = certified_key(chain, key)?;
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// What a server of these protocols (ALPN) presents itself with. QUIC knows no TLS before 1.3.
    #[must_use]
    pub fn server_config(&self, protocols: &[&str], is_quic: bool) -> ServerConfig {
        install_provider();
        let versions: &[_] = if is_quic {
            &[&TLS13]
        } else {
            &[&TLS13, &TLS12]
        };
        let mut config = ServerConfig::builder_with_protocol_versions(versions)
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.0) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = protocols
            .iter()
            .map(|one| one.as_bytes().to_vec())
            .collect();
        config
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(
            &self.0.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

/// What a TLS server shows: a chain, the leaf first, with its private key, both in PEM.
///
/// # Errors
/// They cannot be read, or do not belong together.
pub fn certified_key(chain: &[u8], key: &[u8]) -> Result<Arc<CertifiedKey>, CertificateError> {
    let wrong = |what, reason: String| CertificateError { what, reason };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.map_err(|error| wrong("the certificate", error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong("the certificate", "there is none".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(key);
    let key = key.map_err(|error| wrong("the private key", error.to_string()))?;
    let certified = CertifiedKey::from_der(chain, key, install_provider());
    let certified =
        certified.map_err(|error| wrong("the certificate with its key", error.to_string()))?;
    Ok(Arc::new(certified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_exchanged_only_for_one_that_holds() {
        let made =
            || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
        let (one, other) = (made(), made());
        let pem = |one: &rcgen::CertifiedKey| (one.cert.pem(), one.key_pair.serialize_pem());
        let ((chain, key), (other_chain, other_key)) = (pem(&one), pem(&other));
        let certificate = Certificate::new(chain.as_bytes(), key.as_bytes()).expect("sound");
        let shown = || certificate.0.0.read().expect("whole").cert[0].to_vec();
        let first = shown();
        for (chain, key) in [(&chain, &other_key), (&key, &key), (&chain, &chain)] {
            assert!(
                certificate
                    .replace(chain.as_bytes(), key.as_bytes())
                    .is_err()
            );
            assert_eq!(shown(), first);
        }
        certificate
            .replace(other_chain.as_bytes(), other_key.as_bytes())
            .expect("sound");
        assert_ne!(shown(), first);
    }

    #[test]
    fn installing_twice_gives_the_same_provider() {
        let first = install_provider();
        assert!(Arc::ptr_eq(first, install_provider()));
        // Would panic with two providers compiled in and none chosen.
        let _ = rustls::ClientConfig::builder();
    }
}
