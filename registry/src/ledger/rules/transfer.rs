//! Transfer: a name goes to another identity, with the rest of its lease.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Entry};

use super::{Session, Setback, holding};
use crate::ledger::Refusal;
use crate::ledger::state;

pub(super) fn act(
    session: &mut Session<'_>,
    (actor, account): (KeyId, &mut Account),
    label: &str,
    to: KeyId,
) -> Result<(), Setback> {
    let entry = holding::held(session, actor, label)?;
    if to == actor {
        let label = label.to_owned();
        return Err(Refusal::TransferToSelf { label }.into());
    }
    // Whoever gets it gets a name that works.
    if session.context.time >= entry.lease_ends {
        let (label, ended) = (label.to_owned(), entry.lease_ends);
        return Err(Refusal::LeaseEnded { label, ended }.into());
    }
    let mut recipient = state::account(&session.desk, to)?;
    holding::add((to, &mut recipient), label, holding::INCOMING_NAMES_MAX)?;
    holding::forget(account, label);
    let (key_id, pin) = (to, recipient.pin);
    session.desk.put_entry(
        label,
        &Entry {
            key_id,
            pin,
            ..entry
        },
    );
    session.desk.put_account(to, &recipient);
    Ok(())
}
