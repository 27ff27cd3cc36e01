//! The engine's parts under the names that the rest of this folder uses. No other module names `commonware`.

pub use commonware_broadcast::buffered as broadcast;
pub use commonware_codec::{Decode, Encode};
pub use commonware_consensus::{marshal, simplex};
pub use commonware_cryptography::ed25519::PublicKey as ValidatorKey;
pub use commonware_p2p::authenticated;
pub use commonware_resolver::p2p as backfill;
pub use commonware_runtime::tokio as runtime;
pub use commonware_storage::archive;

use commonware_cryptography::bls12381::primitives::variant::MinSig;

/// Certificates are BLS multi-signatures with short signatures: about 120 bytes for 4 validators and 131 for 100, and they
/// show who signed, which threshold signatures would hide.
pub type Certificates = simplex::scheme::bls12381_multisig::Scheme<ValidatorKey, MinSig>;

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_cryptography::{Signer, ed25519};
    use commonware_runtime::Runner;

    /// The whole chain links and runs: runtime, keys and encodings.
    #[test]
    fn validator_keys_pass_through_the_engines_encoding() {
        let key = commonware_runtime::deterministic::Runner::seeded(81)
            .start(|_context| async { ed25519::PrivateKey::from_seed(81).public_key() });
        let bytes = key.encode();
        assert_eq!(ValidatorKey::decode(bytes).expect("a key"), key);
    }
}
