//! What is asked for transactions that wait for a block: whether one would be taken, and which is an identity's next.

use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::SignedTransaction;
use dotkey_proto::time::Timestamp;

use super::{Chain, ChainError};
use crate::ledger::rules::{Context, Receipt, Session, Setback};
use crate::ledger::state::{self, StateError};

impl Chain {
    /// What a transaction would do in the next block, before it costs one.
    ///
    /// # Errors
    /// The rule that it breaks, or trouble of this node.
    pub fn check(
        &self,
        transaction: &SignedTransaction,
        now: Timestamp,
    ) -> Result<Receipt, Setback> {
        self.check_after(&[], transaction, now)
    }

    /// As [`Chain::check`], after others that wait, whose own refusals count for nothing.
    ///
    /// # Errors
    /// The rule that it breaks, or trouble of this node.
    pub fn check_after(
        &self,
        before: &[Arc<SignedTransaction>],
        transaction: &SignedTransaction,
        now: Timestamp,
    ) -> Result<Receipt, Setback> {
        let tip = self.inner().tip.clone();
        let (height, time) = (tip.header.height + 1, now.max(tip.header.time));
        let context = Context {
            height,
            time,
            parent: tip.digest,
        };
        let view = self.disk.at(tip.header.height);
        let mut session = Session::open(&view, self.bench(), context)?;
        for one in before {
            if let Err(Setback::State(error)) = session.take(one) {
                return Err(error.into());
            }
        }
        session.take(transaction)
    }

    /// The next nonce of each identity after a block that is executed.
    ///
    /// # Errors
    /// A block that is not executed.
    pub fn nonces_after(
        &self,
        digest: &[u8; 32],
    ) -> Result<impl Fn(KeyId) -> Result<u64, StateError> + use<>, ChainError> {
        let (layers, _) = self.below(digest)?;
        Ok(move |key_id| Ok(state::account(&layers, key_id)?.nonce))
    }
}
