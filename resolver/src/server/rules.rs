//! What may be changed while the server answers, and how those who answer see that it was.
//!
//! All of it is exchanged at once. A query that has begun is answered by the rules that it began with, so that none is lost and none
//! meets half of a change. A thread that answers many looks at a number, and at the rules only when that has changed.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::access::Access;
use super::limits::{ANSWERS_PER_SEC_DEFAULT, Limits};
use super::querylog::QueryLog;
use crate::answer::made_up::Via;
use crate::ordinary::Ordinary;
use crate::rebinding::Rebinding;

/// By what a server answers, as far as it may change.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Where requests for resources are sent.
    pub via: Via,
    /// How ordinary names are answered.
    pub ordinary: Arc<Ordinary>,
    /// Which names under the suffix may have private addresses.
    pub rebinding: Rebinding,
    /// Who may ask.
    pub access: Access,
    /// Answers a second to one network over UDP; 0 limits nobody.
    pub answers_per_sec: u32,
    /// What this server calls itself, for who asks (RFC 5001).
    pub nsid: String,
    /// Where each query is written down; nowhere unless somebody wants it.
    pub query_log: Option<Arc<QueryLog>>,
}

/// What is let go of because of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flush {
    /// Answers under our suffix.
    pub ours: bool,
    /// All others.
    pub ordinary: bool,
}

impl Rules {
    /// For this machine and private networks, with resources answered by `via`.
    #[must_use]
    pub fn new(via: Via) -> Self {
        Self {
            via,
            ordinary: Arc::default(),
            rebinding: Rebinding::default(),
            access: Access::private(),
            answers_per_sec: ANSWERS_PER_SEC_DEFAULT,
            nsid: String::new(),
            query_log: None,
        }
    }
}

/// Rules, and what was counted by them.
pub(super) struct InForce {
    pub(super) rules: Rules,
    pub(super) limits: Arc<Limits>,
}

/// The rules that hold now.
pub(super) struct Current {
    now: RwLock<Arc<InForce>>,
    /// Grows with each change.
    version: AtomicU64,
}

/// The rules as one thread saw them last.
pub(super) struct Seen {
    rules: Arc<InForce>,
    version: u64,
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules.fmt(f)
    }
}

impl Current {
    pub(super) fn new(rules: Rules) -> Self {
        let limits = Arc::new(Limits::new(rules.answers_per_sec));
        Self {
            now: RwLock::new(Arc::new(InForce { rules, limits })),
            version: AtomicU64::new(0),
        }
    }

    pub(super) fn get(&self) -> Arc<InForce> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whoever begins from now on begins with these.
    pub(super) fn replace(&self, rules: Rules) {
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        // What was counted of each network stays, as long as it is counted to the same end.
        let limits = match now.rules.answers_per_sec == rules.answers_per_sec {
            true => Arc::clone(&now.limits),
            false => Arc::new(Limits::new(rules.answers_per_sec)),
        };
        *now = Arc::new(InForce { rules, limits });
        self.version.fetch_add(1, Ordering::Release);
    }
}

impl Seen {
    pub(super) fn new(current: &Current) -> Self {
        // The number first: rules that are newer than it are only looked at once more.
        let version = current.version.load(Ordering::Acquire);
        Self {
            rules: current.get(),
            version,
        }
    }

    /// The rules that hold now.
    pub(super) fn look(&mut self, current: &Current) -> &Arc<InForce> {
        if current.version.load(Ordering::Acquire) != self.version {
            *self = Self::new(current);
        }
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_and_an_old_view_stays_whole() {
        let rules = |nsid: &str, answers_per_sec| Rules {
            nsid: nsid.to_owned(),
            answers_per_sec,
            ..Rules::new(Via::Direct)
        };
        let current = Current::new(rules("one", 10));
        let mut seen = Seen::new(&current);
        let before = Arc::clone(seen.look(&current));
        current.replace(rules("two", 10));
        let after = Arc::clone(seen.look(&current));
        assert_eq!((&*before.rules.nsid, &*after.rules.nsid), ("one", "two"));
        assert!(Arc::ptr_eq(&before.limits, &after.limits));
        current.replace(rules("two", 20));
        assert!(!Arc::ptr_eq(&after.limits, &current.get().limits));
        assert!(Arc::ptr_eq(seen.look(&current), &current.get()));
    }
}
