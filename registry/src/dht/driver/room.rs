//! Room for newcomers: whom a node lets go when it is nearly full of connections.
//!
//! Nobody can join through a node that is full, and a connection that carries gossip is never idle, so it would stay full. A node therefore closes one of those that
//! others opened, the one that is open for longest, whose peer has had the time to find more of the network. It keeps its neighbours, with whom it reconciles, and
//! whom it dialled itself: who fills a node up from outside must not take these.

use std::collections::BTreeSet;

use libp2p::PeerId;

use super::behaviour::incoming_max;
use super::peers::{Connected, Peers};

/// So long a newcomer may stay at least: a few round trips to ask who else there is.
const STAY_MS_MIN: u64 = 3_000;

/// Of the connections that others may open, this share is kept free for newcomers: an eighth.
const FREE_SHARE: u32 = 8;

/// How many peers a node is connected with before it lets one go.
fn full(connections_max: u32) -> usize {
    let incoming_max = incoming_max(connections_max);
    (incoming_max - (incoming_max / FREE_SHARE).max(1)) as usize
}

/// Whom to let go, if the node is full; `neighbours` finds out whom to keep, where that matters.
pub(crate) fn to_let_go(
    peers: &Peers,
    connections_max: u32,
    now_ms: u64,
    neighbours: impl FnOnce() -> BTreeSet<PeerId>,
) -> Option<PeerId> {
    if peers.len() <= full(connections_max) {
        return None;
    }
    let keep = neighbours();
    let settled = |peer: &Connected| now_ms.saturating_sub(peer.since_ms) >= STAY_MS_MIN;
    let candidates = peers
        .iter()
        .filter(|(id, peer)| !peer.dialled && settled(peer) && !keep.contains(id));
    candidates
        .min_by_key(|(_, peer)| peer.since_ms)
        .map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::Multiaddr;
    use libp2p::swarm::ConnectionId;

    #[test]
    fn the_longest_guest_goes_when_the_node_is_full() {
        let mut peers = Peers::default();
        let guests: Vec<PeerId> = (0..=full(32)).map(|_| PeerId::random()).collect();
        for (index, guest) in guests.iter().enumerate() {
            let connection = ConnectionId::new_unchecked(index);
            let dialled = index == 0;
            peers.opened(
                *guest,
                connection,
                Multiaddr::empty(),
                dialled,
                index as u64,
            );
        }
        let check = |now_ms, max, keep: &[PeerId], expected: Option<PeerId>| {
            let gone = to_let_go(&peers, max, now_ms, || keep.iter().copied().collect());
            assert_eq!(gone, expected);
        };
        // The first was dialled, the second is a neighbour.
        check(STAY_MS_MIN + 2, 32, &guests[1..2], Some(guests[2]));
        check(STAY_MS_MIN + 2, 32, &[], Some(guests[1]));
        check(STAY_MS_MIN, 32, &[], None);
        check(STAY_MS_MIN + 2, 64, &[], None);
        check(STAY_MS_MIN + 2, 32, &guests, None);
    }
}
