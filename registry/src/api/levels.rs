//! How the node does, as gauges: what `/v1/status` says, for alerts.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::node::ledger::LedgerStatus;
use crate::node::{Health, Status};

/// One gauge for each word, of which the one that holds is 1.
type Words = Family<[(&'static str, &'static str); 1], Gauge>;

/// The verdicts on whether others reach the node.
const VERDICTS: [&str; 4] = ["public", "private", "local", "unknown"];

/// The program that runs.
pub(super) fn build() -> String {
    let mut registry = Registry::with_prefix("dotkey");
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("build", "The program that runs", version);
    encoded(&registry)
}

/// All of them as text.
pub(super) fn text(status: &Status, ledger: Option<&LedgerStatus>) -> String {
    let mut registry = Registry::with_prefix("dotkey");
    number(
        &mut registry,
        "warnings",
        "What someone should look at: `dotkey status` says it",
        status.warnings.len(),
    );
    number(
        &mut registry,
        "peers_remembered",
        "Peers that the node met and tries again when it is alone",
        status.remembered_peers,
    );
    secs(
        &mut registry,
        "clock_ahead",
        "How far the clock is ahead of most peers' (negative: behind)",
        status.clock_ahead_secs.map(|ahead| ahead as f64),
    );
    word(
        &mut registry,
        "reachability",
        "Whether others reach the node: 1 at the verdict that holds",
        ("verdict", status.reachability.verdict, &VERDICTS),
    );
    records(&mut registry, status);
    replication(&mut registry, status);
    if let Some(status) = ledger {
        self::ledger(&mut registry, status);
    }
    encoded(&registry)
}

fn encoded(registry: &Registry) -> String {
    let mut text = String::new();
    text::encode(&mut text, registry).expect("a String takes everything");
    text
}

fn records(registry: &mut Registry, status: &Status) {
    let bytes_max = usize::try_from(status.records.bytes_max).unwrap_or(usize::MAX);
    number(
        registry,
        "records_stored_bytes_max",
        "Past this the expired records and the farthest leave",
        bytes_max,
    );
}

fn replication(registry: &mut Registry, status: &Status) {
    let replication = &status.replication;
    word(
        registry,
        "replication_health",
        "Whether the neighbours keep the same: 1 at the word that holds",
        (
            "health",
            replication.health.word(),
            &Health::ALL.map(Health::word),
        ),
    );
    number(
        registry,
        "replication_cell_nodes",
        "Nodes that should have what this one has, itself included",
        replication.cell_nodes,
    );
    number(
        registry,
        "replication_in_step_nodes",
        "Of the others, those that had the same when last compared",
        replication.in_step,
    );
    secs(
        registry,
        "replication_last_compared",
        "Since the last comparison with a neighbour",
        replication.last_compared_secs.map(|secs| secs as f64),
    );
}

fn ledger(registry: &mut Registry, status: &LedgerStatus) {
    let numbers = [
        (
            "ledger_votes",
            "Whether this node votes on blocks now: 1 or 0",
            Some(u64::from(status.votes)),
        ),
        (
            "ledger_halted",
            "Whether the ledger signs nothing any more: 1 or 0",
            Some(u64::from(status.halted.is_some())),
        ),
        ("ledger_height", "The last final block", status.height),
        ("ledger_epoch", "The epoch of the next block", status.epoch),
        (
            "ledger_waiting_transactions",
            "Transactions that wait for a block here",
            Some(status.waiting as u64),
        ),
        (
            "ledger_waiting_bytes",
            "Bytes of the transactions that wait",
            Some(status.waiting_bytes as u64),
        ),
        (
            "ledger_accused_validators",
            "Validators that this node saw sign two things",
            Some(status.evidence as u64),
        ),
        (
            "ledger_changes_proposed",
            "Changes of the validators that wait for approvals",
            status.changes.as_ref().map(|one| one.proposed.len() as u64),
        ),
    ];
    for (name, help, value) in numbers {
        // What is not known is not there.
        if let Some(value) = value {
            number(
                registry,
                name,
                help,
                usize::try_from(value).unwrap_or(usize::MAX),
            );
        }
    }
    let age = status.age_seconds.map(|secs| secs as f64);
    secs(
        registry,
        "ledger_age",
        "Since the last final block was made",
        age,
    );
}

fn number(registry: &mut Registry, name: &str, help: &str, value: usize) {
    let gauge: Gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

/// What is not known is not there: 0 would be an answer.
fn secs(registry: &mut Registry, name: &str, help: &str, value: Option<f64>) {
    if let Some(value) = value {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        registry.register_with_unit(name, help, Unit::Seconds, gauge);
    }
}

fn word(
    registry: &mut Registry,
    name: &str,
    help: &str,
    (label, is, words): (&'static str, &'static str, &[&'static str]),
) {
    let family = Words::default();
    for word in words {
        let holds = i64::from(*word == is);
        family.get_or_create(&[(label, *word)]).set(holds);
    }
    registry.register(name, help, family);
}
