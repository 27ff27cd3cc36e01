//! When a get knows enough, and when it has to look at all of the closest.

use super::super::Effort;
use super::super::desk::Cx;
use super::{ENOUGH, Get, LOOKUP_MS_MAX, Purse};
use crate::dht::message::Summary;
use crate::dht::peer::Peer;

/// A get in trouble does not wait longer for the rest of the closest once enough agree on the newest: who answers at all has answered.
const TROUBLE_MS_MAX: u64 = 2_500;

impl Get {
    pub(super) fn is_over(&self, cx: &Cx<'_>) -> bool {
        if cx.now.ms.saturating_sub(self.begun_ms) >= LOOKUP_MS_MAX {
            return true;
        }
        let best = self.best_summary();
        if let Purse::Hint(summary) = self.purse
            && best >= Some(summary)
        {
            return true;
        }
        let claimed = self.claims.values().copied().max().flatten();
        if claimed > best || !self.examined.is_empty() {
            return false;
        }
        if self.lookup.is_over() {
            return self.claims.len() >= ENOUGH || !self.lookup.is_mostly_late();
        }
        let waited_ms = cx.now.ms.saturating_sub(self.begun_ms);
        let late = waited_ms >= TROUBLE_MS_MAX && !self.is_behind(cx);
        self.agreeing() >= ENOUGH && (late || !self.in_trouble(cx))
    }

    /// Whether all of the closest are to be asked.
    pub(super) fn in_trouble(&self, cx: &Cx<'_>) -> bool {
        if self.trouble || self.effort == Effort::Fresh {
            return true;
        }
        let newest = self.newest_claim();
        let differs = |(peer, claim): (&Peer, &Option<Summary>)| match claim {
            Some(_) => *claim != newest,
            // Those farther away need not have it; who is near is known once enough have answered.
            None => {
                newest.is_some() && self.claims.len() > ENOUGH && self.lookup.is_among_closest(peer)
            }
        };
        self.is_behind(cx) || self.claims.iter().any(differs)
    }

    /// The newest that anyone claims, verified or not.
    pub(super) fn newest_claim(&self) -> Option<Summary> {
        let claimed = self.claims.values().copied().max().flatten();
        claimed.max(self.best_summary())
    }

    /// Whether something newer was seen or announced than anyone claims here. A claim whose record is on its way is no reason to ask more peers.
    fn is_behind(&self, cx: &Cx<'_>) -> bool {
        cx.newest(&self.at).max(cx.hinted(&self.at)) > self.newest_claim()
    }

    pub(super) fn best_summary(&self) -> Option<Summary> {
        self.best.as_ref().map(|(summary, _)| *summary)
    }

    /// How many have what is the newest by all claims, this node included.
    pub(super) fn agreeing(&self) -> usize {
        let Some(newest) = self.newest_claim() else {
            return 0;
        };
        let same = |claim: &&Option<Summary>| **claim == Some(newest);
        let others = self.claims.values().filter(same).count();
        others + usize::from(self.own == Some(newest))
    }
}
