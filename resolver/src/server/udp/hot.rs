//! The answers that one thread gave lately: found without a lock, because nobody else looks here.
//!
//! The cache stays the one place where answers are kept and let go of. A packet that is gone there is seen to be gone here by its
//! mark; what nobody asks for is found by a hand that goes round.

use std::sync::Arc;

use ahash::RandomState;

use crate::server::packet::Packet;
use crate::server::query::KeyBytes;

/// Places that one key may have.
const WAYS: usize = 4;

const PLACES_MIN: usize = 1 << 8;
const PLACES_MAX: usize = 1 << 18;

/// Places looked at after each batch, and when nothing comes in for a while.
const SWEPT: usize = 32;

/// A thread's own table of packets.
pub(in crate::server) struct Hot {
    hasher: RandomState,
    places: Vec<Place>,
    hand: usize,
    /// Packets that had to make room since the table grew last.
    crowded: usize,
}

#[derive(Clone, Default)]
struct Place {
    hash: u64,
    packet: Option<Arc<Packet>>,
}

impl Hot {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            places: vec![Place::default(); PLACES_MIN],
            hand: 0,
            crowded: 0,
        }
    }

    /// The packet under a key, if it is here and not gone.
    pub(in crate::server) fn get(&self, key: &KeyBytes) -> Option<&Packet> {
        let key = key.as_bytes();
        let hash = self.hasher.hash_one(key);
        let start = self.start(hash);
        self.places[start..start + WAYS]
            .iter()
            .filter(|place| place.hash == hash)
            .filter_map(|place| place.packet.as_deref())
            .find(|packet| packet.key_bytes() == key && !packet.is_gone())
    }

    /// Holds a packet of the cache.
    pub(in crate::server) fn put(&mut self, key: &KeyBytes, packet: &Arc<Packet>) {
        if self.crowded > self.places.len() / 2 && self.places.len() < PLACES_MAX {
            self.grow();
        }
        self.place(self.hasher.hash_one(key.as_bytes()), Arc::clone(packet));
    }

    /// Lets go of what is gone, a few places at a time.
    pub(super) fn sweep(&mut self) {
        for _ in 0..SWEPT {
            self.hand = (self.hand + 1) % self.places.len();
            let place = &mut self.places[self.hand];
            if place.packet.as_ref().is_some_and(|packet| packet.is_gone()) {
                *place = Place::default();
            }
        }
    }

    /// The same of all places.
    pub(super) fn sweep_all(&mut self) {
        for _ in 0..self.places.len() / SWEPT {
            self.sweep();
        }
    }

    fn start(&self, hash: u64) -> usize {
        (hash as usize & (self.places.len() - 1)) & !(WAYS - 1)
    }

    fn place(&mut self, hash: u64, packet: Arc<Packet>) {
        let start = self.start(hash);
        let ways = &mut self.places[start..start + WAYS];
        let free = ways.iter().position(|place| {
            let same =
                |held: &Arc<Packet>| held.is_gone() || held.key_bytes() == packet.key_bytes();
            place.packet.as_ref().is_none_or(same)
        });
        let at = free.unwrap_or_else(|| {
            self.crowded += 1;
            (hash >> 62) as usize
        });
        ways[at] = Place {
            hash,
            packet: Some(packet),
        };
    }

    fn grow(&mut self) {
        let larger = vec![Place::default(); self.places.len() * 4];
        let before = core::mem::replace(&mut self.places, larger);
        for Place { hash, packet } in before {
            if let Some(packet) = packet {
                self.place(hash, packet);
            }
        }
        (self.hand, self.crowded) = (0, 0);
    }
}

const _: () = assert!(
    PLACES_MIN.is_power_of_two() && WAYS == 4,
    "places are found by masks, and chosen by two bits"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::packet::{Kind, Made};
    use crate::server::query::Key;
    use crate::server::said::Said;
    use dotkey_proto::dns::RecordType;
    use hickory_proto::op::ResponseCode;

    fn packet(number: usize) -> (KeyBytes, Arc<Packet>) {
        let key = Key {
            name: format!("n{number}.example.").parse().expect("a name"),
            rtype: RecordType::A,
            dnssec: false,
            unchecked: false,
        };
        let made = Made {
            kind: Kind::Ordinary,
            at: 0,
            kept_secs: 60,
            as_of: 0,
            told_at: Box::default(),
        };
        let said = Said::only(ResponseCode::NoError, None);
        (key.to_bytes(), Arc::new(Packet::new(&key, &said, made)))
    }

    #[test]
    fn what_is_put_is_found_until_it_is_gone() {
        let mut hot = Hot::new();
        let packets: Vec<_> = (0..5_000).map(packet).collect();
        // Twice: what had to make room while the table was small is put again.
        for _ in 0..2 {
            for (key, packet) in &packets {
                hot.put(key, packet);
                let found = hot.get(key).expect("it was put just now");
                assert_eq!(found.key_bytes(), packet.key_bytes());
            }
        }
        let found = |hot: &Hot| {
            packets
                .iter()
                .filter(|(key, _)| hot.get(key).is_some())
                .count()
        };
        assert!(found(&hot) > 4_000, "{}", found(&hot));
        assert!(hot.places.len() <= PLACES_MAX);
        packets.iter().for_each(|(_, packet)| packet.go());
        assert_eq!(found(&hot), 0);
        hot.sweep_all();
        assert!(
            packets
                .iter()
                .all(|(_, packet)| Arc::strong_count(packet) == 1)
        );
    }

    #[test]
    fn a_newer_packet_takes_the_place_of_the_one_before() {
        let mut hot = Hot::new();
        let ((key, before), (_, newer)) = (packet(1), packet(1));
        hot.put(&key, &before);
        hot.put(&key, &newer);
        assert!(core::ptr::eq(hot.get(&key).expect("it was put"), &*newer));
        assert_eq!(Arc::strong_count(&before), 1);
    }
}
