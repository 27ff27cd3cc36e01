//! A piece of the state, as one node gives it to another.
#![no_main]

use dotkey_fuzz::ledger::Chunk;
use dotkey_fuzz::{refused_by_protocol, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(8 * data.len() + 4096, || Chunk::decode(data)) {
        Ok(chunk) => {
            let _ = within(0, || chunk.says_it_is_the_last());
            assert_eq!(chunk.encode(), data);
        }
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
