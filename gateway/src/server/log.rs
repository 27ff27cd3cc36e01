//! The access log: for each request a line of JSON. Off unless somebody wants it.
//!
//! Here, and nowhere else, addresses of visitors are kept.

use core::time::Duration;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use dotkey_resolver::linelog::{Event, LineLog, time};
use http::{HeaderValue, Method, Request, Uri};
use serde_json::{Value, json};

use super::arrival::Visitor;
use crate::carry::{Ended, Given, Spent};
use crate::traces::{Trace, Traced, Traces};

/// An access log that is open.
pub type AccessLog = LineLog<Answered>;

/// What is noted of a request until its answer has ended.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) at: SystemTime,
    pub(super) begun: Instant,
    pub(super) visitor: Arc<Visitor>,
    pub(super) method: Method,
    /// As the visitor wrote it; empty where it named none.
    pub(super) host: HeaderValue,
    pub(super) uri: Uri,
    pub(super) version: http::Version,
    pub(super) name: Option<Box<str>>,
    pub(super) resource: Option<Box<str>>,
    pub(super) spent: Spent,
    pub(super) problem: Option<&'static str>,
    pub(super) trace: Trace,
    /// Until the answer has ended: a span is not to wait for the log.
    pub(super) traced: Option<Arc<Traced>>,
}

impl Noted {
    pub(super) fn new<B>(
        visitor: Arc<Visitor>,
        request: &Request<B>,
        traces: &Arc<Traces>,
    ) -> Self {
        let host = match request.uri().authority() {
            Some(host) => HeaderValue::from_str(host.as_str()).ok(),
            None => request.headers().get(http::header::HOST).cloned(),
        };
        let at = SystemTime::now();
        let trace = traces.begin(request.headers());
        Self {
            at,
            begun: Instant::now(),
            visitor,
            method: request.method().clone(),
            host: host.unwrap_or_else(|| HeaderValue::from_static("")),
            uri: request.uri().clone(),
            version: request.version(),
            name: None,
            resource: None,
            spent: Spent::default(),
            problem: None,
            trace,
            traced: traces.keep(trace, at, request.method()),
        }
    }

    /// Who is asked hears where in a trace the request is, and its tries are told.
    pub(super) fn go_with(&self, given: &mut Given) {
        self.trace.pass_on(given.headers_mut());
        given.tell_tries(self.traced.clone());
    }

    /// The request's span is whole.
    pub(super) fn tell(&mut self, status: u16, cut_short: bool) {
        if let Some(traced) = &self.traced {
            traced.answered(status, self.problem, cut_short);
        }
        self.let_go();
    }

    fn let_go(&mut self) {
        if let Some(traced) = self.traced.take() {
            traced.is_for(self.name.as_deref(), self.resource.as_deref());
        }
    }
}

/// However a request ends, its span says what it was for.
impl Drop for Noted {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// A request whose answer has ended.
#[derive(Debug)]
pub struct Answered {
    pub(super) noted: Noted,
    pub(super) status: u16,
    pub(super) took: Duration,
    pub(super) ended: Ended,
}

impl Event for Answered {
    const THREAD: &'static str = "access-log";

    fn json(&self) -> Value {
        let Self {
            noted,
            status,
            took,
            ended,
        } = self;
        let tries = noted.spent.tries.iter().map(|one| {
            json!({
                "provider": one.provider.id,
                "took_ms": one.took.as_secs_f64() * 1000.0,
                "came_to": one.came_to.to_string(),
                "hedge": one.hedge,
            })
        });
        json!({
            "time": time(noted.at),
            "client": noted.visitor.peer.address().to_string(),
            "tls": noted.visitor.shown.is_some(),
            "version": format!("{:?}", noted.version),
            "method": noted.method.as_str(),
            "host": noted.host.to_str().unwrap_or_default(),
            "path": noted.uri.path(),
            "name": noted.name,
            "resource": noted.resource,
            "status": status,
            "bytes": ended.bytes,
            "whole": ended.whole,
            "took_ms": took.as_secs_f64() * 1000.0,
            "tries": tries.collect::<Vec<_>>(),
            "problem": noted.problem,
            "trace": noted.trace.to_string(),
        })
    }
}
