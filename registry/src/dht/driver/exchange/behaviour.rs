//! Who is connected, who is dialled, and which requests are under way on which connection.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished, DialFailure};
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, FromSwarm, NetworkBehaviour, NotifyHandler,
    PeerAddresses, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};

use super::handler::{Ask, Handler, News};
use super::{Bounds, Codec, Event, NoAnswer, RequestId};

/// The exchange with all peers.
#[derive(Debug)]
pub(crate) struct Behaviour<C: Codec> {
    bounds: Bounds,
    next: u64,
    connected: HashMap<PeerId, Vec<Connection>>,
    /// Requests for who is being dialled.
    dialling: HashMap<PeerId, Vec<Ask<C>>>,
    /// Where peers are that others of the node's protocols met.
    addresses: PeerAddresses,
    events: VecDeque<ToSwarm<Event<C>, Ask<C>>>,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    /// Requests that its handler has not ended.
    under_way: BTreeSet<RequestId>,
}

impl<C: Codec> Behaviour<C> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            next: 0,
            connected: HashMap::new(),
            dialling: HashMap::new(),
            addresses: PeerAddresses::default(),
            events: VecDeque::new(),
        }
    }

    /// Asks a peer; who is not connected is dialled first, at these addresses or where else it is known to be. [`Event::Answered`] or [`Event::Failed`] tells what came of
    /// it, once.
    pub(crate) fn ask(
        &mut self,
        peer: &PeerId,
        request: C::Request,
        addresses: Vec<Multiaddr>,
    ) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        let ask = Ask { id, request };
        if let Some(connections) = self.connected.get_mut(peer)
            && !connections.is_empty()
        {
            // In turn: one that is dead and does not show it yet does not get all.
            let turn = id.0 as usize % connections.len();
            let event = connections[turn].carry(*peer, ask);
            self.events.push_back(event);
            return id;
        }
        let dial = DialOpts::peer_id(*peer)
            .addresses(addresses)
            .extend_addresses_through_behaviour();
        self.events.push_back(ToSwarm::Dial { opts: dial.build() });
        self.dialling.entry(*peer).or_default().push(ask);
        id
    }

    fn fail(&mut self, id: RequestId, error: NoAnswer) {
        let event = Event::Failed { id, error };
        self.events.push_back(ToSwarm::GenerateEvent(event));
    }

    fn on_connected(&mut self, peer: PeerId, id: ConnectionId) {
        let mut connection = Connection {
            id,
            under_way: BTreeSet::new(),
        };
        for ask in self.dialling.remove(&peer).unwrap_or_default() {
            let event = connection.carry(peer, ask);
            self.events.push_back(event);
        }
        self.connected.entry(peer).or_default().push(connection);
    }

    fn on_closed(&mut self, peer: &PeerId, id: ConnectionId) {
        let Some(connections) = self.connected.get_mut(peer) else {
            return;
        };
        let at = connections.iter().position(|it| it.id == id);
        let closed = at.map(|at| connections.swap_remove(at));
        if connections.is_empty() {
            self.connected.remove(peer);
        }
        for id in closed.into_iter().flat_map(|closed| closed.under_way) {
            self.fail(id, NoAnswer::ConnectionClosed);
        }
    }

    fn on_dial_failed(&mut self, peer: &PeerId, error: &DialError) {
        // Somebody else of this node dials already, and that will end one way or the other.
        if matches!(error, DialError::DialPeerConditionFalse(_)) {
            return;
        }
        for ask in self.dialling.remove(peer).unwrap_or_default() {
            self.fail(ask.id, NoAnswer::NotReached);
        }
    }

    /// Takes a request off its connection. Whether it was there: it ends once.
    fn ends(&mut self, peer: &PeerId, connection: ConnectionId, id: RequestId) -> bool {
        let connections = self.connected.get_mut(peer).into_iter().flatten();
        let mut on = connections.filter(|it| it.id == connection);
        on.next().is_some_and(|it| it.under_way.remove(&id))
    }
}

impl Connection {
    fn carry<C: Codec>(&mut self, peer_id: PeerId, ask: Ask<C>) -> ToSwarm<Event<C>, Ask<C>> {
        self.under_way.insert(ask.id);
        ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::One(self.id),
            event: ask,
        }
    }
}

impl<C: Codec> NetworkBehaviour for Behaviour<C> {
    type ConnectionHandler = Handler<C>;
    type ToSwarm = Event<C>;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler<C>, ConnectionDenied> {
        Ok(Handler::new(self.bounds))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler<C>, ConnectionDenied> {
        Ok(Handler::new(self.bounds))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let known = peer.map(|peer| self.addresses.get(&peer).collect());
        Ok(known.unwrap_or_default())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.addresses.on_swarm_event(&event);
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished {
                peer_id,
                connection_id,
                ..
            }) => self.on_connected(peer_id, connection_id),
            FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id,
                connection_id,
                ..
            }) => self.on_closed(&peer_id, connection_id),
            FromSwarm::DialFailure(DialFailure {
                peer_id: Some(peer),
                error,
                ..
            }) => self.on_dial_failed(&peer, error),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        news: News<C>,
    ) {
        let event = match news {
            News::Asked(request, channel) => Event::Asked {
                peer,
                request,
                channel,
            },
            News::Garbage(error) => Event::Garbage { peer, error },
            News::Answered(id, response) if self.ends(&peer, connection, id) => {
                Event::Answered { peer, id, response }
            }
            News::Failed(id, error) if self.ends(&peer, connection, id) => {
                Event::Failed { id, error }
            }
            News::Answered(..) | News::Failed(..) => return,
        };
        self.events.push_back(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Event<C>, Ask<C>>> {
        self.events.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
