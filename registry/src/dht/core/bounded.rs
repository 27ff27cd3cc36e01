//! Tables that forget: what strangers may make grow has a bound, and the oldest entry makes room.

use std::collections::{BTreeMap, VecDeque};

/// A map of a bounded number of entries. One that is put in again keeps its age.
#[derive(Clone, Debug)]
pub(super) struct Recent<K, V> {
    most: usize,
    entries: BTreeMap<K, (u64, V)>,
    /// In order of age; an entry that was removed leaves its key here until it is the oldest.
    ages: VecDeque<(u64, K)>,
    counted: u64,
}

impl<K: Ord + Copy, V> Recent<K, V> {
    pub(super) fn new(most: usize) -> Self {
        assert!(most > 0, "a table has room for something");
        Self {
            most,
            entries: BTreeMap::new(),
            ages: VecDeque::new(),
            counted: 0,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(_, value)| value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().map(|(key, (_, value))| (key, value))
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if let Some((_, there)) = self.entries.get_mut(&key) {
            *there = value;
            return;
        }
        while self.ages.len() >= self.most {
            let Some((age, oldest)) = self.ages.pop_front() else {
                break;
            };
            if self.entries.get(&oldest).is_some_and(|(of, _)| *of == age) {
                self.entries.remove(&oldest);
            }
        }
        self.counted += 1;
        self.ages.push_back((self.counted, key));
        self.entries.insert(key, (self.counted, value));
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut recent = Recent::new(2);
        recent.insert(1, "a");
        recent.insert(2, "b");
        recent.insert(1, "c");
        recent.insert(3, "d");
        let there = [1, 2, 3].map(|key| recent.get(&key).copied());
        assert_eq!(there, [None, Some("b"), Some("d")]);
        assert_eq!(recent.remove(&2), Some("b"));
        recent.insert(2, "e");
        recent.insert(4, "f");
        assert!(recent.contains(&2) && recent.contains(&4) && recent.values().count() == 2);
    }
}
