//! Validator change: when two thirds of the validators want the same change, it holds from the next epoch on.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::quorum;

use super::{Session, Setback};
use crate::ledger::Refusal;
use crate::ledger::state::{self, Approval, SEATS_MAX, Seat, Seats};

pub(super) fn act(
    session: &mut Session<'_>,
    actor: KeyId,
    validator: &[u8],
    weight: u16,
) -> Result<(), Setback> {
    let mut seats = state::seats(&session.desk)?;
    let Some(own) = seats.acting(actor) else {
        return Err(Refusal::NotValidator(actor).into());
    };
    // One that was caught has no say in who comes next.
    if seats.barred.contains(&seats.current[own].identity) {
        return Err(Refusal::Barred.into());
    }
    let next = changed(session, &seats, validator, weight)?;
    let validator = validator.to_vec();
    let change = Approval { validator, weight };
    let needed = quorum(seats.current.len());
    if seats.current[own].approves.as_ref() == Some(&change) {
        let approvals = seats.approvals(&change);
        return Err(Refusal::ApprovedBefore { approvals, needed }.into());
    }
    // Each wants one change at a time, so that there are never more of them than validators.
    seats.current[own].approves = Some(change.clone());
    if seats.approvals(&change) >= needed {
        seats.next = next;
        for seat in &mut seats.current {
            seat.approves.take_if(|approved| *approved == change);
        }
    }
    session.desk.put_seats(&seats);
    Ok(())
}

/// The next epoch's validators after a change.
fn changed(
    session: &Session<'_>,
    seats: &Seats,
    validator: &[u8],
    weight: u16,
) -> Result<Vec<Seat>, Refusal> {
    let mut next = seats.next.clone();
    match weight {
        0 => {
            next.retain(|seat| seat.identity != *validator);
            if next.is_empty() {
                return Err(Refusal::LastValidator);
            }
        }
        1 => {
            let referee = session.bench.referee;
            let (identity, voting_key) = referee.admit(validator).map_err(Refusal::Candidate)?;
            if seats.barred.contains(&identity) {
                return Err(Refusal::Barred);
            }
            next.retain(|seat| seat.identity != identity);
            // A vote of one would be a vote of the other.
            if next.iter().any(|seat| seat.voting_key == voting_key) {
                let why = "another validator has this voting key";
                return Err(Refusal::Candidate(why.to_owned()));
            }
            next.push(Seat {
                identity,
                voting_key,
                candidate: validator.to_vec(),
                approves: None,
            });
            next.sort_by_key(|seat| seat.identity);
        }
        other => return Err(Refusal::Weight(other)),
    }
    if next.len() > SEATS_MAX {
        return Err(Refusal::ValidatorsFull(SEATS_MAX));
    }
    if next == seats.next {
        return Err(Refusal::NoChange);
    }
    Ok(next)
}
