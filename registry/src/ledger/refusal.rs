//! Why a transaction is not accepted, in words for the person who made it.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{AuthorityError, LedgerError};
use dotkey_proto::stamp::StampError;
use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;
use thiserror::Error;

/// The rule that a transaction breaks, with the facts of the state that it was held against.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each message says what its facts are")]
pub enum Refusal {
    #[error("the transaction is malformed: {0}")]
    Form(#[from] LedgerError),
    #[error("the transaction does not speak for its identity: {0}")]
    Authority(#[from] AuthorityError),
    #[error(
        "the transaction is for another network; make it anew for the one that this node follows"
    )]
    Network,
    #[error("the nonce {found} was used before; the next transaction of {key_id} has {expected}")]
    Replay {
        key_id: KeyId,
        expected: u64,
        found: u64,
    },
    #[error(
        "the nonce {found} comes too early: {key_id} has made {}; send those between first",
        counted(*expected, "transaction")
    )]
    Gap {
        key_id: KeyId,
        expected: u64,
        found: u64,
    },
    #[error(
        "{key_id} has made {max} transactions today, which is the most; go on after midnight UTC"
    )]
    DayFull { key_id: KeyId, max: u64 },
    #[error(
        "the first transaction of an identity carries a stamp, and this one has none; make one for an opening"
    )]
    OpeningMissing,
    #[error(
        "only the first transaction of an identity carries a stamp for its opening; leave it out"
    )]
    OpeningSurplus,
    #[error("the stamp of the {what} is refused: {error}; make a new one")]
    Stamp {
        what: &'static str,
        error: StampError,
    },
    #[error(
        "the stamp of the {what} is for hour {hour}, whose beacon is too old or not there yet; make one for hour {newest}"
    )]
    Beacon {
        what: &'static str,
        hour: u64,
        newest: u64,
    },
    #[error("this commitment stands already; claim with it, or choose another salt")]
    CommitmentTwice,
    #[error(
        "{max} commitments of this identity wait for their claims, which is the most; claim, or wait until {until} when the oldest ends"
    )]
    CommitmentsFull { max: usize, until: Timestamp },
    #[error("`{label}` is reserved and nobody can hold it: {why}")]
    Reserved { label: String, why: &'static str },
    #[error(
        "nothing announced this claim of `{label}`: commit to the label, this identity and this salt first, and claim within a day"
    )]
    NotAnnounced { label: String },
    #[error(
        "the claim of `{label}` was announced in block {announced} and can be made from block {from} on; this would be block {height}"
    )]
    TooEarly {
        label: String,
        announced: u64,
        from: u64,
        height: u64,
    },
    #[error("the announcement of the claim of `{label}` was good until {until}; commit anew")]
    TooLate { label: String, until: Timestamp },
    #[error("`{label}` belongs to {holder}; it could become free at {free}, if it is not renewed")]
    Taken {
        label: String,
        holder: KeyId,
        free: Timestamp,
    },
    #[error(
        "{key_id} holds {}, and {max} are the most here; release one, or use another identity",
        counted(*held, "name")
    )]
    NamesFull {
        key_id: KeyId,
        held: usize,
        max: usize,
    },
    #[error("nobody holds `{label}`; claim it")]
    NotHeld { label: String },
    #[error("`{label}` belongs to {holder}, and only that identity can do this")]
    NotHolder { label: String, holder: KeyId },
    #[error(
        "the lease of `{label}` ended at {ended}, and so did the time in which only its holder could renew it; claim it anew"
    )]
    Lapsed { label: String, ended: Timestamp },
    #[error("the lease of `{label}` ended at {ended}; renew it first")]
    LeaseEnded { label: String, ended: Timestamp },
    #[error("the lease of `{label}` ends at {ends} and can be renewed from {from} on")]
    RenewedEarly {
        label: String,
        from: Timestamp,
        ends: Timestamp,
    },
    #[error("`{label}` belongs to that identity already")]
    TransferToSelf { label: String },
    #[error(
        "policy number {pinned} is pinned, and the chain ends at number {newest}: there is nothing newer to pin"
    )]
    PolicyNotNewer { pinned: u32, newest: u32 },
    #[error(
        "policy number {number} was replaced too long ago, or never, so that no recovery can go back to it"
    )]
    RecoveryTooLate { number: u32 },
    #[error(
        "too many policies were replaced of late ({found} of at most {max}); wait until {until}, or recover"
    )]
    UndoFull {
        found: usize,
        max: usize,
        until: Timestamp,
    },
    #[error(
        "records below sequence {least} are out of date already; a checkpoint can only rise, and {asked} is not above"
    )]
    CheckpointBack { least: u64, asked: u64 },
    #[error(
        "{0} is not a validator of this epoch; only validators approve changes of the validators"
    )]
    NotValidator(KeyId),
    #[error("the validator is refused: {0}")]
    Candidate(String),
    #[error("the weight of a validator is 1, or 0 to remove it; {0} is neither: each has one vote")]
    Weight(u16),
    #[error("the change would change nothing")]
    NoChange,
    #[error("this validator has approved this change already; {approvals} of {needed} have")]
    ApprovedBefore { approvals: usize, needed: usize },
    #[error("at least one validator remains")]
    LastValidator,
    #[error("there are {0} validators, which is the most; remove one first")]
    ValidatorsFull(usize),
    #[error("this validator signed two things where it may sign one, and is kept out for good")]
    Barred,
    #[error("the votes show no fault of a validator of this epoch or the one before: {0}")]
    NoFault(String),
    #[error("the block is full: {0}; the transaction can wait for the next")]
    BlockFull(&'static str),
}

impl Refusal {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Form(error) => error.code(),
            Self::Authority(error) => error.code(),
            Self::Network => "network",
            Self::Replay { .. } => "replay",
            Self::Gap { .. } => "gap",
            Self::DayFull { .. } => "day-full",
            Self::OpeningMissing => "opening-missing",
            Self::OpeningSurplus => "opening-surplus",
            Self::Stamp { error, .. } => error.code(),
            Self::Beacon { .. } => "beacon",
            Self::CommitmentTwice => "commitment-twice",
            Self::CommitmentsFull { .. } => "commitments-full",
            Self::Reserved { .. } => "reserved",
            Self::NotAnnounced { .. } => "not-announced",
            Self::TooEarly { .. } => "too-early",
            Self::TooLate { .. } => "too-late",
            Self::Taken { .. } => "taken",
            Self::NamesFull { .. } => "names-full",
            Self::NotHeld { .. } => "not-held",
            Self::NotHolder { .. } => "not-holder",
            Self::Lapsed { .. } => "lapsed",
            Self::LeaseEnded { .. } => "lease-ended",
            Self::RenewedEarly { .. } => "renewed-early",
            Self::TransferToSelf { .. } => "transfer-to-self",
            Self::PolicyNotNewer { .. } => "policy-not-newer",
            Self::RecoveryTooLate { .. } => "recovery-too-late",
            Self::UndoFull { .. } => "undo-full",
            Self::CheckpointBack { .. } => "checkpoint-back",
            Self::NotValidator(_) => "not-validator",
            Self::Candidate(_) => "candidate",
            Self::Weight(_) => "weight",
            Self::NoChange => "no-change",
            Self::ApprovedBefore { .. } => "approved-before",
            Self::LastValidator => "last-validator",
            Self::ValidatorsFull(_) => "validators-full",
            Self::Barred => "barred",
            Self::NoFault(_) => "no-fault",
            Self::BlockFull(_) => "block-full",
        }
    }

    /// Whether the same bytes may be accepted later, so that it is worth keeping them.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Gap { .. }
                | Self::TooEarly { .. }
                | Self::RenewedEarly { .. }
                | Self::DayFull { .. }
                | Self::BlockFull(_)
        )
    }
}
