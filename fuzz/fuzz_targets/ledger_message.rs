//! What a node sends about the ledger: a message has one encoding.
#![no_main]

use dotkey_fuzz::follow::codec::ExchangeError;
use dotkey_fuzz::follow::message::{Request, Response};
use dotkey_fuzz::{refused_by_protocol, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    one_encoding(data, Request::decode, Request::encode);
    one_encoding(data, Response::decode, Response::encode);
});

fn one_encoding<T>(
    data: &[u8],
    decode: fn(&[u8]) -> Result<T, ExchangeError>,
    encode: fn(&T) -> Vec<u8>,
) {
    // The greediest part is an empty handover: a byte or two that take 24, in a list that doubles as it grows.
    match within(96 * data.len() + 4096, || decode(data)) {
        Ok(message) => assert_eq!(encode(&message), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
}
