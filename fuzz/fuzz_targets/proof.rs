//! A proof has one encoding, and carries the certificate of its own header.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::Proof;
use dotkey_proto::limits::PROOF_BYTES_MAX;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(64 * data.len() + 8192, || Proof::decode(data)) {
        Ok(proof) => {
            assert!(data.len() <= PROOF_BYTES_MAX);
            assert_eq!(proof.certificate.header, proof.header.digest());
            assert_eq!(proof.encode(), data);
        }
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
