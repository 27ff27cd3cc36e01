//! A state that is not final: what unfinished blocks changed, over what is on disk.

use std::sync::Arc;

use dotkey_proto::ledger::{Body, Header};
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, Version};

use crate::ledger::disk::Disk;
use crate::ledger::rules::Receipt;
use crate::ledger::state::{Changes, StateError, View};

/// A block that was executed and is not final.
pub(super) struct Executed {
    pub(super) header: Header,
    pub(super) digest: [u8; 32],
    pub(super) body: Body,
    pub(super) changes: Changes,
    pub(super) update: TreeUpdateBatch,
    pub(super) receipts: Vec<Receipt>,
    /// Digest of the set that certifies the block after it.
    pub(super) validators_after: [u8; 32],
}

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

impl TreeReader for Layers {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>, anyhow::Error> {
        let fresh = |block: &Arc<Executed>| block.update.node_batch.get_node(key).cloned();
        match self.blocks.iter().find_map(fresh) {
            Some(node) => Ok(Some(node)),
            None => self.disk.get_node_option(key),
        }
    }

    fn get_value_option(
        &self,
        max_version: Version,
        key_hash: KeyHash,
    ) -> Result<Option<Vec<u8>>, anyhow::Error> {
        let blocks = self
            .blocks
            .iter()
            .filter(|block| block.header.height <= max_version);
        match blocks
            .into_iter()
            .find_map(|block| block.changes.get(&key_hash.0))
        {
            Some(value) => Ok(value.clone()),
            None => self
                .disk
                .get_value_option(max_version.min(self.version), key_hash),
        }
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>, anyhow::Error> {
        Ok(None) // Nothing is restored here.
    }
}
