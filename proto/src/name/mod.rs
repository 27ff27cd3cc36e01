//! Names: `mysite.key`, `www.mysite.key`, `@scope/namespace`, and the labels that are keys by themselves.
//!
//! This module owns what a name may be and [`Name::parse`], the one function that turns what a person wrote into the one
//! text that every part of dotkey compares, stores and signs. It promises that a [`Name`] is valid and normalised, that
//! parsing what it displays gives the same name again, and that a refusal says which rule was broken and what would be
//! right. Who owns a claimed name, and what a name contains, is for others. Specified in `docs/protocol/2-names.md`.
//!
//! `parse` is the way through, `label` holds the rules for one ASCII label, `idn` those for Unicode, and
//! `self_certifying` the labels that need no claim.

mod error;
mod facts;
mod idn;
mod label;
mod parse;
mod self_certifying;
mod suffix;
mod uri;

#[cfg(test)]
mod tests;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use error::NameError;
pub use facts::{Form, Place};
pub use label::RESERVED;
pub use self_certifying::{encode_ed25519, encode_key_id, encode_wallet};
pub use suffix::Suffix;
pub use uri::KeyUri;

use crate::identity::KeyId;

/// What the label beside the suffix stands for: who decides what the name contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// A label whose owner the ledger knows.
    Claimed,
    /// The identity itself, by its key id.
    KeyId(KeyId),
    /// An ed25519 public key, as pkarr writes it. Whether the bytes are a point of the curve is for the signature's check.
    Ed25519([u8; 32]),
    /// The address of an Ethereum wallet.
    Wallet([u8; 20]),
}

/// A valid name in its one normalised form. Only parsing and the encoders of self-certifying labels make one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// Lower-case A-labels with the suffix, no trailing dot: `www.mysite.key`. At most 253 octets, so offsets fit a byte.
    text: String,
    root_start: u8,
    root_end: u8,
    root: Root,
}

impl Name {
    /// The name of an identity under `suffix`.
    #[must_use]
    pub fn of_key_id(key_id: &KeyId, suffix: &Suffix) -> Self {
        Self::of_root(Root::KeyId(*key_id), &encode_key_id(key_id), suffix)
    }

    /// The name of a bare ed25519 public key under `suffix`.
    #[must_use]
    pub fn of_ed25519(public_key: &[u8; 32], suffix: &Suffix) -> Self {
        Self::of_root(
            Root::Ed25519(*public_key),
            &encode_ed25519(public_key),
            suffix,
        )
    }

    /// The name of a wallet under `suffix`.
    #[must_use]
    pub fn of_wallet(address: &[u8; 20], suffix: &Suffix) -> Self {
        Self::of_root(Root::Wallet(*address), &encode_wallet(address), suffix)
    }

    fn of_root(root: Root, label: &str, suffix: &Suffix) -> Self {
        Self::assemble(format!("{label}.{}", suffix.as_ascii()), 0, suffix, root)
    }

    /// `text` is checked and ends in a dot and `suffix`; the root label begins at `root_start`.
    fn assemble(text: String, root_start: usize, suffix: &Suffix, root: Root) -> Self {
        let root_end = text.len() - suffix.as_ascii().len() - 1;
        let offset = |at: usize| u8::try_from(at).expect("a name has at most 253 octets");
        Self {
            root_start: offset(root_start),
            root_end: offset(root_end),
            text,
            root,
        }
    }

    /// The normalised text, in ASCII and without a trailing dot: `www.mysite.key`.
    #[must_use]
    pub fn as_ascii(&self) -> &str {
        &self.text
    }

    /// The name for people's eyes: A-labels shown in their Unicode form. Parsing it gives this name again.
    #[must_use]
    pub fn to_unicode(&self) -> Cow<'_, str> {
        idn::to_unicode(&self.text)
    }

    /// What the root label stands for.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The label beside the suffix: `mysite`.
    #[must_use]
    pub fn root_label(&self) -> &str {
        &self.text[usize::from(self.root_start)..usize::from(self.root_end)]
    }

    /// The labels under the root label: `www.blog` in `www.blog.mysite.key`, and nothing at the apex.
    #[must_use]
    pub fn below(&self) -> &str {
        &self.text[..usize::from(self.root_start).saturating_sub(1)]
    }

    /// The suffix that the name was parsed under: `key`.
    #[must_use]
    pub fn suffix(&self) -> &str {
        &self.text[usize::from(self.root_end) + 1..]
    }

    /// The root label and the suffix alone: the name of the whole zone.
    #[must_use]
    pub fn apex(&self) -> Self {
        let start = usize::from(self.root_start);
        Self {
            text: self.text[start..].into(),
            root_start: 0,
            root_end: self.root_end - self.root_start,
            root: self.root,
        }
    }

    /// `@scope/namespace`, where exactly one label stands under the root label.
    #[must_use]
    pub fn path_form(&self) -> Option<String> {
        let below = self.below();
        let single = !below.is_empty() && !below.contains('.');
        single.then(|| format!("@{}/{below}", self.root_label()))
    }

    /// `key://www.mysite/`: the form that holds under every suffix.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("key://{}/", &self.text[..usize::from(self.root_end)])
    }

    /// The labels under the root label in DNS wire form, each with its length before it, and no root octet at the end: what
    /// a zone keys its owners by. RFC 1035 section 3.1.
    #[must_use]
    pub fn owner_wire(&self) -> Vec<u8> {
        let below = self.below();
        if below.is_empty() {
            return Vec::new();
        }
        let mut wire = Vec::with_capacity(below.len() + 1);
        for label in below.split('.') {
            wire.push(u8::try_from(label.len()).expect("a label has at most 63 octets"));
            wire.extend_from_slice(label.as_bytes());
        }
        wire
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.text)
    }
}
