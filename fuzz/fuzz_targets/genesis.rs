//! A genesis has one encoding, and every validator of it possesses its key.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::Genesis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(16 * data.len() + 65_536, || Genesis::decode(data)) {
        Ok(item) => assert_eq!(item.as_bytes(), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
