//! What became of the transactions that came by, as long as somebody may ask.

use std::collections::{HashMap, VecDeque};

use dotkey_proto::ledger::SignedTransaction;

use crate::ledger::{Chain, ChainError, VERSIONS_KEPT};

/// Outcomes that are remembered: those of the last hour, if ten a second come.
const OUTCOMES_MAX: usize = 32_768;

/// Where a transaction is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits for a block.
    Waiting,
    /// It is in this block, which is final.
    Final {
        /// How many blocks came before it.
        height: u64,
    },
    /// It waited, and then a block made it impossible.
    Refused {
        /// The stable name of the rule.
        code: &'static str,
        /// The rule with its facts, for people.
        detail: String,
    },
    /// It did not come by here, or too long ago.
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct Outcomes {
    known: HashMap<[u8; 32], Outcome>,
    order: VecDeque<[u8; 32]>,
}

impl Outcomes {
    /// Of the transactions of the newest blocks.
    pub(super) fn of(chain: &Chain) -> Result<Self, ChainError> {
        let mut outcomes = Self::default();
        let newest = chain.tip().height;
        for height in (newest + 1).saturating_sub(VERSIONS_KEPT).max(1)..=newest {
            let Some(body) = chain.body(height)? else {
                continue;
            };
            for bytes in &body.0 {
                if let Ok(transaction) = SignedTransaction::decode(bytes) {
                    outcomes.set(transaction.digest(), Outcome::Final { height });
                }
            }
        }
        Ok(outcomes)
    }

    pub(super) fn get(&self, id: &[u8; 32]) -> Option<&Outcome> {
        self.known.get(id)
    }

    /// The last word counts.
    pub(super) fn set(&mut self, id: [u8; 32], outcome: Outcome) {
        if self.known.insert(id, outcome).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > OUTCOMES_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut outcomes = Outcomes::default();
        let id = |number: usize| {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&number.to_be_bytes());
            id
        };
        for number in 0..=OUTCOMES_MAX {
            outcomes.set(id(number), Outcome::Final { height: 1 });
        }
        outcomes.set(id(2), Outcome::Final { height: 2 });
        assert_eq!(outcomes.get(&id(0)), None);
        assert_eq!(outcomes.get(&id(2)), Some(&Outcome::Final { height: 2 }));
        assert_eq!(outcomes.known.len(), OUTCOMES_MAX);
    }
}
