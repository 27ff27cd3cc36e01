//! Checkpoint: records below a sequence are out of date for everyone who sees the ledger.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Pin, Transaction};

use super::{Session, Setback, holding, set_policy};
use crate::ledger::Refusal;

pub(super) fn act(
    session: &mut Session<'_>,
    (actor, account): (KeyId, &mut Account),
    transaction: &Transaction,
    sequence: u64,
) -> Result<(), Setback> {
    // A sequence says nothing without the policy that signs it.
    if account.pin.is_none() {
        set_policy::pin(session, account, transaction)?;
    }
    let pin = account.pin.expect("it was just pinned");
    if let Some(least) = pin.least_sequence.filter(|least| *least >= sequence) {
        let asked = sequence;
        return Err(Refusal::CheckpointBack { least, asked }.into());
    }
    account.pin = Some(Pin {
        least_sequence: Some(sequence),
        ..pin
    });
    holding::repin(session, actor, account)
}
