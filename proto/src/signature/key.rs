//! Public keys: what signs, and how it is written.

use alloc::string::ToString;
use core::fmt;
use core::str::FromStr;

use super::{Ed25519Key, SignatureError, WalletAddress};
use crate::cbor::{Reader, Writer};

/// How a key signs, by its COSE number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ed25519, verified strictly.
    Ed25519,
    /// An Ethereum wallet's `personal_sign` (EIP-191 over secp256k1).
    Wallet,
}

impl Algorithm {
    /// The COSE number: EdDSA's, and one for private use.
    #[must_use]
    pub fn number(self) -> i64 {
        match self {
            Self::Ed25519 => -8,
            Self::Wallet => -65_537,
        }
    }

    /// The algorithm of a COSE number.
    ///
    /// # Errors
    /// Any other number.
    pub fn from_number(number: i64) -> Result<Self, SignatureError> {
        match number {
            -8 => Ok(Self::Ed25519),
            -65_537 => Ok(Self::Wallet),
            other => Err(SignatureError::UnknownAlgorithm(other)),
        }
    }

    /// Bytes of a public key, or of a wallet's address.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::Wallet => 20,
        }
    }

    /// Bytes of a signature.
    #[must_use]
    pub fn signature_len(self) -> usize {
        match self {
            Self::Ed25519 => 64,
            Self::Wallet => 65,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ed25519 => "ed25519",
            Self::Wallet => "a wallet",
        })
    }
}

/// A key that can sign. Written `ed25519:` and 64 hexadecimal digits, or `0x` and 40.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PublicKey {
    /// An ed25519 key that is known to be a usable point.
    Ed25519(Ed25519Key),
    /// A wallet, by its address.
    Wallet(WalletAddress),
}

impl PublicKey {
    /// The key of an algorithm from its bytes.
    ///
    /// # Errors
    /// The wrong length, or bytes that are no usable key.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, SignatureError> {
        let wrong_length = || SignatureError::KeyLength {
            algorithm,
            expected: algorithm.key_len(),
            found: bytes.len(),
        };
        match algorithm {
            Algorithm::Ed25519 => {
                let bytes = bytes.try_into().map_err(|_| wrong_length())?;
                Ed25519Key::from_bytes(bytes).map(Self::Ed25519)
            }
            Algorithm::Wallet => {
                let bytes = bytes.try_into().map_err(|_| wrong_length())?;
                Ok(Self::Wallet(WalletAddress::from_bytes(bytes)))
            }
        }
    }

    /// How it signs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Ed25519(_) => Algorithm::Ed25519,
            Self::Wallet(_) => Algorithm::Wallet,
        }
    }

    /// The public key, or the wallet's address.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(key) => key.as_bytes(),
            Self::Wallet(address) => address.as_bytes(),
        }
    }

    /// Reads the two items `alg, public` that begin a key in a policy.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, SignatureError> {
        let algorithm = Algorithm::from_number(reader.int("the algorithm of a key")?)?;
        let bytes = reader.bytes("a public key", 0, usize::MAX)?;
        Self::from_bytes(algorithm, bytes)
    }

    /// Writes what [`PublicKey::read`] reads.
    pub(crate) fn write(&self, writer: &mut Writer) {
        writer.int(self.algorithm().number()).bytes(self.as_bytes());
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ed25519(key) => write!(f, "ed25519:{}", Hex(key.as_bytes())),
            Self::Wallet(address) => write!(f, "{address}"),
        }
    }
}

impl FromStr for PublicKey {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, digits) = match text.split_once(':') {
            Some(("ed25519", digits)) => (Algorithm::Ed25519, digits),
            _ => match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
                Some(digits) => (Algorithm::Wallet, digits),
                None => return Err(SignatureError::NotAKey(text.into())),
            },
        };
        let bytes = data_encoding::HEXLOWER_PERMISSIVE
            .decode(digits.as_bytes())
            .map_err(|_| SignatureError::NotAKey(text.into()))?;
        let key = Self::from_bytes(algorithm, &bytes)?;
        // EIP-55: capitals among small letters are a checksum. Who writes one case only gives none.
        let mixed = digits.bytes().any(|b| b.is_ascii_uppercase())
            && digits.bytes().any(|b| b.is_ascii_lowercase());
        if let Self::Wallet(address) = key
            && mixed
            && address.to_string()[2..] != *digits
        {
            return Err(SignatureError::AddressChecksum(text.into()));
        }
        Ok(key)
    }
}

/// Lower-case hexadecimal.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
