//! Who holds which name, as the ledger of this process changes it: told to the resolver with each block, so that what it keeps of a
//! name is used until then and no longer.

use std::sync::Arc;
use std::time::Duration;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Action, SignedTransaction};
use dotkey_registry::ledger::ChainError;
use dotkey_registry::node::ledger::Ledger;
use dotkey_resolver::server::Service;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// A ledger that takes over a state skips many blocks; then all that is kept is let go of.
const BLOCKS_MAX: u64 = 64;

/// A block is final some moments before its certificate is there, and proofs are of the newest certified one.
const CERTIFICATE_WAIT: Duration = Duration::from_millis(50);
const CERTIFICATE_WAITS_MAX: usize = 100;

/// What a block changes.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    Holder(String),
    Account(KeyId),
}

/// Tells a service of changes until the ledger ends.
pub(super) async fn tell(ledger: Ledger, service: Arc<Service>) {
    let Some(mut tips) = ledger.tips() else {
        return;
    };
    let mut told = *tips.borrow_and_update();
    while tips.changed().await.is_ok() {
        let tip = *tips.borrow_and_update();
        let newest = certified(&ledger, tip).await;
        match changes(&ledger, told, newest).await {
            Some(changes) => changes.iter().for_each(|change| match change {
                Change::Holder(label) => service.claim_changed(label),
                Change::Account(key_id) => service.account_changed(key_id),
            }),
            None => {
                service.flush();
            }
        }
        told = told.max(newest);
    }
}

/// The newest height with a certificate, once it is that of the tip, or it has taken too long.
async fn certified(ledger: &Ledger, tip: u64) -> u64 {
    let mut newest = 0;
    for _ in 0..CERTIFICATE_WAITS_MAX {
        let ledger = ledger.clone();
        let read = spawn_blocking(move || ledger.chain()?.certified().ok().flatten());
        newest = read.await.ok().flatten().unwrap_or(0);
        if newest >= tip {
            break;
        }
        sleep(CERTIFICATE_WAIT).await;
    }
    newest
}

/// What the blocks after a height change, up to another one; nothing where that is not known.
async fn changes(ledger: &Ledger, after: u64, newest: u64) -> Option<Vec<Change>> {
    if newest.saturating_sub(after) > BLOCKS_MAX {
        return None;
    }
    let ledger = ledger.clone();
    let read = spawn_blocking(move || {
        let chain = ledger.chain()?;
        let bodies = (after + 1..=newest).map(|height| chain.body(height));
        let bodies: Result<Option<Vec<_>>, ChainError> = bodies.collect();
        let transactions = bodies.ok()??.into_iter().flat_map(|body| body.0);
        Some(transactions.flat_map(|one| of(&one)).collect())
    });
    read.await.ok().flatten()
}

/// What a transaction of a block may have changed. One that was refused has changed nothing, and costs a look-up.
fn of(transaction: &[u8]) -> Vec<Change> {
    let Ok(transaction) = SignedTransaction::decode(transaction) else {
        return Vec::new();
    };
    let transaction = transaction.transaction();
    // Whatever it does, it may go through a newer policy.
    let mut changes = vec![Change::Account(transaction.key_id)];
    if let Action::Claim { label, .. }
    | Action::Renew { label, .. }
    | Action::Release { label }
    | Action::Transfer { label, .. } = &transaction.action
    {
        changes.push(Change::Holder(label.clone()));
    }
    changes
}

#[cfg(test)]
mod tests {
    use dotkey_proto::identity::{Policy, PublicKey};
    use dotkey_proto::ledger::Transaction;
    use dotkey_proto::signature::SecretKey;

    use super::*;

    /// The holder of a name is looked at anew after what could have made it another's, and the account after everything.
    fn check(action: Action, label: Option<&str>) {
        let secret = SecretKey::from_seed(&[1; 32]);
        let public = PublicKey::Ed25519(secret.public());
        let key_id = Policy::bare_key_id(public);
        let word = action.word();
        let transaction = Transaction {
            network: [7; 32],
            key_id,
            nonce: 3,
            chain: vec![Policy::bare(public).encode().expect("sound")],
            action,
            opening: None,
        };
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&secret);
        let mut expected = vec![Change::Account(key_id)];
        expected.extend(label.map(|label| Change::Holder(label.to_owned())));
        assert_eq!(of(&draft.encode()), expected, "{word}");
    }

    #[test]
    fn a_block_changes_what_its_transactions_are_about() {
        let label = || "mysite".to_owned();
        let claim = Action::Claim {
            label: label(),
            salt: [1; 16],
            stamp: vec![2; 8],
        };
        check(claim, Some("mysite"));
        let renew = Action::Renew {
            label: label(),
            stamp: vec![2; 8],
        };
        check(renew, Some("mysite"));
        let transfer = Action::Transfer {
            label: label(),
            to: KeyId::from_bytes([9; 32]),
        };
        check(transfer, Some("mysite"));
        check(Action::Release { label: label() }, Some("mysite"));
        check(Action::SetPolicy, None);
        check(Action::Checkpoint { sequence: 5 }, None);
        let commitment = [3; 32];
        check(Action::Commit { commitment }, None);
        assert_eq!(of(b"no transaction"), []);
    }
}
