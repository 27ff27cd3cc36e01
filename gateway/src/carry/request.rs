//! A visitor's request, as often as it has to be sent.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::TRANSFER_ENCODING;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Incoming};

use super::body::Outgoing;
use super::forwarded::Arrived;
use super::headers::to_provider;
use super::lines::Open;
use super::progress::STALLED;
use super::served::Undone;
use crate::traces::{Traced, TryTraced};
use dotkey_proto::zone::{Provider, Scheme};
use tokio::time::timeout;

/// The body of a request that may be sent again is kept while it is at most this long.
const KEPT_BODY_BYTES_MAX: u64 = 64 * 1024;

/// A request as it goes to whichever provider.
#[derive(Debug)]
pub struct Given {
    method: Method,
    /// What the provider is asked for, below its URL's own path.
    path: PathAndQuery,
    headers: HeaderMap,
    body: Replay,
    deadline: Option<Instant>,
    traced: Option<Arc<Traced>>,
}

/// A body, and whether it can be sent again.
#[derive(Debug)]
pub enum Replay {
    /// Nothing.
    Empty,
    /// It is kept.
    Whole(Bytes),
    /// It can be sent once; nothing is left when it was.
    Once(Option<Incoming>),
}

impl Given {
    /// A visitor's request for `path` of the resource, which the provider knows by `host`.
    ///
    /// # Errors
    /// The visitor's connection broke, or stalled, while a body was read that has to be kept.
    pub async fn new(
        request: Request<Incoming>,
        path: PathAndQuery,
        host: &HeaderValue,
        arrived: &Arrived,
    ) -> Result<Self, Undone> {
        let (parts, body) = request.into_parts();
        let headers = to_provider(parts.headers, arrived, host);
        let body = Replay::of(&parts.method, body).await?;
        Ok(Self {
            method: parts.method,
            path,
            headers,
            body,
            deadline: None,
            traced: None,
        })
    }

    /// Its tries are told to a collector, where somebody wants them.
    pub(crate) fn tell_tries(&mut self, traced: Option<Arc<Traced>>) {
        self.traced = traced;
    }

    /// The span of a try, where somebody wants it.
    pub(super) fn try_at(&self, provider: &Provider, hedge: bool) -> Option<TryTraced> {
        let traced = self.traced.as_ref()?;
        Some(traced.try_at(&provider.id, hedge))
    }

    /// When an answer has to be there, the last byte of it too.
    pub(super) const fn end_by(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether HTTP calls it safe to send it again after a provider may have acted on it (RFC 9110 section 9.2.2).
    #[must_use]
    pub fn is_idempotent(&self) -> bool {
        self.method.is_idempotent()
    }

    /// Whether it may be sent to two providers at once: it changes nothing and has no body.
    #[must_use]
    pub fn may_be_hedged(&self) -> bool {
        self.method.is_safe() && matches!(self.body, Replay::Empty)
    }

    /// Whether there is still something to send.
    #[must_use]
    pub fn can_be_sent(&self) -> bool {
        !matches!(self.body, Replay::Once(None))
    }

    /// The body to send now.
    pub(super) fn take_body(&mut self) -> Outgoing {
        match &mut self.body {
            Replay::Empty => Outgoing::Empty,
            Replay::Whole(bytes) => Outgoing::Whole(bytes.clone()),
            Replay::Once(body) => body.take().map_or(Outgoing::Empty, Outgoing::streamed),
        }
    }

    /// The body once more, of a request that may be sent twice.
    pub(super) fn body_again(&self) -> Option<Outgoing> {
        match &self.body {
            _ if !self.is_idempotent() => None,
            Replay::Empty => Some(Outgoing::Empty),
            Replay::Whole(bytes) => Some(Outgoing::Whole(bytes.clone())),
            Replay::Once(_) => None,
        }
    }

    /// A body that came back: not a byte of it has left.
    pub(super) fn give_back(&mut self, body: Outgoing) {
        if let (Replay::Once(place), Outgoing::Streamed(body, _)) = (&mut self.body, body) {
            *place = Some(body);
        }
    }

    /// The request for one provider, over the connection `open`.
    pub(super) fn request(
        &self,
        body: Outgoing,
        provider: &Provider,
        open: &Open,
    ) -> Request<Outgoing> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        let path = path_at(provider, &self.path);
        *request.uri_mut() = if open.is_http2() {
            *request.version_mut() = Version::HTTP_2;
            absolute(provider, request.headers_mut(), path)
        } else {
            // Of a GET hyper leaves a body of unknown length out, unless it is told how to frame it.
            if request.body().progress().is_some() && request.body().size_hint().exact().is_none() {
                let chunked = HeaderValue::from_static("chunked");
                request.headers_mut().insert(TRANSFER_ENCODING, chunked);
            }
            path.into()
        };
        request
    }

    /// The parts that a protocol which takes the connection over begins with.
    pub(super) fn opening(&self, provider: &Provider) -> (Method, Uri, HeaderMap) {
        let path = path_at(provider, &self.path);
        (self.method.clone(), path.into(), self.headers.clone())
    }

    /// Its header, as every provider gets it.
    pub const fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }
}

/// The path of a provider's URL, then that of the request.
fn path_at(provider: &Provider, path: &PathAndQuery) -> PathAndQuery {
    let base = provider.url.parts().path.unwrap_or("");
    match base.trim_end_matches('/') {
        "" => path.clone(),
        base => PathAndQuery::try_from(format!("{base}{path}"))
            .unwrap_or_else(|_| PathAndQuery::from_static("/")),
    }
}

/// HTTP/2 names the host in its own field.
fn absolute(provider: &Provider, headers: &mut HeaderMap, path: PathAndQuery) -> Uri {
    let host = headers.remove(http::header::HOST);
    let host = host
        .as_ref()
        .and_then(|host: &HeaderValue| host.to_str().ok())
        .unwrap_or("");
    let scheme = if provider.url.parts().scheme == Scheme::Https {
        "https"
    } else {
        "http"
    };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(host)
        .path_and_query(path)
        .build();
    uri.unwrap_or_else(|_| Uri::from_static("/"))
}

impl Replay {
    async fn of(method: &Method, body: Incoming) -> Result<Self, Undone> {
        if body.is_end_stream() {
            return Ok(Self::Empty);
        }
        let short = body
            .size_hint()
            .upper()
            .is_some_and(|bytes| bytes <= KEPT_BODY_BYTES_MAX);
        if !method.is_idempotent() || !short {
            return Ok(Self::Once(Some(body)));
        }
        let limited = Limited::new(body, KEPT_BODY_BYTES_MAX as usize);
        match timeout(STALLED, limited.collect()).await {
            Ok(Ok(collected)) => Ok(Self::Whole(collected.to_bytes())),
            // It announced its length, which is why it is not the limit.
            Ok(Err(_)) => Err(Undone::Visitor),
            Err(_) => Err(Undone::Stalled),
        }
    }
}
