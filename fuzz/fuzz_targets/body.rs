//! A body of a block has one encoding.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::Body;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(16 * data.len() + 4096, || Body::decode(data)) {
        Ok(item) => assert_eq!(item.encode(), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
