//! Accuse: a validator that signed two things is shown by its own signatures, and votes no more from the next epoch on.

use super::{Session, Setback};
use crate::ledger::Refusal;
use crate::ledger::state::{self, BARRED_MAX};

pub(super) fn act(session: &mut Session<'_>, votes: &[u8]) -> Result<(), Setback> {
    let mut seats = state::seats(&session.desk)?;
    let epoch = session.bench.charter.epoch(session.context.height);
    let referee = session.bench.referee;
    let culprit = referee
        .culprit(votes, epoch, &seats.current)
        .or_else(|why| {
            // Those of the epoch before are told of in this one.
            match epoch.checked_sub(1) {
                Some(before) => referee.culprit(votes, before, &seats.former),
                None => Err(why),
            }
        });
    let culprit = culprit.map_err(Refusal::NoFault)?;
    if seats.barred.contains(&culprit) {
        return Err(Refusal::Barred.into());
    }
    seats.next.retain(|seat| seat.identity != culprit);
    // A network of one that contradicts itself has nobody else to go on with.
    if seats.next.is_empty() {
        return Err(Refusal::LastValidator.into());
    }
    // What it wants counts no more.
    for seat in &mut seats.current {
        if seat.identity == culprit {
            seat.approves = None;
        }
    }
    seats.barred.push(culprit);
    let surplus = seats.barred.len().saturating_sub(BARRED_MAX);
    seats.barred.drain(..surplus);
    session.desk.put_seats(&seats);
    Ok(())
}
