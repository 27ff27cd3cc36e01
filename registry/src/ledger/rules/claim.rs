//! Claim: a name that nobody holds goes to who announced it and worked for it.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Entry, commitment};
use dotkey_proto::limits::ACCOUNT_NAMES_MAX;
use dotkey_proto::stamp::Purpose;

use super::{Session, Setback, commit, holding, stamps};
use crate::ledger::Refusal;
use crate::ledger::charter::CLAIM_BLOCKS_MIN;
use crate::ledger::state;

pub(super) fn act(
    session: &mut Session<'_>,
    (actor, account): (KeyId, &mut Account),
    label: &str,
    (salt, stamp): (&[u8; 16], &[u8]),
) -> Result<(), Setback> {
    check_reserved(session, label)?;
    announced(session, (actor, account), label, salt)?;
    let old = state::entry(&session.desk, label)?;
    if let Some(entry) = &old
        && session.context.time < holding::free_at(session.bench.charter, entry)
    {
        let (label, holder) = (label.to_owned(), entry.key_id);
        let free = holding::free_at(session.bench.charter, entry);
        return Err(Refusal::Taken {
            label,
            holder,
            free,
        }
        .into());
    }
    if let Some(entry) = old {
        // Its old holder's list has it until somebody else's does.
        if entry.key_id == actor {
            holding::forget(account, label);
        } else {
            let mut before = state::account(&session.desk, entry.key_id)?;
            holding::forget(&mut before, label);
            session.desk.put_account(entry.key_id, &before);
        }
    }
    // The dearest last: whoever sends nonsense has not bought any work.
    stamps::check(
        session,
        ("claim", Purpose::Claim(label)),
        actor,
        stamp,
        |charter, hour| charter.claim_price(label, hour.demand),
    )?;
    holding::add((actor, account), label, ACCOUNT_NAMES_MAX)?;
    let claimed = session.context.time;
    session.desk.put_entry(
        label,
        &Entry {
            key_id: actor,
            claimed,
            lease_ends: claimed.saturating_add(session.bench.charter.lease_secs),
            pin: account.pin,
        },
    );
    session.claims += 1;
    Ok(())
}

/// Reserved by the protocol (2.6.3, which the form of a label holds already) or by the network.
fn check_reserved(session: &Session<'_>, label: &str) -> Result<(), Refusal> {
    let reserved = &session.bench.charter.reserved;
    if reserved
        .binary_search_by(|one| one.as_str().cmp(label))
        .is_ok()
    {
        let (label, why) = (label.to_owned(), "the network's genesis says so");
        return Err(Refusal::Reserved { label, why });
    }
    Ok(())
}

/// Takes the announcement of this claim off the account. It has to be two blocks old, so that it was made before anyone could see
/// the claim; and a day at most, so that nobody keeps names in reserve with it.
fn announced(
    session: &Session<'_>,
    (actor, account): (KeyId, &mut Account),
    label: &str,
    salt: &[u8; 16],
) -> Result<(), Refusal> {
    let wanted = commitment(label, actor, salt);
    let position = account
        .commitments
        .iter()
        .position(|one| one.commitment == wanted);
    let label = label.to_owned();
    let Some(position) = position else {
        return Err(Refusal::NotAnnounced { label });
    };
    let found = account.commitments.remove(position);
    let (announced, height) = (found.height, session.context.height);
    let from = announced + CLAIM_BLOCKS_MIN;
    if height < from {
        return Err(Refusal::TooEarly {
            label,
            announced,
            from,
            height,
        });
    }
    let until = commit::until(&found);
    if session.context.time > until {
        return Err(Refusal::TooLate { label, until });
    }
    Ok(())
}
