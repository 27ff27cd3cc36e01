//! Looking at each entry of the routing table every few minutes, so that the dead leave it.
//!
//! libp2p's own bootstrap asks for random targets and so looks at some entries and not at others; most entries have no connection that a ping could
//! find broken. A dead entry makes this node's cell look smaller than it is, and its records are repaired only when it is gone. So
//! entries without a connection are dialled in turn: who is not reached leaves, as after any other dial. Whom a
//! connection leads to is pinged, and needs no look.

use libp2p::PeerId;

use super::actions::peer_id;
use super::actor::Actor;
use crate::dht::peer::Peer;

/// From one look to the next.
const LOOK_MS: u64 = 10_000;

/// Looks in which a table is gone through: three minutes.
const LOOKS: usize = 18;

/// Entries of one look at least, so that a small table is gone through sooner.
const ENTRIES_MIN: usize = 5;

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    next_ms: u64,
    last: Option<Peer>,
}

impl Refresh {
    /// The entries to look at now; none where it is not time.
    fn due(&mut self, now_ms: u64, entries: impl Iterator<Item = Peer>) -> Vec<Peer> {
        if now_ms < self.next_ms {
            return Vec::new();
        }
        self.next_ms = now_ms.saturating_add(LOOK_MS);
        let mut entries: Vec<Peer> = entries.collect();
        entries.sort_unstable();
        let count = entries.len().div_ceil(LOOKS).max(ENTRIES_MIN);
        let first = entries.partition_point(|entry| Some(*entry) <= self.last);
        entries.rotate_left(first);
        entries.truncate(count);
        self.last = entries.last().copied();
        entries
    }
}

impl Actor {
    /// Dials the next entries that have no connection.
    pub(super) fn refresh_table(&mut self, now_ms: u64) {
        let entries = self.table.peers().map(|contact| contact.peer);
        let due = self.refresh.due(now_ms, entries);
        let silent = |id: &PeerId| !self.peers.contains(id);
        let ids: Vec<PeerId> = due.iter().filter_map(peer_id).filter(silent).collect();
        for id in ids {
            // Without addresses it is dialled where the table says.
            self.dial(id, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use libp2p::futures::StreamExt;
    use libp2p::identity::Keypair;
    use tokio::time::timeout;

    use super::*;
    use crate::dht::driver::actions::peer;
    use crate::dht::peer::Contact;
    use crate::node::{NodeConfig, Transport};

    fn entries(count: u16) -> impl Iterator<Item = Peer> {
        (0..count).map(|number| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            Peer(key)
        })
    }

    #[test]
    fn each_entry_has_its_turn_in_three_minutes() {
        for count in [0, 1, 4, 5, 17, 90, 91, 200, 1_000] {
            let mut refresh = Refresh::default();
            let mut looks: BTreeMap<Peer, usize> = BTreeMap::new();
            for now_ms in (0..180_000).step_by(250) {
                for entry in refresh.due(now_ms, entries(count)) {
                    *looks.entry(entry).or_default() += 1;
                }
            }
            assert_eq!(looks.len(), usize::from(count));
            let (most, least) = (looks.values().max(), looks.values().min());
            let apart = most.zip(least).map_or(0, |(most, least)| most - least);
            assert!(apart <= 1, "{count}: {looks:?}");
        }
    }

    #[test]
    fn who_comes_and_goes_does_not_stop_the_turns() {
        let mut refresh = Refresh::default();
        assert_eq!(refresh.due(0, entries(20)).len(), ENTRIES_MIN);
        assert!(refresh.due(LOOK_MS - 1, entries(20)).is_empty());
        let rest = refresh.due(LOOK_MS, entries(20).skip(7));
        assert_eq!(rest, entries(12).skip(7).collect::<Vec<_>>());
        assert!(refresh.due(2 * LOOK_MS, entries(0)).is_empty());
        let again = refresh.due(3 * LOOK_MS, entries(3));
        assert_eq!(again, entries(3).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_dead_entry_leaves_the_table() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig {
            transport: Transport::Memory,
            ..NodeConfig::new(folder.path())
        };
        let (mut actor, _node) = Actor::new(config, &Keypair::generate_ed25519()).expect("new");
        let id = Keypair::generate_ed25519().public().to_peer_id();
        let dead = peer(&id).expect("its key is ed25519");
        let nowhere: libp2p::Multiaddr = "/memory/4097".parse().expect("an address");
        actor.trust.add(&nowhere);
        let contact = Contact {
            peer: dead,
            addresses: vec![nowhere.to_vec()],
        };
        actor.table.enter(contact, None).expect("there is room");
        let _ = actor.swarm.behaviour_mut().kad.add_address(&id, nowhere);
        actor.refresh_table(0);
        let info = actor.swarm.network_info();
        assert_eq!(info.connection_counters().num_pending_outgoing(), 1);
        let gone = async {
            while actor.table.contains(&dead) {
                let event = actor.swarm.select_next_some().await;
                actor.on_event(event);
            }
        };
        let minute = Duration::from_secs(60);
        timeout(minute, gone).await.expect("it leaves");
    }
}
