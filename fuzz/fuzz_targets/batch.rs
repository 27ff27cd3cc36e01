//! Transactions of another validator: whatever is read of a batch is no longer than a transaction may be, and is read again from what it is sent on as.
#![no_main]

use dotkey_fuzz::consensus::{gathered, scattered};
use dotkey_proto::limits::TRANSACTION_BYTES_MAX;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let read = scattered(data);
    assert!(read.iter().all(|one| one.len() <= TRANSACTION_BYTES_MAX));
    assert!(read.iter().map(|one| one.len() + 2).sum::<usize>() <= data.len());
    let sent = gathered(&read);
    let again: Vec<_> = sent.iter().flat_map(|batch| scattered(batch)).collect();
    assert_eq!(again, read);
});
