//! Root labels that need no claim, because they are the key: their encoders and their decoders.

use alloc::string::String;
use data_encoding::{DecodeError, DecodeKind, Encoding, HEXLOWER};
use data_encoding_macro::new_encoding;

use super::facts::quote;
use super::{Form, NameError, Root};
use crate::identity::KeyId;

/// z-base-32: made for people who read and type it; most significant bit first, no padding character.
pub(super) const ALPHABET: &str = "ybndrfg8ejkmcpqxot1uwisza345h769";

static Z_BASE_32: Encoding = new_encoding! {
    symbols: "ybndrfg8ejkmcpqxot1uwisza345h769",
};

/// 35 octets, 280 bits: no padding bits.
const KEY_ID_CHARACTERS: usize = 56;
/// 32 octets, 256 bits and 4 padding bits.
const ED25519_CHARACTERS: usize = 52;
const WALLET_PREFIX: &str = "0x";
const WALLET_DIGITS: usize = 40;

const KEY_ID_VERSION: u8 = 1;
const CHECKSUM_CONTEXT: &str = "dotkey name checksum v1";

/// The 56-character label of a key id.
#[must_use]
pub fn encode_key_id(key_id: &KeyId) -> String {
    let mut octets = [0; 35];
    octets[0] = KEY_ID_VERSION;
    octets[1..33].copy_from_slice(key_id.as_bytes());
    let checksum = checksum(&octets[..33]);
    octets[33..].copy_from_slice(&checksum);
    Z_BASE_32.encode(&octets)
}

/// The 52-character label of an ed25519 public key, the same as pkarr's.
#[must_use]
pub fn encode_ed25519(public_key: &[u8; 32]) -> String {
    Z_BASE_32.encode(public_key)
}

/// The label of a wallet's address: `0x` and 40 lower-case digits. DNS knows no case, so EIP-55's is left out.
#[must_use]
pub fn encode_wallet(address: &[u8; 20]) -> String {
    let mut label = String::with_capacity(WALLET_PREFIX.len() + WALLET_DIGITS);
    label.push_str(WALLET_PREFIX);
    HEXLOWER.encode_append(address, &mut label);
    label
}

/// The first octets of a derived hash: enough to catch a mistyped or swapped character 65535 times of 65536.
fn checksum(version_and_key_id: &[u8]) -> [u8; 2] {
    let mut hasher = blake3::Hasher::new_derive_key(CHECKSUM_CONTEXT);
    hasher.update(version_and_key_id);
    let hash = hasher.finalize();
    [hash.as_bytes()[0], hash.as_bytes()[1]]
}

/// `None` when the label has neither the beginning nor the length of a self-certifying form.
pub(super) fn decode(label: &str, given: &str) -> Option<Result<Root, NameError>> {
    if let Some(digits) = label.strip_prefix(WALLET_PREFIX) {
        return Some(decode_wallet(digits, label, given));
    }
    match label.len() {
        KEY_ID_CHARACTERS => Some(decode_key_id(label, given)),
        ED25519_CHARACTERS => Some(decode_ed25519(label, given)),
        _ => None,
    }
}

fn decode_wallet(digits: &str, label: &str, given: &str) -> Result<Root, NameError> {
    if digits.len() != WALLET_DIGITS {
        return Err(NameError::WalletLength {
            label: quote(given),
            digits: digits.len(),
        });
    }
    let hex = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    // The `x` is no digit, but it stands where it belongs.
    if let Some(at) = digits.chars().position(|c| !hex(c)) {
        return Err(bad_character(Form::Wallet, label, given, at + 2));
    }
    let mut address = [0; 20];
    HEXLOWER
        .decode_mut(digits.as_bytes(), &mut address)
        .expect("40 hexadecimal digits are 20 octets");
    Ok(Root::Wallet(address))
}

fn decode_key_id(label: &str, given: &str) -> Result<Root, NameError> {
    let mut octets = [0; 35];
    Z_BASE_32
        .decode_mut(label.as_bytes(), &mut octets)
        .map_err(|e| undecodable(Form::KeyId, label, given, e.error))?;
    // The checksum first: a mistyped version is a mistake, not a newer version.
    if checksum(&octets[..33]) != octets[33..] {
        return Err(NameError::KeyChecksum {
            label: quote(given),
        });
    }
    if octets[0] != KEY_ID_VERSION {
        return Err(NameError::KeyVersion {
            label: quote(given),
            version: octets[0],
        });
    }
    let mut key_id = [0; 32];
    key_id.copy_from_slice(&octets[1..33]);
    Ok(Root::KeyId(KeyId::from_bytes(key_id)))
}

fn decode_ed25519(label: &str, given: &str) -> Result<Root, NameError> {
    let mut public_key = [0; 32];
    Z_BASE_32
        .decode_mut(label.as_bytes(), &mut public_key)
        .map_err(|e| undecodable(Form::Ed25519, label, given, e.error))?;
    Ok(Root::Ed25519(public_key))
}

fn undecodable(form: Form, label: &str, given: &str, error: DecodeError) -> NameError {
    match error.kind {
        // Several labels of one key would be several names of one zone.
        DecodeKind::Trailing => NameError::KeyTrailingBits {
            label: quote(given),
        },
        _ => bad_character(form, label, given, error.position),
    }
}

fn bad_character(form: Form, label: &str, given: &str, at: usize) -> NameError {
    NameError::KeyCharacter {
        label: quote(given),
        form,
        character: label.as_bytes().get(at).map_or('?', |b| char::from(*b)),
        position: at + 1,
    }
}
