//! What happens to connections and listeners. The protocols on them are in [`super::protocols`].

use std::collections::BTreeSet;

use libp2p::core::ConnectedPoint;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{ConnectionError, ConnectionId, DialError, ListenError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, allow_block_list, connection_limits};

use super::actions::{peer, peer_id};
use super::actor::Actor;
use super::addresses::place;
use super::behaviour::BehaviourEvent;
use super::door::Refused;
use super::room;
use crate::dht::core::Input;
use crate::dht::message::CLOSER_MAX;

impl Actor {
    pub(super) fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_protocol(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                let (to, now_ms) = (remote(peer_id, &endpoint), self.now().ms);
                let dialled = endpoint.is_dialer();
                self.peers
                    .opened(peer_id, connection_id, to, dialled, now_ms);
                self.close_old_ways(&peer_id);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                connection_id,
                cause,
                ..
            } => self.on_closed(&peer_id, connection_id, cause.as_ref()),
            SwarmEvent::OutgoingConnectionError {
                peer_id,
                connection_id,
                error,
            } => self.on_dial_failed(peer_id, connection_id, &error),
            SwarmEvent::IncomingConnectionError { error, .. } => {
                if let ListenError::Denied { cause } = &error {
                    self.metrics.refused_connection(denied(cause));
                }
                tracing::debug!(%error, "a connection from outside did not come about");
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                tracing::info!(%address, "listening for peers");
            }
            SwarmEvent::ListenerClosed {
                listener_id,
                reason,
                ..
            } => {
                self.reach.listener_closed(listener_id);
                if let Err(error) = reason {
                    tracing::warn!(%error, "a listener closed");
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener failed");
            }
            SwarmEvent::NewExternalAddrCandidate { address } => self.reach.seen(address),
            SwarmEvent::ExternalAddrConfirmed { address } => {
                tracing::info!(%address, "others reach this node");
                self.reach.confirmed(address);
            }
            SwarmEvent::ExternalAddrExpired { address } => self.reach.expired(&address),
            _ => {}
        }
    }

    fn on_closed(
        &mut self,
        id: &PeerId,
        connection: ConnectionId,
        cause: Option<&ConnectionError>,
    ) {
        let last = self.peers.closed(id, &connection);
        tracing::debug!(peer = %id, ?cause, last, "a connection closed");
        if last {
            self.on_ledger_peer_gone(id);
            if let Some(peer) = peer(id) {
                self.table.disconnected(&peer);
            }
        }
        let broken = matches!(cause, Some(ConnectionError::IO(_)));
        // A neighbour that went without a word keeps what we keep: whether it is still there matters at once, not when it is next
        // asked. If it does not answer, it leaves the table.
        if last && broken && self.neighbours().contains(id) {
            self.dial(*id, Vec::new());
        }
    }

    pub(super) fn make_room(&mut self, now_ms: u64) {
        let max = self.config.connections_max;
        let guest = room::to_let_go(&self.peers, max, now_ms, || self.neighbours());
        if let Some(guest) = guest {
            // It may have gone by itself.
            let _ = self.swarm.disconnect_peer_id(guest);
        }
    }

    /// The closest that we know.
    fn neighbours(&self) -> BTreeSet<PeerId> {
        let closest = self.table.closest(&self.me.position(), CLOSER_MAX);
        let ids = closest.iter().filter_map(|contact| peer_id(&contact.peer));
        ids.collect()
    }

    fn on_dial_failed(&mut self, id: Option<PeerId>, dial: ConnectionId, error: &DialError) {
        tracing::debug!(peer = ?id, %error, "a peer was not reached");
        let Some(id) = id else {
            return;
        };
        let proved = self.silence.is_proved(&id, dial);
        let gone = match error {
            DialError::Transport(_) | DialError::NoAddresses | DialError::WrongPeerId { .. } => {
                proved || !self.peers.contains(&id)
            }
            DialError::Denied { cause } => {
                self.metrics.refused_connection(denied(cause));
                false
            }
            _ => false,
        };
        if gone
            && let Some(peer) = peer(&id)
            && self.leave_table(&peer)
        {
            // What it may still be connected by leads nowhere.
            let _ = self.swarm.disconnect_peer_id(id);
            self.joining.lost(peer, self.now().ms);
            self.feed(Input::TableChanged);
        }
    }
}

/// Where a connection leads. One that came through a relay says only who is at its end: the way there is through that relay.
fn remote(id: PeerId, endpoint: &ConnectedPoint) -> Multiaddr {
    match endpoint {
        ConnectedPoint::Listener { local_addr, .. } if endpoint.is_relayed() => {
            place(local_addr).with(Protocol::P2p(id))
        }
        _ => endpoint.get_remote_address().clone(),
    }
}

fn denied(cause: &libp2p::swarm::ConnectionDenied) -> &'static str {
    if cause
        .downcast_ref::<connection_limits::Exceeded>()
        .is_some()
    {
        return "too_many";
    }
    if cause.downcast_ref::<allow_block_list::Blocked>().is_some() {
        return "cut_off";
    }
    match cause.downcast_ref() {
        Some(Refused::Network { .. }) => "crowded",
        Some(Refused::Transport(_)) => "too_many",
        None => "other",
    }
}
