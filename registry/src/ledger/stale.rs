//! What is of no use any more since a version: the keys of its nodes and of its values, all in one row of the disk. A block notes them with one write, and
//! takes them away with one, instead of with one for each.
//!
//! A key stands in its row after a byte that says what it is of, and one that says how long it is.

/// What a key is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// A node of the tree.
    Node,
    /// What a leaf holds.
    Value,
}

/// A row that does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// A row in the making.
#[derive(Debug, Default)]
pub(super) struct Row(Vec<u8>);

impl Row {
    pub(super) fn add(&mut self, of: Stale, key: &[u8]) {
        let len = u8::try_from(key.len()).expect("keys of nodes and values are short");
        self.0.extend([of.byte(), len]);
        self.0.extend_from_slice(key);
    }

    /// Its bytes, where there are any.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

impl Stale {
    fn byte(self) -> u8 {
        match self {
            Self::Node => b'n',
            Self::Value => b'v',
        }
    }

    pub(super) fn of_byte(byte: u8) -> Option<Self> {
        [Self::Node, Self::Value]
            .into_iter()
            .find(|one| one.byte() == byte)
    }
}

/// The keys of a row, in the order in which they were noted.
pub(super) fn keys(mut row: &[u8]) -> impl Iterator<Item = Result<(Stale, &[u8]), Damaged>> {
    std::iter::from_fn(move || {
        let [of, len, rest @ ..] = row else {
            let whole = row.is_empty();
            row = &[];
            return (!whole).then_some(Err(Damaged));
        };
        let read = Stale::of_byte(*of).zip(rest.split_at_checked((*len).into()));
        row = read.map_or(&[], |(_, (_, rest))| rest);
        Some(read.map(|(of, (key, _))| (of, key)).ok_or(Damaged))
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn any_key() -> impl Strategy<Value = (Stale, Vec<u8>)> {
        let of = prop_oneof![Just(Stale::Node), Just(Stale::Value)];
        (of, vec(any::<u8>(), 0..=255))
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(noted in vec(any_key(), 1..20), cut in 1..258_usize) {
            let mut row = Row::default();
            for (of, key) in &noted {
                row.add(*of, key);
            }
            let bytes = row.into_bytes().expect("there are some");
            let expected = noted.iter().map(|(of, key)| Ok((*of, &key[..])));
            prop_assert!(keys(&bytes).eq(expected));
            // Cut within its last key, all before that is as it was.
            let last = 2 + noted.last().expect("there are some").1.len();
            let short = &bytes[..bytes.len() - 1 - cut % last];
            let found: Vec<_> = keys(short).collect();
            let whole = found.iter().filter(|key| key.is_ok()).count();
            prop_assert_eq!(whole, noted.len() - 1);
            prop_assert_eq!(found.len() > whole, short.len() > bytes.len() - last);
        }

        #[test]
        fn any_bytes_get_a_verdict(row in vec(any::<u8>(), 0..400)) {
            prop_assert!(keys(&row).count() <= 200);
        }
    }
}
