//! Two peers in one process: one of ours, and one whose streams the test holds in its hands, to do with them whatever a peer may do.

mod asking;
mod ends;
mod frames;
mod raw;
mod serving;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use libp2p::core::transport::MemoryTransport;
use libp2p::core::upgrade::Version;
use libp2p::futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, Swarm, Transport, plaintext, yamux};
use tokio::time::timeout;

use super::*;
use crate::dht::codec::MessageError;
use raw::RawPeer;

/// Nothing here takes so long, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// So long may nothing take that is meant to be given up.
const SOON: Duration = Duration::from_millis(100);

/// Messages are bytes. Those that begin with this one are none.
const GARBAGE: u8 = 0xff;

#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes;

fn decode(bytes: &[u8]) -> Result<Vec<u8>, MessageError> {
    match bytes.first() {
        Some(&GARBAGE) => Err(MessageError::ErrorCode),
        _ => Ok(bytes.to_vec()),
    }
}

impl Codec for Bytes {
    const PROTOCOL: StreamProtocol = StreamProtocol::new("/test/1");
    const REQUEST_BYTES_MAX: usize = 66_000;
    const RESPONSE_BYTES_MAX: usize = 98_000;
    type Request = Vec<u8>;
    type Response = Vec<u8>;
    type Error = MessageError;

    fn encode_request(request: &Vec<u8>) -> Vec<u8> {
        request.clone()
    }

    fn decode_request(bytes: &[u8]) -> Result<Vec<u8>, MessageError> {
        decode(bytes)
    }

    fn encode_response(response: &Vec<u8>) -> Vec<u8> {
        response.clone()
    }

    fn decode_response(bytes: &[u8]) -> Result<Vec<u8>, MessageError> {
        decode(bytes)
    }
}

/// A node's bounds, with time enough for everything.
fn bounds() -> Bounds {
    Bounds::new(PATIENCE)
}

/// A swarm that listens, and where.
async fn listening<B: NetworkBehaviour>(behaviour: B, idle: Duration) -> (Swarm<B>, Multiaddr) {
    let key = Keypair::generate_ed25519();
    let transport = MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(plaintext::Config::new(&key))
        .multiplex(yamux::Config::default())
        .boxed();
    let config = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(idle)
        .with_substream_upgrade_protocol_override(Version::V1Lazy);
    let id = key.public().to_peer_id();
    let mut swarm = Swarm::new(transport, behaviour, id, config);
    let anywhere = "/memory/0".parse().expect("an address");
    swarm.listen_on(anywhere).expect("it listens");
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return (swarm, address);
        }
    }
}

/// A peer of ours, and what happened to it that nobody looked at yet.
struct Ours {
    swarm: Swarm<Behaviour<Bytes>>,
    address: Multiaddr,
    events: VecDeque<Event<Bytes>>,
    closed: usize,
}

impl Ours {
    async fn new(bounds: Bounds) -> Self {
        Self::forgetting(bounds, PATIENCE).await
    }

    /// One that closes a connection which nobody uses for so long.
    async fn forgetting(bounds: Bounds, idle: Duration) -> Self {
        let (swarm, address) = listening(Behaviour::new(bounds), idle).await;
        Self {
            swarm,
            address,
            events: VecDeque::new(),
            closed: 0,
        }
    }

    fn id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    fn ask(&mut self, peer: PeerId, at: &Multiaddr, request: &[u8]) -> RequestId {
        let behaviour = self.swarm.behaviour_mut();
        behaviour.ask(&peer, request.to_vec(), vec![at.clone()])
    }

    fn ask_raw(&mut self, peer: &RawPeer, request: &[u8]) -> RequestId {
        self.ask(peer.id, &peer.address, request)
    }

    fn note(&mut self, event: SwarmEvent<Event<Bytes>>) {
        match event {
            SwarmEvent::Behaviour(event) => self.events.push_back(event),
            SwarmEvent::ConnectionClosed { .. } => self.closed += 1,
            _ => {}
        }
    }

    /// Runs while something else happens.
    async fn during<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(timeout(PATIENCE, other));
        loop {
            tokio::select! {
                done = &mut other => return done.expect("it happens"),
                event = self.swarm.select_next_some() => self.note(event),
            }
        }
    }

    async fn next(&mut self) -> Event<Bytes> {
        while self.events.is_empty() {
            let event = timeout(PATIENCE, self.swarm.select_next_some()).await;
            self.note(event.expect("something happens"));
        }
        self.events.pop_front().expect("an event")
    }

    async fn answered(&mut self, id: RequestId, response: &[u8]) {
        match self.next().await {
            Event::Answered {
                id: whose,
                response: what,
                ..
            } => assert_eq!((whose, &what[..]), (id, response)),
            other => panic!("{other:?}"),
        }
    }

    async fn failed(&mut self, id: RequestId) -> NoAnswer {
        match self.next().await {
            Event::Failed { id: whose, error } => {
                assert_eq!(whose, id);
                error
            }
            other => panic!("{other:?}"),
        }
    }

    async fn asked(&mut self) -> (Vec<u8>, Channel<Vec<u8>>) {
        match self.next().await {
            Event::Asked {
                request, channel, ..
            } => (request, channel),
            other => panic!("{other:?}"),
        }
    }

    async fn closed(&mut self) {
        while self.closed == 0 {
            let event = timeout(PATIENCE, self.swarm.select_next_some()).await;
            self.note(event.expect("it closes"));
        }
    }
}

/// Reads a short message.
async fn read(stream: &mut Stream) -> io::Result<Vec<u8>> {
    let mut length = [0];
    stream.read_exact(&mut length).await?;
    let mut message = vec![0; usize::from(length[0])];
    stream.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes a short message.
async fn write(stream: &mut Stream, message: &[u8]) -> io::Result<()> {
    let length = u8::try_from(message.len()).expect("it is short");
    write_bytes(stream, &[&[length], message].concat()).await
}

async fn write_bytes(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Waits until the other side ends a stream.
async fn end(stream: &mut Stream) {
    let mut byte = [0];
    let read = timeout(PATIENCE, stream.read(&mut byte)).await;
    assert!(!matches!(read.expect("it ends"), Ok(1..)), "{byte:?}");
}
