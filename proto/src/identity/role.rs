//! What a key may do.

use alloc::borrow::Cow;
use alloc::format;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use super::{Branch, PolicyError};

/// A role of a policy. Roles order by their text, as they stand in a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Changes the policy, and acts on the ledger.
    Admin,
    /// Signs zones, and every branch of them.
    Publish,
    /// Signs one branch.
    PublishBranch(Branch),
}

impl Role {
    /// As it is written.
    #[must_use]
    pub fn as_text(&self) -> Cow<'static, str> {
        match self {
            Self::Admin => Cow::Borrowed("admin"),
            Self::Publish => Cow::Borrowed("publish"),
            Self::PublishBranch(branch) => Cow::Owned(format!("publish:{branch}")),
        }
    }

    /// The bytes of its text, one after the other: a hostile policy has hundreds of roles to put in order.
    fn text_bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let (word, branch): (&[u8], _) = match self {
            Self::Admin => (b"admin", None),
            Self::Publish => (b"publish", None),
            Self::PublishBranch(branch) => (b"publish", Some(branch)),
        };
        let labels = branch
            .into_iter()
            .flat_map(|branch| branch.owner().labels());
        let joined = labels.enumerate().flat_map(|(position, label)| {
            let before = if position == 0 { b':' } else { b'.' };
            core::iter::once(before).chain(label.iter().copied())
        });
        word.iter().copied().chain(joined)
    }

    /// Whether who holds it may sign a record of `branch`, or of the whole zone.
    #[must_use]
    pub fn may_publish(&self, branch: Option<&Branch>) -> bool {
        match (self, branch) {
            (Self::Admin, _) | (Self::PublishBranch(_), None) => false,
            (Self::Publish, _) => true,
            (Self::PublishBranch(own), Some(branch)) => own.covers(branch),
        }
    }
}

impl Ord for Role {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text_bytes().cmp(other.text_bytes())
    }
}

impl PartialOrd for Role {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_text())
    }
}

impl FromStr for Role {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "admin" => Ok(Self::Admin),
            "publish" => Ok(Self::Publish),
            _ => match text.strip_prefix("publish:") {
                Some(branch) => branch.parse().map(Self::PublishBranch),
                None => Err(PolicyError::UnknownRole(text.into())),
            },
        }
    }
}
