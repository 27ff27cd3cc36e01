//! A block: its head and the transactions that it orders. Section 10.2.

use alloc::vec::Vec;

use super::{Header, LedgerError};
use crate::cbor::{CborError, Reader, Writer};
use crate::limits::{BLOCK_BYTES_MAX, TRANSACTION_BYTES_MAX};

/// A header is about 190 bytes; four times that is room for a later version's.
const HEADER_BYTES_MAX: usize = 768;

/// More than fit: a transaction has a key, a chain and a signature, 200 bytes at least.
const TRANSACTIONS_MAX: usize = BLOCK_BYTES_MAX / 200;

/// A header with what it is the head of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it says of itself and of the state after it.
    pub header: Header,
    /// Its transactions, each as it was signed, in the order in which they count.
    pub transactions: Vec<Vec<u8>>,
}

impl Block {
    /// Reads a block, and holds its header to its transactions. What the transactions say is not looked at.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        if bytes.len() > BLOCK_BYTES_MAX {
            let (what, len, max) = ("a block", bytes.len(), BLOCK_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        let mut r = Reader::new(bytes)?;
        r.array("a block", 2, 2)?;
        let header = Header::decode(r.bytes("a header", 0, HEADER_BYTES_MAX)?)?;
        let begin = r.offset();
        let count = r.array("the transactions of a block", 0, TRANSACTIONS_MAX)?;
        let mut transactions = Vec::with_capacity(count);
        for _ in 0..count {
            transactions.push(r.bytes("a transaction", 1, TRANSACTION_BYTES_MAX)?.to_vec());
        }
        if header.transactions != digest(r.since(begin)) {
            return Err(LedgerError::TransactionsDigest);
        }
        Ok(Self {
            header,
            transactions,
        })
    }

    /// The block's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(2).bytes(&self.header.encode());
        writer.raw(&encode_transactions(&self.transactions));
        writer.into_bytes()
    }
}

/// The digest by which a header names its transactions.
#[must_use]
pub fn transactions_digest<T: AsRef<[u8]>>(transactions: &[T]) -> [u8; 32] {
    digest(&encode_transactions(transactions))
}

/// What a transaction takes of a block, of which [`transactions_bytes_max`] are there for them.
#[must_use]
pub const fn transaction_cost(len: usize) -> usize {
    // The head of a byte string of its length.
    len + 3
}

/// What all transactions of a block may take together.
#[must_use]
pub const fn transactions_bytes_max() -> usize {
    // The heads of the block, of the header, and of the array.
    BLOCK_BYTES_MAX - HEADER_BYTES_MAX - 16
}

fn encode_transactions<T: AsRef<[u8]>>(transactions: &[T]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.array(transactions.len());
    for transaction in transactions {
        writer.bytes(transaction.as_ref());
    }
    writer.into_bytes()
}

fn digest(transactions: &[u8]) -> [u8; 32] {
    blake3::derive_key("dotkey transactions v1", transactions)
}

const _: () = assert!(transaction_cost(TRANSACTION_BYTES_MAX) < transactions_bytes_max());
