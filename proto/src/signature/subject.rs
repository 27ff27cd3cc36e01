//! What a signature is about: the domain that keeps one kind from passing as another, and the text a wallet shows.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::PublicKey;
use super::key::Hex;
use crate::cbor::Writer;
use crate::identity::{Branch, KeyId, Policy, Role};

/// What is signed, with the facts that its signer should see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A record: section 5.
    Record {
        /// Whose zone it is.
        key_id: KeyId,
        /// The branch of the zone, where it is one.
        branch: Option<Branch>,
        /// Its sequence.
        sequence: u64,
    },
    /// A policy update: section 3.5.
    PolicyUpdate {
        /// The identity that the chain belongs to.
        key_id: KeyId,
        /// The new policy.
        policy: Box<Policy>,
    },
    /// A ledger transaction: section 8.1.
    Transaction {
        /// The network that it is for.
        network: [u8; 32],
        /// The identity that acts.
        key_id: KeyId,
        /// How many transactions it has made before.
        nonce: u64,
        /// The action's word, and its name where it has one.
        action: String,
    },
}

impl Subject {
    /// COSE's external_aad: what kind of thing is signed.
    fn domain(&self) -> Vec<u8> {
        match self {
            Self::Record { .. } => b"dotkey record v1".to_vec(),
            Self::PolicyUpdate { .. } => b"dotkey policy update v1".to_vec(),
            Self::Transaction { network, .. } => [b"dotkey transaction v1", &network[..]].concat(),
        }
    }

    /// The Sig_structure of RFC 9052 section 4.4, in `buffer`, whose room is used again.
    pub(super) fn write_signed(&self, signer: &[u8], payload: &[u8], buffer: &mut Vec<u8>) {
        let mut writer = Writer::reuse(core::mem::take(buffer));
        writer
            .array(5)
            .text("Signature")
            .bytes(&[])
            .bytes(signer)
            .bytes(&self.domain())
            .bytes(payload);
        *buffer = writer.into_bytes();
    }

    /// The text that a wallet shows and signs: section 4.4.
    pub(super) fn wallet_text(&self, signed: &[u8]) -> String {
        let digest = blake3::derive_key("dotkey signing digest v1", signed);
        let digest = Hex(&digest);
        match self {
            Self::Record {
                key_id,
                branch,
                sequence,
            } => {
                let branch = branch
                    .as_ref()
                    .map_or(String::new(), |branch| format!("branch: {branch}\n"));
                format!(
                    "dotkey record\nzone: {key_id}\n{branch}sequence: {sequence}\ndigest: {digest}"
                )
            }
            Self::PolicyUpdate { key_id, policy } => {
                let number = policy.number;
                let lines = policy_lines(policy);
                format!(
                    "dotkey policy update\nidentity: {key_id}\npolicy: {number}\n{lines}digest: {digest}"
                )
            }
            Self::Transaction {
                network,
                key_id,
                nonce,
                action,
            } => format!(
                "dotkey transaction\nnetwork: {}\nidentity: {key_id}\nnonce: {nonce}\naction: {action}\ndigest: {digest}",
                Hex(network)
            ),
        }
    }
}

/// Who may act by a policy, line by line: a wallet's owner must see to whom the identity goes.
fn policy_lines(policy: &Policy) -> String {
    let mut lines = String::new();
    let mut line = |text: String| {
        lines.push_str(&text);
        lines.push('\n');
    };
    for key in &policy.keys {
        let roles: Vec<_> = key.roles.iter().map(Role::as_text).collect();
        let (public, weight, roles) = (plain(&key.public), key.weight, roles.join(","));
        line(format!("key: {public} weight {weight} roles {roles}"));
    }
    for (role, threshold) in policy.thresholds_as_encoded() {
        line(format!("threshold: {role} {threshold}"));
    }
    if let Some(next) = &policy.next {
        line(format!("next: {}", Hex(next)));
    }
    if let Some(recovery) = &policy.recovery {
        for key in &recovery.keys {
            let (public, weight) = (plain(&key.public), key.weight);
            line(format!("recovery key: {public} weight {weight}"));
        }
        let (threshold, delay) = (recovery.threshold, recovery.delay_secs);
        line(format!(
            "recovery: threshold {threshold} delay {delay} seconds"
        ));
    }
    lines
}

/// A key in lower case, without the mixed case by which wallets check an address: a text has one form.
fn plain(key: &PublicKey) -> String {
    let prefix = match key {
        PublicKey::Ed25519(_) => "ed25519:",
        PublicKey::Wallet(_) => "0x",
    };
    format!("{prefix}{}", Hex(key.as_bytes()))
}
