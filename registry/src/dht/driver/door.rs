//! The door: how many connections one network may have that others opened, while they are being made and while they last.
//!
//! Anyone opens as many sockets as it likes and says nothing on them. Whatever bound a node has for all, one machine fills it, and nobody else gets in; so one network has a
//! share of each. [`limits`](super::behaviour::Behaviour::limits) bounds all of them together, [`super::room`] lets guests go. Connections that this node makes are not counted.
//!
//! The first packet of QUIC may bear any address, so connections being made over UDP are counted apart: who writes others' addresses on packets shuts these out of QUIC for as
//! long as it goes on, and not out of TCP.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::task::{Context, Poll};

use libp2p::core::transport::PortUse;
use libp2p::core::{ConnectedPoint, Endpoint};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
    THandlerOutEvent, ToSwarm, dummy,
};
use libp2p::{Multiaddr, PeerId};

use super::addresses::{self, is_local, is_relayed};
use crate::dht::crowding::Network;

/// Of the connections of a kind, those of one network: an eighth.
const SHARE: usize = 8;

/// The same of a private network, or of all who come through relays: half. A port that is forwarded by a gateway or a container makes all the world
/// come from one private address.
const SHARE_OF_MANY: usize = 2;

/// One network's at least: what one peer may have, and another one's.
const CONNECTIONS_MIN: usize = 8;

/// Why a connection is not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// Its network has enough.
    #[error("{network} has its share of the connections that others may open: {most}")]
    Network {
        /// Which.
        network: Network,
        /// How many it has.
        most: usize,
    },
    /// There are enough over its transport.
    #[error("{0} connections over this transport are being made already")]
    Transport(u32),
}

/// Counts who comes.
#[derive(Debug)]
pub(crate) struct Door {
    rules: Rules,
    pending: BTreeMap<ConnectionId, Coming>,
    open: BTreeMap<ConnectionId, Network>,
}

/// A connection that is being made.
#[derive(Clone, Copy, Debug)]
struct Coming {
    /// None where it does not count.
    network: Option<Network>,
    over_udp: bool,
}

/// How many may come in all, of which a network has its share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Connections that are being made over one transport.
    pub(crate) pending_max: u32,
    /// Connections that last.
    pub(crate) open_max: u32,
    /// Whether loopback and private networks are exempt.
    pub(crate) local_exempt: bool,
}

impl Door {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            pending: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// What a connection counts under that came to `local` from `remote`; none where nothing counts.
    fn network(&self, local: &Multiaddr, remote: &Multiaddr) -> Option<Network> {
        if is_relayed(local) {
            return Some(Network::RELAYED);
        }
        let ip = addresses::ip(remote)?;
        let exempt = self.rules.local_exempt && is_local(ip);
        (!exempt).then(|| Network::of(ip))
    }
}

/// Whether a network that has so many connections of `all` may have another.
fn admit(network: Network, has: usize, of_many: bool, all: u32) -> Result<(), ConnectionDenied> {
    let share = if of_many { SHARE_OF_MANY } else { SHARE };
    let most = (all as usize / share).max(CONNECTIONS_MIN);
    if has < most {
        return Ok(());
    }
    Err(ConnectionDenied::new(Refused::Network { network, most }))
}

fn is_of_many(local: &Multiaddr, remote: &Multiaddr) -> bool {
    is_relayed(local) || addresses::ip(remote).is_some_and(is_local)
}

impl NetworkBehaviour for Door {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let (network, most) = (self.network(local, remote), self.rules.pending_max);
        let over_udp = local.iter().any(|part| matches!(part, Protocol::Udp(_)));
        let beside = || self.pending.values().filter(|it| it.over_udp == over_udp);
        if beside().count() >= most as usize {
            return Err(ConnectionDenied::new(Refused::Transport(most)));
        }
        if let Some(network) = network {
            let has = beside().filter(|it| it.network == Some(network)).count();
            admit(network, has, is_of_many(local, remote), most)?;
        }
        self.pending
            .insert(connection, Coming { network, over_udp });
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if let Some(network) = self.network(local, remote) {
            let has = self.open.values().filter(|it| **it == network).count();
            let of_many = is_of_many(local, remote);
            admit(network, has, of_many, self.rules.open_max)?;
        }
        Ok(dummy::ConnectionHandler)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(made) => {
                self.pending.remove(&made.connection_id);
                if let ConnectedPoint::Listener {
                    local_addr,
                    send_back_addr,
                } = made.endpoint
                    && let Some(network) = self.network(local_addr, send_back_addr)
                {
                    self.open.insert(made.connection_id, network);
                }
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.open.remove(&closed.connection_id);
            }
            FromSwarm::ListenFailure(failed) => {
                self.pending.remove(&failed.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        _: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use libp2p::core::ConnectedPoint;
    use libp2p::swarm::behaviour::{ConnectionEstablished, ListenFailure};
    use libp2p::swarm::{ConnectionClosed, ListenError};

    use super::*;

    const PENDING_MAX: u32 = 128;
    const OPEN_MAX: u32 = 192;

    fn door(local_exempt: bool) -> Door {
        Door::new(Rules {
            pending_max: PENDING_MAX,
            open_max: OPEN_MAX,
            local_exempt,
        })
    }

    fn address(text: &str) -> Multiaddr {
        text.parse().expect("an address")
    }

    fn here() -> Multiaddr {
        address("/ip4/9.9.9.9/tcp/4380")
    }

    /// Whether the door lets a connection begin.
    fn knocks(door: &mut Door, number: usize, local: &Multiaddr, remote: &str) -> bool {
        let connection = ConnectionId::new_unchecked(number);
        let remote = address(remote);
        let answer = door.handle_pending_inbound_connection(connection, local, &remote);
        if let Err(cause) = &answer {
            assert!(cause.downcast_ref::<Refused>().is_some());
        }
        answer.is_ok()
    }

    /// Whether the door lets a connection stay.
    fn enters(door: &mut Door, number: usize, remote: &str) -> bool {
        let (connection, peer) = (ConnectionId::new_unchecked(number), PeerId::random());
        let (local, remote) = (here(), address(remote));
        let answer = door.handle_established_inbound_connection(connection, peer, &local, &remote);
        if answer.is_err() {
            return false;
        }
        let endpoint = ConnectedPoint::Listener {
            local_addr: local,
            send_back_addr: remote,
        };
        door.on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
            peer_id: peer,
            connection_id: connection,
            endpoint: &endpoint,
            failed_addresses: &[],
            other_established: 0,
        }));
        true
    }

    fn fails(door: &mut Door, number: usize) {
        let (local, remote) = (here(), here());
        door.on_swarm_event(FromSwarm::ListenFailure(ListenFailure {
            local_addr: &local,
            send_back_addr: &remote,
            error: &ListenError::Aborted,
            connection_id: ConnectionId::new_unchecked(number),
            peer_id: None,
        }));
    }

    #[test]
    fn silent_sockets_of_one_network_leave_room_for_others() {
        let mut door = door(false);
        let knocked = (0..1_000_usize).filter(|number| {
            let remote = format!("/ip4/8.8.8.{}/tcp/{}", number % 256, 1 + number);
            knocks(&mut door, *number, &here(), &remote)
        });
        let knocked: Vec<_> = knocked.collect();
        assert_eq!(knocked.len(), PENDING_MAX as usize / SHARE);
        assert!(knocks(&mut door, 1_001, &here(), "/ip4/8.8.9.1/tcp/1"));
        assert!(!knocks(&mut door, 1_002, &here(), "/ip4/8.8.8.1/tcp/1"));
        fails(&mut door, knocked[0]);
        assert!(knocks(&mut door, 1_003, &here(), "/ip4/8.8.8.1/tcp/1"));
        for number in 0..2_000 {
            fails(&mut door, number);
        }
        assert!(door.pending.is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn what_a_network_may_have_depends_on_who_stands_behind_it() {
        let through_relay = address(
            "/ip4/9.9.9.9/tcp/1/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X/p2p-circuit",
        );
        let check = |local_exempt, local: &Multiaddr, remote: &str, expected: usize| {
            let mut door = door(local_exempt);
            let knocked = (0..500).filter(|number| knocks(&mut door, *number, local, remote));
            assert_eq!(knocked.count(), expected, "{remote}");
        };
        check(false, &here(), "/ip4/8.8.8.8/tcp/1", 16);
        check(true, &here(), "/ip4/8.8.8.8/tcp/1", 16);
        check(false, &here(), "/ip4/172.17.0.1/tcp/1", 64);
        check(true, &here(), "/ip4/172.17.0.1/tcp/1", 128);
        check(true, &here(), "/memory/7", 128);
        check(
            true,
            &through_relay,
            "/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X",
            64,
        );
    }

    #[test]
    fn packets_with_the_address_of_another_do_not_shut_it_out_of_tcp() {
        let mut door = door(false);
        let udp = address("/ip4/9.9.9.9/udp/4380/quic-v1");
        let came = (0..10_000_usize).filter(|number| {
            let remote = format!("/ip4/8.8.{}.8/udp/1/quic-v1", number % 256);
            knocks(&mut door, *number, &udp, &remote)
        });
        assert_eq!(came.count(), PENDING_MAX as usize);
        assert!(knocks(&mut door, 10_001, &here(), "/ip4/8.8.7.8/tcp/1"));
    }

    #[test]
    fn one_network_has_its_share_of_what_lasts() {
        let mut door = door(false);
        let mut enter = |number, remote| enters(&mut door, number, remote);
        let entered = (0..500).filter(|number| enter(*number, "/ip6/2001:4860::8/udp/1/quic-v1"));
        assert_eq!(entered.count(), OPEN_MAX as usize / SHARE);
        assert!(enter(1_000, "/ip6/2001:4861::8/udp/1/quic-v1"));
        let (local, remote) = (here(), address("/ip6/2001:4860::8/udp/1/quic-v1"));
        let endpoint = ConnectedPoint::Listener {
            local_addr: local,
            send_back_addr: remote,
        };
        door.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
            peer_id: PeerId::random(),
            connection_id: ConnectionId::new_unchecked(0),
            endpoint: &endpoint,
            cause: None,
            remaining_established: 0,
        }));
        assert!(enters(&mut door, 1_001, "/ip6/2001:4860::9/tcp/1"));
        assert!(!enters(&mut door, 1_002, "/ip6/2001:4860::9/tcp/1"));
    }
}
