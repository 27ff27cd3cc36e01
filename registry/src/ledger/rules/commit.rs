//! Commit: announces a claim without telling which, so that nobody who sees the claim can be first.

use dotkey_proto::ledger::{Account, Announced};
use dotkey_proto::limits::ACCOUNT_COMMITMENTS_MAX;
use dotkey_proto::time::Timestamp;

use super::{Session, Setback};
use crate::ledger::Refusal;
use crate::ledger::charter::CLAIM_SECS_MAX;

pub(super) fn act(
    session: &Session<'_>,
    account: &mut Account,
    commitment: &[u8; 32],
) -> Result<(), Setback> {
    account
        .commitments
        .retain(|one| until(one) >= session.context.time);
    // A second would begin the two blocks anew, and make which one counts a question.
    if account
        .commitments
        .iter()
        .any(|one| one.commitment == *commitment)
    {
        return Err(Refusal::CommitmentTwice.into());
    }
    // They are kept in the state for a day, so there is a bound.
    if let Some(oldest) = account.commitments.first()
        && account.commitments.len() >= ACCOUNT_COMMITMENTS_MAX
    {
        let (max, until) = (ACCOUNT_COMMITMENTS_MAX, until(oldest));
        return Err(Refusal::CommitmentsFull { max, until }.into());
    }
    account.commitments.push(Announced {
        commitment: *commitment,
        height: session.context.height,
        time: session.context.time,
    });
    Ok(())
}

/// The last second in which a claim can be made on it.
pub(super) fn until(announced: &Announced) -> Timestamp {
    announced.time.saturating_add(CLAIM_SECS_MAX)
}
