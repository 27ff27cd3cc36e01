//! The beacons and the validators, as the state holds them.
#![no_main]

use dotkey_fuzz::ledger::state;
use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::LedgerError;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    one_encoding(data, state::beacons);
    one_encoding(data, state::seats);
});

fn one_encoding(data: &[u8], read: fn(&[u8]) -> Result<Vec<u8>, LedgerError>) {
    // A seat is 36 bytes at least, and takes six times that.
    match within(16 * data.len() + 8192, || read(data)) {
        Ok(written) => assert_eq!(written, data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
}
