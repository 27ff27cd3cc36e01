//! The routing table as the core reads it: who is in libp2p's table, under the limits of [`crate::dht::crowding`].
//!
//! libp2p's Kademlia owns the buckets and decides who of a full one stays; this module keeps the same set in a form that can be read
//! while the swarm is busy, and counts the networks. A peer enters when it is connected, has said by identify that it speaks our protocols, and
//! gives an address that others may dial. It leaves when it cannot be dialled, says otherwise, or is cut off.
//!
//! Whose bucket is full stands beside the table while it is connected: a connection that is there anyway need not be found again by a lookup.

use std::collections::BTreeMap;

use crate::dht::crowding::{Crowded, Crowding, Network};
use crate::dht::peer::{Contact, Peer, Position};

/// The peers of libp2p's table, by position.
#[derive(Debug)]
pub(crate) struct Table {
    me: Position,
    entries: BTreeMap<Position, Entry>,
    crowding: Crowding,
}

#[derive(Debug)]
struct Entry {
    contact: Contact,
    /// What it is counted under; none where its network is exempt.
    counted: Option<(u8, Network)>,
    /// Whether it is in libp2p's table, or beside it.
    routed: bool,
}

impl Table {
    pub(crate) fn new(me: Peer) -> Self {
        Self {
            me: me.position(),
            entries: BTreeMap::new(),
            crowding: Crowding::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.peers().count()
    }

    pub(crate) fn contains(&self, peer: &Peer) -> bool {
        let entry = self.entries.get(&peer.position());
        entry.is_some_and(|entry| entry.routed)
    }

    pub(crate) fn peers(&self) -> impl Iterator<Item = &Contact> {
        let routed = self.entries.values().filter(|entry| entry.routed);
        routed.map(|entry| &entry.contact)
    }

    /// Takes a peer in, anew if it is here; `network` is where it was met, or none where crowding does not matter.
    ///
    /// # Errors
    /// [`Crowded`] when its network has its share; then it is not here any more.
    pub(crate) fn enter(
        &mut self,
        contact: Contact,
        network: Option<Network>,
    ) -> Result<(), Crowded> {
        let position = contact.peer.position();
        assert!(position != self.me, "a node is not in its own table");
        self.leave(&contact.peer);
        let bucket = u8::try_from(self.me.shared_bits(&position)).expect("another position");
        if let Some(network) = network {
            self.crowding.enter(bucket, network)?;
        }
        let counted = network.map(|network| (bucket, network));
        let routed = true;
        let entry = Entry {
            contact,
            counted,
            routed,
        };
        self.entries.insert(position, entry);
        Ok(())
    }

    /// There is no room for a peer in its bucket: it is beside the table from now on.
    pub(crate) fn step_beside(&mut self, peer: &Peer) {
        if let Some(entry) = self.entries.get_mut(&peer.position()) {
            entry.routed = false;
        }
    }

    /// A peer has no connection any more: who is beside the table goes.
    pub(crate) fn disconnected(&mut self, peer: &Peer) {
        if !self.contains(peer) {
            self.leave(peer);
        }
    }

    /// Lets a peer go. Whether it was here.
    pub(crate) fn leave(&mut self, peer: &Peer) -> bool {
        let Some(entry) = self.entries.remove(&peer.position()) else {
            return false;
        };
        if let Some((bucket, network)) = entry.counted {
            self.crowding.leave(bucket, network);
        }
        true
    }

    /// Up to `count` contacts, in the table or beside it, the closest to `position` first.
    pub(crate) fn closest(&self, position: &Position, count: usize) -> Vec<Contact> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(at, entry)| (at.distance(position), &entry.contact))
            .collect();
        if count < all.len() {
            all.select_nth_unstable_by_key(count, |(distance, _)| *distance);
            all.truncate(count);
        }
        all.sort_unstable_by_key(|(distance, _)| *distance);
        all.into_iter()
            .map(|(_, contact)| contact.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(number: u8) -> Contact {
        Contact {
            peer: Peer([number; 32]),
            addresses: vec![vec![number]].into(),
        }
    }

    #[test]
    fn who_has_no_room_is_found_while_it_is_connected() {
        let mut table = Table::new(Peer([0; 32]));
        for number in 1..=3 {
            table.enter(contact(number), None).expect("exempt");
        }
        let [routed, beside, back] = [1, 2, 3].map(|number| contact(number).peer);
        for peer in [&beside, &back] {
            table.step_beside(peer);
            assert!(!table.contains(peer));
        }
        assert_eq!((table.len(), table.peers().count()), (1, 1));
        let found = |table: &Table, peer: &Peer| {
            let closest = table.closest(&peer.position(), 1);
            closest.first().is_some_and(|it| it.peer == *peer)
        };
        assert!(found(&table, &beside) && found(&table, &back));
        table.enter(contact(3), None).expect("its bucket has room");
        for peer in [&routed, &beside, &back] {
            table.disconnected(peer);
        }
        assert!(found(&table, &routed) && found(&table, &back));
        assert!(!found(&table, &beside) && !table.leave(&beside));
    }

    #[test]
    fn the_closest_come_first_and_no_more_than_asked_for() {
        let mut table = Table::new(Peer([0; 32]));
        for number in 1..=100 {
            table.enter(contact(number), None).expect("exempt");
        }
        let position = Peer([200; 32]).position();
        let mut expected: Vec<_> = (1..=100).map(contact).collect();
        expected.sort_by_key(|contact| contact.peer.position().distance(&position));
        for count in [0, 1, 20, 99, 100, 500] {
            let closest = table.closest(&position, count);
            assert_eq!(closest, expected[..count.min(100)], "{count}");
        }
    }

    #[test]
    fn a_network_has_its_share_of_the_table_until_its_peers_leave() {
        let mut table = Table::new(Peer([0; 32]));
        let network = Network::of([192, 0, 2, 1].into());
        let mut enter = |number| table.enter(contact(number), Some(network)).is_ok();
        let entered = (1..=100).filter(|number| enter(*number));
        let entered: Vec<_> = entered.collect();
        assert!((2..=8).contains(&entered.len()), "{entered:?}");
        assert!(table.enter(contact(200), None).is_ok(), "exempt");
        for number in entered {
            assert!(table.leave(&Peer([number; 32])));
            assert!(!table.leave(&Peer([number; 32])));
        }
        for _ in 0..3 {
            let entered = table.enter(contact(100), Some(network));
            assert!(entered.is_ok(), "again counts once");
        }
        assert_eq!(table.len(), 2);
        table.enter(contact(100), None).expect("met elsewhere");
        for number in [101, 102] {
            let entered = table.enter(contact(number), Some(network));
            assert!(entered.is_ok(), "its place is free");
        }
    }
}
