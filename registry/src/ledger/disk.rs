//! The state's tree on disk: its nodes, the values under them, and what is of no use any more since which block.
//!
//! Nodes lie by path and then version, so that what is read together lies together. Values lie by place with the newest first, so
//! that the newest up to a version is the first that a scan meets. `docs/architecture/ledger.md` has the bytes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use borsh::BorshDeserialize;
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader};
use jmt::{KeyHash, Version};

use super::path::Way;
use super::recent::{Recent, RecentNodes};
use super::stale::{self, Damaged, Row, Stale};
use super::state::{Changes, StateError, View};
use super::update::Update;
use crate::store::{Change, Column, Store, StoreError};

/// Things of no use that one block removes, or those of one block more: more than a block writes, so that they do not pile up.
const PRUNED_MAX: usize = 4 * super::BLOCK_WRITES_MAX;

/// A change of the store that owns its bytes.
pub(super) struct Write {
    pub(super) column: Column,
    pub(super) key: Vec<u8>,
    /// `None` removes.
    pub(super) value: Option<Vec<u8>>,
}

impl Write {
    pub(super) fn put(column: Column, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        let (key, value) = (key.into(), Some(value.into()));
        Self { column, key, value }
    }

    pub(super) fn delete(column: Column, key: impl Into<Vec<u8>>) -> Self {
        let key = key.into();
        Self {
            column,
            key,
            value: None,
        }
    }
}

/// A value with the version that it is of; `None` where the leaf was removed then.
type Versioned = (Version, Option<Vec<u8>>);

/// The tree as of the last block that was written.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) store: Arc<Store>,
    recent: Arc<Recent>,
    nodes: Arc<RecentNodes>,
    base: Arc<AtomicU64>,
}

impl Disk {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            recent: Arc::default(),
            nodes: Arc::default(),
            base: Arc::default(),
        }
    }

    /// The state of a version was taken over whole: what is older is part of neither it nor a newer one.
    pub(super) fn rise(&self, base: Version) {
        self.base.store(base, Ordering::Release);
    }

    /// The oldest version whose values are part of the state of this one.
    fn oldest_of(&self, version: Version) -> Version {
        match self.base.load(Ordering::Acquire) {
            base if base <= version => base,
            _ => 0,
        }
    }

    /// Writes all of it or nothing, and returns when it is on disk.
    pub(super) fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.store.write(&changes(writes).collect::<Vec<_>>())
    }

    /// As [`Disk::write`], with a block's nodes, which are not copied for it.
    pub(super) fn write_block(&self, update: &Update, writes: &[Write]) -> Result<(), StoreError> {
        let column = Column::StateNodes;
        let nodes = update.nodes.iter();
        let nodes = nodes.map(|(key, value)| Change::Put { column, key, value });
        let all: Vec<Change<'_>> = nodes.chain(changes(writes)).collect();
        self.store.write(&all)
    }

    /// Writes all of it or nothing, on disk by the next [`Disk::write`].
    pub(super) fn write_later(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.store.write_later(&changes(writes).collect::<Vec<_>>())
    }

    /// A version that was written, and what it changed: from then on nothing older is taken for it.
    pub(super) fn written(&self, version: Version, changes: &Changes) {
        self.recent.pass(version, changes);
    }

    /// Nodes that were written, which the next blocks begin with.
    pub(super) fn remember(&self, version: Version, update: Update) {
        self.nodes.pass(version, update);
    }

    /// What stands at a place, as it was read or written lately, or else as the disk has it; and since which version.
    fn known(&self, version: Version, place: &[u8; 32]) -> Result<Option<Versioned>, StoreError> {
        if let Some(known) = self.recent.get(version, place) {
            return Ok(Some(known));
        }
        let found = self.versioned(version, place)?;
        let known = found.clone().unwrap_or((self.oldest_of(version), None));
        self.recent.add(version, *place, known);
        Ok(found)
    }

    /// The newest value up to a version, with its own version.
    pub(super) fn versioned(
        &self,
        version: Version,
        place: &[u8; 32],
    ) -> Result<Option<Versioned>, StoreError> {
        let key = value_key(version, place);
        let oldest = self.oldest_of(version);
        self.store
            .first(Column::StateValues, &key, |key, value| {
                let (at, version) = split_value_key(key)?;
                let value = value.split_first().map(|(_, value)| value.to_vec());
                (at == place && version >= oldest).then_some((version, value))
            })
            .map(Option::flatten)
    }

    /// The way from a place to the root of a version, from the disk, so that damage there is found.
    pub(super) fn way(&self, place: &[u8; 32], version: Version) -> Result<Way, StateError> {
        let read = |key: &[u8]| self.store.get(Column::StateNodes, key).map_err(unreadable);
        Way::find(place, version, read)
    }

    /// A node's bytes, as they were written lately, or else as the disk has them.
    pub(super) fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        if let Some(known) = self.nodes.get(key) {
            return Ok(Some(known));
        }
        let found = self.store.get(Column::StateNodes, key);
        found.map_err(unreadable)
    }

    /// What it takes to write a version beside its nodes: values, and a note of all that the version replaces.
    pub(super) fn writes(
        &self,
        version: Version,
        update: &Update,
        changes: &Changes,
    ) -> Result<Vec<Write>, StoreError> {
        let values = changes.iter();
        let values = values.map(|(place, value)| value_write(version, place, value.as_deref()));
        let mut writes: Vec<Write> = values.collect();
        let mut stale = Row::default();
        for key in &update.stale {
            stale.add(Stale::Node, key);
        }
        for (place, value) in changes {
            let Some(before) = version.checked_sub(1) else {
                break;
            };
            if let Some((old, value)) = self.known(before, place)?
                && (value.is_some() || old > self.oldest_of(before))
            {
                stale.add(Stale::Value, &value_key(old, place));
            }
            // Where nothing stands any more, not even that is kept for ever.
            if value.is_none() {
                stale.add(Stale::Value, &value_key(version, place));
            }
        }
        let row = stale.into_bytes();
        writes.extend(row.map(|row| Write::put(Column::StateStale, version.to_be_bytes(), row)));
        Ok(writes)
    }

    /// Removes what was of no use any more by `version`, a bounded part of it.
    pub(super) fn prune(&self, version: Version) -> Result<Vec<Write>, StateError> {
        let mut writes = Vec::new();
        let mut damaged = None;
        let scanned = self.store.scan(Column::StateStale, &[], |key, row| {
            let removed = match key.split_first_chunk::<8>() {
                Some((since, _)) if u64::from_be_bytes(*since) > version => {
                    return ControlFlow::Break(());
                }
                Some((_, [])) => removals(row),
                // From before all of a version stood in one row.
                Some((_, [of, key @ ..])) => Stale::of_byte(*of)
                    .map(|of| vec![removal(of, key)])
                    .ok_or(Damaged),
                None => Err(Damaged),
            };
            match removed {
                Ok(removed) => writes.extend(removed),
                Err(Damaged) => {
                    damaged = Some(Damaged);
                    return ControlFlow::Break(());
                }
            }
            writes.push(Write::delete(Column::StateStale, key));
            match writes.len() < PRUNED_MAX {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        });
        scanned.map_err(unreadable)?;
        match damaged {
            Some(Damaged) => Err(unreadable("a row of what is of no use any more is none")),
            None => Ok(writes),
        }
    }

    /// A state that was written, while its version is kept.
    pub(super) fn at(&self, version: Version) -> DiskView {
        let disk = self.clone();
        DiskView { disk, version }
    }
}

fn changes(writes: &[Write]) -> impl Iterator<Item = Change<'_>> {
    writes.iter().map(|Write { column, key, value }| {
        let column = *column;
        match value {
            Some(value) => Change::Put { column, key, value },
            None => Change::Delete { column, key },
        }
    })
}

fn removals(row: &[u8]) -> Result<Vec<Write>, Damaged> {
    stale::keys(row)
        .map(|noted| noted.map(|(of, key)| removal(of, key)))
        .collect()
}

fn removal(of: Stale, key: &[u8]) -> Write {
    let column = match of {
        Stale::Node => Column::StateNodes,
        Stale::Value => Column::StateValues,
    };
    Write::delete(column, key)
}

/// See [`Disk::at`].
pub(super) struct DiskView {
    disk: Disk,
    version: Version,
}

impl View for DiskView {
    fn leaf(&self, place: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError> {
        let known = self.disk.known(self.version, place);
        Ok(known.map_err(unreadable)?.and_then(|(_, value)| value))
    }
}

pub(super) fn unreadable(error: impl ToString) -> StateError {
    StateError::Unreadable(error.to_string())
}

/// What stands at a place since a version; `None` where nothing does any more.
pub(super) fn value_write(version: Version, place: &[u8; 32], value: Option<&[u8]>) -> Write {
    // A first byte tells what stands there from nothing.
    let value = value.map_or_else(Vec::new, |value| [&[1], value].concat());
    Write::put(Column::StateValues, value_key(version, place), value)
}

impl TreeReader for Disk {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>, anyhow::Error> {
        let bytes = self.store.get(Column::StateNodes, &node_key(key))?;
        Ok(bytes
            .map(|bytes| Node::try_from_slice(&bytes))
            .transpose()?)
    }

    fn get_value_option(
        &self,
        max_version: Version,
        key_hash: KeyHash,
    ) -> Result<Option<Vec<u8>>, anyhow::Error> {
        // What is proved comes from the disk, so that damage there is found.
        let found = self.versioned(max_version, &key_hash.0)?;
        Ok(found.and_then(|(_, value)| value))
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>, anyhow::Error> {
        Ok(None) // What is restored has a scaffold of its own.
    }
}

/// The number of half bytes, the half bytes as the tree packs them, the version.
pub(super) fn node_key(key: &NodeKey) -> Vec<u8> {
    let path: &NibblePath = key.nibble_path();
    let nibbles: Vec<u8> = path.nibbles().map(u8::from).collect();
    let mut bytes = Vec::with_capacity(9 + nibbles.len().div_ceil(2));
    bytes.push(nibbles.len() as u8);
    bytes.extend(
        nibbles
            .chunks(2)
            .map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0)),
    );
    bytes.extend(key.version().to_be_bytes());
    bytes
}

fn value_key(version: Version, place: &[u8; 32]) -> Vec<u8> {
    [&place[..], &(u64::MAX - version).to_be_bytes()].concat()
}

fn split_value_key(key: &[u8]) -> Option<(&[u8; 32], Version)> {
    let (place, version) = key.split_first_chunk::<32>()?;
    Some((
        place,
        u64::MAX - u64::from_be_bytes(version.try_into().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> (tempfile::TempDir, Disk) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(Store::open(folder.path()).expect("a store"));
        (folder, Disk::new(store))
    }

    #[test]
    fn rows_of_either_form_are_pruned_with_what_they_name() {
        let (_folder, disk) = disk();
        let put = |column, key: &[u8], value: &[u8]| Write::put(column, key, value);
        let alone = |of: u8, key: &[u8]| [&1_u64.to_be_bytes()[..], &[of], key].concat();
        let mut row = Row::default();
        row.add(Stale::Node, b"new node");
        row.add(Stale::Value, b"new value");
        let row = row.into_bytes().expect("it has some");
        let writes = [
            put(Column::StateNodes, b"old node", b"1"),
            put(Column::StateValues, b"old value", b"2"),
            put(Column::StateNodes, b"new node", b"3"),
            put(Column::StateValues, b"new value", b"4"),
            put(Column::StateStale, &alone(b'n', b"old node"), b""),
            put(Column::StateStale, &alone(b'v', b"old value"), b""),
            put(Column::StateStale, &2_u64.to_be_bytes(), &row),
        ];
        disk.write(&writes).expect("written");
        let left = |disk: &Disk| {
            let count = |column| {
                let mut count = 0;
                let scanned = disk.store.scan(column, &[], |_, _| {
                    count += 1;
                    ControlFlow::Continue(())
                });
                scanned.expect("it reads");
                count
            };
            [Column::StateNodes, Column::StateValues, Column::StateStale].map(count)
        };
        for (version, expected) in [(0, [2, 2, 3]), (1, [1, 1, 1]), (2, [0, 0, 0])] {
            let pruned = disk.prune(version).expect("it reads");
            disk.write(&pruned).expect("written");
            assert_eq!(left(&disk), expected, "up to {version}");
        }
    }

    #[test]
    fn a_row_that_does_not_read_is_not_passed_over() {
        for (key, row) in [
            (&3_u64.to_be_bytes()[..], &b"n\x09short"[..]),
            (b"key", b""),
        ] {
            let (_folder, disk) = disk();
            disk.write(&[Write::put(Column::StateStale, key, row)])
                .expect("written");
            assert!(matches!(disk.prune(9), Err(StateError::Unreadable(_))));
        }
    }
}
