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
        Unanswered::Overtaken => (problem::UNCERTIFIED, "ask again"),
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
    Problem::new(kind, refusal.to_string(), next_step(refusal))
        .with_code(refusal.code())
        .with_facts(facts(refusal))
}

/// What whoever sent it can do. The message has the facts.
fn next_step(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Network => {
            "sign it for the network that this node follows, or ask a node of that one"
        }
        Refusal::Replay { .. } => "sign it anew with the nonce in `expected`",
        Refusal::Gap { .. } => "send those before it first",
        Refusal::Stamp { .. } | Refusal::Beacon { .. } | Refusal::OpeningMissing => {
            "make a stamp for the newest beacon of /v1/ledger"
        }
        Refusal::OpeningSurplus => "leave the opening out",
        Refusal::CommitmentTwice => "claim with it, or choose another salt",
        Refusal::NotAnnounced { .. } | Refusal::TooLate { .. } => {
            "announce the claim anew, and claim two blocks later"
        }
        Refusal::TooEarly { .. } => "send it again from the block in `from` on",
        Refusal::RenewedEarly { .. } => "send it again from the time in `from` on",
        Refusal::DayFull { .. } | Refusal::BlockFull(_) | Refusal::CommitmentsFull { .. } => {
            "send it again later"
        }
        Refusal::Reserved { .. } => "choose another name",
        Refusal::Taken { .. } => "choose another name, or claim it once it is free",
        Refusal::NamesFull { .. } => "release a name, or claim with another identity",
        Refusal::NotHeld { .. } => "claim it",
        Refusal::NotHolder { .. } => "let its holder do it",
        Refusal::LeaseEnded { .. } => "renew it first",
        Refusal::ValidatorsFull(_) => "remove a validator first",
        Refusal::NoChange | Refusal::ApprovedBefore { .. } | Refusal::TransferToSelf { .. } => {
            "there is nothing to do"
        }
        _ => "make the transaction anew, by what the ledger holds now",
    }
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
    let next = match refusal {
        PoolRefusal::Replay { .. } => "sign it anew with the nonce in `expected`",
        PoolRefusal::NonceTaken(_) => "wait until the other one is in a block, or an hour",
        PoolRefusal::TooFarAhead { .. } => "send those before it first, and this one after them",
        PoolRefusal::Full { .. } => "send it again later",
    };
    Problem::new(kind, refusal.to_string(), next)
        .with_code(refusal.code())
        .with_facts(facts)
}

#[cfg(test)]
mod tests {
    use dotkey_proto::time::Timestamp;
    use serde_json::Value;

    use super::*;

    fn shown(problem: &Problem) -> (String, String) {
        let json: Value = serde_json::from_str(&problem.to_json()).expect("JSON");
        let text = |field: &str| json[field].as_str().expect("a text").to_owned();
        (text("detail"), text("next"))
    }

    #[test]
    fn the_facts_stand_in_the_detail_and_a_thing_to_do_in_the_next_step() {
        let refusal = PoolRefusal::Replay {
            expected: 7,
            found: 3,
        };
        let (detail, next) = shown(&no_place(refusal));
        assert_eq!(detail, refusal.to_string());
        assert_eq!(next, "sign it anew with the nonce in `expected`");
        let ended = Timestamp::from_secs(1_800_000_000).expect("in range");
        for (refusal, says) in [
            (Refusal::Weight(3), "make the transaction anew"),
            (Refusal::ValidatorsFull(128), "remove a validator first"),
            (
                Refusal::LeaseEnded {
                    label: "mysite".into(),
                    ended,
                },
                "renew it first",
            ),
        ] {
            let (detail, next) = shown(&refused(&refusal));
            assert_eq!(detail, refusal.to_string());
            assert!(next.starts_with(says), "{next}");
        }
    }
}
