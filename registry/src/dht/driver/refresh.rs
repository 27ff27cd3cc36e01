//! Looking now and then at each entry of the routing table that has no connection, so that the dead leave it.
//!
//! libp2p's own bootstrap asks for random targets and so looks at some entries and not at others; most entries have no connection that a ping could
//! find broken. A dead entry near this node makes its cell look smaller than it is, and its records are repaired only when it is gone: the near are looked
//! at every few minutes. A dead entry that is far costs one failed request, after which it leaves; so the far are looked at seldom, for each look is a connection that
//! both sides have to make. Who is not reached leaves, as after any other dial. Whom a connection leads to is pinged, and needs no look.

use std::collections::{BTreeMap, BTreeSet};

use super::actions::peer_id;
use super::actor::Actor;
use crate::dht::REPLICATION;
use crate::dht::peer::Peer;

/// From one look to the next.
const LOOK_MS: u64 = 10_000;

/// So long a near entry may go without a sign of life.
const NEAR_MS: u64 = 180_000;

/// So long a far one may: a table of 200 entries makes a connection in four seconds, at most.
const FAR_MS: u64 = 900_000;

/// So many of the closest are near: who keeps this node's records, and who would take their place.
const NEAR: usize = 2 * REPLICATION.get();

/// Entries of one look at most, so that no crowd is dialled at once: all near ones have their turn in time.
const ENTRIES_MAX: usize = 5;

const _: () = assert!(ENTRIES_MAX as u64 * (NEAR_MS / LOOK_MS) >= NEAR as u64);

/// When each entry gave a sign of life, or was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    next_ms: u64,
    seen_ms: BTreeMap<Peer, u64>,
}

/// An entry of the table.
#[derive(Clone, Copy, Debug)]
struct Entry {
    peer: Peer,
    connected: bool,
    near: bool,
}

impl Refresh {
    fn is_time(&self, now_ms: u64) -> bool {
        now_ms >= self.next_ms
    }

    /// The entries to look at now: near ones first, and of these the longest unseen.
    fn due(&mut self, now_ms: u64, entries: &[Entry]) -> Vec<Peer> {
        self.next_ms = now_ms.saturating_add(LOOK_MS);
        let before = std::mem::take(&mut self.seen_ms);
        let mut unseen = Vec::new();
        for entry in entries {
            // Who is new in the table was connected when it entered.
            let last_ms = before.get(&entry.peer).filter(|_| !entry.connected);
            let seen_ms = *last_ms.unwrap_or(&now_ms);
            self.seen_ms.insert(entry.peer, seen_ms);
            let patience_ms = if entry.near { NEAR_MS } else { FAR_MS };
            if now_ms.saturating_sub(seen_ms) >= patience_ms {
                unseen.push((!entry.near, seen_ms, entry.peer));
            }
        }
        unseen.sort_unstable();
        unseen.truncate(ENTRIES_MAX);
        for (.., peer) in &unseen {
            self.seen_ms.insert(*peer, now_ms);
        }
        unseen.into_iter().map(|(.., peer)| peer).collect()
    }
}

impl Actor {
    /// Dials the entries that gave no sign of life for too long.
    pub(super) fn refresh_table(&mut self, now_ms: u64) {
        if !self.refresh.is_time(now_ms) {
            return;
        }
        let closest = self.table.closest(&self.me.position(), NEAR);
        let near: BTreeSet<Peer> = closest.iter().map(|contact| contact.peer).collect();
        let entries = self.table.peers().map(|contact| {
            let peer = contact.peer;
            let id = peer_id(&peer);
            Entry {
                peer,
                connected: id.is_some_and(|id| self.peers.contains(&id)),
                near: near.contains(&peer),
            }
        });
        let entries: Vec<Entry> = entries.collect();
        let due = self.refresh.due(now_ms, &entries);
        for id in due.iter().filter_map(peer_id) {
            // Without addresses it is dialled where the table says.
            self.dial(id, Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use libp2p::futures::StreamExt;
    use libp2p::identity::Keypair;
    use tokio::time::timeout;

    use super::*;
    use crate::dht::driver::actions::peer;
    use crate::dht::peer::Contact;
    use crate::node::{NodeConfig, Transport};

    /// So many entries, the first `near` of them near.
    fn entries(count: u16, near: u16) -> Vec<Entry> {
        let entry = |number: u16| {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            Entry {
                peer: Peer(key),
                connected: false,
                near: number < near,
            }
        };
        (0..count).map(entry).collect()
    }

    /// Who is looked at when, as the looks come.
    fn looks(refresh: &mut Refresh, until_ms: u64, entries: &[Entry]) -> Vec<(u64, Peer)> {
        let mut looks = Vec::new();
        for now_ms in (0..until_ms).step_by(250) {
            if refresh.is_time(now_ms) {
                let due = refresh.due(now_ms, entries);
                assert!(due.len() <= ENTRIES_MAX);
                looks.extend(due.into_iter().map(|peer| (now_ms, peer)));
            }
        }
        looks
    }

    #[test]
    fn the_near_have_their_turn_in_minutes_and_the_far_in_a_quarter_of_an_hour() {
        let near = NEAR as u16;
        for count in [0, 1, near, 90, 200] {
            let entries = entries(count, near);
            let looks = looks(&mut Refresh::default(), 2 * FAR_MS + 1, &entries);
            let mut each: BTreeMap<Peer, Vec<u64>> = BTreeMap::new();
            for (now_ms, peer) in looks {
                each.entry(peer).or_default().push(now_ms);
            }
            for entry in entries {
                let patience_ms = if entry.near { NEAR_MS } else { FAR_MS };
                let mut last_ms = 0;
                for now_ms in &each[&entry.peer] {
                    // Not too soon, and no longer than the others before it take.
                    assert!((patience_ms..2 * patience_ms).contains(&(now_ms - last_ms)));
                    last_ms = *now_ms;
                }
            }
        }
    }

    #[test]
    fn a_sign_of_life_is_as_good_as_a_look() {
        let mut refresh = Refresh::default();
        let mut entries = entries(2, 2);
        refresh.due(0, &entries);
        entries[0].connected = true;
        refresh.due(NEAR_MS / 2, &entries);
        entries[0].connected = false;
        assert_eq!(refresh.due(NEAR_MS, &entries), [entries[1].peer]);
        let again_ms = NEAR_MS / 2 + NEAR_MS;
        assert_eq!(refresh.due(again_ms, &entries), [entries[0].peer]);
        assert!(refresh.due(again_ms, &entries[..1]).is_empty());
        assert_eq!(refresh.seen_ms.len(), 1, "who left is forgotten");
    }

    #[tokio::test]
    async fn a_dead_entry_leaves_the_table() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig {
            transport: Transport::Memory,
            ..NodeConfig::new(folder.path())
        };
        let (mut actor, _node) = Actor::alone(config, &Keypair::generate_ed25519()).expect("new");
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
        actor.refresh_table(FAR_MS);
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
