//! What refusals are made of: the kinds of label and of form, and how a character or a suggestion is shown.

use alloc::boxed::Box;
use core::fmt;

/// Where in a name a label stands; what it may contain depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The label beside the suffix, as a claim names it.
    Claimed,
    /// A label under the root label.
    Below,
    /// A label of the configured suffix.
    Suffix,
    /// A label that has characters outside ASCII, wherever it stands.
    Unicode,
}

/// A self-certifying form of the root label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// 56 characters: version, key id, checksum.
    KeyId,
    /// 52 characters: an ed25519 public key.
    Ed25519,
    /// `0x` and 40 hexadecimal digits: a wallet's address.
    Wallet,
}

impl Place {
    pub(super) const fn alphabet(self) -> &'static str {
        match self {
            Self::Claimed | Self::Suffix => "letters, digits and hyphens",
            Self::Below => "letters, digits, hyphens and underscores",
            Self::Unicode => "letters and digits of one script, and hyphens",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Claimed => "the claimed label",
            Self::Below => "a label",
            Self::Suffix => "the suffix",
            Self::Unicode => "an internationalised label",
        })
    }
}

impl Form {
    pub(super) const fn alphabet(self) -> &'static str {
        match self {
            Self::KeyId | Self::Ed25519 => super::self_certifying::ALPHABET,
            Self::Wallet => "0123456789abcdef",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyId => "a key id",
            Self::Ed25519 => "an ed25519 key",
            Self::Wallet => "a wallet's address",
        })
    }
}

/// A character so that it can be seen: as it is where it prints, with its number where it is not plain ASCII.
pub(super) struct Shown(pub(super) char);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u32::from(self.0);
        match self.0 {
            ' ' => f.write_str("a space"),
            c if c.is_ascii_graphic() => write!(f, "`{c}`"),
            c if c.is_alphanumeric() => write!(f, "`{c}` (U+{number:04X})"),
            _ => write!(f, "U+{number:04X}"),
        }
    }
}

/// The end of a message that can name something right.
pub(super) struct Suggestion<'a>(pub(super) &'a Option<Box<str>>);

impl fmt::Display for Suggestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, ", such as `{name}`"),
            None => Ok(()),
        }
    }
}

/// Facts are kept as they were given.
pub(super) fn quote(text: &str) -> Box<str> {
    text.into()
}
