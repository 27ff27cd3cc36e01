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
use super::trace::Trace;
use crate::carry::{Ended, Spent};

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
    pub(super) trace: Option<Trace>,
}

impl Noted {
    pub(super) fn new<B>(visitor: Arc<Visitor>, request: &Request<B>) -> Self {
        let host = match request.uri().authority() {
            Some(host) => HeaderValue::from_str(host.as_str()).ok(),
            None => request.headers().get(http::header::HOST).cloned(),
        };
        Self {
            at: SystemTime::now(),
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
            trace: None,
        }
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
            "trace": noted.trace.map(|trace| trace.to_string()),
        })
    }
}
