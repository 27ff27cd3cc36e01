//! What listeners do, for who looks after them.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};

use super::config::Way;
use super::counters::Snapshot;
use super::listener::Shared;
use super::standing::Fault;
use crate::server::Page;

/// A listener that runs, for who looks after it.
#[derive(Clone, Debug)]
pub struct Operated {
    pub(super) address: SocketAddr,
    pub(super) shared: Arc<Shared>,
}

/// A provider that was asked, as it is now.
struct Shown {
    name: String,
    provider: String,
    url: String,
    open: usize,
    connected: u64,
    failures: u64,
    aside: Option<(Duration, Fault)>,
}

impl Operated {
    /// Those of its providers that were asked, of all names or of one: a part of `GET /v1/gateway/providers`.
    #[must_use]
    pub fn explain(&self, name: Option<&str>) -> Value {
        let (way, of) = match &self.shared.config.way {
            Way::Sni => ("sni", None),
            Way::Postgres { name } => ("postgres", Some(name)),
            Way::Redis { name } => ("redis", Some(name)),
        };
        let shown = self.shown().into_iter();
        let wanted = shown.filter(|one| name.is_none_or(|name| one.name == name));
        json!({
            "address": self.address.to_string(),
            "way": way,
            "name": of,
            "providers": wanted.map(|one| one.json()).collect::<Vec<_>>(),
        })
    }

    fn shown(&self) -> Vec<Shown> {
        let now = self.shared.since_start();
        let tallies = self.shared.tallies.lock();
        let tallies = tallies.unwrap_or_else(PoisonError::into_inner);
        let standings = self.shared.standings();
        tallies
            .iter()
            .map(|(name, provider, tally)| Shown {
                name: name.to_owned(),
                provider: provider.to_owned(),
                url: tally.who.url.to_string(),
                open: standings.open(&tally.who),
                connected: tally.connected,
                failures: tally.failures,
                aside: standings.aside(&tally.who, now),
            })
            .collect()
    }
}

impl Shown {
    fn json(&self) -> Value {
        let why = match self.aside {
            None => "it is reached, as far as anybody has tried".to_owned(),
            Some((left, Fault::Unreachable)) => format!(
                "it was not reached; for {:.1} s it is tried when there is nobody else",
                left.as_secs_f64()
            ),
            Some((left, Fault::OtherKey)) => format!(
                "it presented a key that the record does not pin; it is not tried for {:.1} s",
                left.as_secs_f64()
            ),
        };
        let standing = if self.aside.is_some() {
            "aside"
        } else {
            "serving"
        };
        json!({
            "name": self.name,
            "resource": "/",
            "id": self.provider,
            "url": self.url,
            "standing": standing,
            "why": why,
            "aside_for_ms": self.aside.map(|(left, _)| left.as_millis() as u64),
            "open": self.open,
            "connected": self.connected,
            "failures": self.failures,
        })
    }
}

/// Of listeners: what it is called, its kind, what it says, its other label, and how it is read.
type Number = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, fn(&Snapshot) -> u64)],
);

const OF_LISTENERS: [Number; 5] = [
    (
        "tcp_connections",
        "gauge",
        "Connections of a TCP listener that are open.",
        &[("", |it| it.open)],
    ),
    (
        "tcp_connections_accepted",
        "counter",
        "Connections that a TCP listener took.",
        &[("", |it| it.accepted)],
    ),
    (
        "tcp_connections_refused",
        "counter",
        "Connections that went nowhere, by why.",
        &[
            (",why=\"full\"", |it| it.full),
            (",why=\"unreadable\"", |it| it.unreadable),
            (",why=\"unroutable\"", |it| it.unroutable),
            (",why=\"unreached\"", |it| it.unreached),
        ],
    ),
    (
        "tcp_bytes",
        "counter",
        "Bytes that were carried, by where to.",
        &[
            (",to=\"provider\"", |it| it.bytes_up),
            (",to=\"client\"", |it| it.bytes_down),
        ],
    ),
    (
        "tcp_shards_fenced_off",
        "counter",
        "Shards in records that were refused for their epoch.",
        &[("", |it| it.fenced_off)],
    ),
];

/// The same of providers.
type OfProvider = (&'static str, &'static str, &'static str, fn(&Shown) -> u64);

const OF_PROVIDERS: [OfProvider; 4] = [
    (
        "tcp_provider_connections",
        "gauge",
        "Connections to a provider that are open.",
        |one| one.open as u64,
    ),
    (
        "tcp_provider_connected",
        "counter",
        "Connections to a provider that came to stand.",
        |one| one.connected,
    ),
    (
        "tcp_provider_failures",
        "counter",
        "Connections to a provider that did not.",
        |one| one.failures,
    ),
    (
        "tcp_provider_serving",
        "gauge",
        "Whether a provider is tried before those that were set aside.",
        |one| u64::from(one.aside.is_none()),
    ),
];

/// What the numbers of a counter end with.
fn suffix(kind: &str) -> &'static str {
    if kind == "counter" { "_total" } else { "" }
}

/// What listeners have counted, as OpenMetrics text without an end; with `names`, also of each provider of each name.
#[must_use]
pub fn metrics(listeners: &[Operated], names: bool) -> String {
    let mut page = Page::default();
    for (name, kind, help, numbers) in OF_LISTENERS {
        page.family(name, kind, help);
        for listener in listeners {
            let snapshot = listener.shared.counters.snapshot();
            for (label, read) in numbers {
                let labels = format!("{{listener=\"{}\"{label}}}", listener.address);
                page.line(&format!("{name}{}", suffix(kind)), &labels, read(&snapshot));
            }
        }
    }
    if names {
        write_providers(&mut page, listeners);
    }
    page.into_text()
}

fn write_providers(page: &mut Page, listeners: &[Operated]) {
    let shown: Vec<_> = listeners
        .iter()
        .flat_map(|listener| {
            let shown = listener.shown().into_iter();
            shown.map(|one| (listener.address, one))
        })
        .collect();
    for (name, kind, help, read) in OF_PROVIDERS {
        page.family(name, kind, help);
        for (listener, one) in &shown {
            let labels = format!(
                "{{listener=\"{listener}\",name=\"{}\",resource=\"/\",provider=\"{}\"}}",
                one.name, one.provider
            );
            page.line(&format!("{name}{}", suffix(kind)), &labels, read(one));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::server::documented_metrics;

    #[test]
    fn every_metric_is_documented_and_every_documented_one_is_shown() {
        let page = super::metrics(&[], true);
        let tcp = |name: &String| name.starts_with("dotkey_gateway_tcp_");
        let documented = documented_metrics().into_iter().filter(tcp);
        assert_eq!(
            crate::server::shown_metrics(&page),
            documented.collect::<std::collections::BTreeSet<_>>()
        );
    }
}
