//! Why the ledger does not do what was asked, each with what to do.

use dotkey_proto::ledger::LedgerError;

use crate::api::problem::{self, Facts, Problem};
use crate::ledger::{PoolRefusal, Refusal};
use crate::node::ledger::{NotTaken, Unanswered};

pub(super) fn no_ledger() -> Problem {
    Problem::new(
        problem::NO_LEDGER,
        "this node keeps records alone",
        "ask a node that follows the ledger, or start this one without --no-ledger",
    )
}

pub(super) fn unanswered(error: &Unanswered) -> Problem {
    let (kind, next) = match error {
        Unanswered::Halted(_) => (
            problem::LEDGER_HALTED,
            "ask another node; who runs this one sees at /v1/status what to do",
        ),
        Unanswered::Stopping => (
            problem::STOPPING,
            "ask another node, or this one when it is back",
        ),
        Unanswered::Uncertified => (
            problem::UNCERTIFIED,
            "ask again in a few seconds, when the validators have voted",
        ),
        Unanswered::NoHandovers(_) => (
            problem::NO_HANDOVERS,
            "ask another node, or begin with a newer checkpoint",
        ),
        Unanswered::EpochToCome { .. } => (
            problem::BAD_PARAMETER,
            "give the epoch of what you trust, or leave it out to begin with the genesis",
        ),
    };
    Problem::new(kind, error.to_string(), next)
}

pub(super) fn malformed(error: LedgerError) -> Problem {
    refused(&Refusal::Form(error))
}

pub(super) fn not_taken(error: &NotTaken) -> Problem {
    match error {
        NotTaken::Refused(refusal) => refused(refusal),
        NotTaken::NoPlace(refusal) => no_place(*refusal),
        NotTaken::Broken(why) => unanswered(&Unanswered::Halted(why.clone())),
    }
}

/// Refusals of which another state of the ledger is the reason, and not the transaction itself.
fn is_conflict(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Replay { .. }
            | Refusal::Gap { .. }
            | Refusal::DayFull { .. }
            | Refusal::CommitmentTwice
            | Refusal::CommitmentsFull { .. }
            | Refusal::NotAnnounced { .. }
            | Refusal::TooEarly { .. }
            | Refusal::TooLate { .. }
            | Refusal::Taken { .. }
            | Refusal::NamesFull { .. }
            | Refusal::NotHeld { .. }
            | Refusal::NotHolder { .. }
            | Refusal::Lapsed { .. }
            | Refusal::LeaseEnded { .. }
            | Refusal::RenewedEarly { .. }
            | Refusal::PolicyNotNewer { .. }
            | Refusal::RecoveryTooLate { .. }
            | Refusal::UndoFull { .. }
            | Refusal::CheckpointBack { .. }
            | Refusal::ApprovedBefore { .. }
            | Refusal::NoChange
            | Refusal::Barred
            | Refusal::BlockFull(_)
    )
}

fn refused(refusal: &Refusal) -> Problem {
    let kind = match is_conflict(refusal) {
        true => problem::REFUSED_NOW,
        false => problem::REFUSED,
    };
    // The messages end with the next step, where there is one.
    let text = refusal.to_string();
    let (detail, next) = text.rsplit_once("; ").unwrap_or((
        &text,
        "make the transaction anew, by what the ledger holds now",
    ));
    Problem::new(kind, detail, next)
        .with_code(refusal.code())
        .with_facts(facts(refusal))
}

fn facts(refusal: &Refusal) -> Facts {
    let mut facts = Facts::default();
    match refusal {
        Refusal::Replay { expected, .. } | Refusal::Gap { expected, .. } => {
            facts.expected = Some(*expected);
        }
        Refusal::Taken { holder, free, .. } => {
            facts.holder = Some(holder.to_string());
            facts.free = Some(free.as_secs());
        }
        Refusal::NotHolder { holder, .. } => facts.holder = Some(holder.to_string()),
        Refusal::TooEarly { from, height, .. } => {
            facts.from = Some(*from);
            facts.height = Some(*height);
        }
        Refusal::RenewedEarly { from, .. } => facts.from = Some(from.as_secs()),
        _ => {}
    }
    facts
}

fn no_place(refusal: PoolRefusal) -> Problem {
    let kind = match refusal {
        PoolRefusal::Full { .. } => problem::POOL_FULL,
        _ => problem::REFUSED_NOW,
    };
    let mut facts = Facts::default();
    if let PoolRefusal::Replay { expected, .. } | PoolRefusal::TooFarAhead { expected, .. } =
        refusal
    {
        facts.expected = Some(expected);
    }
    let text = refusal.to_string();
    let (detail, next) = text
        .rsplit_once("; ")
        .unwrap_or((&text, "send it again later"));
    Problem::new(kind, detail, next)
        .with_code(refusal.code())
        .with_facts(facts)
}
