//! Who may act for an identity: the admins of its newest policy, as the ledger knows it.

use dotkey_proto::identity::{Anchor, Chain};
use dotkey_proto::ledger::{Account, Action, SignedTransaction, Standing};

use super::{Session, Setback};
use crate::ledger::Refusal;

/// Signatures of the newest policy's admins, over a chain that goes through the pinned policy; or, when a policy is set, a
/// recovery that comes in time.
pub(super) fn check(
    session: &Session<'_>,
    signed: &SignedTransaction,
    account: &Account,
) -> Result<(), Setback> {
    let transaction = signed.transaction();
    let undone = match transaction.action {
        Action::SetPolicy => recovered(session, &transaction.chain, account)?,
        _ => None,
    };
    let anchor = undone
        .map(|(number, digest)| Anchor {
            key_id: transaction.key_id,
            number,
            digest,
            least_sequence: None,
        })
        .or_else(|| account.anchor(transaction.key_id));
    let standing = match &anchor {
        Some(before) if undone.is_some() => Standing::Recovery(before),
        anchor => Standing::Forward(anchor.as_ref()),
    };
    let kind = [u8::from(undone.is_some()), u8::from(anchor.is_some())];
    let (number, digest) = anchor.map_or((0, [0; 32]), |anchor| (anchor.number, anchor.digest));
    let facts: [&[u8]; 4] = [&signed.digest(), &kind, &number.to_be_bytes(), &digest];
    let context = "dotkey memo of transactions v1";
    session
        .bench
        .memo
        .is_good(context, &facts, || signed.verify(standing).map(drop))
        .map_err(|error| Refusal::from(error).into())
}

/// The policy that a chain's last update goes back to, where that is before what is pinned.
pub(super) fn recovered(
    session: &Session<'_>,
    chain: &[Vec<u8>],
    account: &Account,
) -> Result<Option<(u32, [u8; 32])>, Refusal> {
    let Some(pin) = account.pin else {
        return Ok(None);
    };
    let Ok(policies) = policies(chain) else {
        return Ok(None); // What is malformed is told by the verification.
    };
    let Some((newest, digest)) = policies.last() else {
        return Ok(None);
    };
    let is_pinned = (newest.number, *digest) == (pin.number, pin.digest);
    let Some(previous) = newest
        .previous
        .filter(|_| newest.number <= pin.number && !is_pinned)
    else {
        return Ok(None);
    };
    let number = newest.number - 1;
    let found = account
        .undo
        .iter()
        .find(|undo| (undo.number, undo.digest) == (number, previous));
    match found {
        Some(undo) if undo.until >= session.context.time => Ok(Some((number, previous))),
        _ => Err(Refusal::RecoveryTooLate { number }),
    }
}

/// The policies of a chain, in order, with their digests.
pub(super) fn policies(
    chain: &[Vec<u8>],
) -> Result<Vec<(dotkey_proto::identity::Policy, [u8; 32])>, dotkey_proto::identity::ChainError> {
    let bytes = Chain::encode(chain);
    Ok(Chain::decode(&bytes)?.policies()?)
}
