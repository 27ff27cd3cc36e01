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
        self.as_text().cmp(&other.as_text())
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
