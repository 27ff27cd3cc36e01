use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::dht::core::{Failure, Offence};
use crate::dht::driver::metrics::{Levels, Metrics};
use crate::dht::message::Response;
use crate::node::ledger::{Changes, LedgerStatus};
use crate::node::{Health, Reachability, RecordStatus, Replication, Status};

#[test]
fn the_end_stands_once() {
    let check = |parts: &[&str], expected: &str| {
        assert_eq!(join(parts.iter().map(ToString::to_string)), expected);
    };
    check(&[], "# EOF\n");
    check(&["a 1\n# EOF\n", "b 2\n"], "a 1\nb 2\n# EOF\n");
    check(&["# EOF\n", "", "a 1"], "a 1\n# EOF\n");
}

/// What `docs/operating.md` lists: names with their labels.
type List = BTreeMap<String, BTreeSet<String>>;

#[test]
fn operators_are_told_of_every_metric_and_of_no_other() {
    let page = join([
        levels::build(),
        node(),
        levels::text(&status(), Some(&ledger())),
        own(),
    ]);
    assert_eq!(served(&page), documented());
}

/// The metrics of a node that has seen some of everything: a counter by labels shows from its first count on.
fn node() -> String {
    let metrics = Metrics::new();
    metrics.answered("get", &Response::Stored);
    metrics.asked("get", Some(Failure::TimedOut));
    metrics.announcement("taken");
    metrics.refused_connection("limit");
    metrics.cut_off(Offence::Garbage);
    metrics.text(Levels {
        records: 1,
        bytes: 1,
        connected: 1,
        known: 1,
        cut_off: 1,
    })
}

fn status() -> Status {
    Status {
        peer_id: String::new(),
        listening: Vec::new(),
        connected_peers: 1,
        known_peers: 1,
        cut_off_peers: 0,
        remembered_peers: 1,
        records: RecordStatus::default(),
        replication: Replication {
            health: Health::Thin,
            cell_nodes: 2,
            in_step: 1,
            last_compared_secs: Some(1),
        },
        reachability: Reachability {
            verdict: "local",
            addresses: Vec::new(),
            relays: Vec::new(),
        },
        clock_ahead_secs: Some(0),
        warnings: Vec::new(),
    }
}

fn ledger() -> LedgerStatus {
    LedgerStatus {
        network: String::new(),
        name: String::new(),
        height: Some(1),
        block: None,
        time: Some(1),
        age_seconds: Some(1),
        open_seconds: 1,
        epoch: Some(1),
        votes: true,
        signing: None,
        following: None,
        waiting: 1,
        waiting_bytes: 1,
        evidence: 0,
        changes: Some(Changes::default()),
        clock: None,
        waits: None,
        halted: None,
    }
}

fn own() -> String {
    let metrics = HttpMetrics::new();
    let (method, route) = ("GET", "none".to_owned());
    let durations = RouteLabels {
        method,
        route: route.clone(),
    };
    metrics.durations.get_or_create(&durations).observe(1.0);
    let requests = RequestLabels {
        method,
        route,
        status: 404,
    };
    metrics.requests.get_or_create(&requests).inc();
    let cut_off = CutOffLabels { reason: "idle" };
    metrics.cut_off.get_or_create(&cut_off).inc();
    metrics.text()
}

/// The list that a page makes. A histogram is one metric, whatever its lines are called.
fn served(page: &str) -> List {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let histograms: BTreeSet<&str> = types
        .filter_map(|line| line.strip_suffix(" histogram"))
        .collect();
    let mut list = List::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().expect("a name");
        let of = |ending| {
            let base = name.strip_suffix(ending)?;
            histograms.contains(base).then_some(base)
        };
        let base = ["_bucket", "_sum", "_count"].into_iter().find_map(of);
        let labels = line.split_once('{').map_or("", |(_, rest)| rest);
        let pairs = labels.split(['{', ',']);
        let labels = pairs
            .filter_map(|pair| pair.split_once('='))
            .map(|(label, _)| label);
        list.entry(base.unwrap_or(name).to_owned())
            .or_default()
            .extend(labels.filter(|label| *label != "le").map(str::to_owned));
    }
    list
}

fn documented() -> List {
    let page = include_str!("../../../../docs/operating.md");
    let rows = page.lines().filter(|line| line.starts_with("| `dotkey_"));
    // What the resolver counts is held to the same page by its own test.
    let beside = ["| `dotkey_resolver_", "| `dotkey_gateway_"];
    let rows = rows.filter(|line| !beside.iter().any(|prefix| line.starts_with(prefix)));
    let quoted = |cell: &str| {
        let words = cell.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    rows.map(|row| {
        let mut cells = row.split('|').skip(1);
        let name = quoted(cells.next().expect("a name")).remove(0);
        let labels = quoted(cells.next().expect("labels"));
        (name, labels.into_iter().collect())
    })
    .collect()
}
