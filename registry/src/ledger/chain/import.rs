//! A state that is taken over from other nodes, while the chain stands at its first block.
//!
//! Each chunk is proved against the header before it is written, and is written in one batch with what was taken so far ([`Frontier`]): a process that is
//! killed goes on behind the last chunk. The tree's nodes are of the version of that block, so nothing reads them before the chain's tip is there, and the
//! tip comes in one batch with the root.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use borsh::BorshDeserialize;
use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::ledger::{Certificate, Header, LedgerError};
use dotkey_proto::limits::BLOCK_BYTES_MAX;
use jmt::proof::SparseMerkleRangeProof;
use jmt::restore::{JellyfishMerkleRestore, StateSnapshotReceiver};
use jmt::storage::{LeafNode, NibblePath, Node, NodeBatch, NodeKey, TreeReader, TreeWriter};
use jmt::{KeyHash, RootHash, Version};

use super::{BASE_CELL, Chain, ChainError, TIP_CELL, reads, tip_of};
use crate::ledger::chunk::Chunk;
use crate::ledger::disk::{Disk, Write, node_writes, unreadable};
use crate::ledger::frontier::Frontier;
use crate::ledger::state::StateError;
use crate::ledger::tree::Blake3;
use crate::store::Column;

/// The cell of [`Column::Node`] that has the block whose state is being taken over, and how far it is.
const IMPORT_CELL: &[u8] = b"ledger-import";

/// Keys that are looked at between two writes when a state that was cut short is removed.
const CLEARED_AT_A_TIME: usize = 4096;

/// A state that is being taken over.
pub struct Import {
    header: Header,
    certificate: Certificate,
    frontier: Frontier,
    scaffold: Arc<Scaffold>,
    restore: JellyfishMerkleRestore<Blake3>,
}

impl Chain {
    /// The block whose state was being taken over when the node stopped, and what speaks for it.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn import_begun(&self) -> Result<Option<(Header, Certificate)>, ChainError> {
        let begun = read_cell(&self.disk)?;
        Ok(begun.map(|(header, certificate, _)| (header, certificate)))
    }

    /// Begins to take over the state after a block whose header and certificate were verified, or goes on where that was cut short. What is there of
    /// another block's is removed.
    ///
    /// # Errors
    /// A chain that has blocks already, or a store that cannot be read or written.
    pub fn import(&self, header: Header, certificate: Certificate) -> Result<Import, ChainError> {
        if self.tip().height > 0 {
            let why = "this node has blocks already".to_owned();
            return Err(ChainError::Snapshot(why));
        }
        let disk = self.disk.clone();
        let begun = read_cell(&disk)?.filter(|(begun, _, _)| *begun == header);
        let frontier = match begun {
            Some((_, _, frontier)) => frontier,
            None => {
                // First the cell: without it nobody would go on with what is half removed.
                disk.write(&[Write::delete(Column::Node, IMPORT_CELL)])?;
                clear(&disk, Column::StateNodes)?;
                clear(&disk, Column::StateValues)?;
                Frontier::default()
            }
        };
        let (version, root) = (header.height, RootHash(header.state_root));
        let rightmost = frontier
            .before()
            .map(|place| leaf_node(&disk, version, place))
            .transpose()?;
        let scaffold = Arc::new(Scaffold {
            disk,
            rightmost,
            beside: Mutex::default(),
        });
        let restore = JellyfishMerkleRestore::new(Arc::clone(&scaffold), version, root);
        let restore = restore.map_err(unreadable)?;
        Ok(Import {
            header,
            certificate,
            frontier,
            scaffold,
            restore,
        })
    }

    /// Makes a state that is whole this chain's: its tip is then the block that the state is of.
    ///
    /// # Errors
    /// A state that is not whole, a chain that has blocks meanwhile, or a store that cannot be written.
    pub fn adopt(&self, import: Import) -> Result<(), ChainError> {
        let Import {
            header,
            certificate,
            frontier,
            scaffold,
            restore,
        } = import;
        if !frontier.is_whole() {
            let why = "chunks are missing at its end".to_owned();
            return Err(ChainError::Snapshot(why));
        }
        let mut inner = self.inner();
        if inner.tip.header.height > 0 {
            let why = "this node has blocks already".to_owned();
            return Err(ChainError::Snapshot(why));
        }
        let height = header.height.to_be_bytes();
        let head = reads::encode_head(&header, Some(&certificate));
        let tip = vec![
            Write::put(Column::Certificates, height, head),
            Write::put(Column::Node, TIP_CELL, height),
            Write::put(Column::Node, BASE_CELL, height),
            Write::delete(Column::Node, IMPORT_CELL),
        ];
        // On disk when it returns, and with it all that was written before.
        scaffold.lay_beside(tip, true);
        restore.finish().map_err(unreadable)?;
        inner.base = header.height;
        inner.tip = tip_of(&self.disk, header)?;
        inner.executed.clear();
        let height = inner.tip.header.height;
        drop(inner);
        self.complete_voters()?;
        self.tips.send_replace(height);
        Ok(())
    }
}

impl Import {
    /// The block whose state it is.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The place from which the next chunk is to be asked for.
    #[must_use]
    pub fn next(&self) -> [u8; 32] {
        self.frontier.next()
    }

    /// Whether the last chunk was taken: then [`Chain::adopt`].
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.frontier.is_whole()
    }

    /// Takes the chunk at [`Import::next`].
    ///
    /// # Errors
    /// [`ChainError::Snapshot`] when it is not what the header names: nothing of it was written, and the right one may follow.
    pub fn add(&mut self, chunk: Chunk) -> Result<(), ChainError> {
        let frontier = self.frontier.after(&chunk, self.header.state_root);
        let frontier = frontier.map_err(|why| ChainError::Snapshot(why.to_string()))?;
        let proof = SparseMerkleRangeProof::<Blake3>::try_from_slice(&chunk.proof);
        let proof = proof.map_err(unreadable)?;
        let mut cell = Writer::new();
        cell.array(3)
            .bytes(&self.header.encode())
            .bytes(&self.certificate.encode());
        frontier.write(&mut cell);
        let cell = Write::put(Column::Node, IMPORT_CELL, cell.into_bytes());
        self.scaffold.lay_beside(vec![cell], false);
        let leaves = chunk
            .leaves
            .into_iter()
            .map(|(place, value)| (KeyHash(place), value));
        self.restore
            .add_chunk(leaves.collect(), proof)
            .map_err(unreadable)?;
        self.frontier = frontier;
        Ok(())
    }
}

fn read_cell(disk: &Disk) -> Result<Option<(Header, Certificate, Frontier)>, ChainError> {
    let Some(bytes) = disk.store.get(Column::Node, IMPORT_CELL)? else {
        return Ok(None);
    };
    let read = || -> Result<_, LedgerError> {
        let mut r = Reader::new(&bytes)?;
        r.array("a state that is being taken over", 3, 3)?;
        let header = Header::decode(r.bytes("a header", 0, BLOCK_BYTES_MAX)?)?;
        let certificate = Certificate::decode(r.bytes("a certificate", 0, BLOCK_BYTES_MAX)?)?;
        Ok((header, certificate, Frontier::read(&mut r)?))
    };
    let cell = read().map_err(|source| StateError::Damaged {
        what: "the state that is being taken over",
        source,
    })?;
    Ok(Some(cell))
}

/// Removes all but the first block's.
fn clear(disk: &Disk, column: Column) -> Result<(), StateError> {
    let mut from = Vec::new();
    loop {
        let (mut writes, mut seen, start) = (Vec::new(), 0, from.clone());
        let visit = |key: &[u8], _: &[u8]| {
            if !is_of_the_first_block(column, key) {
                writes.push(Write::delete(column, key));
            }
            seen += 1;
            from = [key, &[0]].concat();
            match seen < CLEARED_AT_A_TIME {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        disk.store.scan(column, &start, visit).map_err(unreadable)?;
        disk.write_later(&writes).map_err(unreadable)?;
        if seen < CLEARED_AT_A_TIME {
            return Ok(());
        }
    }
}

/// Both kinds of keys end with the version, that of values counted down.
fn is_of_the_first_block(column: Column, key: &[u8]) -> bool {
    let first = match column {
        Column::StateValues => u64::MAX,
        _ => 0,
    };
    key.ends_with(&first.to_be_bytes())
}

/// The node of a leaf that was written: at the depth at which it stands alone.
fn leaf_node(
    disk: &Disk,
    version: Version,
    place: [u8; 32],
) -> Result<(NodeKey, LeafNode), StateError> {
    let nibbles = place.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    for depth in 1..=2 * place.len() {
        let path: NibblePath = nibbles.clone().take(depth).map(Into::into).collect();
        let key = NodeKey::new(version, path);
        let node = disk.get_node_option(&key).map_err(unreadable)?;
        if let Some(Node::Leaf(leaf)) = node
            && leaf.key_hash() == KeyHash(place)
        {
            return Ok((key, leaf));
        }
    }
    Err(StateError::Missing("a leaf that was taken over"))
}

/// What the tree is built on: the disk, and what goes there in one batch with the tree's nodes.
struct Scaffold {
    disk: Disk,
    /// The last leaf whose node was written before this process began.
    rightmost: Option<(NodeKey, LeafNode)>,
    beside: Mutex<Beside>,
}

#[derive(Default)]
struct Beside {
    writes: Vec<Write>,
    /// Whether it has to be on disk at once.
    synced: bool,
}

impl Scaffold {
    fn lay_beside(&self, writes: Vec<Write>, synced: bool) {
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = Beside { writes, synced };
    }
}

impl TreeReader for Scaffold {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>, anyhow::Error> {
        self.disk.get_node_option(key)
    }

    fn get_value_option(
        &self,
        max_version: Version,
        key_hash: KeyHash,
    ) -> Result<Option<Vec<u8>>, anyhow::Error> {
        self.disk.get_value_option(max_version, key_hash)
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>, anyhow::Error> {
        Ok(self.rightmost.clone())
    }
}

impl TreeWriter for Scaffold {
    fn write_node_batch(&self, batch: &NodeBatch) -> Result<(), anyhow::Error> {
        let mut writes = node_writes(batch);
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        writes.append(&mut beside.writes);
        match beside.synced {
            true => self.disk.write(&writes)?,
            // A crash of the machine may lose the last of them, in their order, and never one before another.
            false => self.disk.write_later(&writes)?,
        }
        Ok(())
    }
}
