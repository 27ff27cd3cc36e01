//! What became of the transactions that came by, as long as somebody may ask.

use std::collections::{HashMap, VecDeque};

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
