//! What an Ethereum wallet signs with `personal_sign`: EIP-191 version 0x45 over secp256k1.

use alloc::string::{String, ToString};
use core::fmt;

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

/// The last 20 bytes of the keccak256 of a secp256k1 public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalletAddress([u8; 20]);

/// Why a wallet's signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalletRefusal {
    /// It does not hold.
    Bad,
    /// Its `s` is above half the group order.
    HighS,
}

impl WalletAddress {
    /// The address of 20 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// Whether `signature` (`r || s || v`) is this wallet's of `text`.
    ///
    /// # Errors
    /// It is not, or not in its one form.
    pub fn verifies(self, text: &str, signature: &[u8; 65]) -> Result<(), WalletRefusal> {
        self.verifies_hash(&message_hash(text), signature)
    }

    /// Whether `signature` is this wallet's of a hash.
    ///
    /// # Errors
    /// It is not, or not in its one form.
    pub fn verifies_hash(self, hash: &[u8; 32], signature: &[u8; 65]) -> Result<(), WalletRefusal> {
        let (rs, v) = signature.split_at(64);
        let y_is_odd = match v {
            [27] => false,
            [28] => true,
            _ => return Err(WalletRefusal::Bad),
        };
        let signature = Signature::from_slice(rs).map_err(|_| WalletRefusal::Bad)?;
        if signature.normalize_s() != signature {
            return Err(WalletRefusal::HighS);
        }
        let recovery = RecoveryId::new(y_is_odd, false);
        let key = VerifyingKey::recover_from_prehash(hash, &signature, recovery)
            .map_err(|_| WalletRefusal::Bad)?;
        // A recovered key satisfies the signature's equation by construction; what it proves is its address.
        if address_of(&key) == self {
            Ok(())
        } else {
            Err(WalletRefusal::Bad)
        }
    }
}

fn address_of(key: &VerifyingKey) -> WalletAddress {
    let point = key.to_sec1_point(false);
    let digest = Keccak256::digest(&point.as_bytes()[1..]);
    let mut address = [0; 20];
    address.copy_from_slice(&digest[12..]);
    WalletAddress(address)
}

/// The hash that a wallet signs when it is shown `text`.
#[must_use]
pub fn message_hash(text: &str) -> [u8; 32] {
    let mut hasher = Keccak256::new();
    hasher.update(b"\x19Ethereum Signed Message:\n");
    hasher.update(text.len().to_string().as_bytes());
    hasher.update(text.as_bytes());
    hasher.finalize().into()
}

impl fmt::Display for WalletAddress {
    /// `0x` and 40 digits, mixed in case as EIP-55 does, so that a typing mistake shows in a wallet.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = super::key::Hex(&self.0).to_string();
        let digest = Keccak256::digest(digits.as_bytes());
        let cased: String = digits
            .chars()
            .enumerate()
            .map(|(i, digit)| {
                let nibble = digest[i / 2] >> (4 * (1 - i % 2)) & 0xf;
                if nibble >= 8 {
                    digit.to_ascii_uppercase()
                } else {
                    digit
                }
            })
            .collect();
        write!(f, "0x{cased}")
    }
}
