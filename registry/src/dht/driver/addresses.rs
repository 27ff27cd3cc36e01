//! Which addresses this node believes enough to dial.
//!
//! Addresses come from strangers. Whoever could have any of them dialled could make a thousand nodes knock at a victim's door, or one
//! node at every door of its own home. So a stranger's address has to be of a known shape, of a transport that peers listen on,
//! and public, unless the network is local by configuration. An address that came from the operator, from the neighbourhood
//! (mDNS), or from a peer that stands in the same private network, is *trusted*: it is dialled whatever it is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use tokio::time::Instant;

use super::trusted::{Giver, Trusted};
use crate::dht::crowding::Network;
use crate::dht::peer::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Contact};

/// What this node dials.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    rules: Rules,
    trusted: Arc<Mutex<Trusted>>,
}

/// What a stranger's address may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Loopback and private networks too.
    pub(crate) local: bool,
    /// Only addresses inside this process, for tests.
    pub(crate) memory: bool,
}

impl Trust {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            rules,
            trusted: Arc::default(),
        }
    }

    /// From now on this address is dialled, as long as the word of who gave it holds.
    pub(crate) fn add(&self, address: &Multiaddr, giver: Giver) {
        self.trusted().add(place(address), giver, Instant::now());
    }

    /// Whether to dial it.
    pub(crate) fn allows(&self, address: &Multiaddr) -> bool {
        self.rules.accept(address) || self.trusted().contains(&place(address), Instant::now())
    }

    /// What is dialled on a stranger's word.
    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    fn trusted(&self) -> MutexGuard<'_, Trusted> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of a contact that may be dialled.
    pub(crate) fn of_contact(&self, contact: &Contact) -> Vec<Multiaddr> {
        let mut addresses: Vec<_> = contact
            .addresses
            .iter()
            .take(ADDRESSES_MAX)
            .filter(|bytes| bytes.len() <= ADDRESS_BYTES_MAX)
            .filter_map(|bytes| Multiaddr::try_from(bytes.clone()).ok())
            .filter(|address| self.allows(address))
            .collect();
        addresses.dedup();
        addresses
    }
}

impl Rules {
    /// Whether a stranger's word for this address is enough to dial it.
    pub(crate) fn accept(self, address: &Multiaddr) -> bool {
        if address.as_ref().len() > ADDRESS_BYTES_MAX {
            return false;
        }
        match shape(address) {
            Some(Shape::Memory) => self.memory,
            Some(Shape::Ip(ip)) => !self.memory && (is_public(ip) || self.local && is_local(ip)),
            Some(Shape::Name) | None => false,
        }
    }
}

/// An address without the peer at its end: the same door, whoever is said to open.
pub(crate) fn place(address: &Multiaddr) -> Multiaddr {
    let mut address = address.clone();
    let ends_in_peer = matches!(address.iter().last(), Some(Protocol::P2p(_)));
    if ends_in_peer {
        address.pop();
    }
    address
}

/// Whether a peer that stands at `here` is believed when it names an address of a private network: the connection proves that it stands in this one, and says nothing of
/// others that this machine sees.
pub(crate) fn is_neighbours(here: IpAddr, address: &Multiaddr) -> bool {
    let local = Rules {
        local: true,
        memory: false,
    };
    let in_network = |there| is_local(there) && Network::of(there) == Network::of(here);
    ip(address).is_some_and(in_network) && !is_relayed(address) && local.accept(address)
}

/// The network that stands behind an address: of a relayed one, the relay's.
pub(crate) fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}

/// Whether an address leads through a relay.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address
        .iter()
        .any(|part| matches!(part, Protocol::P2pCircuit))
}

/// The shapes that there are; every other address is refused.
enum Shape {
    Memory,
    Ip(IpAddr),
    /// A name of the old DNS: resolved only when the operator wrote it, because each costs a lookup that someone sees.
    Name,
}

fn shape(address: &Multiaddr) -> Option<Shape> {
    let mut parts = address.iter();
    let shape = match parts.next()? {
        Protocol::Memory(1..) => Shape::Memory,
        first => {
            let shape = match first {
                Protocol::Ip4(ip) => Shape::Ip(ip.into()),
                Protocol::Ip6(ip) => Shape::Ip(ip.into()),
                Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) => Shape::Name,
                _ => return None,
            };
            match parts.next()? {
                Protocol::Tcp(1..) => {}
                Protocol::Udp(1..) => {
                    let Protocol::QuicV1 = parts.next()? else {
                        return None;
                    };
                }
                _ => return None,
            }
            shape
        }
    };
    let rest: Vec<_> = parts.collect();
    match rest.as_slice() {
        []
        | [Protocol::P2p(_)]
        | [Protocol::P2p(_), Protocol::P2pCircuit]
        | [Protocol::P2p(_), Protocol::P2pCircuit, Protocol::P2p(_)] => Some(shape),
        _ => None,
    }
}

/// Whether an address is routed on the internet. IANA's special-purpose registries (RFC 6890) list what is not.
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || a == 0
        || a >= 224 // Multicast, reserved, broadcast.
        || (a == 100 && (64..128).contains(&b)) // RFC 6598: behind a carrier's NAT.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99) // RFC 7526: 6to4's relays, withdrawn.
        || (a == 198 && (18..20).contains(&b))) // RFC 2544: benchmarks.
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // RFC 4291: 2000::/3 is what is given out. In it, addresses that embed or stand for others (6to4, Teredo, ORCHID) and the
    // documentation's are left out.
    a & 0xe000 == 0x2000
        && a != 0x2002
        && !(a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        && a != 0x3fff
}

/// Whether an address is of this machine or of a private network.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_loopback()
                || ip.is_private()
                || ip.is_link_local()
                || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dht::peer::Peer;

    const PUBLIC: Rules = Rules {
        local: false,
        memory: false,
    };
    const LOCAL: Rules = Rules {
        local: true,
        memory: false,
    };
    const MEMORY: Rules = Rules {
        local: false,
        memory: true,
    };
    const ID: &str = "12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X";

    fn address(text: &str) -> Multiaddr {
        text.replace("ID", ID).parse().expect("an address")
    }

    #[test]
    fn a_strangers_address_is_public_and_of_a_known_shape() {
        let check = |text: &str, public: bool, local: bool| {
            let address = address(text);
            assert_eq!(PUBLIC.accept(&address), public, "{text}");
            assert_eq!(LOCAL.accept(&address), local, "{text} where local");
            assert!(!MEMORY.accept(&address), "{text} inside a process");
        };
        check("/ip4/8.8.8.8/tcp/4380", true, true);
        check("/ip4/8.8.8.8/udp/4380/quic-v1", true, true);
        check("/ip4/8.8.8.8/udp/4380/quic-v1/p2p/ID", true, true);
        check("/ip4/8.8.8.8/tcp/4380/p2p/ID/p2p-circuit", true, true);
        check(
            "/ip4/8.8.8.8/tcp/4380/p2p/ID/p2p-circuit/p2p/ID",
            true,
            true,
        );
        check("/ip6/2a00:1450::1/tcp/1", true, true);

        check("/ip4/8.8.8.8/tcp/0", false, false);
        check("/ip4/8.8.8.8", false, false);
        check("/ip4/8.8.8.8/udp/4380", false, false);
        check("/ip4/8.8.8.8/udp/4380/quic", false, false);
        check("/ip4/8.8.8.8/tcp/4380/ws", false, false);
        check("/ip4/8.8.8.8/tcp/4380/tcp/4380", false, false);
        check("/dns4/example.org/tcp/4380", false, false);
        check("/p2p/ID", false, false);
        check("/memory/0", false, false);

        for local in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.9",
            "172.31.0.1",
            "169.254.1.1",
            "100.64.0.1",
        ] {
            check(&format!("/ip4/{local}/tcp/1"), false, true);
        }
        for local in ["::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1"] {
            check(&format!("/ip6/{local}/udp/1/quic-v1"), false, true);
        }
        for nowhere in [
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
        ] {
            check(&format!("/ip4/{nowhere}/tcp/1"), false, false);
        }
        for nowhere in [
            "::",
            "ff02::1",
            "2001:db8::1",
            "2002::1",
            "2001::1",
            "64:ff9b::1",
        ] {
            check(&format!("/ip6/{nowhere}/tcp/1"), false, false);
        }
    }

    #[test]
    fn a_neighbour_is_believed_about_its_own_network() {
        let check = |here: &str, text: &str, believed: bool| {
            let here = here.parse().expect("an ip");
            assert_eq!(
                is_neighbours(here, &address(text)),
                believed,
                "{here} {text}"
            );
        };
        check("192.168.1.5", "/ip4/192.168.1.5/tcp/4380", true);
        check("192.168.1.5", "/ip4/192.168.1.9/udp/1/quic-v1", true);
        check("192.168.1.5", "/ip4/192.168.2.5/tcp/4380", false);
        check("192.168.1.5", "/ip4/10.0.0.1/tcp/4380", false);
        check("192.168.1.5", "/ip4/127.0.0.1/tcp/4380", false);
        check("192.168.1.5", "/ip4/192.168.1.5/tcp/4380/ws", false);
        check(
            "192.168.1.5",
            "/ip4/192.168.1.5/tcp/1/p2p/ID/p2p-circuit",
            false,
        );
        check("127.0.0.1", "/ip4/127.0.0.1/tcp/4380", true);
        check("127.0.0.1", "/ip4/192.168.1.5/tcp/4380", false);
        check("fd00::1", "/ip6/fd00::2/tcp/1", true);
        check("fd00::1", "/ip6/fd00:0:1::2/tcp/1", false);
        // What is public is judged by other rules.
        check("8.8.8.8", "/ip4/8.8.8.9/tcp/1", false);
    }

    #[test]
    fn a_test_network_stays_in_its_process() {
        assert!(MEMORY.accept(&address("/memory/7/p2p/ID")));
        assert!(!MEMORY.accept(&address("/memory/0")));
        assert!(!LOCAL.accept(&address("/memory/7")));
    }

    #[test]
    fn what_is_trusted_is_dialled_whoever_is_behind() {
        let trust = Trust::new(PUBLIC);
        let named = address("/dns4/seed.example/tcp/4380/p2p/ID");
        assert!(!trust.allows(&named));
        trust.add(&named, Giver::Operator);
        assert!(trust.allows(&named));
        assert!(trust.allows(&address("/dns4/seed.example/tcp/4380")));
        assert!(!trust.allows(&address("/dns4/seed.example/tcp/4381")));
    }

    #[test]
    fn a_contact_gives_what_may_be_dialled_and_no_more() {
        let good = address("/ip4/8.8.8.8/tcp/4380").to_vec();
        let contact = |addresses: Vec<Vec<u8>>| Contact {
            peer: Peer([1; 32]),
            addresses: addresses.into(),
        };
        let trust = Trust::new(PUBLIC);
        let count = |addresses| trust.of_contact(&contact(addresses)).len();
        assert_eq!(count(vec![good.clone()]), 1);
        assert_eq!(count(vec![vec![0xff; 7], vec![], good.clone()]), 1);
        assert_eq!(count(vec![address("/ip4/10.0.0.1/tcp/1").to_vec()]), 0);
        let many = (1..=20).map(|port| address(&format!("/ip4/8.8.8.8/tcp/{port}")).to_vec());
        assert_eq!(count(many.collect()), ADDRESSES_MAX);
    }
}
