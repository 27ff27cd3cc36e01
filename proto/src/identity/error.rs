//! Why a policy or a chain of them is refused.

use alloc::boxed::Box;
use alloc::string::String;

use thiserror::Error;

use super::{KeyId, PublicKey, Role};
use crate::cbor::CborError;
use crate::signature::SignatureError;

/// Why a policy is not one that can be acted on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// The encoding or the schema is broken.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// A key is not a usable one.
    #[error(transparent)]
    Key(#[from] SignatureError),
    /// A role that is none.
    #[error(
        "`{}` is not a role; roles are `admin`, `publish`, and `publish:` with a branch in lower case, such as `publish:blog`",
        .0.escape_debug()
    )]
    UnknownRole(String),
    /// The roles of a key out of order, or one twice.
    #[error("the roles of {key} must stand in ascending order, each once; `{role}` does not")]
    RoleOrder {
        /// Whose roles.
        key: Box<PublicKey>,
        /// The one out of place.
        role: Role,
    },
    /// One key in two places.
    #[error("{0} stands twice; give it the sum of the weights and all its roles in one place")]
    DuplicateSigner(Box<PublicKey>),
    /// A role that nobody said how many it takes.
    #[error(
        "there is no threshold for the role `{0}`; every policy has one for `admin` and `publish`, and for each role that a key holds"
    )]
    MissingThreshold(Role),
    /// A threshold that all holders together do not reach.
    #[error("the threshold of {} is {needed}, but all who hold it weigh {available} together", Whom(.role))]
    UnreachableThreshold {
        /// The role; `None` for recovery.
        role: Option<Role>,
        /// Its threshold.
        needed: u32,
        /// What the weights of its holders sum to.
        available: u32,
    },
}

/// A role, or recovery.
struct Whom<'a>(&'a Option<Role>);

impl core::fmt::Display for Whom<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(role) => write!(f, "the role `{role}`"),
            None => f.write_str("recovery"),
        }
    }
}

impl PolicyError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::UnknownRole(_) => "unknown-role",
            Self::RoleOrder { .. } => "role-order",
            Self::DuplicateSigner(_) => "duplicate-signer",
            Self::MissingThreshold(_) => "missing-threshold",
            Self::UnreachableThreshold { .. } => "unreachable-threshold",
        }
    }
}

/// Why a chain does not show who acts for a key id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// A policy in it is refused.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// An update's envelope or a signature in it is refused.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The first policy is another identity's.
    #[error("the first policy of the chain belongs to {found}, not to {expected}")]
    KeyId {
        /// The identity that was asked about.
        expected: KeyId,
        /// The one whose genesis policy this is.
        found: KeyId,
    },
    /// The first policy is neither a genesis policy nor the pinned one.
    #[error(
        "the chain begins with policy number {number}, which nothing pins; it must begin with the first policy, or with the one that the ledger pins"
    )]
    NotPinned {
        /// The number of the first policy.
        number: u32,
    },
    /// A number that does not follow.
    #[error("a policy update must have number {expected}; this has {found}")]
    PolicyNumber {
        /// The one that follows.
        expected: u32,
        /// The one it has.
        found: u32,
    },
    /// An update of another policy.
    #[error("policy number {number} does not name the policy before it as its previous one")]
    PolicyPrevious {
        /// The number of the update.
        number: u32,
    },
    /// A signer who has no say.
    #[error(
        "{signer} signed policy number {number}, but is neither an admin nor a recovery key of the policy before it, nor an admin of the new one"
    )]
    UnknownSigner {
        /// Who signed, which need not be a key at all.
        signer: String,
        /// The number of the update.
        number: u32,
    },
    /// Too few of those who must sign.
    #[error("policy number {number} is signed with weight {reached} of the {needed} that the admins of the {} policy need", if *.by_new { "new" } else { "old" })]
    Threshold {
        /// The number of the update.
        number: u32,
        /// Whether the new policy's own admins fell short, or the old one's.
        by_new: bool,
        /// The weight that signed.
        reached: u32,
        /// The weight it takes.
        needed: u32,
    },
    /// Not the keys that were committed to.
    #[error(
        "policy number {number} names other keys than the policy before it committed to as the next ones"
    )]
    NextMismatch {
        /// The number of the update.
        number: u32,
    },
    /// A recovery that no ledger has accepted.
    #[error(
        "policy number {number} is a recovery; only a ledger can say that it came in time, and no ledger entry given here pins it"
    )]
    RecoveryUnanchored {
        /// The number of the update.
        number: u32,
    },
    /// An update that nobody who may recover has signed.
    #[error(
        "policy number {number} is not a recovery: the recovery keys of the policy before it have not signed with the weight that they need"
    )]
    NotARecovery {
        /// The number of the update.
        number: u32,
    },
    /// The ledger pins a policy that this chain has not, or not any more.
    #[error(
        "the ledger pins policy number {pinned}, which is not in this chain (it ends at number {newest}): the keys were rotated since"
    )]
    RotatedAway {
        /// The number that the ledger pins.
        pinned: u32,
        /// The number of the chain's newest policy.
        newest: u32,
    },
}

impl From<CborError> for ChainError {
    fn from(error: CborError) -> Self {
        Self::Policy(PolicyError::Cbor(error))
    }
}

impl ChainError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Policy(error) => error.code(),
            Self::Signature(error) => error.code(),
            Self::KeyId { .. } | Self::NotPinned { .. } => "key-id",
            Self::PolicyNumber { .. } => "policy-number",
            Self::PolicyPrevious { .. } => "policy-previous",
            Self::UnknownSigner { .. } => "unknown-signer",
            Self::Threshold { .. } => "threshold",
            Self::NextMismatch { .. } => "next-mismatch",
            Self::RecoveryUnanchored { .. } => "recovery-unanchored",
            Self::NotARecovery { .. } => "not-a-recovery",
            Self::RotatedAway { .. } => "rotated-away",
        }
    }
}
