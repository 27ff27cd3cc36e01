//! Whether others reach this node, and through whom if they do not.
//!
//! AutoNAT asks a peer to dial each address under which someone saw us. One that works is announced; when public ones were tried and none works, the
//! node is behind a NAT and asks two relays for a reservation. Hole punching then makes direct connections of relayed ones.
//!
//! It asks over connections that this node made, and about each address once ([`super::prober`]). A node that all others have dialled made none, a peer may lie, and a
//! router is mended: while there is no address under which this node is reached, it connects to two peers of its table now and then, to ask them again. A confirmed address is asked
//! about again each hour, and given up when three peers in a row do not reach it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// The first time that is left for peers to be asked without further effort.
const PAUSE_MS_MIN: u64 = 30_000;

/// The longest from asking to asking again: a port that an operator opens is noticed within this.
const PAUSE_MS_MAX: u64 = 3_600_000;

/// Addresses asked about again: each may cost 100 KB, which AutoNAT wants for dialling one that it does not see us under.
const AGAIN_MAX: usize = 4;

/// Peers that do not reach a confirmed address, with none between them that does, before it is given up: one may lie, or be cut off itself.
const MISSES_MAX: usize = 3;

/// Peers asked again at once: one may lie.
const ASKED: usize = 2;

/// What is known about how others reach us.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    next_ms: u64,
    pause_ms: u64,
    asked: usize,
    confirmed: Vec<Multiaddr>,
    seen: Vec<Multiaddr>,
    failed: Vec<Multiaddr>,
    /// What the operator says: nobody is asked about it.
    announced: Vec<Multiaddr>,
    /// Who did not reach a confirmed address since someone last did.
    missed: BTreeMap<Multiaddr, BTreeSet<PeerId>>,
    /// When the confirmed ones were last asked about.
    sure_ms: Option<u64>,
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

    /// The operator says that others reach this node there.
    pub(crate) fn announced(&mut self, address: Multiaddr) {
        self.announced.push(address.clone());
        self.confirmed(address);
    }

    /// An address does not hold any more.
    pub(crate) fn expired(&mut self, address: &Multiaddr) {
        self.confirmed.retain(|known| known != address);
        self.missed.remove(address);
    }

    /// A peer tried an address. Whether one that was confirmed is to be given up.
    pub(crate) fn tried(&mut self, address: &Multiaddr, by: PeerId, reached: bool) -> bool {
        self.failed.retain(|known| known != address);
        if reached {
            self.missed.remove(address);
            return false;
        }
        if self.announced.contains(address) {
            return false;
        }
        if self.confirmed.contains(address) {
            let missed = self.missed.entry(address.clone()).or_default();
            missed.insert(by);
            if missed.len() < MISSES_MAX {
                return false;
            }
            self.expired(address);
            keep(&mut self.failed, address.clone());
            return true;
        }
        keep(&mut self.failed, address.clone());
        false
    }

    /// Which addresses to ask about again; none when it is not time, or there is nothing to ask.
    pub(crate) fn ask_again(&mut self, now_ms: u64) -> Option<Vec<Multiaddr>> {
        let verdict = self.verdict();
        if verdict == "public" {
            return self.make_sure(now_ms);
        }
        self.sure_ms = None;
        let mut addresses: Vec<_> = self.seen.iter().chain(&self.failed).collect();
        addresses.retain(|address| is_public(address));
        if addresses.is_empty() || !matches!(verdict, "unknown" | "private") {
            self.pause_ms = PAUSE_MS_MIN;
            self.next_ms = now_ms.saturating_add(PAUSE_MS_MIN);
            return None;
        }
        if now_ms < self.next_ms {
            return None;
        }
        self.pause_ms = (2 * self.pause_ms).clamp(PAUSE_MS_MIN, PAUSE_MS_MAX);
        self.next_ms = now_ms.saturating_add(self.pause_ms);
        // The newest are the likeliest.
        let mut again = Vec::new();
        for address in addresses.into_iter().rev() {
            if again.len() < AGAIN_MAX && !again.contains(address) {
                again.push(address.clone());
            }
        }
        Some(again)
    }

    /// Which confirmed addresses to ask about again: after an hour, and sooner where one was missed.
    fn make_sure(&mut self, now_ms: u64) -> Option<Vec<Multiaddr>> {
        let since_ms = *self.sure_ms.get_or_insert(now_ms);
        let wait_ms = if self.missed.is_empty() {
            self.pause_ms = PAUSE_MS_MIN;
            PAUSE_MS_MAX
        } else {
            self.pause_ms
        };
        if now_ms < since_ms.saturating_add(wait_ms) {
            return None;
        }
        if !self.missed.is_empty() {
            self.pause_ms = (2 * self.pause_ms).min(PAUSE_MS_MAX);
        }
        self.sure_ms = Some(now_ms);
        let asked = |address: &&Multiaddr| is_public(address) && !self.announced.contains(address);
        let confirmed = self.confirmed.iter().rev().filter(asked);
        let again: Vec<_> = confirmed.take(AGAIN_MAX).cloned().collect();
        (!again.is_empty()).then_some(again)
    }

    /// Whom of `servers` to ask this time: each has its turn.
    pub(crate) fn turn<T>(&mut self, mut servers: Vec<T>) -> Vec<T> {
        if !servers.is_empty() {
            let first = self.asked % servers.len();
            servers.rotate_left(first);
        }
        servers.truncate(ASKED);
        self.asked = self.asked.wrapping_add(servers.len());
        servers
    }

    /// The verdict, in the words of [`Reachability`].
    pub(crate) fn verdict(&self) -> &'static str {
        let public = |address: &&Multiaddr| is_public(address);
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

/// Whether it leads here from everywhere, if it leads here.
fn is_public(address: &Multiaddr) -> bool {
    !addresses::is_relayed(address) && addresses::ip(address).is_some_and(addresses::is_public)
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
        reach.tried(&private, PeerId::random(), false);
        assert_eq!(reach.verdict(), "local");
        let others: Vec<_> = (2..5)
            .map(|port| address(&format!("/ip4/8.8.8.8/tcp/{port}")))
            .collect();
        reach.seen(public.clone());
        assert_eq!(reach.verdict(), "unknown");
        reach.tried(&public, PeerId::random(), false);
        assert_eq!(reach.verdict(), "private", "all that there are failed");
        reach.seen(others[0].clone());
        assert!(!reach.wants_relay(), "one is not tried yet");
        for other in &others {
            reach.seen(other.clone());
            reach.tried(other, PeerId::random(), false);
        }
        reach.seen(address("/ip4/8.8.8.8/tcp/9"));
        assert!(
            reach.wants_relay(),
            "a NAT that makes up ports is no excuse"
        );
        reach.tried(&public, PeerId::random(), true);
        reach.confirmed(public.clone());
        assert_eq!(reach.verdict(), "public");
        assert!(reach.status().addresses.contains(&public.to_string()));
        reach.expired(&public);
        assert_eq!(reach.verdict(), "private");
    }

    #[test]
    fn who_is_not_reached_asks_again_ever_less_often() {
        let address = |text: &str| -> Multiaddr { text.parse().expect("an address") };
        let public = address("/ip4/8.8.8.8/tcp/1");
        let mut reach = Reach::default();
        let asked = |reach: &mut Reach, from_ms: u64, to_ms: u64| -> Vec<u64> {
            let ticks = (from_ms..to_ms).step_by(250);
            let asks = |now_ms: &u64| {
                let again = reach.ask_again(*now_ms);
                assert!(again.iter().all(|again| *again == [public.clone()]));
                again.is_some()
            };
            ticks.filter(asks).map(|now_ms| now_ms / 1_000).collect()
        };
        assert!(asked(&mut reach, 0, 600_000).is_empty(), "nobody saw it");
        reach.seen(address("/ip4/10.0.0.1/tcp/1"));
        assert!(asked(&mut reach, 0, 600_000).is_empty(), "local");
        reach.seen(public.clone());
        // All that it knows dialled it, and nobody was asked.
        assert_eq!(reach.verdict(), "unknown");
        assert_eq!(asked(&mut reach, 600_000, 1_200_000), [629, 689, 809, 1049]);
        reach.tried(&public, PeerId::random(), false);
        let more = asked(&mut reach, 1_200_000, 6 * 3_600_000);
        let pauses: Vec<_> = more.windows(2).map(|it| it[1] - it[0]).collect();
        assert_eq!(pauses, [960, 1_920, 3_600, 3_600, 3_600, 3_600]);
        reach.tried(&public, PeerId::random(), true);
        reach.confirmed(public.clone());
        // From then on it only makes sure, once an hour.
        assert_eq!(
            asked(&mut reach, 100_000_000, 110_000_000),
            [103_600, 107_200]
        );
    }

    #[test]
    fn a_confirmed_address_is_given_up_when_three_in_a_row_do_not_reach_it() {
        let address = |text: &str| -> Multiaddr { text.parse().expect("an address") };
        let (public, said) = (address("/ip4/8.8.8.8/tcp/1"), address("/ip4/8.8.8.8/tcp/2"));
        let mut reach = Reach::default();
        reach.confirmed(public.clone());
        reach.announced(said.clone());
        let peers: Vec<PeerId> = (0..9).map(|_| PeerId::random()).collect();
        let mut tries = |by: usize, reached| reach.tried(&public, peers[by], reached);
        assert!(
            !tries(0, false) && !tries(0, false) && !tries(0, false),
            "one"
        );
        assert!(!tries(1, false) && !tries(2, true), "it is reached");
        assert!(!tries(3, false) && !tries(4, false) && tries(5, false));
        assert_eq!(reach.verdict(), "public", "the operator says so");
        for peer in &peers {
            assert!(!reach.tried(&said, *peer, false), "nobody is asked");
        }
        reach.expired(&said);
        assert_eq!(reach.verdict(), "private");
    }

    #[test]
    fn who_was_missed_is_asked_about_soon() {
        let public: Multiaddr = "/ip4/8.8.8.8/tcp/1".parse().expect("an address");
        let mut reach = Reach::default();
        reach.confirmed(public.clone());
        assert_eq!(reach.ask_again(0), None);
        assert_eq!(reach.ask_again(PAUSE_MS_MAX - 1), None);
        let again = Some(vec![public.clone()]);
        assert_eq!(reach.ask_again(PAUSE_MS_MAX), again);
        reach.tried(&public, PeerId::random(), false);
        let mut asked = Vec::new();
        for now_ms in (PAUSE_MS_MAX..PAUSE_MS_MAX + 300_000).step_by(1_000) {
            if reach.ask_again(now_ms).is_some() {
                asked.push((now_ms - PAUSE_MS_MAX) / 1_000);
            }
        }
        assert_eq!(asked, [30, 90, 210]);
        reach.tried(&public, PeerId::random(), true);
        assert_eq!(reach.ask_again(PAUSE_MS_MAX + 300_000), None);
    }

    #[test]
    fn each_peer_has_its_turn_and_few_addresses_are_asked_about() {
        let mut reach = Reach::default();
        assert!(reach.turn(Vec::<u8>::new()).is_empty());
        let turns: Vec<_> = (0..4).flat_map(|_| reach.turn(vec![1, 2, 3])).collect();
        assert_eq!(turns, [1, 2, 3, 1, 2, 3, 1, 2]);
        for port in 1..=9 {
            reach.seen(format!("/ip4/8.8.8.8/tcp/{port}").parse().expect("one"));
        }
        let again = reach.ask_again(0).expect("it is time");
        assert_eq!(again.len(), AGAIN_MAX);
        assert!(again[0].to_string().ends_with("/9"), "the newest first");
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
