//! Which identities' records changed, as answers that are kept see it: told in constant time, asked without a lock.

use core::sync::atomic::{AtomicU64, Ordering};

use dotkey_proto::identity::KeyId;

/// Places that changes are told at. Two identities that share one cost each other a look-up at a change, and no more.
const PLACES: usize = 4096;

/// The last change told at each place.
#[derive(Debug)]
pub(super) struct Changes {
    last: AtomicU64,
    places: Box<[AtomicU64]>,
}

impl Changes {
    pub(super) fn new() -> Self {
        Self {
            last: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Now: an answer whose making begins after this has seen all changes up to it.
    pub(super) fn now(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    /// An identity's records changed.
    pub(super) fn tell(&self, key_id: &KeyId) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        self.places[usize::from(place(key_id))].fetch_max(number, Ordering::SeqCst);
    }

    /// Where changes of these identities are told.
    pub(super) fn places(of: &[KeyId]) -> Box<[u16]> {
        let mut places: Vec<u16> = of.iter().map(place).collect();
        places.sort_unstable();
        places.dedup();
        places.into()
    }

    /// Whether nothing was told at these places after `as_of`.
    pub(super) fn none_since(&self, as_of: u64, places: &[u16]) -> bool {
        places
            .iter()
            .all(|place| self.places[usize::from(*place)].load(Ordering::Acquire) <= as_of)
    }
}

/// Key ids are digests: any two bytes spread them.
fn place(key_id: &KeyId) -> u16 {
    let [low, high, ..] = *key_id.as_bytes();
    u16::from_le_bytes([low, high]) % PLACES as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::key_id;

    #[test]
    fn an_answer_holds_until_one_of_its_identities_changes() {
        let changes = Changes::new();
        let places = Changes::places(&[key_id(1), key_id(2), key_id(1)]);
        assert_eq!(places.len(), 2);
        changes.tell(&key_id(1));
        let as_of = changes.now();
        assert!(changes.none_since(as_of, &places));
        changes.tell(&key_id(3));
        assert!(changes.none_since(as_of, &places));
        changes.tell(&key_id(2));
        assert!(!changes.none_since(as_of, &places));
        assert!(changes.none_since(changes.now(), &places));
    }
}
