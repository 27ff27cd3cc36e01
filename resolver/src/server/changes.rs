//! Which identities' records changed, and which names' holders, as answers that are kept see it: told in constant time, asked without a
//! lock.

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

    /// What is told at a place changed: [`of_identity`], [`of_label`].
    pub(super) fn tell(&self, place: u16) {
        let number = self.last.fetch_add(1, Ordering::SeqCst) + 1;
        self.places[usize::from(place)].fetch_max(number, Ordering::SeqCst);
    }

    /// Places, each once.
    pub(super) fn places(mut places: Vec<u16>) -> Box<[u16]> {
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

/// Where changes of an identity's records are told. Key ids are digests: any two bytes spread them.
pub(super) fn of_identity(key_id: &KeyId) -> u16 {
    let [low, high, ..] = *key_id.as_bytes();
    u16::from_le_bytes([low, high]) % PLACES as u16
}

/// Where it is told that a name has another holder. Who finds two labels of one place gains a look-up.
pub(super) fn of_label(label: &[u8]) -> u16 {
    let label = label.to_ascii_lowercase();
    let [low, high, ..] = *blake3::hash(&label).as_bytes();
    u16::from_le_bytes([low, high]) % PLACES as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::key_id;

    #[test]
    fn an_answer_holds_until_one_of_its_identities_changes() {
        let changes = Changes::new();
        let of = |number| of_identity(&key_id(number));
        let places = Changes::places(vec![of(1), of(2), of(1), of_label(b"Mine")]);
        assert_eq!(places.len(), 3);
        changes.tell(of(1));
        let as_of = changes.now();
        assert!(changes.none_since(as_of, &places));
        changes.tell(of(3));
        changes.tell(of_label(b"other"));
        assert!(changes.none_since(as_of, &places));
        changes.tell(of(2));
        assert!(!changes.none_since(as_of, &places));
        let as_of = changes.now();
        changes.tell(of_label(b"mine"));
        assert!(!changes.none_since(as_of, &places));
        assert!(changes.none_since(changes.now(), &places));
    }
}
