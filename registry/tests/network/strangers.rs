//! Peers that are not ours, or do not play by the rules: raw libp2p, without any of our code around it.

use std::io;
use std::time::Duration;

use dotkey_registry::node::Multiaddr;
use libp2p::core::upgrade::Version;
use libp2p::futures::{AsyncRead, AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::request_response::{self as exchange, ProtocolSupport};
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{
    PeerId, StreamProtocol, Swarm, Transport, core::transport::MemoryTransport, identify, kad,
    plaintext, yamux,
};
use tokio::time::timeout;

use super::support::{Running, in_memory, network, until};

pub(super) fn stranger<B: NetworkBehaviour>(behaviour: impl FnOnce(&Keypair) -> B) -> Swarm<B> {
    let key = Keypair::generate_ed25519();
    let transport = MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(plaintext::Config::new(&key))
        .multiplex(yamux::Config::default())
        .boxed();
    let config =
        swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
    let behaviour = behaviour(&key);
    Swarm::new(transport, behaviour, key.public().to_peer_id(), config)
}

/// Of another network, which has Kademlia as well.
#[derive(NetworkBehaviour)]
struct Foreign {
    identify: identify::Behaviour,
    kad: kad::Behaviour<kad::store::MemoryStore>,
}

fn foreign() -> Swarm<Foreign> {
    stranger(|key| {
        let me = key.public().to_peer_id();
        let protocol = StreamProtocol::new("/ipfs/kad/1.0.0");
        let store = kad::store::MemoryStore::new(me);
        let mut kad = kad::Behaviour::with_config(me, store, kad::Config::new(protocol));
        kad.set_mode(Some(kad::Mode::Server));
        let identify = identify::Config::new("ipfs/0.1.0".to_owned(), key.public());
        Foreign {
            identify: identify::Behaviour::new(identify),
            kad,
        }
    })
}

pub(super) async fn address_of(node: &Running) -> (PeerId, Multiaddr) {
    let address = node.addresses().await.remove(0);
    let status = node.node.status().await.expect("it runs");
    (status.peer_id.parse().expect("a peer id"), address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_network_does_not_merge_with_ours() {
    let nodes = network(2).await;
    let (ours, address) = address_of(&nodes[0]).await;
    let mut foreign = foreign();
    foreign
        .listen_on("/memory/0".parse().expect("an address"))
        .expect("it listens");
    foreign.behaviour_mut().kad.add_address(&ours, address);
    let theirs = *foreign.local_peer_id();
    let _ = foreign.behaviour_mut().kad.bootstrap();

    let (mut said, mut heard) = (false, None);
    let met = async {
        while !said || heard.is_none() {
            let event = foreign.select_next_some().await;
            let SwarmEvent::Behaviour(ForeignEvent::Identify(event)) = event else {
                continue;
            };
            match event {
                identify::Event::Received { info, .. } => heard = Some(info.protocols),
                identify::Event::Sent { .. } => said = true,
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(30), met)
        .await
        .expect("they meet");
    let protocols = heard.expect("it said");
    let foreign_protocol = |protocol: &&StreamProtocol| protocol.as_ref().contains("kad");
    let kads: Vec<_> = protocols.iter().filter(foreign_protocol).collect();
    assert_eq!(kads, [&StreamProtocol::new("/dotkey/kad/1")]);

    let driven = tokio::spawn(async move { while foreign.next().await.is_some() {} });
    let seen = until("the node knows who it talks to", async || {
        let peers = nodes[0].node.peers().await.expect("it runs");
        let it = peers
            .into_iter()
            .find(|peer| peer.peer_id == theirs.to_string());
        it.filter(|peer| peer.agent.is_some())
    });
    let seen = seen.await;
    assert!(seen.connected && !seen.in_table, "{seen:?}");
    assert_eq!(nodes[0].known_peers().await, 1);
    // Nor does it come to the other by hearsay.
    let others = nodes[1].node.peers().await.expect("it runs");
    assert!(others.iter().all(|peer| peer.peer_id != theirs.to_string()));
    driven.abort();
}

/// Sends any bytes as a request, and takes no answer.
#[derive(Clone)]
pub(super) struct Garbage;

impl exchange::Codec for Garbage {
    type Protocol = StreamProtocol;
    type Request = Vec<u8>;
    type Response = ();

    async fn read_request<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()>
    where
        T: AsyncRead + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        bytes: Vec<u8>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&bytes).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Nothing, a length without an end, a length that is too long, a message that is none, and a request cut short.
const BAD: [&[u8]; 5] = [
    &[],
    &[0xff; 4],
    &[0xff, 0xff, 0x7f],
    &[2, 0xff, 0xff],
    &[9, 0x83, 1],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_garbage_is_cut_off() {
    let node = Running::start(in_memory(&[])).await;
    let (ours, address) = address_of(&node).await;
    let protocol = StreamProtocol::new("/dotkey/records/1");
    let mut stranger = stranger(|_| {
        let protocols = [(protocol, ProtocolSupport::Full)];
        exchange::Behaviour::with_codec(Garbage, protocols, exchange::Config::default())
    });
    stranger.dial(address.clone()).expect("it dials");
    let mut turn = BAD.iter().cycle();
    let mut was_connected = false;
    let cut_off = async {
        loop {
            match stranger.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => was_connected = true,
                SwarmEvent::ConnectionClosed { .. } => break,
                SwarmEvent::Behaviour(_) => {}
                _ => continue,
            }
            let bytes = turn.next().expect("it cycles").to_vec();
            stranger.behaviour_mut().send_request(&ours, bytes);
        }
    };
    timeout(Duration::from_secs(30), cut_off)
        .await
        .expect("it is cut off");
    assert!(was_connected);
    let status = node.node.status().await.expect("it runs");
    assert_eq!(status.cut_off_peers, 1, "{status:?}");

    // And stays out.
    stranger.dial(address).expect("it dials");
    let refused = async {
        loop {
            match stranger.select_next_some().await {
                SwarmEvent::OutgoingConnectionError { .. }
                | SwarmEvent::ConnectionClosed { .. } => {
                    break;
                }
                _ => {}
            }
        }
    };
    timeout(Duration::from_secs(30), refused)
        .await
        .expect("it is refused");
    let peers = node.node.peers().await.expect("it runs");
    assert!(peers.iter().all(|peer| !peer.connected), "{peers:?}");
    let metrics = node.node.metrics().await.expect("it runs");
    assert!(
        metrics.contains("dotkey_peers_cut_off_total{offence=\"garbage\"} 1"),
        "{metrics}"
    );
}
