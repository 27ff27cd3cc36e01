//! One transaction that changes a name: made, sent, and waited for until a proof shows what it did. Interrupted, it is made again if
//! it has not happened, and is seen to be done if it has: so it needs no journal.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Action;
use dotkey_proto::stamp::Purpose;
use dotkey_proto::words::counted;

use super::pace::Pace;
use super::sign::{Signer, stamp};
use crate::client::{Ledger, refusal};
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::names::claim::View;

/// Others of the same identity may come between: that many times.
const ATTEMPTS_MAX: u32 = 8;

/// As with a claim: its node may have been started anew.
const RESEND_BLOCKS: u64 = 3;

/// What is to be done with a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Renew,
    Transfer(KeyId),
    Release,
}

/// Who does it, where.
pub(super) struct Changer<'a> {
    pub(super) ledger: &'a mut Ledger,
    pub(super) signer: Signer<'a>,
    pub(super) context: &'a Context<'a>,
}

/// A transaction's way into a block.
enum Way {
    /// Its nonce is used: what it did shows in the next look.
    Over,
    /// It is of no use with this stamp.
    Anew,
}

impl Changer<'_> {
    /// Brings a change about. `is_due` looks at what is proved and says whether it is still to be done.
    pub(super) fn bring_about(
        &mut self,
        label: &str,
        change: Change,
        is_due: &mut dyn FnMut(&View) -> Result<bool>,
    ) -> Result<View> {
        let key_id = self.signer.identity().key_id();
        for _ in 0..ATTEMPTS_MAX {
            let view = self.ledger.view(label, key_id)?;
            if !is_due(&view)? {
                return Ok(view);
            }
            let nonce = view.account.nonce;
            let opening = match nonce {
                0 => Some(self.stamp(Purpose::Opening)?),
                _ => None,
            };
            let action = self.action(label, change)?;
            let anchor = view.account.anchor(key_id);
            let anchor = anchor.as_ref();
            let bytes = self
                .signer
                .sign(self.ledger, (nonce, opening), action, anchor)?;
            let way = self.send(label, nonce, &bytes);
            self.context.output.end_progress();
            match way? {
                Way::Over | Way::Anew => {}
            }
        }
        Err(CliError::failed(
            "too-busy",
            format!(
                "other transactions of this identity came first {}",
                counted(ATTEMPTS_MAX, "time")
            ),
            "wait for them, then run the same command again",
        ))
    }

    fn action(&mut self, label: &str, change: Change) -> Result<Action> {
        let name = label.to_owned();
        Ok(match change {
            Change::Renew => Action::Renew {
                stamp: self.stamp(Purpose::Renewal(label))?,
                label: name,
            },
            Change::Transfer(to) => Action::Transfer { label: name, to },
            Change::Release => Action::Release { label: name },
        })
    }

    fn stamp(&mut self, purpose: Purpose<'_>) -> Result<Vec<u8>> {
        stamp(self.ledger, self.signer.identity(), purpose, self.context)
    }

    /// Sends it until a proof shows that its nonce is used.
    fn send(&mut self, label: &str, nonce: u64, bytes: &[u8]) -> Result<Way> {
        let key_id = self.signer.identity().key_id();
        let mut pace = Pace::of(self.ledger);
        let (mut again_at, mut refusals) = (0, 0);
        loop {
            let view = self.ledger.view(label, key_id)?;
            if view.account.nonce > nonce {
                return Ok(Way::Over);
            }
            if view.height >= again_at {
                again_at = view.height + RESEND_BLOCKS;
                if let Err(error) = self.ledger.submit(bytes) {
                    refusals += 1;
                    match refusal(&error) {
                        Some("beacon" | "weak-stamp" | "no-solution") => return Ok(Way::Anew),
                        // The next block may let it pass, or show what came first.
                        Some(
                            "replay" | "nonce-taken" | "pool-full" | "block-full" | "gap"
                            | "too-far-ahead",
                        ) if refusals < ATTEMPTS_MAX => again_at = view.height + 1,
                        _ => return Err(error),
                    }
                }
            }
            self.context
                .output
                .progress("sent; waiting until it is final …");
            pace.wait(view.height, self.context.output)?;
        }
    }
}
