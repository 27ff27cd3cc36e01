//! A map that is bounded in bytes: what was not asked for lately goes first.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// What a key, its places in the map and in the queue, and the allocator cost besides the value, in round figures.
const OVERHEAD_BYTES: usize = 160;

/// Entries whose bytes together stay below a bound. Which goes is the clock's second chance: one that was asked for since the hand
/// passed it last is passed once more.
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    entries: HashMap<K, Entry<V>>,
    /// In the order in which they are looked at; what is not in the map any more, or came anew, is passed over.
    hand: VecDeque<(K, u64)>,
    bytes: usize,
    bytes_max: usize,
    inserted: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    bytes: usize,
    asked_for: bool,
    number: u64,
}

impl<K: Hash + Eq + Clone, V> Bounded<K, V> {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            hand: VecDeque::new(),
            bytes: 0,
            bytes_max,
            inserted: 0,
        }
    }

    pub(crate) fn get<Q>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.get_mut(key)?;
        entry.asked_for = true;
        Some(&entry.value)
    }

    /// Keeps a value that takes `bytes` of memory, and lets go of others until there is room. What is larger than all of the room
    /// is not kept.
    pub(crate) fn insert(&mut self, key: K, value: V, bytes: usize) {
        self.remove(&key);
        let bytes = bytes + OVERHEAD_BYTES;
        if bytes > self.bytes_max {
            return;
        }
        while self.bytes + bytes > self.bytes_max {
            self.evict();
        }
        self.inserted += 1;
        let number = self.inserted;
        self.hand.push_back((key.clone(), number));
        self.bytes += bytes;
        let entry = Entry {
            value,
            bytes,
            asked_for: false,
            number,
        };
        self.entries.insert(key, entry);
        // Those that were removed and came anew leave their old places behind.
        if self.hand.len() > 2 * self.entries.len() + 16 {
            let entries = &self.entries;
            self.hand
                .retain(|(key, number)| entries.get(key).is_some_and(|it| it.number == *number));
        }
    }

    pub(crate) fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let entry = self.entries.remove(key)?;
        self.bytes -= entry.bytes;
        Some(entry.value)
    }

    /// Keeps only what `keep` says yes to.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K, &V) -> bool) {
        let mut freed = 0;
        self.entries.retain(|key, entry| {
            let kept = keep(key, &entry.value);
            freed += if kept { 0 } else { entry.bytes };
            kept
        });
        self.bytes -= freed;
    }

    /// How many there are, and how many bytes they take.
    #[cfg(test)]
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }

    fn evict(&mut self) {
        let Some((key, number)) = self.hand.pop_front() else {
            assert!(
                self.entries.is_empty(),
                "every entry has a place in the queue"
            );
            return;
        };
        match self.entries.get_mut(&key) {
            Some(entry) if entry.number == number && entry.asked_for => {
                entry.asked_for = false;
                self.hand.push_back((key, number));
            }
            Some(entry) if entry.number == number => {
                self.remove(&key);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_asked_for_stays() {
        let mut kept = Bounded::new(3 * (OVERHEAD_BYTES + 10));
        for key in 0..3 {
            kept.insert(key, key, 10);
        }
        assert_eq!(kept.get(&0), Some(&0));
        kept.insert(3, 3, 10);
        assert_eq!(kept.get(&0), Some(&0));
        assert_eq!(kept.get(&1), None);
        // Larger than all of the room.
        kept.insert(4, 4, 10_000);
        assert_eq!(kept.get(&4), None);
        assert_eq!(kept.size().0, 3);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bytes_and_gives_what_was_put(steps in proptest::collection::vec((0_u8..20, 0_usize..300, 0_u8..4), 0..300)) {
            let mut kept = Bounded::new(2_000);
            let mut newest = HashMap::new();
            for (key, bytes, what) in steps {
                match what {
                    0 => { kept.remove(&key); }
                    1 => kept.retain(|one, _| one % 2 == key % 2),
                    _ => {
                        kept.insert(key, bytes, bytes);
                        newest.insert(key, bytes);
                    }
                }
                let (count, bytes) = kept.size();
                prop_assert!(bytes <= 2_000);
                prop_assert_eq!(kept.entries.values().map(|entry| entry.bytes).sum::<usize>(), bytes);
                prop_assert_eq!(kept.entries.len(), count);
                prop_assert!(kept.hand.len() <= 2 * count + 17 + 20);
                if let Some(found) = kept.get(&key) {
                    prop_assert_eq!(found, &newest[&key]);
                }
            }
        }
    }
}
