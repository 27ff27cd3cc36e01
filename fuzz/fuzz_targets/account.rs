//! An account of the state has one encoding.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::Account;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(16 * data.len() + 4096, || Account::decode(data)) {
        Ok(item) => assert_eq!(item.encode(), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
