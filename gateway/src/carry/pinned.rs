//! TLS towards a provider that nobody vouches for but the record: its key is one of the pinned ones, or there is no connection.
//!
//! A pin is the SHA-256 of a SubjectPublicKeyInfo. The certificate around the key is not looked at: whose name it bears, who signed it and
//! when it ends say less than the owner's signature on the record, which also says how long to believe it.

use std::sync::{Arc, LazyLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

/// The configuration for providers with these pins; with none of them, what the public authorities vouch for will do.
///
/// # Panics
/// Before a cryptographic provider was installed, which `main` does first.
#[must_use]
pub fn pinned(pins: &[[u8; 32]], alpn: &[&[u8]]) -> ClientConfig {
    let builder = ClientConfig::builder();
    let mut config = if pins.is_empty() {
        builder
            .with_root_certificates(public_roots())
            .with_no_client_auth()
    } else {
        let provider = builder.crypto_provider().clone();
        let verifier = Pins {
            pins: pins.to_vec(),
            provider,
        };
        let dangerous = builder.dangerous();
        dangerous
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth()
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

/// A hundred and more anchors, kept once for all providers.
fn public_roots() -> Arc<RootCertStore> {
    static ROOTS: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
        let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        Arc::new(RootCertStore { roots })
    });
    ROOTS.clone()
}

/// A provider showed another key than those that its record pins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it presented the key {}, which the record does not pin",
    hex(presented)
)]
pub(crate) struct WrongKey {
    presented: [u8; 32],
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl WrongKey {
    /// Whether that is why a handshake failed.
    pub(crate) fn of(error: &std::io::Error) -> Option<&Self> {
        let tls = error.get_ref()?.downcast_ref::<Error>()?;
        let Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = tls else {
            return None;
        };
        inner.downcast_ref()
    }
}

#[derive(Debug)]
struct Pins {
    pins: Vec<[u8; 32]>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = webpki::EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let presented: [u8; 32] = Sha256::digest(certificate.subject_public_key_info()).into();
        if self.pins.contains(&presented) {
            return Ok(ServerCertVerified::assertion());
        }
        let wrong = Arc::new(WrongKey { presented });
        Err(Error::InvalidCertificate(CertificateError::Other(
            OtherError(wrong),
        )))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
