//! A candidate has one encoding; whether it possesses its key gets a verdict.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::Candidate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(4 * data.len() + 4096, || Candidate::decode(data)) {
        Ok(candidate) => {
            assert_eq!(candidate.encode(), data);
            if let Err(error) = candidate.admit() {
                refused_by_protocol(&error, error.code());
            }
        }
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
