//! What changed and when, told in constant time and asked without a lock: identities whose records changed, and in the server names whose
//! holders did.

use core::sync::atomic::{AtomicU64, Ordering};

use dotkey_proto::identity::KeyId;

/// Places that changes are told at. Two identities that share one cost each other a look-up at a change, and no more.
pub(crate) const PLACES: usize = 4096;

/// The last change told at each place.
#[derive(Debug)]
pub(crate) struct Changes {
    last: AtomicU64,
    places: Box<[AtomicU64]>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            last: AtomicU64::new(0),
            places: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Now: an answer whose making begins after this has seen all changes up to it.
    pub(crate) fn now(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    /// What is told at a place changed: [`of_identity`].
    pub(crate) fn tell(&self, place: u16) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        self.places[usize::from(place)].fetch_max(number, Ordering::SeqCst);
    }

    /// Anything may have changed.
    pub(crate) fn tell_all(&self) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        for place in &self.places {
            place.fetch_max(number, Ordering::SeqCst);
        }
    }

    /// The last change told at a place.
    pub(crate) fn last_at(&self, place: u16) -> u64 {
        self.places[usize::from(place)].load(Ordering::SeqCst)
    }

    /// Whether nothing was told at these places after `as_of`.
    pub(crate) fn none_since(&self, as_of: u64, places: &[u16]) -> bool {
        let mut places = places.iter();
        places.all(|place| self.last_at(*place) <= as_of)
    }
}

/// Where changes of an identity's records are told. Key ids are digests: any two bytes spread them.
pub(crate) fn of_identity(key_id: &KeyId) -> u16 {
    let [low, high, ..] = *key_id.as_bytes();
    u16::from_le_bytes([low, high]) % PLACES as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::key_id;

    #[test]
    fn what_is_told_is_seen_where_it_was_told() {
        let changes = Changes::new();
        let (first, second) = (of_identity(&key_id(1)), of_identity(&key_id(2)));
        assert_ne!(first, second);
        changes.tell(first);
        let as_of = changes.now();
        assert!(changes.none_since(as_of, &[first, second]));
        assert_eq!((changes.last_at(first), changes.last_at(second)), (1, 0));
        changes.tell(second);
        assert!(changes.none_since(as_of, &[first]));
        assert!(!changes.none_since(as_of, &[first, second]));
        let as_of = changes.now();
        changes.tell_all();
        assert!(!changes.none_since(as_of, &[first]));
        assert!(changes.none_since(changes.now(), &[first, second]));
    }
}
