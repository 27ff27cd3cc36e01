use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::linelog::Counts;
use crate::server::{Counters, querylog};
use crate::upstream::Health;

#[test]
fn what_is_counted_is_shown() {
    let metrics = Arc::new(Metrics::default());
    metrics.asked(Transport::Udp, 2);
    metrics.answered(Provenance::OursCached, 3, Duration::from_micros(7));
    metrics.answered(Provenance::OursCached, 0, Duration::from_micros(30));
    let connection = metrics.connected(Transport::Tls);
    let text = shown(&metrics);
    for line in [
        "queries_total{transport=\"udp\"} 2",
        "answers_total{source=\"ours-cached\",rcode=\"NXDOMAIN\"} 1",
        "answer_duration_seconds_bucket{source=\"ours-cached\",le=\"0.00001\"} 1",
        "answer_duration_seconds_sum{source=\"ours-cached\"} 0.000037",
        "connections_open{transport=\"tls\"} 1",
        "connections_open{transport=\"tcp\"} 0",
        "cache_bytes{partition=\"ordinary\"} 2",
    ] {
        let line = format!("\ndotkey_resolver_{line}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(!text.contains("transport=\"quic\"} 1"), "{text}");
    drop(connection);
    let text = shown(&metrics);
    assert!(text.contains("connections_open{transport=\"tls\"} 0\n"));
    assert!(text.contains("connections_total{transport=\"tls\"} 1\n"));
    assert_eq!((metrics.queries(), metrics.connections()), (2, 0));
}

#[test]
fn words_are_where_their_numbers_are() {
    for (at, transport) in Transport::ALL.into_iter().enumerate() {
        assert_eq!(transport_index(transport), at);
    }
    for (at, from) in Provenance::ALL.into_iter().enumerate() {
        assert_eq!(from as usize, at);
    }
    for (at, verdict) in Verdict::ALL.into_iter().enumerate() {
        assert_eq!(verdict as usize, at);
    }
    assert_eq!(rcode_word(16), "BADVERS");
    assert_eq!(rcode_word(9), "OTHER");
}

#[test]
fn failure_that_lasts_is_told_until_an_answer_comes() {
    let trouble = Trouble::default();
    let check = |now, expected| assert_eq!(trouble.lasting(now), expected, "{now}");
    check(1_000, None);
    trouble.note(1_000, false);
    check(1_000 + TROUBLE_SECS_MIN - 1, None);
    check(1_000 + TROUBLE_SECS_MIN, Some(TROUBLE_SECS_MIN));
    trouble.note(1_200, false);
    check(1_200 + TROUBLE_SECS_MAX, Some(200 + TROUBLE_SECS_MAX));
    // Nobody has asked for long: nothing is known.
    check(1_201 + TROUBLE_SECS_MAX, None);
    trouble.note(1_600, true);
    check(1_600, None);
    trouble.note(0, false);
    check(TROUBLE_SECS_MIN, Some(TROUBLE_SECS_MIN));
}

/// The page of a server that has seen some of everything: a number with labels shows from its first count on.
fn shown(metrics: &Metrics) -> String {
    let mut page = Page::default();
    let level = |number| CacheLevel {
        entries: number,
        bytes: number,
        bytes_max: number,
        evicted: number,
    };
    metrics.write(&mut page, [level(1), level(2)]);
    page.end()
}

/// What `docs/operating.md` lists: names with their labels.
type List = BTreeMap<String, BTreeSet<String>>;

#[test]
fn operators_are_told_of_every_metric_and_of_no_other() {
    let metrics = Arc::new(Metrics::default());
    metrics.asked(Transport::Udp, 1);
    metrics.answered(Provenance::Stale, 0, Duration::ZERO);
    metrics.judged(Verdict::Secure);
    drop(metrics.connected(Transport::Quic));
    metrics.reloaded(true);
    let counters = Counters::default();
    counters.limited.fetch_add(1, Ordering::Relaxed);
    counters.crowd_out(1);
    let mut page = Page::default();
    let crowded = CacheLevel {
        evicted: 1,
        ..CacheLevel::default()
    };
    metrics.write(&mut page, [crowded; 2]);
    counters.write(&mut page);
    let lines = Counts {
        written: 1,
        dropped: 1,
        failed: 1,
    };
    querylog::write(lines, &mut page);
    let upstream = Health {
        suffix: ".".to_owned(),
        address: "192.0.2.53".parse().expect("an address"),
        latency: Some(Duration::from_millis(3)),
        is_dead: false,
        exchanges: [("answered", 1); 5],
    };
    upstreams::write(&mut page, &[upstream]);
    assert_eq!(served(&page.end()), documented());
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
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| `dotkey_resolver_"));
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
