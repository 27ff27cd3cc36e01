//! What of gossip is not looked at: messages on topics that are none of ours, and messages that are too long to say anything.
//!
//! gossipsub passes messages of our topics to the loop, which judges them, and throws others away without a word after it has kept them for some seconds: a peer could send
//! them without end. Here they are refused before anything is kept of them, and who sends them answers for it. What is longer than a frame closes
//! the stream, five times; then gossipsub does not listen to that connection any more.

use std::collections::VecDeque;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::gossipsub::{
    self, DataTransform, Message, RawMessage, TopicHash, WhitelistSubscriptionFilter,
};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use crate::dht::codec::ANNOUNCEMENT_BYTES_MAX;
use crate::dht::message::TOPICS;

/// Refusals that wait for the loop. Where there are more, it has enough to act on.
const REFUSED_MAX: usize = 64;

/// gossipsub behind the sieve.
pub(crate) type Mesh = gossipsub::Behaviour<Sieve, WhitelistSubscriptionFilter>;

/// Refuses messages, and counts them: gossipsub does not tell it whose they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sieve {
    refused: Arc<AtomicU64>,
}

impl DataTransform for Sieve {
    fn inbound_transform(&self, raw: RawMessage) -> io::Result<Message> {
        let ours = TOPICS.contains(&raw.topic.as_str());
        if !ours || raw.data.len() > ANNOUNCEMENT_BYTES_MAX {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Message {
            source: raw.source,
            data: raw.data,
            sequence_number: raw.sequence_number,
            topic: raw.topic,
        })
    }

    fn outbound_transform(&self, _: &TopicHash, data: Vec<u8>) -> io::Result<Vec<u8>> {
        Ok(data)
    }
}

/// What happens in gossip.
#[derive(Debug)]
pub(crate) enum Event {
    /// What gossipsub tells.
    Mesh(gossipsub::Event),
    /// A peer sent what is refused.
    Refused(PeerId),
}

/// gossipsub, and whose messages were refused.
pub(crate) struct Gossip {
    mesh: Mesh,
    sieve: Sieve,
    refused: VecDeque<PeerId>,
}

impl Gossip {
    /// `mesh` has `sieve` as its transform.
    pub(crate) fn new(mesh: Mesh, sieve: Sieve) -> Self {
        Self {
            mesh,
            sieve,
            refused: VecDeque::new(),
        }
    }
}

/// All that is sent is gossipsub's own.
impl Deref for Gossip {
    type Target = Mesh;

    fn deref(&self) -> &Mesh {
        &self.mesh
    }
}

impl DerefMut for Gossip {
    fn deref_mut(&mut self) -> &mut Mesh {
        &mut self.mesh
    }
}

impl NetworkBehaviour for Gossip {
    type ConnectionHandler = THandler<Mesh>;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.mesh
            .handle_established_inbound_connection(connection, peer, local, remote)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.mesh
            .handle_established_outbound_connection(connection, peer, remote, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.mesh.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        let before = self.sieve.refused.load(Ordering::Relaxed);
        self.mesh
            .on_connection_handler_event(peer, connection, event);
        // All messages of an event go through the sieve before this returns.
        let refused = self.sieve.refused.load(Ordering::Relaxed) != before;
        if refused && self.refused.len() < REFUSED_MAX {
            self.refused.push_back(peer);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        if let Some(peer) = self.refused.pop_front() {
            return Poll::Ready(ToSwarm::GenerateEvent(Event::Refused(peer)));
        }
        self.mesh
            .poll(context)
            .map(|event| event.map_out(Event::Mesh))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_refused_and_counted() {
        let sieve = Sieve::default();
        let check = |topic: &str, length: usize, passes: bool| {
            let raw = RawMessage {
                source: None,
                data: vec![7; length],
                sequence_number: None,
                topic: TopicHash::from_raw(topic),
                signature: None,
                key: None,
                validated: false,
            };
            let before = sieve.refused.load(Ordering::Relaxed);
            let passed = sieve.inbound_transform(raw).is_ok();
            let after = sieve.refused.load(Ordering::Relaxed);
            assert_eq!(passed, passes, "{topic} {length}");
            assert_eq!(after == before, passes, "{topic} {length}");
        };
        for topic in TOPICS {
            check(topic, 0, true);
            check(topic, ANNOUNCEMENT_BYTES_MAX, true);
            check(topic, ANNOUNCEMENT_BYTES_MAX + 1, false);
        }
        check("/dotkey/changes/1/10", 7, false);
        check("", 7, false);
    }
}
