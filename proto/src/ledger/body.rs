//! The transactions of a block, as its header names them: section 10.2.

use alloc::vec::Vec;

use super::LedgerError;
use crate::cbor::{CborError, Reader, Writer};
use crate::limits::{BLOCK_BYTES_MAX, TRANSACTION_BYTES_MAX};

/// What all transactions of a block may take together: a block has a header and lengths besides, for which this leaves room.
pub const BODY_BYTES_MAX: usize = BLOCK_BYTES_MAX - 1024;

/// More than fit: a transaction has a network, a key id, a chain and a signature.
const TRANSACTIONS_MAX: usize = BLOCK_BYTES_MAX / TRANSACTION_BYTES_LEAST;
const TRANSACTION_BYTES_LEAST: usize = 200;

/// The transactions of a block, each as it was signed, in the order in which they count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body(pub Vec<Vec<u8>>);

/// The digest by which a header names the transactions of its block, of a body's bytes.
#[must_use]
pub fn transactions_digest(bytes: &[u8]) -> [u8; 32] {
    blake3::derive_key("dotkey transactions v1", bytes)
}

impl Body {
    /// Reads a body. What its transactions say is not looked at.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        if bytes.len() > BODY_BYTES_MAX {
            let (what, len, max) = ("the body of a block", bytes.len(), BODY_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        let mut r = Reader::new(bytes)?;
        let count = r.array("the transactions of a block", 0, TRANSACTIONS_MAX)?;
        let least = TRANSACTION_BYTES_LEAST;
        let transactions = (0..count).map(|_| {
            let bytes = r.bytes("a transaction", least, TRANSACTION_BYTES_MAX)?;
            Ok(bytes.to_vec())
        });
        transactions
            .collect::<Result<_, CborError>>()
            .map(Self)
            .map_err(LedgerError::from)
    }

    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(self.0.len());
        for transaction in &self.0 {
            writer.bytes(transaction);
        }
        writer.into_bytes()
    }

    /// The digest by which a header names the body.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        transactions_digest(&self.encode())
    }

    /// What a transaction of this length takes of [`BODY_BYTES_MAX`], at most, its part of the array's head included.
    #[must_use]
    pub const fn cost(len: usize) -> usize {
        len + 4
    }
}

const _: () = assert!(Body::cost(TRANSACTION_BYTES_MAX) < BODY_BYTES_MAX);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_body_comes_back_and_keeps_to_its_bounds() {
        let code = |body: &Body| Body::decode(&body.encode()).map_err(|error| error.code());
        let of = |lengths: &[usize]| Body(lengths.iter().map(|len| alloc::vec![7; *len]).collect());
        for lengths in [&[][..], &[200], &[200, 8192, 300], &[8000; 130]] {
            let body = of(lengths);
            assert_eq!(code(&body), Ok(body.clone()), "{lengths:?}");
            let costs = lengths.iter().map(|len| Body::cost(*len)).sum::<usize>();
            assert!(body.encode().len() <= Body::cost(0) + costs);
        }
        assert_eq!(code(&of(&[199])), Err("out-of-range"));
        assert_eq!(code(&of(&[8193])), Err("out-of-range"));
        assert_eq!(code(&of(&[8000; 131])), Err("too-large"));
    }

    proptest! {
        #[test]
        fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
            if let Ok(body) = Body::decode(&bytes) {
                prop_assert_eq!(body.encode(), bytes);
            }
        }
    }
}
