//! AutoNAT's client, which asks peers to dial this node back, made to ask again.
//!
//! libp2p's asks about each address once in its life, over connections that this node made itself. A peer that lied, or a router that was just restarting, would leave an address
//! unreachable for ever. So the client can be begun anew: it knows none of the connections there are then, and asks over the next one that this node makes, which
//! [`super::reach`] decides about. It hears of no more addresses than there is room for, for each stranger makes up what it saw.

use std::collections::BTreeSet;
use std::task::{Context, Poll};

use libp2p::autonat::v2::client;
use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NewExternalAddrCandidate,
    THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

/// Addresses asked about before the client is begun anew.
const CANDIDATES_MAX: usize = 32;

/// A client that can be begun anew.
#[derive(Default)]
pub(crate) struct Prober {
    client: client::Behaviour,
    /// Those that this client knows.
    connections: BTreeSet<ConnectionId>,
    candidates: BTreeSet<Multiaddr>,
}

impl Prober {
    /// Asks about these addresses as if nobody had ever been asked, over connections that are made from now on.
    pub(crate) fn begin_anew(&mut self, addresses: impl IntoIterator<Item = Multiaddr>) {
        *self = Self::default();
        for address in addresses {
            self.ask_about(&address);
        }
    }

    fn ask_about(&mut self, addr: &Multiaddr) {
        let known = self.candidates.contains(addr);
        if known || self.candidates.len() < CANDIDATES_MAX {
            self.candidates.insert(addr.clone());
            let candidate = NewExternalAddrCandidate { addr };
            self.client
                .on_swarm_event(FromSwarm::NewExternalAddrCandidate(candidate));
        }
    }
}

impl NetworkBehaviour for Prober {
    type ConnectionHandler = THandler<client::Behaviour>;
    type ToSwarm = client::Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.client
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
        self.client
            .handle_established_outbound_connection(connection, peer, remote, role, port)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::NewExternalAddrCandidate(candidate) => self.ask_about(candidate.addr),
            FromSwarm::ConnectionEstablished(made) => {
                self.connections.insert(made.connection_id);
                self.client.on_swarm_event(event);
            }
            FromSwarm::ConnectionClosed(closed) => {
                if self.connections.remove(&closed.connection_id) {
                    self.client.on_swarm_event(event);
                }
            }
            _ => self.client.on_swarm_event(event),
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        // What an earlier client had asked is not what this one asks.
        if self.connections.contains(&connection) {
            self.client
                .on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<ToSwarm<client::Event, THandlerInEvent<Self>>> {
        self.client.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libp2p::autonat::v2::server;
    use libp2p::core::Transport as _;
    use libp2p::core::transport::MemoryTransport;
    use libp2p::core::upgrade::Version;
    use libp2p::futures::StreamExt;
    use libp2p::identity::Keypair;
    use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
    use libp2p::swarm::{self, SwarmEvent};
    use libp2p::{Swarm, identify, plaintext, yamux};
    use tokio::time::timeout;

    use super::*;

    #[derive(NetworkBehaviour)]
    struct Asking {
        identify: identify::Behaviour,
        prober: Prober,
    }

    #[derive(NetworkBehaviour)]
    struct Serving {
        identify: identify::Behaviour,
        server: server::Behaviour,
    }

    fn node<B: NetworkBehaviour>(behaviour: impl FnOnce(identify::Behaviour) -> B) -> Swarm<B> {
        let key = Keypair::generate_ed25519();
        let transport = MemoryTransport::default()
            .upgrade(Version::V1Lazy)
            .authenticate(plaintext::Config::new(&key))
            .multiplex(yamux::Config::default())
            .boxed();
        let identify = identify::Config::new("/dotkey/1".to_owned(), key.public());
        let config = swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(Duration::from_secs(60));
        let behaviour = behaviour(identify::Behaviour::new(identify));
        Swarm::new(transport, behaviour, key.public().to_peer_id(), config)
    }

    /// What a peer says of an address. Of those under which it saw us it says something too.
    async fn answer(asking: &mut Swarm<Asking>, address: &Multiaddr) -> bool {
        let answered = async {
            loop {
                let event = asking.select_next_some().await;
                if let SwarmEvent::Behaviour(AskingEvent::Prober(event)) = event
                    && event.tested_addr == *address
                {
                    return event.result.is_ok();
                }
            }
        };
        let minute = Duration::from_secs(60);
        timeout(minute, answered).await.expect("it is asked")
    }

    #[tokio::test]
    async fn an_address_that_failed_is_asked_about_again() {
        let mut serving = node(|identify| Serving {
            identify,
            server: server::Behaviour::default(),
        });
        let server = *serving.local_peer_id();
        let there: Multiaddr = "/memory/439801".parse().expect("an address");
        serving.listen_on(there.clone()).expect("it listens");
        tokio::spawn(async move { while serving.next().await.is_some() {} });

        let mut asking = node(|identify| Asking {
            identify,
            prober: Prober::default(),
        });
        let here: Multiaddr = "/memory/439802".parse().expect("an address");
        asking.behaviour_mut().prober.ask_about(&here);
        let dial = |asking: &mut Swarm<Asking>| {
            let options = DialOpts::peer_id(server)
                .condition(PeerCondition::Always)
                .addresses(vec![there.clone()]);
            asking.dial(options.build()).expect("it dials");
        };
        dial(&mut asking);
        assert!(!answer(&mut asking, &here).await, "nobody listens there");

        asking.listen_on(here.clone()).expect("it listens");
        asking.behaviour_mut().prober.begin_anew([here.clone()]);
        dial(&mut asking);
        assert!(answer(&mut asking, &here).await, "now it is reached");
        // The connection of the first client ends without the second's knowing of it.
        let _ = asking.disconnect_peer_id(server);
        let closed = async {
            while asking.is_connected(&server) {
                asking.select_next_some().await;
            }
        };
        let minute = Duration::from_secs(60);
        timeout(minute, closed).await.expect("it closes");
        assert!(asking.behaviour().prober.connections.is_empty());
    }

    #[test]
    fn not_all_that_anyone_saw_is_asked_about() {
        let mut prober = Prober::default();
        for port in 1..=1_000_u64 {
            let address = format!("/memory/{port}").parse().expect("an address");
            prober.ask_about(&address);
        }
        assert_eq!(prober.candidates.len(), CANDIDATES_MAX);
        prober.begin_anew([]);
        assert!(prober.candidates.is_empty());
    }
}
