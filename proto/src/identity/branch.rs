//! A branch of a zone, which a key may be trusted with alone.

use core::fmt;
use core::str::FromStr;

use super::PolicyError;
use crate::dns::Owner;

/// An owner name below the apex whose labels are letters, digits, hyphens and underscores: section 3.3.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Branch(Owner);

impl Branch {
    /// The branch at an owner name; `None` where that cannot be one.
    #[must_use]
    pub fn new(owner: Owner) -> Option<Self> {
        let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        let sound = !owner.is_apex() && owner.labels().all(|label| label.iter().all(plain));
        sound.then_some(Self(owner))
    }

    /// The branch of these wire bytes; `None` where they are none.
    #[must_use]
    pub fn from_wire(wire: &[u8]) -> Option<Self> {
        Self::new(Owner::from_wire(wire).ok()?)
    }

    /// Where it begins.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.0
    }

    /// Whether `other` is this branch or lies within it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.is_at_or_below(&self.0)
    }
}

impl fmt::Display for Branch {
    /// The labels, joined by dots: no character of theirs needs an escape.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Branch {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_' | '.');
        let refused = || PolicyError::UnknownRole(alloc::format!("publish:{text}"));
        if !text.chars().all(plain) || text.ends_with('.') {
            return Err(refused());
        }
        Owner::parse(text)
            .ok()
            .and_then(Self::new)
            .ok_or_else(refused)
    }
}
