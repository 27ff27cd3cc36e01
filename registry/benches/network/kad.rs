//! libp2p's Kademlia as it comes: `put_record` and `get_record`, over the memory transport that our nodes use here too.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use libp2p::core::transport::{MemoryTransport, Transport};
use libp2p::core::upgrade::Version;
use libp2p::identity::Keypair;
use libp2p::kad::{self, store::MemoryStore};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, plaintext, yamux};
use tokio::sync::{mpsc, oneshot};

use crate::Times;

/// Where this network's nodes listen in memory, clear of ours.
const FIRST_PORT: u64 = 7_000_000;

enum Command {
    Put(kad::Record, oneshot::Sender<()>),
    Get(kad::RecordKey, oneshot::Sender<usize>),
    Bootstrap(oneshot::Sender<()>),
}

pub(crate) async fn measure(nodes: usize, samples: usize, bytes: usize) -> Times {
    let commands = join(nodes).await;
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
async fn join(nodes: usize) -> Vec<mpsc::Sender<Command>> {
    let address = |index: usize| Multiaddr::from(Protocol::Memory(FIRST_PORT + index as u64));
    let mut swarms: Vec<_> = (0..nodes).map(|index| swarm(&address(index))).collect();
    let peers: Vec<PeerId> = swarms.iter().map(|swarm| *swarm.local_peer_id()).collect();
    for (index, swarm) in swarms.iter_mut().enumerate() {
        for (other, peer) in peers
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
        {
            swarm.behaviour_mut().add_address(peer, address(other));
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

fn swarm(address: &Multiaddr) -> Swarm<kad::Behaviour<MemoryStore>> {
    let keypair = Keypair::generate_ed25519();
    let peer = PeerId::from(keypair.public());
    let transport = MemoryTransport::default()
        .upgrade(Version::V1)
        .authenticate(plaintext::Config::new(&keypair))
        .multiplex(yamux::Config::default())
        .boxed();
    let mut config = kad::Config::new(StreamProtocol::new("/bench/kad/1"));
    config.set_periodic_bootstrap_interval(None);
    let mut behaviour = kad::Behaviour::with_config(peer, MemoryStore::new(peer), config);
    behaviour.set_mode(Some(kad::Mode::Server));
    let swarm_config = libp2p::swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(Duration::from_secs(60));
    let mut swarm = Swarm::new(transport, behaviour, peer, swarm_config);
    swarm.listen_on(address.clone()).expect("a memory port");
    swarm.add_external_address(address.clone());
    swarm
}

async fn run(mut swarm: Swarm<kad::Behaviour<MemoryStore>>, mut commands: mpsc::Receiver<Command>) {
    let mut puts = HashMap::new();
    let mut gets = HashMap::new();
    let mut bootstraps = HashMap::new();
    let all = NonZeroUsize::new(20).expect("not zero");
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::Put(record, reply)) => {
                    let id = swarm.behaviour_mut().put_record(record, kad::Quorum::N(all)).expect("it fits");
                    puts.insert(id, reply);
                }
                Some(Command::Get(key, reply)) => {
                    gets.insert(swarm.behaviour_mut().get_record(key), reply);
                }
                Some(Command::Bootstrap(reply)) => {
                    bootstraps.insert(swarm.behaviour_mut().bootstrap().expect("a known peer"), reply);
                }
            },
            event = swarm.select_next_some() => {
                let SwarmEvent::Behaviour(kad::Event::OutboundQueryProgressed { id, result, step, .. }) = event else { continue };
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
                        if let Some(mut query) = swarm.behaviour_mut().query_mut(&id) {
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
