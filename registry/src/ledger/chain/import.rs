//! A state that is taken over from other nodes, while the chain stands at an older block.
//!
//! Each chunk is proved against the header before it is written, and is written in one batch with what was taken so far ([`Frontier`]), while the next is
//! proved: a process that is killed goes on behind the last chunk that was written. Nodes and values are of the version of that block, so nothing reads them
//! before the chain's tip is there, and the tip comes in one batch with the last chunk: until then the chain has its old state, and from then on the new one.

use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::ledger::{Certificate, Header, LedgerError};
use dotkey_proto::limits::BLOCK_BYTES_MAX;

use super::scribe::Scribe;
use super::snapshot::Offers;
use super::{BASE_CELL, Chain, ChainError, TIP_CELL, reads, sweep, tip_of};
use crate::ledger::chunk::Chunk;
use crate::ledger::disk::{Disk, Write, value_write};
use crate::ledger::frontier::{Frontier, Grown};
use crate::ledger::state::{Changes, StateError};
use crate::store::Column;

/// The cell of [`Column::Node`] that has the block whose state is being taken over, and how far it is.
const IMPORT_CELL: &[u8] = b"ledger-import";

/// A state that is being taken over.
pub struct Import {
    /// Where the chain stands meanwhile.
    tip: u64,
    header: Header,
    certificate: Certificate,
    frontier: Frontier,
    scribe: Scribe,
    /// The last chunk, which is written with the tip.
    end: Vec<Write>,
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
    /// another block's is removed. The chain takes no blocks until it is adopted or forgotten.
    ///
    /// # Errors
    /// A chain that has that block already, or a store that cannot be read or written.
    pub fn import(&self, header: Header, certificate: Certificate) -> Result<Import, ChainError> {
        let tip = self.tip().height;
        if tip >= header.height {
            let why = format!("this node has block {tip} already");
            return Err(ChainError::Snapshot(why));
        }
        let disk = self.disk.clone();
        let begun = read_cell(&disk)?.filter(|(begun, _, _)| *begun == header);
        let frontier = match begun {
            Some((_, _, frontier)) => frontier,
            None => {
                sweep::clear(&disk, tip, IMPORT_CELL)?;
                Frontier::default()
            }
        };
        Ok(Import {
            tip,
            header,
            certificate,
            frontier,
            scribe: Scribe::start(disk)?,
            end: Vec::new(),
        })
    }

    /// Removes what is there of a state that is taken over no more. Nothing may be taking it over.
    ///
    /// # Errors
    /// A store that cannot be read or written.
    pub fn forget_import(&self) -> Result<(), ChainError> {
        let begun = self.disk.store.get(Column::Node, IMPORT_CELL)?;
        match begun {
            Some(_) => Ok(sweep::clear(&self.disk, self.tip().height, IMPORT_CELL)?),
            None => Ok(()),
        }
    }

    /// Makes a state that is whole this chain's: its tip is then the block that the state is of, and what is older goes with the blocks that come.
    ///
    /// # Errors
    /// A state that is not whole, a chain that took blocks meanwhile, or a store that cannot be written.
    pub fn adopt(&self, import: Import) -> Result<(), ChainError> {
        let Import {
            tip,
            header,
            certificate,
            frontier,
            scribe,
            mut end,
        } = import;
        if !frontier.is_whole() {
            let why = "chunks are missing at its end".to_owned();
            return Err(ChainError::Snapshot(why));
        }
        let mut inner = self.inner();
        if inner.tip.header.height != tip {
            let why = "this node took blocks meanwhile".to_owned();
            return Err(ChainError::Snapshot(why));
        }
        let height = header.height.to_be_bytes();
        let head = reads::encode_head(&header, Some(&certificate));
        end.extend([
            Write::put(Column::Certificates, height, head),
            Write::put(Column::Node, TIP_CELL, height),
            Write::put(Column::Node, BASE_CELL, height),
            Write::delete(Column::Node, IMPORT_CELL),
            sweep::begin(),
        ]);
        scribe.finish()?;
        // On disk when it returns, and with it all that was written before.
        self.disk.write(&end)?;
        self.disk.rise(header.height);
        self.disk.written(header.height, &Changes::new());
        inner.base = header.height;
        inner.tip = tip_of(&self.disk, header)?;
        inner.executed.clear();
        inner.offers = Offers::default();
        inner.is_swept = false;
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
        let (root, version) = (self.header.state_root, self.header.height);
        let grown = self.frontier.after(&chunk, (root, version));
        let Grown { frontier, nodes } =
            grown.map_err(|why| ChainError::Snapshot(why.to_string()))?;
        let mut writes = Vec::with_capacity(chunk.leaves.len() + nodes.len() + 1);
        let nodes = nodes.into_iter();
        writes.extend(nodes.map(|(key, node)| Write::put(Column::StateNodes, key, node)));
        let leaves = chunk.leaves.iter();
        writes.extend(leaves.map(|(place, value)| value_write(version, place, Some(value))));
        if frontier.is_whole() {
            (self.frontier, self.end) = (frontier, writes);
            return Ok(());
        }
        let mut cell = Writer::new();
        cell.array(3)
            .bytes(&self.header.encode())
            .bytes(&self.certificate.encode());
        frontier.write(&mut cell);
        writes.push(Write::put(Column::Node, IMPORT_CELL, cell.into_bytes()));
        self.scribe.write(writes)?;
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
