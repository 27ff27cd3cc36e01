//! What this node counts, in the names of Prometheus: base units, `_total` for what only grows.
//!
//! libp2p's own metrics are left out: they put the protocols of addresses that strangers say into their labels, and never forget one.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};

use crate::dht::core::{Failure, Offence};
use crate::dht::message::{Refusal, Request, Response};

/// Counters by labels. Every value is one of our own words, so that nobody from outside can make more of them.
type Counted<const LABELS: usize> = Family<[(&'static str, &'static str); LABELS], Counter>;

/// The counters.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Counted<2>,
    asked: Counted<2>,
    announcements: Counted<1>,
    crowded: Counter,
    refused_connections: Counted<1>,
    cut_off: Counted<1>,
    read_errors: Counter,
    /// Set when someone looks.
    records_stored: Gauge,
    records_bytes: Gauge,
    peers_connected: Gauge,
    peers_known: Gauge,
    peers_cut_off: Gauge,
}

/// What is read at the moment that someone looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Levels {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) connected: usize,
    pub(crate) known: usize,
    pub(crate) cut_off: usize,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let ours = registry.sub_registry_with_prefix("dotkey");
        Self {
            requests: register(
                ours,
                "record_requests",
                "Requests of peers by how they ended",
            ),
            asked: register(ours, "record_asks", "Requests to peers by how they ended"),
            announcements: register(
                ours,
                "announcements",
                "Announcements of changes by what became of them",
            ),
            refused_connections: register(
                ours,
                "connections_refused",
                "Connections that were not let in or did not come about",
            ),
            cut_off: register(ours, "peers_cut_off", "Peers cut off, by what for"),
            crowded: register(
                ours,
                "peers_crowded",
                "Peers kept out of the routing table because their network has its share",
            ),
            read_errors: register(ours, "store_read_errors", "Reads of the store that failed"),
            records_stored: register(ours, "records_stored", "Records in the store"),
            records_bytes: register(
                ours,
                "records_stored_bytes",
                "Bytes of the records in the store",
            ),
            peers_connected: register(ours, "peers_connected", "Peers with an open connection"),
            peers_known: register(ours, "peers_known", "Peers in the routing table"),
            peers_cut_off: register(ours, "peers_cut_off_now", "Peers that are cut off now"),
            registry,
        }
    }

    /// All of them as text.
    pub(crate) fn text(&self, levels: Levels) -> String {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&self.records_stored, levels.records);
        set(&self.records_bytes, levels.bytes);
        set(&self.peers_connected, levels.connected as u64);
        set(&self.peers_known, levels.known as u64);
        set(&self.peers_cut_off, levels.cut_off as u64);
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes everything");
        text
    }

    pub(crate) fn answered(&self, kind: &'static str, response: &Response) {
        let result = match response {
            Response::Got { .. } => "got",
            Response::Stored => "stored",
            Response::Reconciled { .. } => "reconciled",
            Response::Refused(refusal) => word(refusal),
        };
        self.requests
            .get_or_create(&[("kind", kind), ("result", result)])
            .inc();
    }

    /// A request of a peer came to nothing.
    pub(crate) fn unanswered(&self, kind: &'static str, result: &'static str) {
        self.requests
            .get_or_create(&[("kind", kind), ("result", result)])
            .inc();
    }

    pub(crate) fn asked(&self, kind: &'static str, failure: Option<Failure>) {
        let result = match failure {
            None => "answered",
            Some(Failure::Unreachable) => "unreachable",
            Some(Failure::TimedOut) => "timed_out",
            Some(Failure::Garbage) => "garbage",
            Some(Failure::Unsupported) => "unsupported",
        };
        self.asked
            .get_or_create(&[("kind", kind), ("result", result)])
            .inc();
    }

    pub(crate) fn announcement(&self, result: &'static str) {
        self.announcements
            .get_or_create(&[("result", result)])
            .inc();
    }

    pub(crate) fn crowded(&self) {
        self.crowded.inc();
    }

    pub(crate) fn refused_connection(&self, reason: &'static str) {
        self.refused_connections
            .get_or_create(&[("reason", reason)])
            .inc();
    }

    pub(crate) fn cut_off(&self, offence: Offence) {
        let word = match offence {
            Offence::Garbage => "garbage",
            Offence::InvalidRecord => "invalid_record",
            Offence::Stale => "stale",
            Offence::FalseAnnouncement => "false_announcement",
            Offence::Flood => "flood",
            Offence::Silent => "silent",
            Offence::FalseLedger => "false_ledger",
        };
        self.cut_off.get_or_create(&[("offence", word)]).inc();
    }

    /// The counter of failed reads, for who reads.
    pub(crate) fn read_errors(&self) -> &Counter {
        &self.read_errors
    }
}

fn register<M: Metric + Clone + Default>(registry: &mut Registry, name: &str, help: &str) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// A request in a word.
pub(crate) fn kind(request: &Request) -> &'static str {
    match request {
        Request::Get { .. } => "get",
        Request::Put { .. } => "put",
        Request::Reconcile { .. } => "reconcile",
    }
}

fn word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Older(_) => "older",
        Refusal::Unexpected(_) => "unexpected",
        Refusal::Invalid(_) => "invalid",
        Refusal::Full => "full",
        Refusal::Disk => "disk",
        Refusal::Busy { .. } => "busy",
    }
}
