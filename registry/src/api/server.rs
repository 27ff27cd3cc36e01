//! Connections: accepted up to a bound, cut off when slow, ended in order when the server stops.

use core::pin::pin;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use super::client::Client;
use super::events::Ring;
use super::flow::CountedBody;
use super::gateway::BesideGateway;
use super::metrics::Flight;
use super::places::{Place, Places};
use super::resolver::BesideResolver;
use super::routes::{router, router_gateway, router_resolver};
use super::shares::Shares;
use super::stall::Stalling;
use super::state::{Door, Shared};
use super::{ApiConfig, Limits};
use crate::node::Node;

/// After accepting fails, as it does without free file descriptors, it is tried again after this long.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A running server. Dropped, it stops without waiting.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, ends the streams of events, and waits for answers under way as long as [`Limits::stop_wait`].
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // It ends also where it panicked.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Serves a node on `listener` until the server is stopped or dropped.
///
/// # Errors
/// When the listener has no address, or the system gives no randomness.
pub fn serve(listener: TcpListener, node: Node, config: ApiConfig) -> io::Result<Server> {
    let mut nonce = [0; 8];
    getrandom::fill(&mut nonce).map_err(|error| io::Error::other(error.to_string()))?;
    let (stop, stopped) = watch::channel(false);
    let filled = stopped.clone();
    let events = Arc::new(Ring::new(u64::from_be_bytes(nonce), config.limits.events));
    let changes = node.changes();
    let door = Door::new(config, stopped);
    let shared = Arc::new(Shared {
        node,
        events: Arc::clone(&events),
        bodies: Shares::new("bodies", door.config.limits.bodies),
        puts: Shares::new("publishes", door.config.limits.puts),
        ledger: Arc::new(Semaphore::new(door.config.limits.ledger)),
        subscribers: Shares::new("streams of events", door.config.limits.subscribers),
        door: Arc::clone(&door),
    });
    tokio::spawn(async move { events.fill(changes, filled).await });
    start(listener, door, router(shared), stop)
}

/// Serves a resolver that runs without a node: what is about itself, and nothing of a node's.
///
/// # Errors
/// When the listener has no address.
pub fn serve_resolver(
    listener: TcpListener,
    resolver: &Arc<dyn BesideResolver>,
    config: ApiConfig,
) -> io::Result<Server> {
    let (stop, stopped) = watch::channel(false);
    let door = Door::new(config, stopped);
    let router = router_resolver(&door, resolver);
    start(listener, door, router, stop)
}

/// The same for a gateway without a node: what [`BesideGateway`] gives, health, metrics and the description, and nothing else.
///
/// # Errors
/// When the listener has no address.
pub fn serve_gateway(
    listener: TcpListener,
    gateway: &Arc<dyn BesideGateway>,
    config: ApiConfig,
) -> io::Result<Server> {
    let (stop, stopped) = watch::channel(false);
    let door = Door::new(config, stopped);
    let router = router_gateway(&door, gateway);
    start(listener, door, router, stop)
}

fn start(
    listener: TcpListener,
    door: Arc<Door>,
    router: Router,
    stop: watch::Sender<bool>,
) -> io::Result<Server> {
    let address = listener.local_addr()?;
    let accepting = tokio::spawn(accept(listener, door, router));
    Ok(Server {
        address,
        stop,
        accepting,
    })
}

async fn accept(listener: TcpListener, door: Arc<Door>, router: Router) {
    let limits = door.config.limits.clone();
    let places = Places::new(limits.connections);
    let mut stop = door.stop.clone();
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = next(&listener, &places) => accepted,
        };
        let (stream, client, place) = match accepted {
            Ok((stream, client, Some(place))) => (stream, client, place),
            Ok((.., None)) => {
                door.metrics.cut_off("crowded");
                continue;
            }
            Err(error) => {
                tracing::warn!("the API accepts no connection: {error}");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let (router, door, stop) = (router.clone(), Arc::clone(&door), stop.clone());
        tokio::spawn(async move {
            let _counted = Flight::new(&door.metrics.connections);
            let limits = &door.config.limits;
            let serving = connection(stream, client, &place, router, limits, stop);
            if let Some(reason) = serving.await {
                door.metrics.cut_off(reason);
            }
        });
    }
    drop(listener);
    // Each connection ends by itself after `stop_wait`; all places free means that all have.
    let _ = timeout(limits.stop_wait + ACCEPT_RETRY, places.empty()).await;
}

/// The next connection, when there is a place for it; without one where its client may have no more.
async fn next(
    listener: &TcpListener,
    places: &Arc<Places>,
) -> io::Result<(TcpStream, Client, Option<Place>)> {
    let (stream, from) = listener.accept().await?;
    let client = Client::of(from.ip());
    let place = places.enter(client).await;
    Ok((stream, client, place))
}

/// Serves one connection to its end. Says why, where it was cut off.
async fn connection(
    stream: TcpStream,
    client: Client,
    place: &Place,
    router: Router,
    limits: &Limits,
    mut stop: watch::Receiver<bool>,
) -> Option<&'static str> {
    // An event is one small write.
    let _ = stream.set_nodelay(true);
    let activity = &place.activity;
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, counted) = (router.clone(), activity.request());
        let arriving = (!request.body().is_end_stream()).then(|| activity.body());
        let mut request = request.map(|body| match arriving {
            Some(arriving) => Body::new(CountedBody(body, arriving)),
            None => Body::new(body),
        });
        request.extensions_mut().insert(client);
        async move {
            let response = router.oneshot(request).await;
            response.map(|response| response.map(|body| CountedBody(body, counted)))
        }
    });
    let stream = TokioIo::new(Stalling::new(stream, limits.write_wait));
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(stream, service));
    let reason = tokio::select! {
        ended = connection.as_mut() => return ended.err().map(|error| cause(error.as_ref())),
        () = place.displaced() => return Some("displaced"),
        () = activity.idle(limits.header_wait) => Some("idle"),
        _ = stop.wait_for(|stop| *stop) => None,
    };
    connection.as_mut().graceful_shutdown();
    // What is under way may end; a client that does not take it has no claim.
    match timeout(limits.stop_wait, connection).await {
        Ok(ended) => ended.err().map(|error| cause(error.as_ref())),
        Err(_) => reason.or(Some("stop")),
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_wait)
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        // A client that is gone without a word is noticed.
        .keep_alive_interval(limits.write_wait)
        .keep_alive_timeout(limits.write_wait);
    builder
}

fn cause(error: &(dyn core::error::Error + 'static)) -> &'static str {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_timeout() {
                return "slow-head";
            }
            if error.is_parse() {
                return "not-http";
            }
        }
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::TimedOut
        {
            return "slow-reader";
        }
        cause = error.source();
    }
    "broken"
}
