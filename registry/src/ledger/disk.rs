//! The state's tree on disk: its nodes, the values under them, and what is of no use any more since which block.
//!
//! Nodes lie by path and then version, so that what is read together lies together. Values lie by place with the newest first, so
//! that the newest up to a version is the first that a scan meets. `docs/architecture/ledger.md` has the bytes.

use std::ops::ControlFlow;
use std::sync::Arc;

use borsh::BorshDeserialize;
use jmt::storage::{LeafNode, NibblePath, Node, NodeKey, TreeReader};
use jmt::{KeyHash, Version};

use super::path::Way;
use super::recent::{Recent, RecentNodes};
use super::state::{Changes, StateError, View};
use super::update::Update;
use crate::store::{Change, Column, Store, StoreError};

/// Things of no use that one block removes: more than a block writes, so that they do not pile up.
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
}

impl Disk {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            recent: Arc::default(),
            nodes: Arc::default(),
        }
    }

    /// Writes all of it or nothing, and returns when it is on disk.
    pub(super) fn write(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.store.write(&changes(writes))
    }

    /// Writes all of it or nothing, on disk by the next [`Disk::write`].
    pub(super) fn write_later(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.store.write_later(&changes(writes))
    }

    /// A version that was written, and what it changed: from then on nothing older is taken for it.
    pub(super) fn written(&self, version: Version, changes: &Changes) {
        self.recent.pass(version, changes);
    }

    /// Nodes that were written, which the next blocks begin with.
    pub(super) fn remember(&self, update: Update) {
        self.nodes.pass(update);
    }

    /// What stands at a place, as it was read or written lately, or else as the disk has it; and since which version.
    fn known(&self, version: Version, place: &[u8; 32]) -> Result<Option<Versioned>, StoreError> {
        if let Some(known) = self.recent.get(version, place) {
            return Ok(Some(known));
        }
        let found = self.versioned(version, place)?;
        let known = found.clone().unwrap_or((0, None));
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
        self.store
            .first(Column::StateValues, &key, |key, value| {
                let (at, version) = split_value_key(key)?;
                let value = value.split_first().map(|(_, value)| value.to_vec());
                (at == place).then_some((version, value))
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

    /// What it takes to write a version: nodes, values, and notes of what they replace.
    pub(super) fn writes(
        &self,
        version: Version,
        update: &Update,
        changes: &Changes,
    ) -> Result<Vec<Write>, StoreError> {
        let mut writes =
            Vec::with_capacity(update.nodes.len() + update.stale.len() + 2 * changes.len());
        let nodes = update.nodes.iter();
        writes.extend(nodes.map(|(key, node)| Write::put(Column::StateNodes, &key[..], &node[..])));
        let values = changes.iter();
        writes.extend(values.map(|(place, value)| value_write(version, place, value.as_deref())));
        let stale = update.stale.iter();
        let stale = stale.map(|key| stale_key(version, b'n', key));
        writes.extend(stale.map(|key| Write::put(Column::StateStale, key, [])));
        for (place, value) in changes {
            let Some(before) = version.checked_sub(1) else {
                break;
            };
            if let Some((old, value)) = self.known(before, place)?
                && (old, &value) != (0, &None)
            {
                let key = stale_key(version, b'v', &value_key(old, place));
                writes.push(Write::put(Column::StateStale, key, []));
            }
            // Where nothing stands any more, not even that is kept for ever.
            if value.is_none() {
                let key = stale_key(version, b'v', &value_key(version, place));
                writes.push(Write::put(Column::StateStale, key, []));
            }
        }
        Ok(writes)
    }

    /// Removes what was of no use any more by `version`, a bounded part of it.
    pub(super) fn prune(&self, version: Version) -> Result<Vec<Write>, StoreError> {
        let mut writes = Vec::new();
        self.store.scan(Column::StateStale, &[], |key, _| {
            let Some((since, rest)) = key.split_first_chunk::<8>() else {
                return ControlFlow::Break(());
            };
            if u64::from_be_bytes(*since) > version || writes.len() >= 2 * PRUNED_MAX {
                return ControlFlow::Break(());
            }
            match rest.split_first() {
                Some((b'n', node)) => writes.push(Write::delete(Column::StateNodes, node)),
                Some((_, value)) => writes.push(Write::delete(Column::StateValues, value)),
                None => {}
            }
            writes.push(Write::delete(Column::StateStale, key));
            ControlFlow::Continue(())
        })?;
        Ok(writes)
    }

    /// A state that was written, while its version is kept.
    pub(super) fn at(&self, version: Version) -> DiskView {
        let disk = self.clone();
        DiskView { disk, version }
    }
}

fn changes(writes: &[Write]) -> Vec<Change<'_>> {
    let changes = writes.iter().map(|Write { column, key, value }| {
        let column = *column;
        match value {
            Some(value) => Change::Put { column, key, value },
            None => Change::Delete { column, key },
        }
    });
    changes.collect()
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

fn stale_key(since: Version, kind: u8, key: &[u8]) -> Vec<u8> {
    [&since.to_be_bytes()[..], &[kind], key].concat()
}
