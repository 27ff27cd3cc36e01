//! What a client keeps and what it walks by have one encoding each.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::ledger::{Handover, Trusted};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match within(16 * data.len() + 8192, || Trusted::decode(data)) {
        Ok(trusted) => assert_eq!(trusted.encode(), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
    match within(16 * data.len() + 8192, || Handover::decode(data)) {
        Ok(handover) => assert_eq!(handover.encode(), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
});
