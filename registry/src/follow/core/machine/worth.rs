//! When a state is worth more than the blocks that lead to it. What peers claim decides when to look for one; the offer is held to the same before it is taken.

use super::{Core, SETTLE_MS, Stage};
use crate::follow::core::sources::Source;

/// A node at its first block that is behind by more takes a state over: executing so many blocks takes a second or a few.
const BLOCKS_WORTH: u64 = 1024;

/// One that has blocks takes a state over when it is behind by more, seven hours of heartbeats: what lies between it could never give to others.
const BLOCKS_WORTH_KEPT: u64 = 8 * BLOCKS_WORTH;

/// So long nobody may have the next block before a state is taken over instead: peers come one after the other.
const UNSERVED_MS: u64 = 10_000;

/// So long nobody is asked for a state again where that came to nothing.
const STATE_PAUSE_MS: u64 = 60_000;

impl Core {
    /// Whether some are ahead, and none of them has the next block.
    pub(super) fn is_unserved(&self, now_ms: u64) -> bool {
        let next = self.height + 1;
        let serves = |source: &Source| source.claim.is_some_and(|(_, after)| after < next);
        self.sources.highest(now_ms) > self.height && !self.sources.any(now_ms, serves)
    }

    /// Whether the state after a block is worth more than the blocks up to it.
    pub(super) fn is_worth(&self, now_ms: u64, height: u64) -> bool {
        let ahead = height.saturating_sub(self.height);
        match self.height {
            0 => ahead > 0,
            _ => ahead > BLOCKS_WORTH_KEPT || (ahead > 0 && self.is_unserved(now_ms)),
        }
    }

    /// Whether it is so far behind that blocks are not asked for before a state was looked for.
    pub(super) fn is_far(&self, now_ms: u64) -> bool {
        let worth = match self.height {
            0 => BLOCKS_WORTH,
            _ => BLOCKS_WORTH_KEPT,
        };
        let behind = self.sources.highest(now_ms).saturating_sub(self.height);
        behind > worth && now_ms >= self.state_due_ms
    }

    /// Whether a node that follows blocks has to look for a state, and is at rest.
    pub(super) fn needs_state(&mut self, now_ms: u64) -> bool {
        let unserved = self.is_unserved(now_ms);
        let since_ms = *self.unserved_since_ms.get_or_insert(now_ms);
        self.unserved_since_ms = unserved.then_some(since_ms);
        let is_stuck = unserved && now_ms >= (since_ms + UNSERVED_MS).max(self.state_due_ms);
        let waited = now_ms.saturating_sub(self.since_ms);
        let settled = waited >= SETTLE_MS || self.sources.have_spoken(now_ms);
        let is_idle = self.working.is_none() && self.queue.is_empty();
        is_idle && (is_stuck || (settled && self.is_far(now_ms)))
    }

    pub(super) fn look_for_state(&mut self, now_ms: u64) {
        self.state_due_ms = now_ms + STATE_PAUSE_MS;
        self.offers.clear();
        self.enter(now_ms, Stage::Walking);
    }
}
