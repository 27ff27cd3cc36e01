//! What the server counts, and the page that shows it with everyone else's.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use super::admin::authorized;
use super::levels;
use super::problem::Problem;
use super::request::Parameters;
use super::routes::with_ledger;
use super::state::{Door, Shared};

/// What Prometheus expects of text that ends in `# EOF`.
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The last line of OpenMetrics text.
const END: &str = "# EOF";

/// From a lookup in memory to a put that waits for a slow peer.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0,
];

/// The server's own metrics.
pub(crate) struct HttpMetrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    pub(crate) connections: Gauge,
    /// Connections that were cut off by name of the bound that they met.
    cut_off: Family<CutOffLabels, Counter<u64, AtomicU64>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

/// Why a connection was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CutOffLabels {
    reason: &'static str,
}

impl HttpMetrics {
    pub(crate) fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let metrics = Self {
            registry: Registry::default(),
            requests: Family::default(),
            durations: Family::new_with_constructor(histogram),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            cut_off: Family::default(),
        };
        metrics.registered()
    }

    /// A connection was cut off.
    pub(crate) fn cut_off(&self, reason: &'static str) {
        let labels = CutOffLabels { reason };
        self.cut_off.get_or_create(&labels).inc();
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a String takes everything");
        text
    }

    fn registered(mut self) -> Self {
        let http = self.registry.sub_registry_with_prefix("dotkey_http");
        http.register(
            "requests",
            "Requests that were answered",
            self.requests.clone(),
        );
        http.register_with_unit(
            "request_duration",
            "From a request's head to the head of its answer",
            Unit::Seconds,
            self.durations.clone(),
        );
        http.register(
            "requests_in_flight",
            "Requests that wait for the head of their answer",
            self.in_flight.clone(),
        );
        http.register("connections", "Open connections", self.connections.clone());
        http.register(
            "connections_cut_off",
            "Connections that were closed early, by the reason",
            self.cut_off.clone(),
        );
        self
    }
}

/// Joins parts of OpenMetrics text to one: the mark of the end stands once, at the end.
fn join(parts: impl IntoIterator<Item = String>) -> String {
    let mut page = String::new();
    for part in parts {
        let part = part.trim_end();
        let part = part.strip_suffix(END).unwrap_or(part).trim_end();
        if !part.is_empty() {
            page.push_str(part);
            page.push('\n');
        }
    }
    page + END + "\n"
}

/// `GET /metrics`.
pub(crate) async fn metrics(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let names = authorized(&shared.door.config, &headers).is_ok();
    let node = shared.ask(shared.node.metrics()).await?;
    let (status, ledger) = with_ledger(&shared, shared.ask(shared.node.status()).await?);
    let beside = shared.door.config.beside();
    Ok(page([
        levels::build(),
        node,
        levels::text(&status, ledger.as_ref()),
        beside.map(|one| one.metrics(names)).collect(),
        shared.door.metrics.text(),
    ]))
}

/// An answer of these parts.
pub(crate) fn page(parts: impl IntoIterator<Item = String>) -> Response {
    ([(header::CONTENT_TYPE, OPEN_METRICS)], join(parts)).into_response()
}

/// Counts every request. Outermost, so that refusals are counted as well.
pub(crate) async fn count(
    State(door): State<Arc<Door>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let method = known(request.method());
    // The pattern, not the path: strangers choose paths, and each label is memory.
    let route = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let metrics = &door.metrics;
    let flight = Flight::new(&metrics.in_flight);
    let begin = Instant::now();
    let response = next.run(request).await;
    drop(flight);
    let labels = RequestLabels {
        method,
        route: route.clone(),
        status: response.status().as_u16(),
    };
    metrics.requests.get_or_create(&labels).inc();
    let durations = metrics
        .durations
        .get_or_create(&RouteLabels { method, route });
    durations.observe(begin.elapsed().as_secs_f64());
    response
}

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counted up while it lives, also where a client leaves in the middle.
pub(crate) struct Flight(Gauge);

impl Flight {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests;
