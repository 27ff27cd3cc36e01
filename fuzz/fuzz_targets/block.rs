//! A block of another validator: one encoding, bounded memory, and transactions that are those of its header.
#![no_main]

use dotkey_fuzz::consensus::Block;
use dotkey_fuzz::{refused, within};
use dotkey_proto::ledger::transactions_digest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = bytes::Bytes::copy_from_slice(data);
    match within(8 * data.len() + 4096, || Block::decode(bytes)) {
        Ok(block) => {
            assert_eq!(block.encode(), data);
            assert_eq!(block.digest(), block.header().digest());
            let named = block.header().transactions;
            assert_eq!(transactions_digest(block.transactions()), named);
        }
        Err(error) => refused(&error, "block"),
    }
});
