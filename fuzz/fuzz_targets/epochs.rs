//! The file of a shard set's epochs: as it is, and with the hash that makes the rest of it whole.
#![no_main]

use dotkey_gateway::tcp::shards::known::{Damaged, FILE_BYTES_MAX, Known};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    check(data);
    let hash = blake3::hash(data).to_hex();
    check(&[hash.as_bytes(), b"\n", data, b"\n"].concat());
});

fn check(file: &[u8]) {
    match Known::decode(file) {
        Ok(known) => {
            assert!(file.len() <= FILE_BYTES_MAX);
            let written = known.encode();
            // What the input left out is written, so that it may be longer.
            if written.len() <= FILE_BYTES_MAX {
                assert_eq!(Known::decode(written.as_bytes()), Ok(known));
            }
        }
        Err(damaged) => assert_eq!(damaged == Damaged::TooLong, file.len() > FILE_BYTES_MAX),
    }
}
