//! A proof has one encoding, and keeps to the bound of what it is about.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::{Proof, Subject};
use dotkey_proto::limits::{IDENTITY_PROOF_BYTES_MAX, PROOF_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(64 * data.len() + 8192, || Proof::decode(data)) {
        Ok(proof) => {
            let max = match proof.subject {
                Subject::Name(_) => PROOF_BYTES_MAX,
                Subject::Identity(_) => IDENTITY_PROOF_BYTES_MAX,
            };
            assert!(data.len() <= max);
            assert!(proof.siblings.len() <= 256);
            assert_eq!(proof.encode(), data);
        }
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
