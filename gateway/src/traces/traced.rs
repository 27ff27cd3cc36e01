//! A request whose trace is kept, while it is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use http::{HeaderMap, Method};

use super::Traces;
use super::context::Trace;
use super::span::{CameTo, Nanos, RequestSpan, TrySpan, method_word};

/// A request and its tries. It goes on its way to the collector when nobody works on it any more, also where its visitor left.
#[derive(Debug)]
pub(crate) struct Traced {
    traces: Arc<Traces>,
    trace: Trace,
    begun: Nanos,
    clock: Instant,
    span: Mutex<Option<RequestSpan>>,
}

/// A try, until its end.
#[derive(Debug)]
pub(crate) struct TryTraced {
    of: Arc<Traced>,
    span: Option<TrySpan>,
}

impl Traced {
    pub(super) fn new(traces: Arc<Traces>, trace: Trace, at: SystemTime, method: &Method) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        let begun = since.unwrap_or_default().as_nanos() as Nanos;
        let span = RequestSpan {
            trace,
            begun,
            ended: begun,
            method: method_word(method),
            name: None,
            resource: None,
            status: None,
            problem: None,
            cut_short: false,
            tries: Vec::new(),
        };
        Self {
            traces,
            trace,
            begun,
            clock: Instant::now(),
            span: Mutex::new(Some(span)),
        }
    }

    fn now(&self) -> Nanos {
        self.begun + self.clock.elapsed().as_nanos() as Nanos
    }

    fn span(&self) -> MutexGuard<'_, Option<RequestSpan>> {
        self.span.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is for.
    pub(crate) fn is_for(&self, name: Option<&str>, resource: Option<&str>) {
        if let Some(span) = &mut *self.span() {
            span.name = name.map(Into::into);
            span.resource = resource.map(Into::into);
        }
    }

    /// Its answer has ended.
    pub(crate) fn answered(&self, status: u16, problem: Option<&'static str>, cut_short: bool) {
        if let Some(span) = &mut *self.span() {
            (span.status, span.problem, span.cut_short) = (Some(status), problem, cut_short);
        }
    }

    /// A provider is asked.
    pub(crate) fn try_at(self: &Arc<Self>, provider: &str, hedge: bool) -> TryTraced {
        let now = self.now();
        let span = TrySpan {
            span: self.traces.numbers.next(),
            begun: now,
            ended: now,
            provider: provider.into(),
            hedge,
            came_to: CameTo::Abandoned,
        };
        TryTraced {
            of: Arc::clone(self),
            span: Some(span),
        }
    }
}

impl TryTraced {
    /// The provider that is asked hears that it is this try's.
    pub(crate) fn pass_on(&self, headers: &mut HeaderMap) {
        if let Some(span) = &self.span {
            self.of.trace.pass_on_as(span.span, headers);
        }
    }

    /// It came to an answer.
    pub(crate) fn answered(&mut self, status: u16) {
        self.come_to(CameTo::Status(status));
    }

    /// It came to none.
    pub(crate) fn failed(&mut self, word: &'static str, why: &str) {
        self.come_to(CameTo::Failed(word, why.to_owned()));
    }

    fn come_to(&mut self, came_to: CameTo) {
        if let Some(span) = &mut self.span {
            span.came_to = came_to;
        }
    }
}

impl Drop for TryTraced {
    fn drop(&mut self) {
        let ended = self.of.now();
        if let (Some(mut one), Some(span)) = (self.span.take(), &mut *self.of.span()) {
            one.ended = ended;
            span.tries.push(one);
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let ended = self.now();
        let span = self.span().take();
        if let (Some(mut span), Some(exporter)) = (span, &self.traces.exporter) {
            span.ended = ended;
            exporter.take(span);
        }
    }
}
