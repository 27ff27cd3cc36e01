//! What the server counts, and the page that shows it.
//!
//! Counting is on the way of every answer, so that it takes no lock, allocates nothing and shares no cache line between threads:
//! each thread has a [seat](seats) with numbers of its own, which are added up when somebody looks. Nothing of who asked or what was
//! asked is in it: labels are words of this file and addresses of the configuration, so that no stranger can fill the page.

mod counters;
mod histogram;
mod page;
mod seats;
#[cfg(test)]
mod tests;
pub(crate) mod upstreams;

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use tokio::time::Instant;

use crate::transport::Transport;
pub use counters::Counters;
use histogram::Histogram;
pub(crate) use histogram::Times;
pub(crate) use page::Page;
use seats::{Seat, Seats};

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provenance {
    /// Under our suffix, kept.
    OursCached,
    /// Under our suffix, worked out.
    OursMiss,
    /// An ordinary name, kept.
    OrdinaryCached,
    /// An ordinary name, asked of an upstream.
    OrdinaryMiss,
    /// An ordinary name that is written down here, or reserved.
    Local,
    /// Kept, past its time, because nobody answers now (RFC 8767).
    Stale,
    /// Decided without looking for an answer: who asks or what is asked is refused.
    Refused,
}

impl Provenance {
    pub(crate) const ALL: [Self; 7] = [
        Self::OursCached,
        Self::OursMiss,
        Self::OrdinaryCached,
        Self::OrdinaryMiss,
        Self::Local,
        Self::Stale,
        Self::Refused,
    ];

    /// As metrics and the query log have it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OursCached => "ours-cached",
            Self::OursMiss => "ours-miss",
            Self::OrdinaryCached => "ordinary-cached",
            Self::OrdinaryMiss => "ordinary-miss",
            Self::Local => "local",
            Self::Stale => "stale",
            Self::Refused => "refused",
        }
    }
}

/// What DNSSEC showed of an ordinary answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as its zone signed it.
    Secure,
    /// Its zone is not signed, or validation is off for it.
    Insecure,
    /// It should be signed, and is not as it should be.
    Bogus,
}

impl Verdict {
    const ALL: [Self; 3] = [Self::Secure, Self::Insecure, Self::Bogus];

    const fn word(self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus => "bogus",
        }
    }
}

/// As metrics and the query log call a transport.
pub(crate) const fn transport_word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
        Transport::Https => "https",
        Transport::Http3 => "http3",
        Transport::Quic => "quic",
    }
}

/// Response codes that are counted apart, and one for those that never should be.
const RCODES: [(u16, &str); 8] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (16, "BADVERS"),
    (u16::MAX, "OTHER"),
];

/// As metrics and the query log call a response code.
#[must_use]
pub fn rcode_word(rcode: u16) -> &'static str {
    RCODES[rcode_index(rcode)].1
}

fn rcode_index(rcode: u16) -> usize {
    let found = RCODES.iter().position(|(code, _)| *code == rcode);
    found.unwrap_or(RCODES.len() - 1)
}

/// All that one server counts.
#[derive(Debug)]
pub(crate) struct Metrics {
    seats: Seats<Counts>,
    connections: [Connections; Transport::ALL.len()],
    reloads: [AtomicU64; 2],
    begun: Instant,
    /// Of names of ours, then of ordinary ones.
    trouble: [Trouble; 2],
}

/// One thread's numbers.
#[derive(Debug, Default)]
struct Counts {
    queries: [AtomicU64; Transport::ALL.len()],
    answers: [[AtomicU64; RCODES.len()]; Provenance::ALL.len()],
    took: [Histogram; Provenance::ALL.len()],
    verdicts: [AtomicU64; Verdict::ALL.len()],
}

#[derive(Debug, Default)]
struct Connections {
    open: AtomicI64,
    taken: AtomicU64,
}

/// Since when nothing but failure came of asking, in seconds since the beginning and one more; 0 where the last went well.
#[derive(Debug, Default)]
struct Trouble {
    since: AtomicU64,
    last: AtomicU64,
}

/// Failure that has lasted this long, and was last seen no longer ago than the other, is something to look at.
const TROUBLE_SECS_MIN: u64 = 30;
const TROUBLE_SECS_MAX: u64 = 300;

/// A partition of what is kept, for its gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CacheLevel {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) bytes_max: u64,
    pub(crate) evicted: u64,
}

/// An open connection, counted as long as it lives.
#[derive(Debug)]
pub(crate) struct Connection {
    metrics: Arc<Metrics>,
    transport: usize,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            seats: Seats::default(),
            connections: Default::default(),
            reloads: Default::default(),
            begun: Instant::now(),
            trouble: Default::default(),
        }
    }
}

impl Metrics {
    /// So many queries came in.
    pub(crate) fn asked(&self, transport: Transport, queries: u64) {
        let at = transport_index(transport);
        let seat = self.seats.take();
        seat.add(|counts| &counts.queries[at], queries);
    }

    /// An answer is ready to go out.
    pub(crate) fn answered(&self, from: Provenance, rcode: u16, took: Duration) {
        let seat = self.seats.take();
        let (from, rcode) = (from as usize, rcode_index(rcode));
        seat.add(|counts| &counts.answers[from][rcode], 1);
        Histogram::observe(&seat, |counts| &counts.took[from], took);
    }

    /// An ordinary answer was validated.
    pub(crate) fn judged(&self, verdict: Verdict) {
        self.seats
            .take()
            .add(|counts| &counts.verdicts[verdict as usize], 1);
    }

    /// Sources of ours, or upstreams, were asked; `reached` where any of them answered.
    pub(crate) fn asked_others(&self, ours: bool, reached: bool) {
        self.trouble[usize::from(!ours)].note(self.begun.elapsed().as_secs(), reached);
    }

    /// A connection was taken.
    pub(crate) fn connected(self: &Arc<Self>, transport: Transport) -> Connection {
        let transport = transport_index(transport);
        let counts = &self.connections[transport];
        counts.open.fetch_add(1, Ordering::Relaxed);
        counts.taken.fetch_add(1, Ordering::Relaxed);
        Connection {
            metrics: Arc::clone(self),
            transport,
        }
    }

    /// The settings were read again: applied, or refused whole.
    pub(crate) fn reloaded(&self, applied: bool) {
        self.reloads[usize::from(!applied)].fetch_add(1, Ordering::Relaxed);
    }

    /// What someone should look at.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let now = self.begun.elapsed().as_secs();
        let whom = [
            "no source of names under the suffix has answered",
            "no upstream has answered",
        ];
        let lasting = self
            .trouble
            .iter()
            .zip(whom)
            .filter_map(|(trouble, whom)| Some((trouble.lasting(now)?, whom)));
        lasting
            .map(|(secs, whom)| format!("{whom} for {secs} s"))
            .collect()
    }

    /// Queries of all transports.
    pub(crate) fn queries(&self) -> u64 {
        (0..Transport::ALL.len())
            .map(|at| self.seats.sum(|counts| &counts.queries[at]))
            .sum()
    }

    /// Connections that are open now, of all transports.
    pub(crate) fn connections(&self) -> u64 {
        let open = |counts: &Connections| counts.open.load(Ordering::Relaxed);
        let open: i64 = self.connections.iter().map(open).sum();
        u64::try_from(open).unwrap_or(0)
    }

    /// Adds all of it to a page, with what is kept.
    pub(crate) fn write(&self, page: &mut Page, cache: [CacheLevel; 2]) {
        self.write_queries(page);
        self.write_connections(page);
        write_cache(page, cache);
        page.family(
            "reloads",
            "counter",
            "Times that the settings were read again",
        );
        for (word, counter) in ["applied", "refused"].iter().zip(&self.reloads) {
            page.count(
                "reloads",
                &[("result", word)],
                counter.load(Ordering::Relaxed),
            );
        }
    }

    fn write_queries(&self, page: &mut Page) {
        page.family("queries", "counter", "Queries that came in");
        for (at, transport) in Transport::ALL.into_iter().enumerate() {
            let labels = [("transport", transport_word(transport))];
            page.count("queries", &labels, self.seats.sum(|it| &it.queries[at]));
        }
        page.family("answers", "counter", "Answers, by where they came from");
        for from in Provenance::ALL {
            for (at, (_, rcode)) in RCODES.into_iter().enumerate() {
                let labels = [("source", from.word()), ("rcode", rcode)];
                let sum = self.seats.sum(|it| &it.answers[from as usize][at]);
                page.count("answers", &labels, sum);
            }
        }
        let name = "answer_duration_seconds";
        page.timed(name, "From a query's arrival to its answer");
        for from in Provenance::ALL {
            let mut times = Times::default();
            self.seats
                .each(|it| it.took[from as usize].add_to(&mut times));
            page.times(name, &[("source", from.word())], &times);
        }
        page.family(
            "validations",
            "counter",
            "Ordinary answers by what DNSSEC showed",
        );
        for verdict in Verdict::ALL {
            let sum = self.seats.sum(|it| &it.verdicts[verdict as usize]);
            page.count("validations", &[("verdict", verdict.word())], sum);
        }
    }

    fn write_connections(&self, page: &mut Page) {
        let each = || Transport::ALL.into_iter().zip(&self.connections);
        page.family("connections_open", "gauge", "Connections that are open");
        for (transport, counts) in each() {
            let labels = [("transport", transport_word(transport))];
            let open = counts.open.load(Ordering::Relaxed);
            page.level(
                "connections_open",
                &labels,
                u64::try_from(open).unwrap_or(0),
            );
        }
        page.family("connections", "counter", "Connections that were taken");
        for (transport, counts) in each() {
            let labels = [("transport", transport_word(transport))];
            page.count("connections", &labels, counts.taken.load(Ordering::Relaxed));
        }
    }
}

fn write_cache(page: &mut Page, cache: [CacheLevel; 2]) {
    type Level = fn(&CacheLevel) -> u64;
    let gauges: [(&str, &str, Level); 3] = [
        ("cache_entries", "Answers that are kept", |it| it.entries),
        ("cache_bytes", "What the kept answers take", |it| it.bytes),
        ("cache_bytes_max", "What they may take", |it| it.bytes_max),
    ];
    let partitions = || PARTITIONS.into_iter().zip(&cache);
    for (name, help, level) in gauges {
        page.family(name, "gauge", help);
        for (partition, cache) in partitions() {
            page.level(name, &[("partition", partition)], level(cache));
        }
    }
    let help = "Answers that left before their time because room was needed";
    page.family("cache_evictions", "counter", help);
    for (partition, cache) in partitions() {
        page.count(
            "cache_evictions",
            &[("partition", partition)],
            cache.evicted,
        );
    }
}

/// The two kinds of names, which share nothing.
pub(crate) const PARTITIONS: [&str; 2] = ["ours", "ordinary"];

impl Trouble {
    fn note(&self, now_secs: u64, reached: bool) {
        if reached {
            // Nearly always so already: a shared line is then only read.
            if self.since.load(Ordering::Relaxed) != 0 {
                self.since.store(0, Ordering::Relaxed);
            }
            return;
        }
        self.last.store(now_secs, Ordering::Relaxed);
        let first = now_secs + 1;
        let _ = self
            .since
            .compare_exchange(0, first, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn lasting(&self, now_secs: u64) -> Option<u64> {
        let since = self.since.load(Ordering::Relaxed).checked_sub(1)?;
        let quiet = now_secs.saturating_sub(self.last.load(Ordering::Relaxed));
        let lasted = now_secs.saturating_sub(since);
        (lasted >= TROUBLE_SECS_MIN && quiet <= TROUBLE_SECS_MAX).then_some(lasted)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let counts = &self.metrics.connections[self.transport];
        counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn transport_index(transport: Transport) -> usize {
    transport as usize
}
