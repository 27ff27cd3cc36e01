//! A state that is not final: what unfinished blocks changed, over what is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use dotkey_proto::ledger::Header;
use jmt::Version;

use crate::ledger::disk::Disk;
use crate::ledger::rules::Receipt;
use crate::ledger::state::{Changes, StateError, View};
use crate::ledger::update::Update;

/// A block that was executed and is not final.
pub(super) struct Executed {
    pub(super) header: Header,
    pub(super) digest: [u8; 32],
    /// The body, as the header names it.
    pub(super) transactions: Bytes,
    pub(super) changes: Changes,
    pub(super) update: Update,
    pub(super) receipts: Vec<Receipt>,
    /// Digest of the set that certifies the block after it.
    pub(super) validators_after: [u8; 32],
}

/// Blocks that were executed and are not final, by their digests.
pub(super) type Unfinished = BTreeMap<[u8; 32], Arc<Executed>>;

/// Executed blocks from the newest down, over the last that is final.
pub(super) struct Layers {
    pub(super) blocks: Vec<Arc<Executed>>,
    pub(super) disk: Disk,
    /// The version on disk.
    pub(super) version: Version,
}

impl View for Layers {
    fn leaf(&self, place: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError> {
        match self
            .blocks
            .iter()
            .find_map(|block| block.changes.get(place))
        {
            Some(value) => Ok(value.clone()),
            None => self.disk.at(self.version).leaf(place),
        }
    }
}

/// A state with changes that are not in it yet.
pub(super) struct Changed<'a> {
    pub(super) below: &'a Layers,
    pub(super) changes: &'a Changes,
}

impl View for Changed<'_> {
    fn leaf(&self, place: &[u8; 32]) -> Result<Option<Vec<u8>>, StateError> {
        match self.changes.get(place) {
            Some(value) => Ok(value.clone()),
            None => self.below.leaf(place),
        }
    }
}

impl Layers {
    /// A node's bytes by its key.
    pub(super) fn node(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let mut fresh = self.blocks.iter();
        match fresh.find_map(|block| block.update.nodes.get(key)) {
            Some(node) => Ok(Some(node.clone())),
            None => self.disk.node(key),
        }
    }
}

/// Blocks whose parents are neither final nor executed.
pub(super) fn orphans(executed: &Unfinished, tip: &[u8; 32]) -> Vec<[u8; 32]> {
    let stands = |parent: &[u8; 32]| parent == tip || executed.contains_key(parent);
    let blocks = executed.iter();
    blocks
        .filter(|(_, block)| !stands(&block.header.parent))
        .map(|(digest, _)| *digest)
        .collect()
}

/// The oldest block that nothing executed is built on, but for a parent that is about to be built on.
pub(super) fn abandoned(executed: &Unfinished, parent: &[u8; 32]) -> Option<[u8; 32]> {
    let parents: BTreeSet<_> = executed.values().map(|one| one.header.parent).collect();
    let leaves = executed
        .iter()
        .filter(|(digest, _)| !parents.contains(*digest) && *digest != parent);
    leaves
        .min_by_key(|(_, block)| (block.header.height, block.header.time))
        .map(|(digest, _)| *digest)
}
