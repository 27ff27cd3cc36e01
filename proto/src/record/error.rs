//! Why a record is refused.

use alloc::boxed::Box;
use alloc::string::String;

use thiserror::Error;

use crate::identity::{Branch, ChainError, KeyId, PublicKey, Role};
use crate::signature::SignatureError;
use crate::time::Timestamp;

/// Which check a record failed, with the facts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordError {
    /// The record is malformed, or a signature of it does not hold.
    #[error(transparent)]
    Form(#[from] SignatureError),
    /// A version that this implementation does not know.
    #[error("the record has version {0}; this program knows version 1")]
    UnknownVersion(u64),
    /// A kind that this implementation does not know.
    #[error("the record is of kind {0}; this program knows kind 1, a zone")]
    UnknownKind(u64),
    /// A window that is empty, reversed or too long.
    #[error(
        "the record would hold from {not_before} until {expires}; it must end after it begins, and at most 400 days after"
    )]
    ValidityWindow {
        /// Its begin.
        not_before: Timestamp,
        /// Its end.
        expires: Timestamp,
    },
    /// A branch that is no name for one.
    #[error("the record's branch ({}) is not a name of letters, digits, hyphens and underscores below the apex", crate::signature::Hex(.0))]
    Branch(
        /// Its bytes.
        Box<[u8]>,
    ),
    /// It does not hold yet.
    #[error("the record holds from {not_before}, and it is {now}")]
    NotYetValid {
        /// When it begins.
        not_before: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// It holds no more.
    #[error("the record expired at {expires}, and it is {now}")]
    Expired {
        /// When it ended.
        expires: Timestamp,
        /// The time of the check.
        now: Timestamp,
    },
    /// The chain does not show who acts for the key id.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An older record than the owner's checkpoint allows.
    #[error(
        "the record has sequence {sequence}, but its owner has declared everything below {least} out of date"
    )]
    RolledBack {
        /// The record's sequence.
        sequence: u64,
        /// The least that is still good.
        least: u64,
    },
    /// More signatures than one record may cost.
    #[error(
        "the record and its policy chain carry {found} signatures; at most {max} are checked; pin the newest policy on the ledger to shorten the chain"
    )]
    TooManySignatures {
        /// How many there are.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// A signer that the policy does not have.
    #[error("{signer} signed the record, but is not a key of the newest policy (number {policy})")]
    UnknownSigner {
        /// Who signed, which need not be a key at all.
        signer: String,
        /// The number of the newest policy.
        policy: u32,
    },
    /// A signer that may not sign this.
    #[error("{signer} signed the record, which takes {}; it holds {}", Needed(.needed), Roles(.held))]
    WrongRole {
        /// Who signed.
        signer: Box<PublicKey>,
        /// The role that would be right.
        needed: Role,
        /// The roles that it has.
        held: Box<[Role]>,
    },
    /// A valid record, but not the one that was asked for.
    #[error("this is the record of {found}{}, not the one that was asked for, of {expected}", InBranch(.branch))]
    OtherRecord {
        /// Whose record was asked for.
        expected: KeyId,
        /// Whose it is.
        found: KeyId,
        /// Its branch, where it has one.
        branch: Option<Branch>,
    },
    /// Too few signers.
    #[error(
        "the record is signed with weight {reached} of the {needed} that the role `{role}` takes"
    )]
    Threshold {
        /// The role that comes closest.
        role: Role,
        /// The weight that signed.
        reached: u32,
        /// The weight it takes.
        needed: u32,
    },
}

struct InBranch<'a>(&'a Option<Branch>);

impl core::fmt::Display for InBranch<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(branch) => write!(f, " for the branch `{branch}`"),
            None => Ok(()),
        }
    }
}

struct Needed<'a>(&'a Role);

impl core::fmt::Display for Needed<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Role::PublishBranch(_) => write!(f, "the role `publish` or `{}`", self.0),
            role => write!(f, "the role `{role}`"),
        }
    }
}

struct Roles<'a>(&'a [Role]);

impl core::fmt::Display for Roles<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (position, role) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}`{role}`")?;
        }
        Ok(())
    }
}

impl RecordError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(error) => error.code(),
            Self::UnknownVersion(_) => "unknown-version",
            Self::UnknownKind(_) => "unknown-kind",
            Self::ValidityWindow { .. } => "validity-window",
            Self::Branch(_) => "branch",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
            Self::Chain(error) => error.code(),
            Self::RolledBack { .. } => "rolled-back",
            Self::TooManySignatures { .. } => "too-many-signatures",
            Self::UnknownSigner { .. } => "unknown-signer",
            Self::WrongRole { .. } => "wrong-role",
            Self::OtherRecord { .. } => "other-record",
            Self::Threshold { .. } => "threshold",
        }
    }
}
