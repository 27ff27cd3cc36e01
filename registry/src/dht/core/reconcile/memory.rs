//! A store without a disk, for tests and simulations.

use std::collections::BTreeMap;

use crate::dht::message::Summary;
use crate::dht::peer::Position;

use super::{Fingerprint, Prefix, Shelf, Sums};

/// Summaries by position, and their sums.
#[derive(Clone, Debug, Default)]
pub struct MemoryShelf {
    records: BTreeMap<Position, Summary>,
    sums: Sums,
}

impl MemoryShelf {
    /// Puts a summary in, in the place of any that is there, and gives that one.
    pub fn insert(&mut self, position: Position, summary: Summary) -> Option<Summary> {
        let before = self.remove(&position);
        self.sums.add(&position, &summary);
        self.records.insert(position, summary);
        before
    }

    /// Takes one out.
    pub fn remove(&mut self, position: &Position) -> Option<Summary> {
        let summary = self.records.remove(position)?;
        self.sums.remove(position, &summary);
        Some(summary)
    }

    /// The one at a position.
    #[must_use]
    pub fn get(&self, position: &Position) -> Option<&Summary> {
        self.records.get(position)
    }

    /// All of them, in order of position.
    pub fn iter(&self) -> impl Iterator<Item = (&Position, &Summary)> {
        self.records.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    fn under(&self, prefix: &Prefix) -> impl Iterator<Item = (Position, Summary)> {
        let range = self.records.range(prefix.first..=prefix.last());
        range.map(|(position, summary)| (*position, *summary))
    }
}

impl Shelf for MemoryShelf {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        self.sums.get(prefix).unwrap_or_else(|| {
            let mut all = Fingerprint::default();
            self.under(prefix)
                .for_each(|(position, summary)| all.add(Fingerprint::of(&position, &summary)));
            all
        })
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        self.under(prefix).take(most).collect()
    }
}
