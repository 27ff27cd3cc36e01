//! A bundle has one encoding, and nothing in it is believed that the genesis does not lead to: whatever validators it brings,
//! those of a genesis whose secrets nobody has certify none of it.
#![no_main]

use std::sync::LazyLock;

use dotkey_fuzz::{refused, refused_by_protocol, within};
use dotkey_proto::ledger::{Bundle, Freshness, Genesis};
use dotkey_proto::limits::{BUNDLE_BYTES_MAX, HANDOVERS_MAX};
use libfuzzer_sys::fuzz_target;

/// That of the vectors, with another name: their signatures are of another network.
static FOREIGN: LazyLock<Genesis> = LazyLock::new(|| {
    let vectors = include_str!("../../tests/vectors/genesis.json");
    let (_, rest) = vectors.split_once("{\"hex\": \"").expect("a vector");
    let (digits, _) = rest.split_once('"').expect("its end");
    let bytes: Vec<_> = (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal"))
        .collect();
    let mut terms = (*Genesis::decode(&bytes).expect("it is valid")).clone();
    terms.name = "foreign".into();
    Genesis::new(&terms).expect("it is valid")
});

fuzz_target!(|data: &[u8]| {
    let bundle = match within(64 * data.len() + 65_536, || Bundle::decode(data)) {
        Ok(bundle) => bundle,
        Err(error) => return refused_by_protocol(&error, error.code()),
    };
    assert!(data.len() <= BUNDLE_BYTES_MAX && bundle.handovers.len() <= HANDOVERS_MAX);
    assert_eq!(bundle.encode(), data);
    let subject = bundle.proof.subject.clone();
    let freshness = Freshness {
        now: bundle.proof.header.time,
        age_secs_max: 0,
    };
    let error = bundle.verify(&subject, &FOREIGN, freshness).map(drop);
    let error = error.expect_err("nobody has signed for this network");
    refused(&error, error.code());
});
