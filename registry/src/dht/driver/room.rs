//! Room for newcomers: whom a node lets go when it is nearly full of connections.
//!
//! Nobody can join through a node that is full, and a connection that carries gossip is never idle, so it would stay full. A node therefore lets a guest go, one who
//! opened its connections itself: of the network with the most of them, so that who fills the node up displaces its own, the one that is here for longest, which has had
//! the time to find more of the network. It keeps its neighbours, with whom it reconciles, and whom it dialled itself: who fills a node up from outside must not take these.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use libp2p::PeerId;

use super::behaviour::incoming_max;
use super::peers::{Connected, Peers};

/// So long a newcomer may stay at least: a few round trips to ask who else there is.
const STAY_MS_MIN: u64 = 3_000;

/// Of the connections that others may open, this share is kept free for newcomers: an eighth.
const FREE_SHARE: u32 = 8;

/// Whether there is less room for newcomers than there should be.
fn is_full(peers: &Peers, connections_max: u32) -> bool {
    let incoming_max = incoming_max(connections_max) as usize;
    let free = (incoming_max / FREE_SHARE as usize).max(1);
    peers.incoming() + free > incoming_max || peers.connections() + free > connections_max as usize
}

/// Whom to let go, if the node is full; `neighbours` finds out whom to keep, where that matters.
pub(crate) fn to_let_go(
    peers: &Peers,
    connections_max: u32,
    now_ms: u64,
    neighbours: impl FnOnce() -> BTreeSet<PeerId>,
) -> Option<PeerId> {
    if !is_full(peers, connections_max) {
        return None;
    }
    let keep = neighbours();
    let mut guests = BTreeMap::new();
    for (_, peer) in peers.iter() {
        *guests.entry(peer.network()).or_insert(0) += peer.incoming();
    }
    let settled = |peer: &Connected| now_ms.saturating_sub(peer.since_ms) >= STAY_MS_MIN;
    let candidates = peers
        .iter()
        .filter(|(id, peer)| !peer.dialled && settled(peer) && !keep.contains(id));
    candidates
        .max_by_key(|(_, peer)| (guests.get(&peer.network()), Reverse(peer.since_ms)))
        .map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::Multiaddr;
    use libp2p::swarm::ConnectionId;

    /// Others may open 24 connections of 32, of which three are kept free.
    const MAX: u32 = 32;
    const FULL: usize = 22;

    fn guest(peers: &mut Peers, number: usize, from: &str) -> PeerId {
        let (id, from) = (PeerId::random(), from.parse().expect("an address"));
        let connection = ConnectionId::new_unchecked(number);
        peers.opened(id, connection, from, false, number as u64);
        id
    }

    #[test]
    fn the_longest_guest_goes_when_the_node_is_full() {
        let mut peers = Peers::default();
        let friend = PeerId::random();
        let connection = ConnectionId::new_unchecked(1_000);
        peers.opened(friend, connection, Multiaddr::empty(), true, 0);
        let guests: Vec<PeerId> = (0..FULL)
            .map(|number| guest(&mut peers, number, "/memory/1"))
            .collect();
        let check = |now_ms, max, keep: &[PeerId], expected: Option<PeerId>| {
            let gone = to_let_go(&peers, max, now_ms, || keep.iter().copied().collect());
            assert_eq!(gone, expected);
        };
        check(STAY_MS_MIN + 2, MAX, &guests[..1], Some(guests[1]));
        check(STAY_MS_MIN + 2, MAX, &[], Some(guests[0]));
        check(STAY_MS_MIN - 1, MAX, &[], None);
        check(STAY_MS_MIN + 2, MAX + 4, &[], None);
        check(STAY_MS_MIN + 2, MAX, &guests, None);
    }

    #[test]
    fn who_fills_a_node_up_displaces_its_own() {
        let mut peers = Peers::default();
        let honest: Vec<_> = (0..10)
            .map(|number| guest(&mut peers, number, &format!("/ip4/8.8.{number}.8/tcp/1")))
            .collect();
        let filling: Vec<_> = (10..FULL)
            .map(|number| guest(&mut peers, number, &format!("/ip4/9.9.9.{number}/tcp/1")))
            .collect();
        let now_ms = 10 * STAY_MS_MIN;
        let gone = to_let_go(&peers, MAX, now_ms, BTreeSet::new);
        assert_eq!(gone, Some(filling[0]));
        let keep = || filling.iter().copied().collect();
        assert_eq!(to_let_go(&peers, MAX, now_ms, keep), Some(honest[0]));
    }

    #[test]
    fn a_few_peers_with_many_connections_fill_a_node_too() {
        let mut peers = Peers::default();
        let first = guest(&mut peers, 0, "/memory/1");
        for number in 1..FULL {
            let connection = ConnectionId::new_unchecked(number);
            peers.opened(first, connection, Multiaddr::empty(), false, 0);
        }
        let gone = to_let_go(&peers, MAX, STAY_MS_MIN, BTreeSet::new);
        assert_eq!(gone, Some(first));
    }

    #[test]
    fn whom_it_dialled_leaves_room_for_guests() {
        let mut peers = Peers::default();
        let mut oldest = None;
        for number in 0..MAX as usize - 2 {
            let id = guest(&mut peers, number, "/memory/1");
            oldest.get_or_insert(id);
            if number % 2 == 0 {
                continue;
            }
            peers.closed(&id, &ConnectionId::new_unchecked(number));
            let connection = ConnectionId::new_unchecked(number);
            peers.opened(id, connection, Multiaddr::empty(), true, 0);
        }
        assert_eq!(
            to_let_go(&peers, MAX, 10 * STAY_MS_MIN, BTreeSet::new),
            oldest
        );
        assert_eq!(
            to_let_go(&peers, MAX + 1, 10 * STAY_MS_MIN, BTreeSet::new),
            None
        );
    }
}
