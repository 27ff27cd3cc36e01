//! The suffix: what every name on this network, or on one operator's bridge, ends with.

use alloc::borrow::Cow;
use core::fmt;

use super::{NameError, idn, label};
use crate::limits::NAME_BYTES_MAX;

/// Leaves room for the longest self-certifying label with its dot: two octets of a wire name are its first length and the root.
const SUFFIX_BYTES_MAX: usize = NAME_BYTES_MAX - 2 - 57;

/// One or more labels, normalised: `key` unless an operator's configuration says otherwise, such as `key.example.net`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Suffix(Cow<'static, str>);

impl Suffix {
    /// `key`.
    pub const KEY: Self = Self(Cow::Borrowed("key"));

    /// Checks and normalises a suffix. One dot before it and one behind it are taken as decoration.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        label::check_input(text)?;
        let text = idn::to_ascii(text)?;
        let text = text.strip_prefix('.').unwrap_or(&text);
        let text = text.strip_suffix('.').unwrap_or(text);
        let lower = text.to_ascii_lowercase();
        if lower.is_empty() {
            return Err(NameError::Empty);
        }
        for (index, (label, given)) in lower.split('.').zip(text.split('.')).enumerate() {
            if label.is_empty() {
                return Err(NameError::EmptyLabel {
                    text: text.into(),
                    index: index + 1,
                });
            }
            label::check_suffix_label(label, given)?;
        }
        if lower.len() > SUFFIX_BYTES_MAX {
            return Err(NameError::SuffixTooLong {
                octets: lower.len(),
                limit: SUFFIX_BYTES_MAX,
            });
        }
        idn::check_bidi(&lower)?;
        Ok(Self(Cow::Owned(lower)))
    }

    /// The normalised text without dots around it.
    #[must_use]
    pub fn as_ascii(&self) -> &str {
        &self.0
    }
}

impl Default for Suffix {
    fn default() -> Self {
        Self::KEY
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
