//! Where it is told that what a kept answer was made by has changed: identities' records, and names' holders.

pub(super) use crate::changes::{Changes, of_identity};

use crate::changes::PLACES;

/// Places, each once.
pub(super) fn places(mut places: Vec<u16>) -> Box<[u16]> {
    places.sort_unstable();
    places.dedup();
    places.into()
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
        let places = places(vec![of(1), of(2), of(1), of_label(b"Mine")]);
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
