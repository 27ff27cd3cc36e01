//! Listeners: connections in, each served by a task of its own, within bounds, until the gateway is drained.

use core::net::SocketAddr;
use core::sync::atomic::Ordering::Relaxed;
use core::time::Duration;
use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use dotkey_proto::name::Name;
use dotkey_resolver::server::Streams;
use dotkey_resolver::{ResolveError, Resolver, linelog};
use http::uri::PathAndQuery;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::arrival::{Moving, Visitor};
use super::handle::{Shared, handle};
use super::links::Links;
use super::log::AccessLog;
use super::metrics::Metrics;
use super::{explain, page};
use crate::authority::{Answer, TlsAcceptor};
use crate::carry::Peer;
use crate::request::Suffixes;
use crate::seats::{Seat, Seats, Share};
use crate::site::{PrivateNames, Sites};
use crate::traces::{self, Traces};

/// Connections of visitors that are open at once, at each address that is listened at. More are closed.
const CONNECTIONS_MAX: usize = 16_384;

/// A visitor, or a network of 64 bits, has at most this many times those that are still free: two thirds, where it is alone.
const SHARE: Share = Share::OfFree(2);

/// A visitor has so long for a request's head, and to send another one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// Heads of requests, and fields of HTTP/2.
const HEAD_BYTES_MAX: usize = 32 * 1024;

/// Streams of one connection of HTTP/2. RFC 9113 section 6.5.2 recommends at least 100.
const STREAMS_MAX: u32 = 128;

/// Streams that a visitor opened and reset before we took them: the first sign of a rapid reset (CVE-2023-44487).
const RESETS_MAX: usize = 20;

/// Requests that are under way when the gateway is drained have so long to end.
pub(super) const DRAIN_MAX: Duration = Duration::from_millis(3_500);

const _: () = assert!(
    DRAIN_MAX.as_millis() + traces::DRAIN_MAX.as_millis() < 4_000,
    "the program gives what is beside its node four seconds to stop"
);

/// After an error of accepting, such as too many open files: trying at once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a gateway is started with.
#[derive(Clone)]
pub struct Settings {
    /// Where it listens for HTTP.
    pub http: Option<SocketAddr>,
    /// Where it listens for HTTPS, and what it shows to visitors.
    pub https: Option<(SocketAddr, Arc<TlsAcceptor>)>,
    /// The suffixes that it serves.
    pub suffixes: Suffixes,
    /// Where spans of requests go.
    pub traces: Option<traces::Settings>,
}

/// A gateway that runs.
pub struct Gateway {
    shared: Arc<Shared>,
    http: Option<SocketAddr>,
    https: Option<SocketAddr>,
    tls: Option<Arc<TlsAcceptor>>,
    drain: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Gateway {
    /// Starts listening.
    ///
    /// # Errors
    /// An address cannot be listened at.
    pub async fn start(
        settings: Settings,
        sites: Arc<Sites>,
        links: Arc<dyn Links>,
        log: Option<AccessLog>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            suffixes: settings.suffixes,
            sites,
            links,
            metrics: Metrics::default(),
            log: RwLock::new(log.map(Arc::new)),
            traces: Traces::new(settings.traces),
        });
        let (drain, drained) = watch::channel(false);
        let mut listeners = Vec::new();
        let mut open = async |address: SocketAddr, tls: Option<Arc<TlsAcceptor>>| {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            let listening = listen(listener, shared.clone(), tls, drained.clone());
            listeners.push(tokio::spawn(listening));
            Ok::<_, io::Error>(address)
        };
        let (mut http, mut https, mut tls) = (None, None, None);
        if let Some(address) = settings.http {
            http = Some(open(address, None).await?);
        }
        if let Some((address, acceptor)) = settings.https {
            https = Some(open(address, Some(acceptor.clone())).await?);
            tls = Some(acceptor);
        }
        Ok(Self {
            shared,
            http,
            https,
            tls,
            drain,
            listeners,
        })
    }

    /// Where it listens for HTTP.
    #[must_use]
    pub const fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Where it listens for HTTPS.
    #[must_use]
    pub const fn https(&self) -> Option<SocketAddr> {
        self.https
    }

    /// Takes no more connections, lets requests end, and closes what is left after a while.
    pub async fn drain(self) {
        self.drain.send_replace(true);
        for listener in self.listeners {
            listener.await.ok();
        }
        // Last, with what those had to tell.
        self.shared.traces.drain().await;
    }

    /// What runs, for who looks after it.
    #[must_use]
    pub fn operated(&self) -> Operated {
        Operated {
            shared: self.shared.clone(),
            tls: self.tls.clone(),
        }
    }
}

/// A running gateway, for who looks after it.
#[derive(Clone)]
pub struct Operated {
    shared: Arc<Shared>,
    tls: Option<Arc<TlsAcceptor>>,
}

impl Operated {
    /// The providers of the names that are ready, or of one, explained.
    #[must_use]
    pub fn providers(&self, name: Option<&str>) -> Value {
        explain::providers(&self.shared.sites, name)
    }

    /// The way that a request would take.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub async fn route(&self, host: &str, path: &str) -> Result<Value, String> {
        let path = PathAndQuery::try_from(path)
            .map_err(|error| format!("{path} is no path of a URL: {error}"))?;
        let route = explain::route(&self.shared, host, path).await;
        route.map_err(|problem: page::Problem| format!("{}: {}", problem.title, problem.detail))
    }

    /// What was counted, as OpenMetrics text without an end; with `names`, also of each provider of each name.
    #[must_use]
    pub fn metrics(&self, names: bool) -> String {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let logged = log.as_ref().map(|log| log.counts()).unwrap_or_default();
        let refused = self
            .tls
            .iter()
            .flat_map(|tls| tls.refusals().counts())
            .collect();
        let sites = names.then_some(&*self.shared.sites);
        let spans = self.shared.traces.counted();
        self.shared.metrics.write(sites, logged, refused, spans)
    }

    /// What someone should look at; nothing where all is well.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let failing = log.as_ref().is_some_and(|log| log.is_failing());
        let why = "the access log cannot be written: look at the space on its disk";
        failing.then(|| why.to_owned()).into_iter().collect()
    }

    /// Writes to another log from now on, or to none.
    pub fn set_log(&self, log: Option<AccessLog>) {
        *self
            .shared
            .log
            .write()
            .unwrap_or_else(PoisonError::into_inner) = log.map(Arc::new);
    }

    /// Writes the lines of the log that wait, for the end of the process. It waits for a disk, up to [`linelog::END_WAIT`].
    pub fn end_log(&self) {
        let log = self
            .shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(log) = log {
            log.end(linelog::END_WAIT);
        }
    }

    /// Lets the records of other names lead to private addresses from now on.
    pub fn set_private_names(&self, names: PrivateNames) {
        self.shared.sites.set_private_names(names);
    }
}

async fn listen(
    listener: TcpListener,
    shared: Arc<Shared>,
    tls: Option<Arc<TlsAcceptor>>,
    mut drained: watch::Receiver<bool>,
) {
    let seats = Seats::new(CONNECTIONS_MAX, SHARE);
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = drained.wait_for(|drained| *drained) => break,
        };
        let Ok((stream, address)) = accepted else {
            shared.metrics.problem("accept");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let Some(seat) = seats.take(address.ip()) else {
            shared.metrics.problem("no-room");
            continue;
        };
        stream.set_nodelay(true).ok();
        let watcher = graceful.watcher();
        let (shared, tls) = (shared.clone(), tls.clone());
        tokio::spawn(async move {
            let taken = Taken::new(&shared, seat);
            let visitor = |shown: Option<&str>| {
                let peer = Peer::new(address.ip(), shown.is_some());
                Arc::new(Visitor {
                    peer: Arc::new(peer),
                    shown: shown.map(Into::into),
                })
            };
            let Some(tls) = tls else {
                let visitor = visitor(None);
                let stream = Moving::new(stream, taken, HEAD_TIMEOUT);
                return serve(shared, watcher, visitor, stream).await;
            };
            let resolver = shared.sites.resolver().clone();
            let ask = |name: Name| answer(resolver.clone(), name);
            // Why it was refused is counted by the acceptor.
            if let Ok(stream) = tls.accept(stream, &ask).await {
                let visitor = visitor(stream.get_ref().1.server_name());
                let stream = Moving::new(stream, taken, HEAD_TIMEOUT);
                serve(shared, watcher, visitor, stream).await;
            }
        });
    }
    drop(listener);
    tokio::time::timeout(DRAIN_MAX, graceful.shutdown())
        .await
        .ok();
}

/// The ask rule of certificates: only a name that resolves gets one.
async fn answer(resolver: Resolver, name: Name) -> Answer {
    match resolver.resolve(&name.to_string()).await {
        Ok(_) => Answer::Resolves,
        Err(ResolveError::Unclaimed(_) | ResolveError::NoSuchKey(_) | ResolveError::Name(_)) => {
            Answer::Nothing
        }
        Err(error) => Answer::Unknown(error.to_string()),
    }
}

/// How HTTP/1.1 and HTTP/2 are spoken to visitors.
fn server(streams: Streams) -> auto::Builder<Streams> {
    let mut server = auto::Builder::new(streams);
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .max_pending_accept_reset_streams(RESETS_MAX)
        .max_local_error_reset_streams(Some(RESETS_MAX))
        .keep_alive_interval(Some(HEAD_TIMEOUT / 2))
        .keep_alive_timeout(HEAD_TIMEOUT / 2)
        .adaptive_window(false)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024);
    server
}

async fn serve<S>(
    shared: Arc<Shared>,
    watcher: hyper_util::server::graceful::Watcher,
    visitor: Arc<Visitor>,
    stream: S,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = service_fn(|request| {
        let (shared, visitor) = (shared.clone(), visitor.clone());
        // In a box, so that a connection that waits does not hold the room of a request.
        let handled = Box::pin(handle(shared, visitor, request));
        async move { Ok::<_, core::convert::Infallible>(handled.await) }
    });
    let streams = Streams::default();
    let server = server(streams.clone());
    let connection = server.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let connection = watcher.watch(connection.into_owned());
    // A visitor that goes away, or speaks no HTTP, is its own affair; it was counted where it matters.
    if let Err(error) = streams.drive(connection).await {
        let error = error.downcast_ref::<hyper::Error>();
        shared.metrics.problem(match error {
            Some(error) if error.is_parse() => "malformed",
            Some(error) if error.is_timeout() => "slow",
            _ => "connection",
        });
    }
}

/// A visitor's place, and its count among those that are open, for as long as this lives.
struct Taken {
    shared: Arc<Shared>,
    _seat: Seat,
}

impl Taken {
    fn new(shared: &Arc<Shared>, seat: Seat) -> Self {
        shared.metrics.accepted.fetch_add(1, Relaxed);
        shared.metrics.connections.fetch_add(1, Relaxed);
        Self {
            shared: shared.clone(),
            _seat: seat,
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.shared.metrics.connections.fetch_sub(1, Relaxed);
    }
}
