//! Taking connections, giving each its place, and ending.

use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dotkey_proto::zone::Provider;
use dotkey_resolver::Resolver;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::config::{Bounds, Config, Way};
use super::counters::{Counters, Snapshot, count};
use super::events::{Event, Observer};
use super::operated::Operated;
use super::shards::kept::KeptError;
use super::shards::{Shards, postgres, redis};
use super::sni;
use super::standing::Standings;
use super::tally::Tallies;
use crate::seats::{Seat, Seats, Share};

/// After the system had no room for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// For connections that are told to end, to say so to their clients.
const FAREWELL: Duration = Duration::from_millis(500);

/// A listener that runs. Dropping it ends everything at once; [`Listener::drain`] lets connections end first.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    shared: Arc<Shared>,
    phase: watch::Sender<Phase>,
    taking: Option<JoinHandle<()>>,
    following: Option<AbortHandle>,
}

/// Why a listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address cannot be had.
    #[error("{address} cannot be listened at: {error}; free it, or give another address")]
    Address {
        /// Which address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Which primaries were replaced before cannot be read.
    #[error(transparent)]
    Epochs(#[from] KeptError),
}

/// What all connections of a listener share.
pub(super) struct Shared {
    pub(super) config: Config,
    pub(super) resolver: Resolver,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) counters: Counters,
    pub(super) phase: watch::Receiver<Phase>,
    /// In units of [`Bounds::COMMAND_BYTES_FREE`].
    pub(super) held: Arc<Semaphore>,
    pub(super) standings: Mutex<Standings>,
    pub(super) tallies: Mutex<Tallies>,
    begun: Instant,
}

/// How far a listener is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    Serving,
    /// Nobody new comes in; who is between two requests may go.
    Draining,
    /// Whoever is still here is sent away.
    Ended,
}

enum Service {
    Sni,
    Postgres(Arc<postgres::Service>),
    Redis(Arc<Shards>),
}

impl Listener {
    /// Listens, and serves from now on. Runs on the runtime that it is called in.
    ///
    /// # Errors
    /// The address cannot be had, or the epochs that were kept cannot be read.
    pub async fn start(
        config: Config,
        resolver: Resolver,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, StartError> {
        dotkey_resolver::tls::install_provider();
        let wrong = |error| StartError::Address {
            address: config.address,
            error,
        };
        let listener = TcpListener::bind(config.address).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let (phase, receiver) = watch::channel(Phase::Serving);
        let held = config.bounds.held_bytes_max / Bounds::COMMAND_BYTES_FREE;
        let shared = Arc::new(Shared {
            config,
            resolver,
            observer,
            counters: Counters::default(),
            phase: receiver,
            held: Arc::new(Semaphore::new(held.min(Semaphore::MAX_PERMITS))),
            standings: Mutex::default(),
            tallies: Mutex::default(),
            begun: Instant::now(),
        });
        let (service, following) = match &shared.config.way {
            Way::Sni => (Service::Sni, None),
            Way::Postgres { name } => {
                let (shards, following) = Shards::follow(&shared, name)?;
                let service = postgres::Service::new(shards);
                (Service::Postgres(Arc::new(service)), Some(following))
            }
            Way::Redis { name } => {
                let (shards, following) = Shards::follow(&shared, name)?;
                (Service::Redis(Arc::new(shards)), Some(following))
            }
        };
        let taking = tokio::spawn(take(listener, Arc::clone(&shared), service));
        Ok(Self {
            address,
            shared,
            phase,
            taking: Some(taking),
            following,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What runs, for who looks after it.
    #[must_use]
    pub fn operated(&self) -> Operated {
        Operated {
            address: self.address,
            shared: Arc::clone(&self.shared),
        }
    }

    /// What it has counted so far.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        self.shared.counters.snapshot()
    }

    /// Takes nobody new, waits for those who are here, up to [`Bounds::drain`], and then sends them away.
    pub async fn drain(&mut self) {
        let _ = self.phase.send(Phase::Draining);
        let Some(mut taking) = self.taking.take() else {
            return;
        };
        if tokio::time::timeout(self.shared.config.bounds.drain, &mut taking)
            .await
            .is_err()
        {
            let _ = self.phase.send(Phase::Ended);
            let _ = tokio::time::timeout(FAREWELL, &mut taking).await;
            taking.abort();
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(taking) = &self.taking {
            taking.abort();
        }
        if let Some(following) = &self.following {
            following.abort();
        }
    }
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn standings(&self) -> MutexGuard<'_, Standings> {
        self.standings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tally(&self, name: &str, provider: &Provider, connected: bool) {
        let tallies = self.tallies.lock();
        tallies
            .unwrap_or_else(PoisonError::into_inner)
            .note(name, provider, connected);
    }

    pub(super) fn since_start(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Ends when the listener has come to this phase.
    pub(super) async fn phase(&self, phase: Phase) {
        let mut receiver = self.phase.clone();
        if receiver.wait_for(|it| *it >= phase).await.is_err() {
            // The listener was dropped, and this task will be.
            core::future::pending::<()>().await;
        }
    }
}

/// Takes connections until the listener is drained, then waits for those that it took. They end with this task.
async fn take(listener: TcpListener, shared: Arc<Shared>, service: Service) {
    let bounds = &shared.config.bounds;
    let seats = Seats::new(
        bounds.connections_max,
        Share::Most(bounds.connections_per_client_max),
    );
    let service = Arc::new(service);
    let mut connections = JoinSet::new();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            () = shared.phase(Phase::Draining) => break,
        };
        let Ok((stream, client)) = taken else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        count(&shared.counters.accepted);
        let Some(seat) = seats.take(client.ip()) else {
            count(&shared.counters.full);
            continue;
        };
        let _ = stream.set_nodelay(true);
        let serving = serve(
            Arc::clone(&shared),
            Arc::clone(&service),
            stream,
            client,
            seat,
        );
        connections.spawn(serving);
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(
    shared: Arc<Shared>,
    service: Arc<Service>,
    stream: TcpStream,
    client: SocketAddr,
    _seat: Seat,
) {
    shared.counters.open.fetch_add(1, Relaxed);
    let _open = Open(&shared.counters);
    let closed = match &*service {
        Service::Sni => sni::serve(&shared, stream).await,
        Service::Postgres(service) => postgres::serve(&shared, service, stream).await,
        Service::Redis(shards) => redis::serve(&shared, shards, stream).await,
    };
    shared.observer.notice(&Event::Closed {
        client,
        to: closed.to,
        up: closed.up,
        down: closed.down,
        end: closed.end,
    });
}

/// How a connection ended.
#[derive(Debug, Default)]
pub(super) struct Closed {
    pub(super) to: Option<String>,
    pub(super) up: u64,
    pub(super) down: u64,
    pub(super) end: String,
}

impl Closed {
    /// Before it went anywhere.
    pub(super) fn early(end: impl core::fmt::Display) -> Self {
        Self {
            end: end.to_string(),
            ..Self::default()
        }
    }
}

struct Open<'a>(&'a Counters);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}
