//! Whether others reach this node, and through whom if they do not.
//!
//! AutoNAT asks peers to dial each address under which someone saw us. One that works is announced; when public ones were tried and none works, the node is
//! behind a NAT and asks two relays for a reservation. Hole punching then makes direct connections of relayed ones.

use std::collections::HashMap;

use libp2p::core::transport::ListenerId;
use libp2p::{Multiaddr, PeerId};

use super::addresses;
use crate::node::Reachability;

/// Addresses that are remembered as tried or seen: a few transports on a few interfaces, and some ports that a NAT made up.
const ADDRESSES_MAX: usize = 16;

/// Relays used at once: one may stop.
const RELAYS_MAX: usize = 2;

/// Failed tries after which the node counts as not reachable: peers may be at fault for one or two.
const FAILURES_MAX: u32 = 3;

/// What is known about how others reach us.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    confirmed: Vec<Multiaddr>,
    seen: Vec<Multiaddr>,
    failures: u32,
    relays: HashMap<ListenerId, PeerId>,
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
        if reached {
            self.failures = 0;
        } else if addresses::ip(address).is_some_and(addresses::is_public) {
            self.failures = self.failures.saturating_add(1);
        }
    }

    /// The verdict, in the words of [`Reachability`].
    pub(crate) fn verdict(&self) -> &'static str {
        let public = |address: &Multiaddr| {
            !addresses::is_relayed(address)
                && addresses::ip(address).is_some_and(addresses::is_public)
        };
        if self.confirmed.iter().any(public) {
            "public"
        } else if self.failures >= FAILURES_MAX {
            "private"
        } else {
            let nothing = self.seen.is_empty() && self.confirmed.is_empty();
            let untried = self.seen.iter().any(public);
            if nothing || untried {
                "unknown"
            } else {
                "local"
            }
        }
    }

    /// Whether another relay is wanted.
    pub(crate) fn wants_relay(&self) -> bool {
        self.relays.len() < RELAYS_MAX && self.verdict() == "private"
    }

    pub(crate) fn relays_through(&self, peer: &PeerId) -> bool {
        self.relays.values().any(|relay| relay == peer)
    }

    pub(crate) fn relay_asked(&mut self, listener: ListenerId, relay: PeerId) {
        self.relays.insert(listener, relay);
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
        Reachability {
            verdict: self.verdict(),
            addresses,
            relays: self.relays.values().map(PeerId::to_string).collect(),
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
        let public: Multiaddr = "/ip4/8.8.8.8/tcp/1".parse().expect("one");
        let private: Multiaddr = "/ip4/10.0.0.1/tcp/1".parse().expect("one");
        let mut reach = Reach::default();
        assert_eq!(reach.verdict(), "unknown");
        reach.seen(private.clone());
        assert_eq!(reach.verdict(), "local");
        reach.seen(public.clone());
        assert_eq!(reach.verdict(), "unknown");
        for _ in 0..FAILURES_MAX {
            assert!(!reach.wants_relay());
            reach.tried(&private, false);
            reach.tried(&public, false);
        }
        assert_eq!(reach.verdict(), "private");
        assert!(reach.wants_relay());
        reach.tried(&public, true);
        reach.confirmed(public.clone());
        assert_eq!(reach.verdict(), "public");
        assert_eq!(reach.status().addresses.len(), 2);
        reach.expired(&public);
        assert_eq!(reach.verdict(), "unknown");
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
