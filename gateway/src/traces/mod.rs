//! Spans of requests, for a collector of OpenTelemetry. Off unless somebody wants them.
//!
//! This module owns where in a trace a request is (`context`), what is told of it and of each try at a provider (`span`, `traced`), and the
//! way to the collector (`export`, `collector`). It promises that a request never waits for it, that a collector which is dead or
//! slow costs a bounded room and a counter, and that nobody learns from a span who the visitor was or what stood in the path and the
//! query. When a trace is kept is for who began it, and of those that begin here for the operator's [`Ratio`].

mod collector;
mod context;
mod export;
mod span;
mod traced;

use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Method};

pub use collector::{Collector, CollectorError};
pub use context::Ratio;
pub(crate) use context::Trace;
pub(crate) use export::{Counted, DRAIN_MAX};
pub(crate) use traced::{Traced, TryTraced};

use context::Numbers;
use export::Exporter;

/// Where spans go, and of which requests.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who takes them.
    pub collector: Collector,
    /// Of the traces that begin here, how many are kept.
    pub ratio: Ratio,
}

/// The traces of a gateway.
#[derive(Debug)]
pub(crate) struct Traces {
    numbers: Numbers,
    ratio: Ratio,
    exporter: Option<Exporter>,
}

impl Traces {
    /// Begins to export, where somebody wants it. Runs on the runtime that it is called in.
    pub(crate) fn new(settings: Option<Settings>) -> Arc<Self> {
        let (ratio, collector) = settings.map_or((Ratio::NONE, None), |settings| {
            (settings.ratio, Some(settings.collector))
        });
        Arc::new(Self {
            numbers: Numbers::new(),
            ratio,
            exporter: collector.map(Exporter::start),
        })
    }

    /// Where in a trace a request is that comes in now.
    pub(crate) fn begin(&self, headers: &HeaderMap) -> Trace {
        Trace::of(headers, &self.numbers, self.ratio)
    }

    /// Its span, if anybody wants it.
    pub(crate) fn keep(
        self: &Arc<Self>,
        trace: Trace,
        at: SystemTime,
        method: &Method,
    ) -> Option<Arc<Traced>> {
        let wanted = self.exporter.is_some() && trace.is_sampled();
        wanted.then(|| Arc::new(Traced::new(Arc::clone(self), trace, at, method)))
    }

    /// What became of the spans.
    pub(crate) fn counted(&self) -> Counted {
        self.exporter
            .as_ref()
            .map(Exporter::counted)
            .unwrap_or_default()
    }

    /// Sends what waits, for as long as a stop may take.
    pub(crate) async fn drain(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.drain().await;
        }
    }
}
