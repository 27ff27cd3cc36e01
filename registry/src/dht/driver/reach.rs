//! Whether others reach this node, and through whom if they do not.
//!
//! AutoNAT asks a peer to dial each address under which someone saw us, once. One that works is announced; when public ones were tried and none works, the
//! node is behind a NAT and asks two relays for a reservation. Hole punching then makes direct connections of relayed ones.

use std::collections::HashMap;

use libp2p::core::transport::ListenerId;
use libp2p::{Multiaddr, PeerId};

use super::addresses;
use crate::node::Reachability;

/// Addresses that are remembered as tried or seen: a few transports on a few interfaces, and some ports that a NAT made up.
const ADDRESSES_MAX: usize = 16;

/// Relays used at once: one may stop.
const RELAYS_MAX: usize = 2;

/// Addresses that failed after which the node counts as not reachable whatever else is untried: a NAT may make up new ones without end.
const FAILURES_MAX: usize = 3;

/// What is known about how others reach us.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    confirmed: Vec<Multiaddr>,
    seen: Vec<Multiaddr>,
    failed: Vec<Multiaddr>,
    relays: HashMap<ListenerId, Relay>,
}

#[derive(Debug)]
struct Relay {
    peer: PeerId,
    /// Whether it agreed.
    agreed: bool,
}

impl Reach {
    /// Someone saw us under this address.
    pub(crate) fn seen(&mut self, address: Multiaddr) {
        keep(&mut self.seen, address);
    }

    /// Someone reached us under this address, or the operator says so.
    pub(crate) fn confirmed(&mut self, address: Multiaddr) {
        keep(&mut self.confirmed, address);
    }

    /// An address does not hold any more.
    pub(crate) fn expired(&mut self, address: &Multiaddr) {
        self.confirmed.retain(|known| known != address);
    }

    /// A peer tried an address.
    pub(crate) fn tried(&mut self, address: &Multiaddr, reached: bool) {
        self.failed.retain(|known| known != address);
        if !reached {
            keep(&mut self.failed, address.clone());
        }
    }

    /// The verdict, in the words of [`Reachability`].
    pub(crate) fn verdict(&self) -> &'static str {
        let public = |address: &&Multiaddr| {
            !addresses::is_relayed(address)
                && addresses::ip(address).is_some_and(addresses::is_public)
        };
        let failed = self.failed.iter().filter(public).count();
        let untried = |address: &Multiaddr| !self.failed.contains(address);
        if self.confirmed.iter().any(|address| public(&address)) {
            "public"
        } else if failed >= FAILURES_MAX {
            "private"
        } else if self.seen.iter().filter(public).any(untried) {
            "unknown"
        } else if failed > 0 {
            "private"
        } else if self.seen.is_empty() && self.confirmed.is_empty() {
            "unknown"
        } else {
            "local"
        }
    }

    /// Whether another relay is wanted.
    pub(crate) fn wants_relay(&self) -> bool {
        self.relays.len() < RELAYS_MAX && self.verdict() == "private"
    }

    pub(crate) fn relays_through(&self, peer: &PeerId) -> bool {
        self.relays.values().any(|relay| relay.peer == *peer)
    }

    pub(crate) fn relay_asked(&mut self, listener: ListenerId, peer: PeerId) {
        let agreed = false;
        self.relays.insert(listener, Relay { peer, agreed });
    }

    /// A relay passes on to us who asks it for us.
    pub(crate) fn relay_agreed(&mut self, peer: &PeerId) {
        for relay in self.relays.values_mut() {
            relay.agreed |= relay.peer == *peer;
        }
    }

    /// A listener ended; it may have been a relay's.
    pub(crate) fn listener_closed(&mut self, listener: ListenerId) {
        self.relays.remove(&listener);
    }

    pub(crate) fn status(&self) -> Reachability {
        let mut addresses: Vec<_> = self.confirmed.iter().map(Multiaddr::to_string).collect();
        for address in &self.seen {
            if !self.confirmed.contains(address) {
                addresses.push(address.to_string());
            }
        }
        let agreed = self.relays.values().filter(|relay| relay.agreed);
        Reachability {
            verdict: self.verdict(),
            addresses,
            relays: agreed.map(|relay| relay.peer.to_string()).collect(),
        }
    }
}

fn keep(addresses: &mut Vec<Multiaddr>, address: Multiaddr) {
    if !addresses.contains(&address) {
        if addresses.len() >= ADDRESSES_MAX {
            addresses.remove(0);
        }
        addresses.push(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_from_what_others_tried() {
        let address = |text: &str| -> Multiaddr { text.parse().expect("an address") };
        let private = address("/ip4/10.0.0.1/tcp/1");
        let public = address("/ip4/8.8.8.8/tcp/1");
        let mut reach = Reach::default();
        assert_eq!(reach.verdict(), "unknown");
        reach.seen(private.clone());
        reach.tried(&private, false);
        assert_eq!(reach.verdict(), "local");
        let others: Vec<_> = (2..5)
            .map(|port| address(&format!("/ip4/8.8.8.8/tcp/{port}")))
            .collect();
        reach.seen(public.clone());
        assert_eq!(reach.verdict(), "unknown");
        reach.tried(&public, false);
        assert_eq!(reach.verdict(), "private", "all that there are failed");
        reach.seen(others[0].clone());
        assert!(!reach.wants_relay(), "one is not tried yet");
        for other in &others {
            reach.seen(other.clone());
            reach.tried(other, false);
        }
        reach.seen(address("/ip4/8.8.8.8/tcp/9"));
        assert!(
            reach.wants_relay(),
            "a NAT that makes up ports is no excuse"
        );
        reach.tried(&public, true);
        reach.confirmed(public.clone());
        assert_eq!(reach.verdict(), "public");
        assert!(reach.status().addresses.contains(&public.to_string()));
        reach.expired(&public);
        assert_eq!(reach.verdict(), "private");
    }

    #[test]
    fn a_relay_is_shown_when_it_agreed() {
        let mut reach = Reach::default();
        let (listener, relay) = (ListenerId::next(), PeerId::random());
        reach.relay_asked(listener, relay);
        assert!(reach.relays_through(&relay) && reach.status().relays.is_empty());
        reach.relay_agreed(&PeerId::random());
        assert!(reach.status().relays.is_empty());
        reach.relay_agreed(&relay);
        assert_eq!(reach.status().relays, [relay.to_string()]);
        reach.listener_closed(listener);
        assert!(!reach.relays_through(&relay));
    }

    #[test]
    fn not_all_that_anyone_saw_is_kept() {
        let mut reach = Reach::default();
        for port in 1..100 {
            reach.seen(format!("/ip4/8.8.8.8/tcp/{port}").parse().expect("one"));
        }
        assert_eq!(reach.status().addresses.len(), ADDRESSES_MAX);
    }
}
