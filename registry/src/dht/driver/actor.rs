//! The loop: one task that owns the swarm and the core, and feeds one with what the other does.
//!
//! Whatever happens becomes an input; inputs wait in a queue until the core is free, for an action may end at once and bring the next.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;
use libp2p::core::transport::TransportError;
use libp2p::futures::StreamExt;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, Swarm};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::actions::peer_id;
use super::addresses::{Rules, Trust};
use super::behaviour::{Behaviour, Settings};
use super::book::Book;
use super::commands::Jobs;
use super::exchanges::Exchanges;
use super::gossip::Waiting;
use super::joining::Joining;
use super::ledger::{self, Following};
use super::metrics::Metrics;
use super::peers::Peers;
use super::reach::Reach;
use super::refresh::Refresh;
use super::routing::Table;
use super::silence::Silence;
use super::transport::swarm;
use super::trusted::Giver;
use super::verifier::Verifier;
use crate::dht::core::reconcile::{Fingerprint, Prefix, Shelf};
use crate::dht::core::{
    Checked, Config, Core, Held, Input, Known, MOMENT_MS, Now, TICK_MS, VERIFYING_MAX, Verifying,
    View, Writing, Written,
};
use crate::dht::message::Summary;
use crate::dht::peer::{Contact, Peer, Position};
use crate::node::ledger::Ledger;
use crate::node::{Command, Node, NodeConfig, StartError, Transport};
use crate::store::{RecordStore, Store, StoreConfig, StoreError, Writer};

/// Commands that wait for the loop; who asks more waits.
const COMMANDS_MAX: usize = 256;

/// Ended writes that wait for the loop. The writer waits when there are more.
const WRITTEN_MAX: usize = 1_024;

/// Changes that a listener may lag behind before it loses some.
const CHANGES_MAX: usize = 1_024;

/// So long a listener may take to say where it listens.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);

/// So long closing connections may take: they say goodbye to their peers.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// A running node.
pub(crate) struct Actor {
    pub(super) swarm: Swarm<Behaviour>,
    pub(super) core: Core,
    /// Goes before the writer, which would wait for room in it for ever.
    written: mpsc::Receiver<(Writing, Written)>,
    pub(super) writer: Writer,
    /// As the writes' does.
    verified: mpsc::Receiver<(Verifying, Checked)>,
    pub(super) verifier: Verifier,
    pub(super) store: RecordStore,
    commands: mpsc::Receiver<Command>,
    pub(super) changes: broadcast::Sender<Verified<Record>>,
    clock: Clock,
    pub(super) me: Peer,
    pub(super) config: NodeConfig,
    pub(super) trust: Trust,
    pub(super) table: Table,
    pub(super) peers: Peers,
    pub(super) book: Book,
    pub(super) joining: Joining,
    pub(super) refresh: Refresh,
    pub(super) silence: Silence,
    pub(super) reach: Reach,
    pub(super) metrics: Metrics,
    pub(super) waiting: Waiting,
    pub(super) exchanges: Exchanges,
    pub(super) jobs: Jobs,
    /// Who is cut off, and until when.
    pub(super) cut_off: BTreeMap<PeerId, u64>,
    inputs: VecDeque<Input>,
    /// Goes before what feeds it, as the writes' does.
    ledger_events: Option<mpsc::Receiver<ledger::Event>>,
    /// The ledger, where this node has one.
    pub(super) following: Option<Following>,
    /// When the slow chores are next due.
    pub(super) chores_ms: u64,
    warnings: Vec<String>,
}

impl Actor {
    /// A node that does not listen yet, and a handle to it.
    pub(crate) fn new(
        config: NodeConfig,
        key: &Keypair,
        store: Arc<Store>,
    ) -> Result<(Self, Node), StartError> {
        let id = key.public().to_peer_id();
        let me = Peer::from_id_bytes(&id.to_bytes()).expect("a node's key is ed25519");
        let store_config = StoreConfig {
            bytes_max: config.store_bytes_max,
            position: me.position(),
        };
        let store = RecordStore::new(store, store_config)?;
        let memory = config.transport == Transport::Memory;
        let trust = Trust::new(Rules {
            local: config.local_addresses,
            memory,
        });
        let settings = Settings {
            key,
            connections_max: config.connections_max,
            mdns: config.mdns,
            local: config.local_addresses,
            nat: !memory,
        };
        let swarm = swarm(config.transport, &settings, &trust)?;

        let (writer, written) = writer(store.clone());
        let (verifier, verified) = verifier();
        let (sender, commands) = mpsc::channel(COMMANDS_MAX);
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let node = Node::new(sender, changes.clone());
        let mut warnings = Vec::new();
        let book = load_book(&config, &trust, &mut warnings);
        let actor = Self {
            swarm,
            core: Core::new(me, core_config(&config)?),
            store,
            writer,
            written,
            verifier,
            verified,
            commands,
            changes,
            clock: Clock::new(),
            me,
            trust,
            table: Table::new(me),
            peers: Peers::default(),
            book,
            joining: Joining::new(),
            refresh: Refresh::default(),
            silence: Silence::default(),
            reach: Reach::default(),
            metrics: Metrics::new(),
            waiting: Waiting::default(),
            exchanges: Exchanges::default(),
            jobs: Jobs::default(),
            cut_off: BTreeMap::new(),
            inputs: VecDeque::new(),
            following: None,
            ledger_events: None,
            chores_ms: 0,
            warnings,
            config,
        };
        Ok((actor, node))
    }

    /// One whose store nothing else uses.
    #[cfg(test)]
    pub(super) fn alone(config: NodeConfig, key: &Keypair) -> Result<(Self, Node), StartError> {
        let store = Store::open(&config.folder.join("store"))?;
        Self::new(config, key, Arc::new(store))
    }

    /// Gives the ledger to peers, and follows it among them where this node has no engine.
    pub(crate) fn carry(&mut self, ledger: Ledger) -> Result<(), StartError> {
        if let Some((following, events)) = Following::new(ledger, seed()?) {
            self.following = Some(following);
            self.ledger_events = Some(events);
        }
        Ok(())
    }

    /// Listens on every address of the configuration.
    pub(crate) async fn listen(&mut self) -> Result<(), StartError> {
        let mut silent = BTreeMap::new();
        for address in &self.config.listen {
            let free = is_free(address).map_err(TransportError::Other);
            let listener = free.and_then(|()| self.swarm.listen_on(address.clone()));
            let listener = listener.map_err(|error| cannot_listen(address, &error))?;
            silent.insert(listener.to_string(), address.clone());
        }
        for address in &self.config.announce {
            self.reach.announced(address.clone());
            self.swarm.add_external_address(address.clone());
        }
        let everywhere = async {
            while !silent.is_empty() {
                let event = self.swarm.select_next_some().await;
                if let SwarmEvent::NewListenAddr { listener_id, .. } = &event {
                    silent.remove(&listener_id.to_string());
                }
                self.on_event(event);
            }
        };
        // A listener that never says where it is is a network interface that came to nothing: the first one names it.
        if timeout(LISTEN_TIMEOUT, everywhere).await.is_err() {
            let address = silent.into_values().next().expect("one is silent");
            let reason = "no such address on this machine".to_owned();
            return Err(StartError::Listen { address, reason });
        }
        Ok(())
    }

    /// Runs until it is told to leave, or nobody holds a handle any more.
    pub(crate) async fn run(mut self) {
        let mut ticks = interval(Duration::from_millis(TICK_MS));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut moments = interval(Duration::from_millis(MOMENT_MS));
        moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.jobs.has_left(self.clock.now().ms) {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                Some((writing, result)) = self.written.recv() => self.feed(Input::Written { writing, result }),
                Some((verifying, checked)) = self.verified.recv() => self.feed(Input::Verified { verifying, checked }),
                Some(event) = next(&mut self.ledger_events) => self.on_ledger_event(event),
                command = self.commands.recv(), if !self.jobs.is_leaving() => match command {
                    Some(command) => self.on_command(command),
                    None => self.on_leave(None),
                },
                _ = ticks.tick() => self.on_tick(),
                _ = moments.tick(), if self.core.is_asking() => self.feed(Input::Moment),
            }
        }
        self.stop().await;
    }

    pub(super) fn now(&self) -> Now {
        self.clock.now()
    }

    /// Gives the core an input, and does what it says, until there is nothing left to do.
    pub(super) fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let sight = Sight {
                table: &self.table,
                peers: &self.peers,
                store: &self.store,
                errors: self.metrics.read_errors(),
            };
            for action in self.core.step(self.clock.now(), input, &sight) {
                if let Some(next) = self.perform(action) {
                    self.inputs.push_back(next);
                }
            }
        }
    }

    /// What someone should look at since the start.
    pub(super) fn start_warnings(&self) -> &[String] {
        &self.warnings
    }

    async fn stop(mut self) {
        let (book, file) = (self.book.clone(), self.book_file());
        // It waits for the disk while the goodbyes are said.
        let saving = tokio::task::spawn_blocking(move || {
            if let Err(error) = book.save(&file) {
                tracing::warn!(%error, "the peers that were met are not kept");
            }
        });
        let connected: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closed = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        // Peers notice anyway; this is manners.
        let _ = timeout(CLOSE_TIMEOUT, closed).await;
        if let Err(error) = saving.await {
            tracing::warn!(%error, "the peers that were met are not kept");
        }
        let replies = self.jobs.take_leavers();
        // What is on its way to the disk gets there, and the folder is free before anyone hears that the node has left.
        let Self {
            swarm,
            store,
            writer,
            written,
            following,
            ledger_events,
            ..
        } = self;
        drop((swarm, written, ledger_events));
        let closing = tokio::task::spawn_blocking(move || drop((writer, store, following)));
        if let Err(error) = closing.await {
            tracing::error!(%error, "the store did not close");
        }
        for reply in replies {
            let _ = reply.send(());
        }
    }

    pub(super) fn book_file(&self) -> PathBuf {
        self.config.folder.join("peers.json")
    }
}

/// libp2p shares a TCP port with whoever else shares it; two nodes on one port would each get half of the connections.
fn is_free(address: &Multiaddr) -> io::Result<()> {
    let mut parts = address.iter();
    let ip = match parts.next() {
        Some(Protocol::Ip4(ip)) => IpAddr::V4(ip),
        Some(Protocol::Ip6(ip)) => IpAddr::V6(ip),
        _ => return Ok(()),
    };
    match parts.next() {
        Some(Protocol::Tcp(port)) => TcpListener::bind((ip, port)).map(drop),
        _ => Ok(()),
    }
}

fn cannot_listen(address: &Multiaddr, error: &TransportError<io::Error>) -> StartError {
    let reason = match error {
        TransportError::MultiaddrNotSupported(_) => {
            "peers are listened for on /ip4 or /ip6, then /udp/PORT/quic-v1 or /tcp/PORT".to_owned()
        }
        TransportError::Other(error) => error.to_string(),
    };
    let address = address.clone();
    StartError::Listen { address, reason }
}

/// A thread that writes, and what came of it.
fn writer(store: RecordStore) -> (Writer, mpsc::Receiver<(Writing, Written)>) {
    let (done, written) = mpsc::channel(WRITTEN_MAX);
    let writer = Writer::spawn(store, move |writing, result| {
        // The loop has ended: nobody waits for this any more.
        let _ = done.blocking_send((writing, result));
    });
    (writer, written)
}

/// A thread that verifies, and what it found.
fn verifier() -> (Verifier, mpsc::Receiver<(Verifying, Checked)>) {
    let (done, verified) = mpsc::channel(VERIFYING_MAX);
    let verifier = Verifier::spawn(move |verifying, checked| {
        // The loop has ended: nobody waits for this any more.
        let _ = done.blocking_send((verifying, checked));
    });
    (verifier, verified)
}

/// What the operator and this node itself wrote down is trusted.
fn load_book(config: &NodeConfig, trust: &Trust, warnings: &mut Vec<String>) -> Book {
    for address in &config.bootstrap {
        trust.add(address, Giver::Operator);
    }
    let file = config.folder.join("peers.json");
    let book = Book::load(&file).unwrap_or_else(|error| {
        let file = file.display();
        let warning = format!("{file} does not read ({error}): the node starts without it");
        tracing::warn!("{warning}");
        warnings.push(warning);
        Book::default()
    });
    for (_, addresses) in book.peers() {
        for address in addresses {
            trust.add(address, Giver::Book);
        }
    }
    book
}

fn core_config(config: &NodeConfig) -> Result<Config, StartError> {
    Ok(Config {
        seed: seed()?,
        follow_all: config.follow_all,
    })
}

fn seed() -> Result<u64, StartError> {
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(StartError::Random)?;
    Ok(u64::from_le_bytes(seed))
}

/// What a queue brings; never anything where there is none.
async fn next<T>(queue: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match queue {
        Some(queue) => queue.recv().await,
        None => std::future::pending().await,
    }
}

/// The two clocks that the core is told.
struct Clock {
    start: Instant,
}

impl Clock {
    fn new() -> Self {
        let start = Instant::now();
        Self { start }
    }

    fn now(&self) -> Now {
        let ms = self.start.elapsed().as_millis();
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // Before 1970 is as wrong as 1970, and far after is as wrong as the last second there is.
        let secs = since_1970.map_or(0, |since| since.as_secs());
        Now {
            ms: u64::try_from(ms).unwrap_or(u64::MAX),
            calendar: Timestamp::from_secs(secs).unwrap_or(Timestamp::MAX),
        }
    }
}

/// What the core sees of the table and the store. A read that fails is nothing found: logged, counted, and no reason to stop.
struct Sight<'a> {
    table: &'a Table,
    peers: &'a Peers,
    store: &'a RecordStore,
    errors: &'a Counter,
}

impl Sight<'_> {
    fn found<T>(&self, read: Result<Option<T>, StoreError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "a record does not read");
            self.errors.inc();
            None
        })
    }
}

impl Shelf for Sight<'_> {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        self.store.fingerprint(prefix)
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        self.store.list(prefix, most)
    }
}

impl View for Sight<'_> {
    fn closest(&self, position: &Position, count: usize) -> Vec<Contact> {
        self.table.closest(position, count)
    }

    fn is_connected(&self, peer: &Peer) -> bool {
        peer_id(peer).is_some_and(|id| self.peers.contains(&id))
    }

    fn record(&self, position: &Position) -> Option<Held> {
        self.found(self.store.get(position))
    }

    fn summary(&self, position: &Position) -> Option<Known> {
        self.found(self.store.summary(position))
    }
}
