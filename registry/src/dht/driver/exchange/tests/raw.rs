//! A peer whose streams are the test's.

use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::core::upgrade::ReadyUpgrade;
use libp2p::swarm::handler::{ConnectionEvent, ConnectionHandler, ConnectionHandlerEvent};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NotifyHandler, SubstreamProtocol, ToSwarm,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::*;

/// What the test tells it.
#[derive(Debug)]
enum Order {
    Dial(Multiaddr),
    Open(PeerId),
    Disconnect(PeerId),
}

pub(super) struct RawPeer {
    pub(super) id: PeerId,
    pub(super) address: Multiaddr,
    /// Streams that others opened, as they come.
    pub(super) accepted: UnboundedReceiver<Stream>,
    opened: UnboundedReceiver<Stream>,
    orders: UnboundedSender<Order>,
    runs: JoinHandle<()>,
}

impl RawPeer {
    pub(super) async fn new() -> Self {
        let (to_accepted, accepted) = unbounded_channel();
        let (to_opened, opened) = unbounded_channel();
        let (orders, mut told) = unbounded_channel();
        let raw = Raw {
            accepted: to_accepted,
            opened: to_opened,
            open: Vec::new(),
            connected: Vec::new(),
        };
        let (mut swarm, address) = listening(raw, PATIENCE).await;
        let id = *swarm.local_peer_id();
        let runs = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    order = told.recv() => match order {
                        Some(Order::Dial(address)) => swarm.dial(address).expect("it dials"),
                        Some(Order::Open(peer)) => swarm.behaviour_mut().open.push(peer),
                        Some(Order::Disconnect(peer)) => { let _ = swarm.disconnect_peer_id(peer); }
                        None => return,
                    },
                }
            }
        });
        Self {
            id,
            address,
            accepted,
            opened,
            orders,
            runs,
        }
    }

    fn order(&self, order: Order) {
        self.orders.send(order).expect("it runs");
    }

    pub(super) fn dial(&self, peer: &Ours) {
        self.order(Order::Dial(peer.address.clone()));
    }

    pub(super) fn disconnect(&self, peer: PeerId) {
        self.order(Order::Disconnect(peer));
    }

    /// A stream to a peer that it has a connection with.
    pub(super) async fn open(&mut self, peer: &mut Ours) -> Stream {
        self.order(Order::Open(peer.id()));
        let opened = peer.during(self.opened.recv()).await;
        opened.expect("it runs")
    }

    /// The next stream that somebody opens.
    pub(super) async fn accept(&mut self, peer: &mut Ours) -> Stream {
        let accepted = peer.during(self.accepted.recv()).await;
        accepted.expect("it runs")
    }

    pub(super) fn accepted_none(&mut self) {
        assert!(self.accepted.try_recv().is_err(), "another stream");
    }

    /// Is gone without a word.
    pub(super) async fn vanish(self) {
        self.runs.abort();
        let _ = self.runs.await;
    }
}

struct Raw {
    accepted: UnboundedSender<Stream>,
    opened: UnboundedSender<Stream>,
    open: Vec<PeerId>,
    connected: Vec<PeerId>,
}

impl Raw {
    fn handler(&self) -> RawHandler {
        RawHandler {
            accepted: self.accepted.clone(),
            opened: self.opened.clone(),
            open: 0,
        }
    }
}

impl NetworkBehaviour for Raw {
    type ConnectionHandler = RawHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<RawHandler, ConnectionDenied> {
        Ok(self.handler())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<RawHandler, ConnectionDenied> {
        Ok(self.handler())
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        if let FromSwarm::ConnectionEstablished(established) = event {
            self.connected.push(established.peer_id);
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, _: Infallible) {}

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, ()>> {
        // Who is told of a stream before the connection is there waits for it.
        let next = self.open.iter().position(|id| self.connected.contains(id));
        let Some(peer_id) = next.map(|next| self.open.swap_remove(next)) else {
            return Poll::Pending;
        };
        Poll::Ready(ToSwarm::NotifyHandler {
            peer_id,
            handler: NotifyHandler::Any,
            event: (),
        })
    }
}

struct RawHandler {
    accepted: UnboundedSender<Stream>,
    opened: UnboundedSender<Stream>,
    open: usize,
}

type Upgrade = ReadyUpgrade<StreamProtocol>;

impl ConnectionHandler for RawHandler {
    type FromBehaviour = ();
    type ToBehaviour = Infallible;
    type InboundProtocol = Upgrade;
    type OutboundProtocol = Upgrade;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Upgrade> {
        SubstreamProtocol::new(ReadyUpgrade::new(Bytes::PROTOCOL), ())
    }

    fn on_behaviour_event(&mut self, (): ()) {
        self.open += 1;
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Upgrade, Upgrade>) {
        // The test may be over.
        let _ = match event {
            ConnectionEvent::FullyNegotiatedInbound(it) => self.accepted.send(it.protocol),
            ConnectionEvent::FullyNegotiatedOutbound(it) => self.opened.send(it.protocol),
            _ => return,
        };
    }

    fn poll(
        &mut self,
        _: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Upgrade, (), Infallible>> {
        if self.open == 0 {
            return Poll::Pending;
        }
        self.open -= 1;
        let protocol = self.listen_protocol();
        Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol })
    }
}
