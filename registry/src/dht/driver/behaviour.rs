//! What a node does on its connections, protocol by protocol, each with its bounds.
//!
//! Refusing comes first: [`blocked`](Behaviour::blocked), [`limits`](Behaviour::limits) and [`door`](Behaviour::door) stand at the top, so that a connection that may
//! not be is refused before another protocol has kept anything about it.

use std::time::Duration;

use libp2p::allow_block_list::{self, BlockedPeers};
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::kad::store::{MemoryStore, MemoryStoreConfig};
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, autonat, dcutr, identify, kad, mdns, ping, relay};

use super::door::{self, Door};
use super::gossip::gossip;
use super::ledger::{LedgerExchange, ledger_exchange};
use super::prober::Prober;
use super::records::{Records, records};
use super::sieve::Gossip;
use crate::dht::routing;
use crate::node::StartError;

/// What identify says of us: the network, so that a person who looks sees at once why two nodes do not talk.
const IDENTIFY_VERSION: &str = "/dotkey/1";

/// How often a connection proves that it lives. libp2p forgives the first ping that is not answered: a cut cable shows after two intervals and two
/// of [`PING_TIMEOUT`] at most, and at once to who asks something.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// So long a ping may take: a slow satellite's round trip, ten times.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections of one peer: both sides may have dialled at once, a relayed one and the direct one that hole punching makes of it, and AutoNAT calls back
/// on each transport at once. A call back that is refused makes a public node look like one behind a NAT.
const CONNECTIONS_OF_PEER_MAX: u32 = 6;

/// Connections that this node makes at once.
const DIALLING_MAX: u32 = 64;

/// Connections that others make at once over TCP, and as many over QUIC, each for the few seconds that a handshake may take. One network has an eighth
/// ([`super::door`]).
const PENDING_MAX: u32 = 128;

/// Nodes that this one relays for: each a reservation that costs next to nothing.
const RELAY_RESERVATIONS_MAX: usize = 64;

/// Relayed connections at once: these cost bandwidth. They carry a hole punch, or a few lookups.
const RELAY_CIRCUITS_MAX: usize = 16;

/// Bytes of one relayed connection: a dozen of the largest records.
const RELAY_CIRCUIT_BYTES_MAX: u64 = 1024 * 1024;

/// Settings of the behaviour.
pub(crate) struct Settings<'a> {
    pub(crate) key: &'a Keypair,
    pub(crate) connections_max: u32,
    pub(crate) mdns: bool,
    /// Whether many may come from one private network, or all from this machine.
    pub(crate) local: bool,
    /// Reachability, relays and hole punching: nothing to do inside one process.
    pub(crate) nat: bool,
}

/// All protocols of a node.
#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    /// Peers that are cut off.
    pub(crate) blocked: allow_block_list::Behaviour<BlockedPeers>,
    /// How many connections there may be.
    pub(crate) limits: connection_limits::Behaviour,
    /// How many of them one network may have.
    pub(crate) door: Door,
    /// Who peers are and what they speak.
    pub(crate) identify: identify::Behaviour,
    /// Whether connections live.
    pub(crate) ping: ping::Behaviour,
    /// The routing table.
    pub(crate) kad: kad::Behaviour<MemoryStore>,
    /// The exchange of records.
    pub(crate) records: Records,
    /// The exchange of the ledger.
    pub(crate) ledger: LedgerExchange,
    /// Announcements of changes.
    pub(crate) gossip: Gossip,
    /// Neighbours on the local network.
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    /// Whether others reach us.
    pub(crate) reach: Toggle<Prober>,
    /// Tells others whether we reach them.
    pub(crate) reach_of_others: Toggle<autonat::v2::server::Behaviour>,
    /// Relays for others.
    pub(crate) relay: Toggle<relay::Behaviour>,
    /// Lets others relay for us.
    pub(crate) relayed: Toggle<relay::client::Behaviour>,
    /// Replaces a relayed connection by a direct one.
    pub(crate) hole_punching: Toggle<dcutr::Behaviour>,
}

impl Behaviour {
    pub(crate) fn new(
        settings: &Settings<'_>,
        relayed: Option<relay::client::Behaviour>,
    ) -> Result<Self, StartError> {
        let me = settings.key.public().to_peer_id();
        let mdns = settings
            .mdns
            .then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), me))
            .transpose()
            .map_err(StartError::Mdns)?;
        let nat = settings.nat;
        Ok(Self {
            blocked: allow_block_list::Behaviour::default(),
            limits: connection_limits::Behaviour::new(limits(settings.connections_max)),
            door: Door::new(door::Rules {
                pending_max: PENDING_MAX,
                open_max: incoming_max(settings.connections_max),
                local_exempt: settings.local,
            }),
            identify: identify(settings.key),
            ping: ping::Behaviour::new(
                ping::Config::new()
                    .with_interval(PING_INTERVAL)
                    .with_timeout(PING_TIMEOUT),
            ),
            kad: kademlia(me),
            records: records(),
            ledger: ledger_exchange(),
            gossip: gossip().map_err(StartError::Gossip)?,
            mdns: mdns.into(),
            reach: nat.then(Prober::default).into(),
            reach_of_others: nat.then(autonat::v2::server::Behaviour::default).into(),
            relay: nat.then(|| relay::Behaviour::new(me, relaying())).into(),
            relayed: relayed.filter(|_| nat).into(),
            hole_punching: nat.then(|| dcutr::Behaviour::new(me)).into(),
        })
    }
}

/// How many of a node's connections others may open. A quarter is kept for those that it makes: who fills it up from outside must not
/// take its eyes.
pub(crate) fn incoming_max(connections_max: u32) -> u32 {
    connections_max - connections_max / 4
}

fn limits(connections_max: u32) -> ConnectionLimits {
    ConnectionLimits::default()
        .with_max_pending_outgoing(Some(DIALLING_MAX))
        .with_max_established(Some(connections_max))
        .with_max_established_incoming(Some(incoming_max(connections_max)))
        .with_max_established_per_peer(Some(CONNECTIONS_OF_PEER_MAX))
}

fn identify(key: &Keypair) -> identify::Behaviour {
    let agent = concat!("dotkey/", env!("CARGO_PKG_VERSION"));
    let config = identify::Config::new(IDENTIFY_VERSION.to_owned(), key.public())
        .with_agent_version(agent.to_owned())
        .with_push_listen_addr_updates(true)
        // Addresses of peers are kept where they are limited: in the table and among the known peers.
        .with_cache_size(0);
    identify::Behaviour::new(config)
}

fn kademlia(me: PeerId) -> kad::Behaviour<MemoryStore> {
    // Records travel on a protocol of our own: whatever a peer puts here has no room.
    let nothing = MemoryStoreConfig {
        max_records: 0,
        max_value_bytes: 0,
        max_providers_per_key: 0,
        max_provided_keys: 0,
    };
    let store = MemoryStore::with_config(me, nothing);
    let mut kad = kad::Behaviour::with_config(me, store, routing());
    // Who is not reachable is left out by those who would have to reach it: nobody lists an address that it may not dial.
    kad.set_mode(Some(kad::Mode::Server));
    kad
}

fn relaying() -> relay::Config {
    relay::Config {
        max_reservations: RELAY_RESERVATIONS_MAX,
        max_reservations_per_peer: 1,
        max_circuits: RELAY_CIRCUITS_MAX,
        max_circuits_per_peer: 2,
        max_circuit_bytes: RELAY_CIRCUIT_BYTES_MAX,
        ..relay::Config::default()
    }
}
