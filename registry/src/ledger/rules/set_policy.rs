//! Set-policy: the chain's newest policy becomes the pinned one; or, in time, a recovery takes the place of an update.

use dotkey_proto::identity::{KeyId, Policy};
use dotkey_proto::ledger::{Account, Pin, Transaction, Undo};
use dotkey_proto::limits::POLICY_CHAIN_MAX;

use super::{Session, Setback, authorise, holding};
use crate::ledger::Refusal;

pub(super) fn act(
    session: &mut Session<'_>,
    (actor, account): (KeyId, &mut Account),
    transaction: &Transaction,
) -> Result<(), Setback> {
    match authorise::recovered(session, &transaction.chain, account)? {
        Some((number, _)) => recover(account, transaction, number),
        None => pin(session, account, transaction)?,
    }
    holding::repin(session, actor, account)
}

/// Pins the newest policy of a chain that was verified. Of the policies that it replaces, those with recovery keys can be gone back
/// to for a while.
pub(super) fn pin(
    session: &Session<'_>,
    account: &mut Account,
    transaction: &Transaction,
) -> Result<(), Refusal> {
    let policies = verified_policies(transaction);
    let (newest, digest) = policies.last().expect("a chain has a policy");
    let from = match account.pin {
        Some(pin) if newest.number <= pin.number => {
            let (pinned, newest) = (pin.number, newest.number);
            return Err(Refusal::PolicyNotNewer { pinned, newest });
        }
        Some(pin) => pin.number,
        None => 0,
    };
    let now = session.context.time;
    let least_sequence = account.pin.and_then(|pin| pin.least_sequence);
    let replaced = policies
        .iter()
        .filter(|(policy, _)| (from..newest.number).contains(&policy.number));
    account.undo.extend(replaced.filter_map(|(policy, digest)| {
        let recovery = policy.recovery.as_ref()?;
        Some(Undo {
            number: policy.number,
            digest: *digest,
            until: now.saturating_add(recovery.delay_secs.into()),
            least_sequence,
        })
    }));
    let (found, max) = (account.undo.len(), POLICY_CHAIN_MAX);
    if found > max {
        // Forgetting the oldest would let a thief rotate until the owner cannot go back.
        let until = account
            .undo
            .iter()
            .map(|undo| undo.until)
            .min()
            .unwrap_or(now);
        return Err(Refusal::UndoFull { found, max, until });
    }
    account.pin = Some(Pin {
        number: newest.number,
        digest: *digest,
        least_sequence,
    });
    Ok(())
}

/// Goes back to policy `number`, and on from there by the chain's last update, which its recovery keys made. What was replaced
/// since is out of reach, and so is a second recovery of the same policy.
fn recover(account: &mut Account, transaction: &Transaction, number: u32) {
    let policies = verified_policies(transaction);
    let (newest, digest) = policies.last().expect("a chain has a policy");
    let undone = account.undo.iter().find(|undo| undo.number == number);
    // A thief's checkpoint goes with the thief's policy.
    let least_sequence = undone.and_then(|undo| undo.least_sequence);
    account.undo.retain(|undo| undo.number < number);
    account.pin = Some(Pin {
        number: newest.number,
        digest: *digest,
        least_sequence,
    });
}

fn verified_policies(transaction: &Transaction) -> Vec<(Policy, [u8; 32])> {
    authorise::policies(&transaction.chain).expect("the chain was verified")
}
