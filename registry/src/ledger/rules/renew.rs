//! Renew: the lease goes on for another term from where it ends.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Entry;
use dotkey_proto::stamp::Purpose;

use super::{Session, Setback, holding, stamps};
use crate::ledger::Refusal;

pub(super) fn act(
    session: &mut Session<'_>,
    actor: KeyId,
    label: &str,
    stamp: &[u8],
) -> Result<(), Setback> {
    let entry = holding::held(session, actor, label)?;
    let charter = session.bench.charter;
    let (now, ends) = (session.context.time, entry.lease_ends);
    // Not long before its end, or names would be kept for decades at today's price.
    let from = ends.saturating_sub(charter.renewal_secs);
    if now < from {
        let label = label.to_owned();
        return Err(Refusal::RenewedEarly { label, from, ends }.into());
    }
    if now >= holding::free_at(charter, &entry) {
        let label = label.to_owned();
        return Err(Refusal::Lapsed { label, ended: ends }.into());
    }
    stamps::check(
        session,
        ("renewal", Purpose::Renewal(label)),
        actor,
        stamp,
        |charter, _| charter.renewal_price(label),
    )?;
    // From its end and not from now: who renews early loses nothing, and who renews late gains nothing.
    let lease_ends = ends.saturating_add(charter.lease_secs);
    session.desk.put_entry(
        label,
        &Entry {
            lease_ends,
            ..entry
        },
    );
    Ok(())
}
