//! Addresses that are dialled whatever they are, by whom they came from, for as long as they are said.
//!
//! What the operator wrote down stays. Everything else is somebody's word: of a peer about where it stands, of whoever answers on the local network. It holds for two hours
//! from when it was last said, and where there is no more room, the one who said most loses what it said longest ago. So who says many loses its own, and cannot make this
//! node forget what others said, nor keep an address by having it said again under another name: an address stays with who said it first.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use libp2p::Multiaddr;
use tokio::time::Instant;

/// Addresses kept, the operator's aside: the persisted peers and a local network.
const GIVEN_MAX: usize = 2_048;

/// The operator's: more than anyone writes.
const WRITTEN_MAX: usize = 1_024;

/// So long a word holds. A peer that is connected, or in the routing table, says where it stands every quarter of an hour.
const HOLDS: Duration = Duration::from_secs(2 * 3_600);

/// Whose word an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Giver {
    /// The operator's.
    Operator,
    /// This node's own: it met somebody there.
    Book,
    /// Of whoever answers on the local network.
    Neighbourhood,
    /// Of a peer that stands there, as its connection shows. Whatever identities it has, they are one.
    Peer(Option<IpAddr>),
}

/// The addresses.
#[derive(Debug, Default)]
pub(crate) struct Trusted {
    written: BTreeSet<Multiaddr>,
    given: BTreeMap<Multiaddr, Word>,
}

#[derive(Clone, Copy, Debug)]
struct Word {
    giver: Giver,
    said: Instant,
}

impl Word {
    fn holds(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.said) < HOLDS
    }
}

impl Trusted {
    pub(crate) fn add(&mut self, address: Multiaddr, giver: Giver, now: Instant) {
        if giver == Giver::Operator {
            if self.written.len() < WRITTEN_MAX {
                self.written.insert(address);
            }
            return;
        }
        if let Some(word) = self.given.get_mut(&address) {
            if !word.holds(now) {
                word.giver = giver;
            }
            word.said = now;
            return;
        }
        if self.given.len() >= GIVEN_MAX {
            self.make_room(giver, now);
        }
        self.given.insert(address, Word { giver, said: now });
    }

    pub(crate) fn contains(&self, address: &Multiaddr, now: Instant) -> bool {
        let given = self.given.get(address);
        self.written.contains(address) || given.is_some_and(|word| word.holds(now))
    }

    fn make_room(&mut self, newcomer: Giver, now: Instant) {
        self.given.retain(|_, word| word.holds(now));
        if self.given.len() < GIVEN_MAX {
            return;
        }
        // The newcomer's counts as said.
        let mut counts = BTreeMap::from([(newcomer, 1_usize)]);
        for word in self.given.values() {
            *counts.entry(word.giver).or_default() += 1;
        }
        let most = counts.iter().max_by_key(|(_, count)| **count);
        let Some(most) = most.map(|(giver, _)| *giver) else {
            return;
        };
        let of_most = self.given.iter().filter(|(_, word)| word.giver == most);
        let oldest = of_most.min_by_key(|(_, word)| word.said);
        if let Some(oldest) = oldest.map(|(address, _)| address.clone()) {
            self.given.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> Multiaddr {
        let (high, low) = (number / 250, number % 250);
        let text = format!("/ip4/10.1.{high}.{low}/tcp/4380");
        text.parse().expect("an address")
    }

    fn stands(number: u8) -> Giver {
        Giver::Peer(Some([10, 0, 0, number].into()))
    }

    #[test]
    fn a_word_holds_for_two_hours_from_when_it_was_last_said() {
        let (mut trusted, now) = (Trusted::default(), Instant::now());
        trusted.add(address(1), stands(1), now);
        trusted.add(address(2), Giver::Operator, now);
        trusted.add(address(3), stands(1), now);
        trusted.add(address(3), stands(1), now + HOLDS / 2);
        let after = now + HOLDS;
        let holds = [1, 2, 3].map(|number| trusted.contains(&address(number), after));
        assert_eq!(holds, [false, true, true]);
        assert!(!trusted.contains(&address(3), after + HOLDS));
        trusted.add(address(1), stands(2), after);
        assert_eq!(trusted.given[&address(1)].giver, stands(2), "it was over");
    }

    #[test]
    fn who_says_many_loses_its_own() {
        let (mut trusted, now) = (Trusted::default(), Instant::now());
        trusted.add(address(0), Giver::Operator, now);
        trusted.add(address(1), stands(1), now);
        trusted.add(address(2), Giver::Book, now);
        for number in 3..3 * GIVEN_MAX {
            let later = now + Duration::from_millis(number as u64);
            trusted.add(address(number), stands(2), later);
            // What another said first does not become its own, whatever it says.
            trusted.add(address(1), stands(2), later);
        }
        assert_eq!(trusted.given.len(), GIVEN_MAX);
        let later = now + HOLDS / 2;
        assert!((0..3).all(|number| trusted.contains(&address(number), later)));
        assert!(!trusted.contains(&address(3), later), "its oldest");
        assert!(trusted.contains(&address(3 * GIVEN_MAX - 1), later));
        for number in 0..100 {
            let ours = address(4 * GIVEN_MAX + number);
            trusted.add(ours.clone(), stands(3), later);
            assert!(trusted.contains(&ours, later), "there is room for others");
        }
    }
}
