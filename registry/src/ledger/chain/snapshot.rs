//! The whole state in chunks, each of which shows by itself that it belongs to the header that it is of. Section 10.13.
//!
//! A follower trusts a header (by its certificate), takes chunks from anyone in the order of their places, and refuses the first that
//! is wrong. Cut short, it begins anew.

use std::ops::ControlFlow;
use std::sync::Arc;

use borsh::BorshDeserialize;
use dotkey_proto::cbor::{CborError, Reader, Writer};
use dotkey_proto::ledger::{Body, Certificate, Header};
use jmt::proof::SparseMerkleRangeProof;
use jmt::restore::{JellyfishMerkleRestore, StateSnapshotReceiver};
use jmt::{JellyfishMerkleIterator, KeyHash, RootHash};

use super::begin::{TIP_CELL, block_writes};
use super::{Chain, ChainError};
use crate::ledger::disk::{Disk, Write, unreadable};
use crate::ledger::state::StateError;
use crate::ledger::tree::{Blake3, StateTree};
use crate::store::{Column, Store};

/// What a chunk gathers before it ends: a few round trips' worth.
const CHUNK_BYTES: usize = 256 << 10;

/// The longest chunk: one leaf over the edge, the largest of which is the list of validators, and a proof.
const CHUNK_BYTES_MAX: usize = CHUNK_BYTES + (512 << 10);

/// Leaves of a chunk: the smallest has 40 bytes.
const CHUNK_LEAVES_MAX: usize = CHUNK_BYTES / 40;

/// The longest proof: a sibling a bit of a place.
const PROOF_BYTES_MAX: usize = 256 * 65 + 16;

/// Keys that are removed at a time.
const CLEARED_AT_A_TIME: usize = 4096;

/// Leaves that follow each other, and what shows that none is left out before or between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Places and what stands there, ascending.
    pub leaves: Vec<([u8; 32], Vec<u8>)>,
    proof: Vec<u8>,
}

impl Chunk {
    /// Reads a chunk.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > CHUNK_BYTES_MAX {
            let (what, len, max) = ("a chunk of a snapshot", bytes.len(), CHUNK_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max });
        }
        let mut r = Reader::new(bytes)?;
        r.array("a chunk of a snapshot", 2, 2)?;
        let count = r.array("the leaves of a chunk", 1, CHUNK_LEAVES_MAX)?;
        let leaves = (0..count).map(|_| {
            r.array("a leaf", 2, 2)?;
            let place = r.array_of("the place of a leaf")?;
            Ok((
                place,
                r.bytes("what a leaf holds", 0, CHUNK_BYTES_MAX)?.to_vec(),
            ))
        });
        let leaves = leaves.collect::<Result<_, CborError>>()?;
        let proof = r
            .bytes("the proof of a chunk", 0, PROOF_BYTES_MAX)?
            .to_vec();
        Ok(Self { leaves, proof })
    }

    /// The chunk's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).array(self.leaves.len());
        for (place, value) in &self.leaves {
            w.array(2).bytes(place).bytes(value);
        }
        w.bytes(&self.proof);
        w.into_bytes()
    }
}

impl Chain {
    /// The chunk of the state after a block that begins at a place or behind it; `None` when nothing stands there any more.
    ///
    /// # Errors
    /// A version that is not kept, or a state that is damaged.
    pub fn chunk(&self, height: u64, from: [u8; 32]) -> Result<Option<Chunk>, ChainError> {
        self.keeps(height)?;
        let disk = Arc::new(self.disk.clone());
        let all = JellyfishMerkleIterator::new(disk, height, KeyHash(from)).map_err(unreadable)?;
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        for leaf in all {
            let (KeyHash(place), value) = leaf.map_err(unreadable)?;
            bytes += 40 + value.len();
            leaves.push((place, value));
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let Some((last, _)) = leaves.last() else {
            return Ok(None);
        };
        let tree = StateTree::new(&self.disk);
        let proof = tree
            .get_range_proof(KeyHash(*last), height)
            .map_err(unreadable)?;
        let proof = borsh::to_vec(&proof).map_err(unreadable)?;
        Ok(Some(Chunk { leaves, proof }))
    }
}

/// A state that is being taken over from other nodes.
pub struct Import {
    disk: Disk,
    header: Header,
    restore: JellyfishMerkleRestore<Blake3>,
}

impl Import {
    /// Begins to take over the state after a block whose header was verified. What an import that was cut short left is removed.
    ///
    /// # Errors
    /// A store that has a ledger already, or cannot be written.
    pub fn begin(store: Arc<Store>, header: Header) -> Result<Self, ChainError> {
        if store.get(Column::Node, TIP_CELL)?.is_some() {
            let why = "this node has a ledger already".to_owned();
            return Err(ChainError::Snapshot(why));
        }
        let disk = Disk { store };
        for column in [Column::StateNodes, Column::StateValues, Column::StateStale] {
            clear(&disk, column)?;
        }
        let root = RootHash(header.state_root);
        let store = Arc::new(disk.clone());
        let restore = JellyfishMerkleRestore::new_overwrite(store, header.height, root);
        let restore = restore.map_err(unreadable)?;
        Ok(Self {
            disk,
            header,
            restore,
        })
    }

    /// Takes the next chunk, which begins behind the last.
    ///
    /// # Errors
    /// [`ChainError::Snapshot`] when it is not what the header names; nothing of it was written.
    pub fn add(&mut self, chunk: Chunk) -> Result<(), ChainError> {
        let refused = |error: &dyn ToString| ChainError::Snapshot(error.to_string());
        let proof = SparseMerkleRangeProof::<Blake3>::try_from_slice(&chunk.proof);
        let proof = proof.map_err(|error| refused(&error))?;
        let leaves = chunk
            .leaves
            .into_iter()
            .map(|(place, value)| (KeyHash(place), value));
        let added = self.restore.add_chunk(leaves.collect(), proof);
        added.map_err(|error| refused(&error))
    }

    /// Ends it, when the last chunk was taken. `genesis` is block 0, which the ledger begins with.
    ///
    /// # Errors
    /// A state that is not whole, or a store that cannot be written.
    pub fn finish(
        self,
        genesis: &Header,
        body: &Body,
        certificate: &Certificate,
    ) -> Result<(), ChainError> {
        let finished = self.restore.finish();
        finished.map_err(|error| ChainError::Snapshot(error.to_string()))?;
        let height = self.header.height;
        let tree = StateTree::new(&self.disk);
        let root = tree.get_root_hash(height).map_err(unreadable)?;
        if root.0 != self.header.state_root {
            return Err(ChainError::Snapshot(
                "chunks are missing at its end".to_owned(),
            ));
        }
        let mut writes = block_writes(genesis, None, &Body::default());
        writes.extend(block_writes(&self.header, Some(certificate), body));
        Ok(self.disk.write(&writes)?)
    }
}

fn clear(disk: &Disk, column: Column) -> Result<(), StateError> {
    loop {
        let mut writes = Vec::new();
        let visit = |key: &[u8], _: &[u8]| {
            writes.push(Write::delete(column, key));
            match writes.len() < CLEARED_AT_A_TIME {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        disk.store.scan(column, &[], visit).map_err(unreadable)?;
        if writes.is_empty() {
            return Ok(());
        }
        disk.write(&writes).map_err(unreadable)?;
    }
}
