//! What is counted that is no answer: a number each, for all threads together.

use core::sync::atomic::{AtomicU64, Ordering};

use super::Page;

/// What has been counted.
#[derive(Debug, Default)]
pub struct Counters {
    /// Answered with what was kept although its time was over, because nobody who should know answered.
    pub stale: AtomicU64,
    /// Fetched again before its time was over, because it was being asked for.
    pub renewed: AtomicU64,
    /// Refused because of who asked.
    pub not_allowed: AtomicU64,
    /// Not answered, or cut short, because the network had too many answers.
    pub limited: AtomicU64,
    /// Refused because too much was under way.
    pub overloaded: AtomicU64,
    /// Bytes that are no query.
    pub malformed: AtomicU64,
    /// Questions that were worked on and failed.
    pub failed: AtomicU64,
    /// Connections that lost their place to newcomers.
    pub crowded_out: AtomicU64,
    /// Connections ended because their client was slow, or took nothing of its answers.
    pub let_go: AtomicU64,
    /// Connections that broke off: a handshake that failed, a client that went away or that broke its protocol's rules.
    pub broken: AtomicU64,
}

impl Counters {
    /// Connections lost their places.
    pub(in crate::server) fn crowd_out(&self, connections: usize) {
        let connections = u64::try_from(connections).unwrap_or(u64::MAX);
        self.crowded_out.fetch_add(connections, Ordering::Relaxed);
    }

    /// Adds them to a page.
    pub(crate) fn write(&self, page: &mut Page) {
        let help = "Queries that got no answer to what they asked";
        page.family("turned_away", "counter", help);
        for (reason, counter) in [
            ("not-allowed", &self.not_allowed),
            ("limited", &self.limited),
            ("overloaded", &self.overloaded),
            ("malformed", &self.malformed),
        ] {
            page.count("turned_away", &[("reason", reason)], of(counter));
        }
        let help = "Connections that did not end by their client's will";
        page.family("connections_ended", "counter", help);
        for (reason, counter) in [
            ("crowded-out", &self.crowded_out),
            ("let-go", &self.let_go),
            ("broken", &self.broken),
        ] {
            page.count("connections_ended", &[("reason", reason)], of(counter));
        }
        for (name, help, counter) in [
            (
                "failures",
                "Questions that were asked further and failed",
                &self.failed,
            ),
            (
                "cache_renewals",
                "Answers fetched again before their time was over",
                &self.renewed,
            ),
            (
                "cache_revivals",
                "Answers given again after their time",
                &self.stale,
            ),
        ] {
            page.family(name, "counter", help);
            page.total(name, of(counter));
        }
    }
}

fn of(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
