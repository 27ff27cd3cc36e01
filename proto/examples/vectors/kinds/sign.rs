//! Keys of fixed seeds, what they sign, and envelopes around it: section 4.

use k256::ecdsa::SigningKey as WalletKey;
use sha3::{Digest, Keccak256};

use super::encode::{Fields, array, bytes, hash, int, map, text, uint};

/// A key whose seed is this byte, 32 times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    Ed(u8),
    Wallet(u8),
}

impl Signer {
    pub(crate) fn algorithm(self) -> i64 {
        match self {
            Self::Ed(_) => -8,
            Self::Wallet(_) => -65_537,
        }
    }

    /// The public key, or the wallet's address.
    pub(crate) fn public(self) -> Vec<u8> {
        match self {
            Self::Ed(seed) => {
                let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
                secret.verifying_key().to_bytes().into()
            }
            Self::Wallet(seed) => {
                let point = wallet(seed).verifying_key().to_sec1_point(false);
                Keccak256::digest(&point.as_bytes()[1..])[12..].to_vec()
            }
        }
    }

    /// The protected header that names this key.
    pub(crate) fn header(self) -> Vec<u8> {
        header(self.algorithm(), &self.public())
    }

    /// Its signature of `payload` about `subject`.
    pub(crate) fn sign(self, subject: &Subject, payload: &[u8]) -> Vec<u8> {
        let signed = sig_structure(&self.header(), &subject.domain, payload);
        match self {
            Self::Ed(seed) => ed25519(seed, &signed).into(),
            Self::Wallet(seed) => wallet_signature(seed, &subject.text(&signed)),
        }
    }

    /// One element of an envelope's signatures.
    pub(crate) fn signature(self, subject: &Subject, payload: &[u8]) -> Vec<u8> {
        element(&self.header(), &self.sign(subject, payload))
    }
}

fn wallet(seed: u8) -> WalletKey {
    WalletKey::from_slice(&[seed; 32]).expect("the seeds are below the group order")
}

/// An ed25519 signature of plain bytes.
pub(crate) fn ed25519(seed: u8, message: &[u8]) -> [u8; 64] {
    use ed25519_dalek::Signer;
    let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    secret.sign(message).to_bytes()
}

/// A wallet's `personal_sign` of a text: section 4.4.
pub(crate) fn wallet_signature(seed: u8, text: &str) -> Vec<u8> {
    let message = format!("\x19Ethereum Signed Message:\n{}{text}", text.len());
    wallet_signature_of_hash(seed, &Keccak256::digest(message))
}

/// A wallet's signature of a hash, as `r || s || v` with a low `s`.
pub(crate) fn wallet_signature_of_hash(seed: u8, hash: &[u8]) -> Vec<u8> {
    let (signature, id) = wallet(seed).sign_prehash_recoverable(hash);
    let mut out = signature.to_bytes().to_vec();
    out.push(27 + id.to_byte());
    out
}

/// What a signature is about: its domain, and what the text of a wallet says before the digest.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) domain: Vec<u8>,
    pub(crate) lines: String,
}

impl Subject {
    pub(crate) fn record(key_id: &[u8; 32], branch: Option<&str>, sequence: u64) -> Self {
        let branch = branch.map_or(String::new(), |branch| format!("branch: {branch}\n"));
        let zone = label(key_id);
        let lines = format!("dotkey record\nzone: {zone}\n{branch}sequence: {sequence}\n");
        let domain = b"dotkey record v1".to_vec();
        Self { domain, lines }
    }

    pub(crate) fn update(key_id: &[u8; 32], policy: &Fields) -> Self {
        let lines = super::update_text::lines(key_id, policy);
        let domain = b"dotkey policy update v1".to_vec();
        Self { domain, lines }
    }

    /// The action is what section 8.1 makes of it.
    pub(crate) fn transaction(
        network: &[u8; 32],
        key_id: &[u8; 32],
        nonce: u64,
        action: &str,
    ) -> Self {
        let network_hex = data_encoding::HEXLOWER.encode(network);
        let identity = label(key_id);
        let lines = format!(
            "dotkey transaction\nnetwork: {network_hex}\nidentity: {identity}\nnonce: {nonce}\naction: {action}\n"
        );
        let domain = [b"dotkey transaction v1", &network[..]].concat();
        Self { domain, lines }
    }

    /// The text that a wallet signs.
    pub(crate) fn text(&self, signed: &[u8]) -> String {
        let digest = hash("dotkey signing digest v1", signed);
        let digest = data_encoding::HEXLOWER.encode(&digest);
        format!("{}digest: {digest}", self.lines)
    }
}

/// The Sig_structure: section 4.3.
pub(crate) fn sig_structure(header: &[u8], domain: &[u8], payload: &[u8]) -> Vec<u8> {
    array([
        text("Signature"),
        bytes([]),
        bytes(header),
        bytes(domain),
        bytes(payload),
    ])
}

pub(crate) fn header(algorithm: i64, kid: &[u8]) -> Vec<u8> {
    map([(uint(1), int(algorithm)), (uint(4), bytes(kid))])
}

/// An element of an envelope's signatures.
pub(crate) fn element(header: &[u8], signature: &[u8]) -> Vec<u8> {
    array([bytes(header), map([]), bytes(signature)])
}

/// An envelope of elements in the order given.
pub(crate) fn envelope(payload: &[u8], signatures: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    let item = array([bytes([]), map([]), bytes(payload), array(signatures)]);
    [&[0xd8, 98], &item[..]].concat()
}

/// An envelope that these have signed, in the right order.
pub(crate) fn signed(payload: &[u8], subject: &Subject, signers: &[Signer]) -> Vec<u8> {
    let mut signers = signers.to_vec();
    signers.sort_by_key(|signer| signer.public());
    envelope(
        payload,
        signers
            .iter()
            .map(|signer| signer.signature(subject, payload)),
    )
}

/// The 56-character label of a key id: section 2.7.2.
pub(crate) fn label(key_id: &[u8; 32]) -> String {
    let versioned = [&[1], &key_id[..]].concat();
    let checksum = hash("dotkey name checksum v1", &versioned);
    zbase32(&[&versioned, &checksum[..2]].concat())
}

/// Section 2.7.5.
pub(crate) fn zbase32(octets: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ybndrfg8ejkmcpqxot1uwisza345h769";
    let bit = |at: usize| {
        octets
            .get(at / 8)
            .map_or(0, |octet| octet >> (7 - at % 8) & 1)
    };
    let group = |begin: usize| (begin..begin + 5).fold(0, |sum, at| sum << 1 | bit(at));
    (0..octets.len() * 8)
        .step_by(5)
        .map(|begin| char::from(ALPHABET[usize::from(group(begin))]))
        .collect()
}
