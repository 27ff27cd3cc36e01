//! libp2p's Kademlia as it comes: `put_record` and `get_record`, over the memory transport that our nodes use here too.
//!
//! In two networks: one where nodes do nothing else and are connected to nobody without need, and one like ours, where each is connected to as many others and
//! identifies, pings and gossips with them as our nodes do, beside which a get is to be seen.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use libp2p::core::transport::{MemoryTransport, Transport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::kad::{self, store::MemoryStore};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, gossipsub, identify, ping, plaintext, yamux,
};
use tokio::sync::{mpsc, oneshot};

use crate::Times;
use crate::quiet::quieten;

/// Where the nodes of the first network listen in memory, clear of ours; those of the second after them.
const FIRST_PORT: u64 = 7_000_000;

/// Of so many pairs of nodes one has no connection: of 200, our nodes have some 175.
const PAIRS: usize = 8;

/// As our nodes have it.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// As many as our nodes gossip on.
const TOPICS: usize = 16;

/// What a network's nodes do beside Kademlia.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Nothing.
    Nothing,
    /// What our nodes do, with as many connections.
    AsOurs,
}

#[derive(NetworkBehaviour)]
struct Behaviour {
    kad: kad::Behaviour<MemoryStore>,
    identify: Toggle<identify::Behaviour>,
    ping: Toggle<ping::Behaviour>,
    gossip: Toggle<gossipsub::Behaviour>,
}

enum Command {
    Put(kad::Record, oneshot::Sender<()>),
    Get(kad::RecordKey, oneshot::Sender<usize>),
    Bootstrap(oneshot::Sender<()>),
}

pub(crate) async fn measure(nodes: usize, samples: usize, bytes: usize, beside: Beside) -> Times {
    let commands = join(nodes, beside).await;
    let (mut put, mut get) = (Vec::new(), Vec::new());
    for sample in 0..samples {
        let key = kad::RecordKey::new(&format!("record {sample}"));
        let record = kad::Record::new(key.clone(), vec![b'a'; bytes]);
        let (writer, reader) = (sample * 37 % nodes, (sample * 61 + 11) % nodes);
        let begun = Instant::now();
        ask(&commands[writer], |reply| Command::Put(record, reply)).await;
        put.push(begun.elapsed());
        let begun = Instant::now();
        let found = ask(&commands[reader], |reply| Command::Get(key, reply)).await;
        get.push(begun.elapsed());
        assert_eq!(found, bytes);
    }
    put.sort_unstable();
    get.sort_unstable();
    Times { put, get }
}

/// A settled network: each node was told of all others, and kept those that its buckets have room for.
async fn join(nodes: usize, beside: Beside) -> Vec<mpsc::Sender<Command>> {
    let first = match beside {
        Beside::Nothing => FIRST_PORT,
        Beside::AsOurs => FIRST_PORT + nodes as u64,
    };
    let address = |index: usize| Multiaddr::from(Protocol::Memory(first + index as u64));
    let all = 0..nodes;
    let mut swarms: Vec<_> = all.map(|index| swarm(&address(index), beside)).collect();
    let peers: Vec<PeerId> = swarms.iter().map(|swarm| *swarm.local_peer_id()).collect();
    for (index, swarm) in swarms.iter_mut().enumerate() {
        for (other, peer) in peers.iter().enumerate() {
            if other == index {
                continue;
            }
            swarm.behaviour_mut().kad.add_address(peer, address(other));
            if beside == Beside::AsOurs && index < other && (index + other) % PAIRS != 0 {
                let dial = DialOpts::peer_id(*peer).addresses(vec![address(other)]);
                swarm.dial(dial.build()).expect("it is not connected yet");
            }
        }
    }
    let mut commands = Vec::new();
    for swarm in swarms {
        let (sender, receiver) = mpsc::channel(8);
        tokio::spawn(run(swarm, receiver));
        commands.push(sender);
    }
    // Opens the connections that a node in use has.
    for node in &commands {
        ask(node, Command::Bootstrap).await;
    }
    quieten().await;
    commands
}

async fn ask<T>(
    node: &mpsc::Sender<Command>,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> T {
    let (reply, answer) = oneshot::channel();
    let sent = node.send(command(reply)).await;
    assert!(sent.is_ok(), "the node runs");
    answer.await.expect("the node answers")
}

fn swarm(address: &Multiaddr, beside: Beside) -> Swarm<Behaviour> {
    let keypair = Keypair::generate_ed25519();
    let peer = PeerId::from(keypair.public());
    let transport = MemoryTransport::default()
        .upgrade(Version::V1)
        .authenticate(plaintext::Config::new(&keypair))
        .multiplex(yamux::Config::default())
        .boxed();
    let mut config = kad::Config::new(StreamProtocol::new("/bench/kad/1"));
    config.set_periodic_bootstrap_interval(None);
    let mut kad = kad::Behaviour::with_config(peer, MemoryStore::new(peer), config);
    kad.set_mode(Some(kad::Mode::Server));
    let as_ours = beside == Beside::AsOurs;
    let identify = identify::Config::new("/bench/1".to_owned(), keypair.public());
    let ping = ping::Config::new().with_interval(PING_INTERVAL);
    let behaviour = Behaviour {
        kad,
        identify: as_ours.then(|| identify::Behaviour::new(identify)).into(),
        ping: as_ours.then(|| ping::Behaviour::new(ping)).into(),
        gossip: as_ours.then(gossip).into(),
    };
    // Longer than a run where our nodes would keep the connection.
    let idle = Duration::from_secs(if as_ours { 900 } else { 60 });
    let swarm_config =
        libp2p::swarm::Config::with_tokio_executor().with_idle_connection_timeout(idle);
    let mut swarm = Swarm::new(transport, behaviour, peer, swarm_config);
    swarm.listen_on(address.clone()).expect("a memory port");
    swarm.add_external_address(address.clone());
    swarm
}

/// Gossip with the meshes that our nodes have.
fn gossip() -> gossipsub::Behaviour {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .mesh_n(4)
        .mesh_n_low(3)
        .mesh_n_high(8)
        .mesh_outbound_min(1)
        .flood_publish(false)
        .gossip_lazy(3)
        .gossip_factor(0.0)
        .build();
    let anonymous = gossipsub::MessageAuthenticity::Anonymous;
    let gossip = gossipsub::Behaviour::new(anonymous, config.expect("sound"));
    let mut gossip = gossip.expect("sound");
    for topic in 0..TOPICS {
        let topic = gossipsub::IdentTopic::new(format!("/bench/{topic}"));
        gossip.subscribe(&topic).expect("a topic");
    }
    gossip
}

async fn run(mut swarm: Swarm<Behaviour>, mut commands: mpsc::Receiver<Command>) {
    let mut puts = HashMap::new();
    let mut gets = HashMap::new();
    let mut bootstraps = HashMap::new();
    let all = NonZeroUsize::new(20).expect("not zero");
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Put(record, reply)) => {
                    let id = swarm.behaviour_mut().kad.put_record(record, kad::Quorum::N(all)).expect("it fits");
                    puts.insert(id, reply);
                }
                Some(Command::Get(key, reply)) => {
                    gets.insert(swarm.behaviour_mut().kad.get_record(key), reply);
                }
                Some(Command::Bootstrap(reply)) => {
                    bootstraps.insert(swarm.behaviour_mut().kad.bootstrap().expect("a known peer"), reply);
                }
            },
            event = swarm.select_next_some() => {
                let SwarmEvent::Behaviour(BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed { id, result, step, .. })) = event else { continue };
                match result {
                    kad::QueryResult::PutRecord(result) => {
                        result.expect("stored");
                        puts.remove(&id).map(|reply: oneshot::Sender<()>| reply.send(()));
                    }
                    kad::QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) => {
                        // Want 1: the first value is the answer.
                        if let Some(reply) = gets.remove(&id) {
                            let _: Result<(), usize> = reply.send(found.record.value.len());
                        }
                        if let Some(mut query) = swarm.behaviour_mut().kad.query_mut(&id) {
                            query.finish();
                        }
                    }
                    kad::QueryResult::GetRecord(Err(error)) => panic!("{error}"),
                    kad::QueryResult::Bootstrap(_) if step.last => {
                        bootstraps.remove(&id).map(|reply: oneshot::Sender<()>| reply.send(()));
                    }
                    _ => {}
                }
            }
        }
    }
}
