//! Why a name has no answer. Each says who must act; what a source did wrong is in its [`Failure`].

use std::sync::Arc;

use dotkey_proto::dns::WireName;
use dotkey_proto::identity::{Branch, KeyId};
use dotkey_proto::limits::DELEGATION_DEPTH_MAX;
use dotkey_proto::name::NameError;

use crate::source::{Origin, SourceError};

/// What one source gave instead of an answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which source.
    pub origin: Origin,
    /// What was wrong.
    pub why: Why,
}

/// What is wrong with what a source gave.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Why {
    /// It gave nothing usable.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It has none.
    #[error("it has none")]
    None,
    /// What it gave is refused by a check, by its code in `docs/protocol/`.
    #[error("what it gave is refused ({code}): {reason}")]
    Refused {
        /// The stable name of the broken rule.
        code: &'static str,
        /// What the check found.
        reason: String,
    },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.origin, self.why)
    }
}

/// Why a name has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ResolveError {
    /// It is no name.
    #[error("{0}")]
    Name(NameError),
    /// It is not a name of the suffix that is resolved here.
    #[error("`{0}` is not under the suffix that is resolved here; ask the ordinary DNS")]
    OtherSuffix(WireName),
    /// It has the form of a key, and there is no such key.
    #[error("`{0}` has the form of a public key, but no such key exists; check the name")]
    NoSuchKey(WireName),
    /// The ledger shows that nobody holds it.
    #[error(
        "nobody holds `{0}`, as its network's ledger proves; claim it with `dotkey name claim {0}`"
    )]
    Unclaimed(Arc<str>),
    /// Whom it belongs to is decided by a ledger, and none is followed here.
    #[error(
        "who holds `{0}` is decided by a ledger, and none is followed here; give the resolver the genesis of a network"
    )]
    NoLedger(Arc<str>),
    /// No source gave a proof that holds.
    #[error(
        "no proof of who holds `{name}`: {}; ask again, or give the resolver other nodes",
        all(failures)
    )]
    Unproved {
        /// The name.
        name: Arc<str>,
        /// What each source gave instead.
        failures: Arc<[Failure]>,
    },
    /// No source gave a record that holds. Sources can withhold, so this proves nothing.
    #[error(
        "no record of {key_id}{}: {}; its owner publishes one with `dotkey zone publish`",
        of_branch(branch.as_ref()),
        all(failures)
    )]
    NoRecord {
        /// Whose.
        key_id: KeyId,
        /// Of which branch.
        branch: Option<Branch>,
        /// What each source gave instead.
        failures: Arc<[Failure]>,
    },
    /// Delegations that lead on and on.
    #[error(
        "`{0}` is delegated more than {DELEGATION_DEPTH_MAX} times; its owners must shorten that"
    )]
    TooDeep(WireName),
    /// A name that becomes too long where it stands.
    #[error("`{0}` leads to a name that is longer than 255 bytes; its owner must shorten it")]
    TooLong(WireName),
}

fn of_branch(branch: Option<&Branch>) -> String {
    branch.map_or(String::new(), |branch| {
        format!(" for its branch `{branch}`")
    })
}

fn all(failures: &[Failure]) -> String {
    match failures {
        [] => "there is no source to ask".to_owned(),
        failures => {
            let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
            all.join("; ")
        }
    }
}

impl ResolveError {
    /// What each source gave instead of an answer, where sources were asked.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        match self {
            Self::Unproved { failures, .. } | Self::NoRecord { failures, .. } => failures,
            _ => &[],
        }
    }

    /// The first check that refused what a source gave: the reason that matters most to who wonders.
    #[must_use]
    pub fn refusal(&self) -> Option<(&'static str, &str)> {
        self.failures()
            .iter()
            .find_map(|failure| match &failure.why {
                Why::Refused { code, reason } => Some((*code, reason.as_str())),
                _ => None,
            })
    }
}
