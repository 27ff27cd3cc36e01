//! A block as it travels between validators and lies in their archives: the header's bytes, then the transactions'.

use std::sync::Arc;

use bytes::{BufMut, Bytes};
use dotkey_proto::ledger::{Header, LedgerError, transactions_digest};
use dotkey_proto::limits::BLOCK_BYTES_MAX;
use thiserror::Error;

use super::library::{
    Buf, CodecError, Digest, Digestible, Encode, EncodeSize, Height, RangeCfg, Read, Write, engine,
};

/// Five digests, four numbers and their keys.
pub const HEADER_BYTES_MAX: usize = 256;

/// What is left for transactions beside the header and two lengths of at most five bytes.
pub const TRANSACTIONS_BYTES_MAX: usize = BLOCK_BYTES_MAX - HEADER_BYTES_MAX - 10;

/// A header and the transactions that it names. Cloning shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    header: Arc<Header>,
    transactions: Bytes,
    digest: [u8; 32],
}

/// Why bytes are no block.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BlockError {
    /// The header breaks a rule of its form.
    #[error("the header of the block: {0}")]
    Header(#[from] LedgerError),
    /// The transactions are others than those that the header names.
    #[error("the transactions of the block are not those that its header names")]
    Transactions,
    /// They are too many.
    #[error("the block has {found} bytes of transactions; at most {TRANSACTIONS_BYTES_MAX} fit")]
    TooLarge {
        /// How many bytes.
        found: usize,
    },
    /// Too short, too long, or a length that is none.
    #[error("the frame of the block is damaged")]
    Frame,
}

impl Block {
    /// Puts a block together.
    ///
    /// # Errors
    /// Transactions that are too large, or not those that the header names.
    pub fn new(header: Header, transactions: Bytes) -> Result<Self, BlockError> {
        let found = transactions.len();
        if found > TRANSACTIONS_BYTES_MAX {
            return Err(BlockError::TooLarge { found });
        }
        if header.transactions != transactions_digest(&transactions) {
            return Err(BlockError::Transactions);
        }
        let digest = header.digest();
        Ok(Self {
            header: Arc::new(header),
            transactions,
            digest,
        })
    }

    /// Reads a block, of which nothing remains.
    ///
    /// # Errors
    /// See [`BlockError`].
    pub fn decode(bytes: Bytes) -> Result<Self, BlockError> {
        let (header, transactions) = frame(bytes).map_err(|_| BlockError::Frame)?;
        Self::new(Header::decode(&header)?, transactions)
    }

    /// The block's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        Encode::encode(self)
    }

    /// What the block says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its transactions, as the header names them.
    #[must_use]
    pub fn transactions(&self) -> &Bytes {
        &self.transactions
    }

    /// The digest of the header, which is what validators vote for.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

fn frame(mut bytes: Bytes) -> Result<(Bytes, Bytes), CodecError> {
    let parts = parts(&mut bytes)?;
    if bytes.is_empty() {
        Ok(parts)
    } else {
        Err(CodecError::ExtraData(bytes.len()))
    }
}

fn parts(buf: &mut impl Buf) -> Result<(Bytes, Bytes), CodecError> {
    let header = Bytes::read_cfg(buf, &RangeCfg::from(..=HEADER_BYTES_MAX))?;
    let transactions = Bytes::read_cfg(buf, &RangeCfg::from(..=TRANSACTIONS_BYTES_MAX))?;
    Ok((header, transactions))
}

impl Write for Block {
    fn write(&self, buf: &mut impl BufMut) {
        Bytes::from(self.header.encode()).write(buf);
        self.transactions.write(buf);
    }
}

impl EncodeSize for Block {
    fn encode_size(&self) -> usize {
        Bytes::from(self.header.encode()).encode_size() + self.transactions.encode_size()
    }
}

impl Read for Block {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, (): &()) -> Result<Self, CodecError> {
        let (header, transactions) = parts(buf)?;
        let header =
            Header::decode(&header).map_err(|_| CodecError::Invalid("Block", "the header"))?;
        Self::new(header, transactions)
            .map_err(|_| CodecError::Invalid("Block", "the transactions"))
    }
}

impl Digestible for Block {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        Digest(self.digest)
    }
}

impl engine::Heightable for Block {
    fn height(&self) -> Height {
        Height::new(self.header.height)
    }
}

impl engine::Block for Block {
    fn parent(&self) -> Digest {
        Digest(self.header.parent)
    }
}

impl engine::BoundedBlock for Block {
    fn max_encode_size((): &()) -> usize {
        BLOCK_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dotkey_proto::time::Timestamp;
    use proptest::prelude::*;

    fn block(height: u64, transactions: Vec<u8>) -> Block {
        let header = Header {
            network: [1; 32],
            height,
            time: Timestamp::MAX,
            parent: [2; 32],
            state_root: [3; 32],
            transactions: transactions_digest(&transactions),
            epoch: height,
            validators: [4; 32],
            next_validators: Some([5; 32]),
        };
        Block::new(header, transactions.into()).expect("a block")
    }

    #[test]
    fn the_largest_header_fits_its_bound() {
        let largest = block(9_007_199_254_740_991, Vec::new());
        assert!(largest.header().encode().len() <= HEADER_BYTES_MAX);
        let full = block(9_007_199_254_740_991, vec![7; TRANSACTIONS_BYTES_MAX]);
        assert!(full.encode().len() <= BLOCK_BYTES_MAX);
    }

    #[test]
    fn transactions_are_bound_to_the_header() {
        let one = block(1, b"one".to_vec());
        let other = Block::new(one.header().clone(), Bytes::from_static(b"two"));
        assert_eq!(other, Err(BlockError::Transactions));
        let found = TRANSACTIONS_BYTES_MAX + 1;
        let large = Block::new(one.header().clone(), vec![0; found].into());
        assert_eq!(large, Err(BlockError::TooLarge { found }));
    }

    proptest! {
        #[test]
        fn a_block_is_read_as_it_was_written(height in 0u64..1 << 53, transactions in prop::collection::vec(any::<u8>(), 0..300)) {
            let block = block(height, transactions);
            prop_assert_eq!(Block::decode(block.encode()), Ok(block));
        }

        #[test]
        fn other_bytes_are_another_block_or_none(at in 0usize..400, with in 1u8.., cut in any::<bool>()) {
            let one = block(3, b"some transactions".to_vec());
            let mut bytes = one.encode().to_vec();
            let at = at % bytes.len();
            if cut { bytes.truncate(at) } else { bytes[at] ^= with }
            let bytes = Bytes::from(bytes);
            if let Ok(read) = Block::decode(bytes.clone()) {
                prop_assert_eq!(read.encode(), bytes);
                prop_assert_ne!(read, one);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            drop(Block::decode(bytes.into()));
        }
    }
}
