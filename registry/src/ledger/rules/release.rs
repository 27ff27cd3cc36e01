//! Release: a name is free at once, also one whose lease is over.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Account;

use super::{Session, Setback, holding};

pub(super) fn act(
    session: &mut Session<'_>,
    (actor, account): (KeyId, &mut Account),
    label: &str,
) -> Result<(), Setback> {
    holding::held(session, actor, label)?;
    holding::forget(account, label);
    session.desk.remove_entry(label);
    Ok(())
}
