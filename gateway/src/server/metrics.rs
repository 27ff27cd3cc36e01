//! What was counted, as OpenMetrics text.

use core::fmt::Write;
use core::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use dotkey_resolver::linelog::Counts;

use super::explain::{for_each_provider, for_each_resource};
use crate::choose::Explained;
use crate::site::Sites;
use crate::traces::Counted;

/// Upper bounds of the histogram of durations, in seconds.
const BOUNDS: [f64; 12] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// What a gateway counts besides what its pools do.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    pub(super) connections: AtomicI64,
    pub(super) accepted: AtomicU64,
    statuses: [AtomicU64; 5],
    took: [AtomicU64; BOUNDS.len() + 1],
    took_micros: AtomicU64,
    bytes: AtomicU64,
    cut_short: AtomicU64,
    problems: Mutex<BTreeMap<&'static str, u64>>,
}

impl Metrics {
    pub(super) fn answered(&self, status: u16, took: Duration, bytes: u64, cut_short: bool) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.statuses[class].fetch_add(1, Relaxed);
        let secs = took.as_secs_f64();
        let bucket = BOUNDS
            .iter()
            .position(|bound| secs <= *bound)
            .unwrap_or(BOUNDS.len());
        self.took[bucket].fetch_add(1, Relaxed);
        self.took_micros.fetch_add(took.as_micros() as u64, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.cut_short.fetch_add(cut_short.into(), Relaxed);
    }

    /// A request, or a connection, that was not served. `word` is one of a fixed few.
    pub(super) fn problem(&self, word: &'static str) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        *problems.entry(word).or_default() += 1;
    }

    /// All of it, and what the pools of the names that are ready have counted, where `sites` are given.
    pub(super) fn write(
        &self,
        sites: Option<&Sites>,
        logged: Counts,
        tls_refused: Vec<(&str, u64)>,
        spans: Counted,
    ) -> String {
        let mut page = Page::default();
        page.gauge("connections", "Connections of visitors that are open.");
        page.line("connections", "", self.connections.load(Relaxed));
        page.counter(
            "connections_accepted",
            "Connections of visitors since the start.",
        );
        page.line(
            "connections_accepted_total",
            "",
            self.accepted.load(Relaxed),
        );
        page.counter(
            "requests",
            "Requests by the class of their answer's status.",
        );
        for (class, count) in (1..).zip(&self.statuses) {
            page.line(
                "requests_total",
                &format!("{{status=\"{class}xx\"}}"),
                count.load(Relaxed),
            );
        }
        self.write_durations(&mut page);
        page.counter("answer_bytes", "Bytes of answers' bodies.");
        page.line("answer_bytes_total", "", self.bytes.load(Relaxed));
        page.counter("answers_cut_short", "Answers whose provider broke off.");
        page.line("answers_cut_short_total", "", self.cut_short.load(Relaxed));
        page.counter(
            "problems",
            "Requests and connections that were not served, by why.",
        );
        for (word, count) in &*self.problems.lock().unwrap_or_else(PoisonError::into_inner) {
            page.line("problems_total", &format!("{{why=\"{word}\"}}"), count);
        }
        page.counter("tls_refused", "Visitors without a certificate, by why.");
        for (why, count) in tls_refused {
            page.line("tls_refused_total", &format!("{{why=\"{why}\"}}"), count);
        }
        page.counter(
            "access_log_lines",
            "Lines of the access log since it was opened.",
        );
        for (result, count) in logged.by_result() {
            let labels = format!("{{result=\"{result}\"}}");
            page.line("access_log_lines_total", &labels, count);
        }
        page.counter("spans", "Spans of requests, by what became of them.");
        for (result, count) in [
            ("sent", spans.sent),
            ("dropped", spans.dropped),
            ("failed", spans.failed),
            ("refused", spans.refused),
        ] {
            page.line("spans_total", &format!("{{result=\"{result}\"}}"), count);
        }
        if let Some(sites) = sites {
            write_pools(&mut page, sites);
        }
        page.into_text()
    }

    fn write_durations(&self, page: &mut Page) {
        page.family(
            "request_seconds",
            "histogram",
            "From a request's head to the last byte of its answer.",
        );
        let mut total = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&self.took) {
            total += count.load(Relaxed);
            page.line(
                "request_seconds_bucket",
                &format!("{{le=\"{bound}\"}}"),
                total,
            );
        }
        page.line(
            "request_seconds_sum",
            "",
            self.took_micros.load(Relaxed) as f64 / 1e6,
        );
        page.line("request_seconds_count", "", total);
    }
}

/// What a provider's number is called, its kind, what it says, and how it is read.
type Number = (
    &'static str,
    &'static str,
    &'static str,
    fn(&Explained) -> f64,
);

const OF_PROVIDERS: [Number; 6] = [
    (
        "provider_requests",
        "counter",
        "Requests that a provider was given.",
        |one| one.counts.requests as f64,
    ),
    (
        "provider_failures",
        "counter",
        "Requests that a provider failed.",
        |one| one.counts.failures as f64,
    ),
    (
        "provider_ejections",
        "counter",
        "Times that a provider was ejected.",
        |one| one.counts.ejections as f64,
    ),
    (
        "provider_pending",
        "gauge",
        "Requests in flight at a provider.",
        |one| one.pending.into(),
    ),
    (
        "provider_latency_seconds",
        "gauge",
        "The moving average of a provider's answers.",
        |one| one.latency_secs,
    ),
    (
        "provider_serving",
        "gauge",
        "Whether a provider gets requests.",
        |one| u8::from(matches!(one.standing.word(), "serving" | "starting")).into(),
    ),
];

/// Of resources, in the order of [`for_each_resource`]'s numbers.
const OF_RESOURCES: [(&str, &str); 2] = [
    (
        "retries",
        "Requests that were given to another provider after one failed.",
    ),
    (
        "hedges",
        "Requests that a second provider was asked while the first was slow.",
    ),
];

/// Numbers by provider: of the names that are ready, and no more.
fn write_pools(page: &mut Page, sites: &Sites) {
    let (mut providers, mut resources) = (Vec::new(), Vec::new());
    for_each_provider(sites, |site, entry, explained| {
        let of = format!("name=\"{}\",resource=\"{}\"", site.name, entry.prefix);
        providers.push((format!("{{{of},provider=\"{}\"}}", explained.id), explained));
    });
    for_each_resource(sites, |site, entry, spent| {
        let of = format!("{{name=\"{}\",resource=\"{}\"}}", site.name, entry.prefix);
        resources.push((of, spent));
    });
    for (name, kind, help, read) in OF_PROVIDERS {
        page.family(name, kind, help);
        let total = if kind == "counter" { "_total" } else { "" };
        for (labels, explained) in &providers {
            page.line(&format!("{name}{total}"), labels, read(explained));
        }
    }
    for (at, (name, help)) in OF_RESOURCES.into_iter().enumerate() {
        page.counter(name, help);
        for (labels, spent) in &resources {
            page.line(&format!("{name}_total"), labels, spent[at]);
        }
    }
}

/// A page of OpenMetrics text.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
}

impl Page {
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(crate) fn family(&mut self, name: &str, kind: &str, help: &str) {
        let text = &mut self.text;
        writeln!(
            text,
            "# HELP dotkey_gateway_{name} {help}\n# TYPE dotkey_gateway_{name} {kind}"
        )
        .expect("a string takes all");
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.family(name, "counter", help);
    }

    fn gauge(&mut self, name: &str, help: &str) {
        self.family(name, "gauge", help);
    }

    pub(crate) fn line(&mut self, name: &str, labels: &str, value: impl core::fmt::Display) {
        writeln!(self.text, "dotkey_gateway_{name}{labels} {value}").expect("a string takes all");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use dotkey_resolver::Resolver;

    use super::*;
    use crate::site::PrivateNames;

    /// The families that a page shows.
    pub(crate) fn shown(page: &str) -> BTreeSet<String> {
        let family = |line: &str| {
            let mut words = line.strip_prefix("# TYPE ")?.split(' ');
            let (name, kind) = (words.next()?, words.next()?);
            let total = if kind == "counter" { "_total" } else { "" };
            Some(format!("{name}{total}"))
        };
        page.lines().filter_map(family).collect()
    }

    /// Those of `docs/operating.md`.
    pub(crate) fn documented() -> BTreeSet<String> {
        let row = |line: &'static str| line.strip_prefix("| `")?.split('`').next();
        let page = include_str!("../../../docs/operating.md");
        let names = page.lines().filter_map(row);
        names
            .filter(|name| name.starts_with("dotkey_gateway_"))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_metric_is_documented_and_every_documented_one_is_shown() {
        let resolver = Resolver::builder()
            .folder("nowhere".as_ref())
            .build()
            .expect("a resolver");
        let sites = Sites::new(resolver, PrivateNames::default(), None);
        let (logged, spans) = (Counts::default(), Counted::default());
        let page = Metrics::default().write(Some(&sites), logged, Vec::new(), spans);
        let http = |name: &String| !name.starts_with("dotkey_gateway_tcp_");
        let documented: BTreeSet<_> = documented().into_iter().filter(http).collect();
        assert_eq!(shown(&page), documented);
    }

    #[test]
    fn what_is_counted_is_shown() {
        let resolver = Resolver::builder()
            .folder("nowhere".as_ref())
            .build()
            .expect("a resolver");
        let sites = Sites::new(resolver, PrivateNames::default(), None);
        let metrics = Metrics::default();
        metrics.answered(200, Duration::from_millis(3), 7, false);
        metrics.answered(502, Duration::from_secs(100), 5, true);
        metrics.problem("framing");
        let logged = Counts {
            dropped: 2,
            ..Counts::default()
        };
        let spans = Counted {
            dropped: 4,
            ..Counted::default()
        };
        let page = metrics.write(Some(&sites), logged, vec![("no-name", 3)], spans);
        for line in [
            "requests_total{status=\"2xx\"} 1",
            "requests_total{status=\"5xx\"} 1",
            "request_seconds_bucket{le=\"0.005\"} 1",
            "request_seconds_bucket{le=\"30\"} 1",
            "request_seconds_bucket{le=\"+Inf\"} 2",
            "answer_bytes_total 12",
            "answers_cut_short_total 1",
            "problems_total{why=\"framing\"} 1",
            "tls_refused_total{why=\"no-name\"} 3",
            "access_log_lines_total{result=\"dropped\"} 2",
            "spans_total{result=\"dropped\"} 4",
        ] {
            assert!(
                page.contains(&format!("\ndotkey_gateway_{line}\n")),
                "{line}: {page}"
            );
        }
    }
}
