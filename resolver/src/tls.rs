//! One cryptographic provider for every TLS and QUIC connection of the process.
//!
//! rustls panics at start-up when two providers are compiled in and none is chosen. libp2p's QUIC brings aws-lc-rs, so that
//! is ours everywhere, and it is installed before anything else runs.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installing_twice_gives_the_same_provider() {
        let first = install_provider();
        assert!(Arc::ptr_eq(first, install_provider()));
        // Would panic with two providers compiled in and none chosen.
        let _ = rustls::ClientConfig::builder();
    }
}
