//! Who is connected: the connections of each peer, where they lead, and what the peer says of itself.
//!
//! As large as there are connections, which [`super::behaviour`] bounds.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId, StreamProtocol, identify, relay};

use super::addresses;
use crate::dht::crowding::Network;
use crate::dht::{LEDGER_PROTOCOL, RECORDS_PROTOCOL, ROUTING_PROTOCOL};

/// Bytes of an agent's name that are kept and shown: it is a stranger's text.
const AGENT_BYTES_MAX: usize = 64;

/// The connected peers.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    peers: BTreeMap<PeerId, Connected>,
    /// Their connections, and those of them that they opened themselves: counted, as it is asked at every tick.
    connections: usize,
    incoming: usize,
}

/// A connected peer.
#[derive(Debug, Default)]
pub(crate) struct Connected {
    connections: BTreeMap<ConnectionId, Way>,
    /// Whether it was we who opened the first of them.
    pub(crate) dialled: bool,
    /// When that was.
    pub(crate) since_ms: u64,
    /// The last round trip.
    pub(crate) ping: Option<Duration>,
    /// What its software calls itself.
    pub(crate) agent: Option<String>,
    /// Whether it relays for others.
    pub(crate) relays: bool,
    /// Whether it can be asked about the ledger.
    pub(crate) speaks_ledger: bool,
}

/// A connection.
#[derive(Debug)]
struct Way {
    to: Multiaddr,
    dialled: bool,
    opened_ms: u64,
}

impl Connected {
    /// Where its connections lead.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Multiaddr> {
        self.connections.values().map(|way| &way.to)
    }

    /// Where this node reached it itself.
    pub(crate) fn dialled_at(&self) -> impl Iterator<Item = &Multiaddr> {
        let dialled = self.connections.values().filter(|way| way.dialled);
        dialled.map(|way| &way.to)
    }

    /// Where it stands, which a direct connection shows and a relayed one does not.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        let mut direct = self.addresses().filter(|to| !addresses::is_relayed(to));
        direct.find_map(addresses::ip)
    }

    /// The network where it was met; none inside one process.
    pub(crate) fn network(&self) -> Option<Network> {
        let relayed = || {
            let relayed = self.addresses().any(addresses::is_relayed);
            relayed.then_some(Network::RELAYED)
        };
        self.ip().map(Network::of).or_else(relayed)
    }

    /// How many of its connections it opened itself.
    pub(crate) fn incoming(&self) -> usize {
        let incoming = self.connections.values().filter(|way| !way.dialled);
        incoming.count()
    }

    /// Those of its connections that are older than this.
    pub(crate) fn opened_before(&self, ms: u64) -> Vec<ConnectionId> {
        let old = self.connections.iter();
        let old = old.filter(|(_, way)| way.opened_ms < ms);
        old.map(|(connection, _)| *connection).collect()
    }

    /// Whether it has one that is not.
    pub(crate) fn has_newer(&self, ms: u64) -> bool {
        self.connections.values().any(|way| way.opened_ms >= ms)
    }

    /// Takes in what it says of itself.
    pub(crate) fn identified(&mut self, info: &identify::Info) {
        let agent = info.agent_version.chars().filter(|c| !c.is_control());
        let mut kept = String::new();
        for character in agent {
            if kept.len() + character.len_utf8() > AGENT_BYTES_MAX {
                break;
            }
            kept.push(character);
        }
        self.agent = (!kept.is_empty()).then_some(kept);
        self.relays = info.protocols.contains(&relay::HOP_PROTOCOL_NAME);
        self.speaks_ledger = info.protocols.contains(&LEDGER_PROTOCOL);
    }
}

/// Whether a peer takes part in our network: it speaks both of our protocols.
pub(crate) fn takes_part(protocols: &[StreamProtocol]) -> bool {
    [ROUTING_PROTOCOL, RECORDS_PROTOCOL]
        .iter()
        .all(|ours| protocols.contains(ours))
}

impl Peers {
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.peers.contains_key(peer)
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<&Connected> {
        self.peers.get(peer)
    }

    /// Those that can be asked about the ledger.
    pub(crate) fn speakers(&self) -> impl Iterator<Item = PeerId> {
        let speak = self.peers.iter().filter(|(_, peer)| peer.speaks_ledger);
        speak.map(|(id, _)| *id)
    }

    pub(crate) fn get_mut(&mut self, peer: &PeerId) -> Option<&mut Connected> {
        self.peers.get_mut(peer)
    }

    /// All connections of all peers.
    pub(crate) fn connections(&self) -> usize {
        self.connections
    }

    /// Of these, those that others opened.
    pub(crate) fn incoming(&self) -> usize {
        self.incoming
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Connected)> {
        self.peers.iter()
    }

    pub(crate) fn opened(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        to: Multiaddr,
        dialled: bool,
        now_ms: u64,
    ) {
        let connected = self.peers.entry(peer).or_insert_with(|| Connected {
            dialled,
            since_ms: now_ms,
            ..Connected::default()
        });
        let way = Way {
            to,
            dialled,
            opened_ms: now_ms,
        };
        if let Some(before) = connected.connections.insert(connection, way) {
            self.count_closed(&before);
        }
        self.connections += 1;
        self.incoming += usize::from(!dialled);
    }

    /// A connection ended. Whether it was the peer's last.
    pub(crate) fn closed(&mut self, peer: &PeerId, connection: &ConnectionId) -> bool {
        let Some(connected) = self.peers.get_mut(peer) else {
            return false;
        };
        let closed = connected.connections.remove(connection);
        let last = connected.connections.is_empty();
        if last {
            self.peers.remove(peer);
        }
        if let Some(way) = closed {
            self.count_closed(&way);
        }
        last
    }

    fn count_closed(&mut self, way: &Way) {
        self.connections -= 1;
        self.incoming -= usize::from(!way.dialled);
    }

    /// Whether a connection leads to this address.
    pub(crate) fn leads_to(&self, address: &Multiaddr) -> bool {
        let place = addresses::place(address);
        self.peers
            .values()
            .flat_map(Connected::addresses)
            .any(|to| addresses::place(to) == place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_peer_stands_is_what_a_direct_connection_shows() {
        let relay = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";
        let relayed: Multiaddr = format!("/ip4/8.8.8.8/tcp/1/p2p/{relay}/p2p-circuit")
            .parse()
            .expect("an address");
        let direct: Multiaddr = "/ip4/9.9.9.9/tcp/1".parse().expect("an address");
        let (mut peers, id) = (Peers::default(), PeerId::random());
        let [first, second] = [1, 2].map(ConnectionId::new_unchecked);
        peers.opened(id, first, relayed, false, 0);
        let met = |peers: &Peers| {
            let peer = peers.get(&id).expect("connected");
            (peer.ip(), peer.network(), peer.incoming())
        };
        assert_eq!(met(&peers), (None, Some(Network::RELAYED), 1));
        peers.opened(id, second, direct, true, 0);
        let ip: IpAddr = [9, 9, 9, 9].into();
        assert_eq!(met(&peers), (Some(ip), Some(Network::of(ip)), 1));
        assert_eq!((peers.connections(), peers.incoming()), (2, 1));
        assert!(!peers.closed(&id, &second));
        assert_eq!(met(&peers), (None, Some(Network::RELAYED), 1));
        assert_eq!((peers.connections(), peers.incoming()), (1, 1));
        assert!(peers.closed(&id, &first));
        assert_eq!((peers.connections(), peers.incoming()), (0, 0));
    }
}
