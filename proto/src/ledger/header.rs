//! The head of a block: section 8.4.

use alloc::vec::Vec;

use super::LedgerError;
use crate::cbor::{MapWriter, Reader};
use crate::record::{SEQUENCE_MAX, read_time};
use crate::time::Timestamp;

/// What a block says of itself and of the state after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The network.
    pub network: [u8; 32],
    /// How many blocks came before.
    pub height: u64,
    /// When it was made.
    pub time: Timestamp,
    /// Digest of the header before.
    pub parent: [u8; 32],
    /// Root of the state after this block.
    pub state_root: [u8; 32],
    /// Digest of the block's transactions.
    pub transactions: [u8; 32],
    /// The epoch of its validator set.
    pub epoch: u64,
    /// Digest of the validator set that certifies it.
    pub validators: [u8; 32],
    /// In the last block of an epoch: digest of the set that certifies the next.
    pub next_validators: Option<[u8; 32]>,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a header")?;
        let version = map.required(1, |r| r.uint("the version of a header"))?;
        if version != 1 {
            return Err(LedgerError::UnknownVersion {
                what: "the header",
                found: version,
            });
        }
        let header = Self {
            network: map.required(2, |r| r.array_of("the network of a header"))?,
            height: map.required(3, |r| r.uint_in("a height", 0, SEQUENCE_MAX))?,
            time: map.required(4, |r| read_time(r, "the time of a header"))?,
            parent: map.required(5, |r| r.array_of("the parent of a header"))?,
            state_root: map.required(6, |r| r.array_of("a state root"))?,
            transactions: map.required(7, |r| r.array_of("the digest of transactions"))?,
            epoch: map.required(8, |r| r.uint_in("an epoch", 0, SEQUENCE_MAX))?,
            validators: map.required(9, |r| r.array_of("the digest of a validator set"))?,
            next_validators: map.optional(10, |r| r.array_of("the digest of the next set"))?,
        };
        map.close()?;
        Ok(header)
    }

    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_uint(1, 1);
        map.set_bytes(2, &self.network);
        map.set_uint(3, self.height);
        map.set_uint(4, self.time.as_secs());
        map.set_bytes(5, &self.parent);
        map.set_bytes(6, &self.state_root);
        map.set_bytes(7, &self.transactions);
        map.set_uint(8, self.epoch);
        map.set_bytes(9, &self.validators);
        map.set_some(10, self.next_validators, |w, next| {
            w.bytes(&next);
        });
        map.to_bytes()
    }

    /// The digest by which the next header and a certificate name this one.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        blake3::derive_key("dotkey header v1", &self.encode())
    }
}
