//! What an identity holds: its list of names and their entries, which say the same.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Entry};
use dotkey_proto::limits::ACCOUNT_NAMES_MAX;
use dotkey_proto::time::Timestamp;

use super::{Session, Setback};
use crate::ledger::state::{self, StateError};
use crate::ledger::{Charter, Refusal};

/// Names that an identity may have for others to give it more. Nobody is asked before he is given a name, so that there is
/// always room for the claims that he makes himself.
pub const INCOMING_NAMES_MAX: usize = ACCOUNT_NAMES_MAX / 2;

/// When anybody may claim the name: after its lease, and the time in which only its holder can renew it.
#[must_use]
pub fn free_at(charter: &Charter, entry: &Entry) -> Timestamp {
    entry.lease_ends.saturating_add(charter.grace_secs)
}

/// The entry of a name that `actor` holds.
pub(super) fn held(session: &Session<'_>, actor: KeyId, label: &str) -> Result<Entry, Setback> {
    let label = label.to_owned();
    match state::entry(&session.desk, &label)? {
        None => Err(Refusal::NotHeld { label }.into()),
        Some(entry) if entry.key_id != actor => {
            let holder = entry.key_id;
            Err(Refusal::NotHolder { label, holder }.into())
        }
        Some(entry) => Ok(entry),
    }
}

/// Puts a name on the list of an account.
pub(super) fn add(
    (key_id, account): (KeyId, &mut Account),
    label: &str,
    max: usize,
) -> Result<(), Refusal> {
    let held = account.names.len();
    if held >= max {
        return Err(Refusal::NamesFull { key_id, held, max });
    }
    if let Err(place) = account
        .names
        .binary_search_by(|one| one.as_str().cmp(label))
    {
        account.names.insert(place, label.to_owned());
    }
    Ok(())
}

/// Takes a name off the list of an account.
pub(super) fn forget(account: &mut Account, label: &str) {
    account.names.retain(|one| one != label);
}

/// Writes what an account has pinned to the entries of its names: a proof of a name then shows both.
pub(super) fn repin(
    session: &mut Session<'_>,
    actor: KeyId,
    account: &Account,
) -> Result<(), Setback> {
    for label in &account.names {
        let entry = state::entry(&session.desk, label)?;
        let Some(entry) = entry.filter(|entry| entry.key_id == actor) else {
            return Err(StateError::Missing("the entry of a name that an account lists").into());
        };
        session.desk.put_entry(
            label,
            &Entry {
                pin: account.pin,
                ..entry
            },
        );
    }
    Ok(())
}
