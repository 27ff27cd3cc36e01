//! What a peer sends about records, and the length before it: a message has one encoding.
#![no_main]

use dotkey_fuzz::dht::codec::{
    LENGTH_BYTES_MAX, MessageError, RESPONSE_BYTES_MAX, length_of, read_length,
};
use dotkey_fuzz::dht::message::{Announcement, Request, Response};
use dotkey_fuzz::{refused_by_protocol, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    one_encoding(data, Request::decode, Request::encode);
    one_encoding(data, Response::decode, Response::encode);
    one_encoding(data, Announcement::decode, Announcement::encode);
    length(data);
});

fn one_encoding<T>(
    data: &[u8],
    decode: fn(&[u8]) -> Result<T, MessageError>,
    encode: fn(&T) -> Vec<u8>,
) {
    // The greediest part is a fingerprint of nothing: a byte that takes 32.
    match within(40 * data.len() + 1024, || decode(data)) {
        Ok(message) => assert_eq!(encode(&message), data),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
}

fn length(data: &[u8]) {
    match within(0, || read_length(data, RESPONSE_BYTES_MAX)) {
        Ok(Some(len)) => {
            assert!(len <= RESPONSE_BYTES_MAX);
            assert!(data.starts_with(&length_of(&vec![0; len])));
        }
        Ok(None) => assert!(data.len() < LENGTH_BYTES_MAX),
        Err(error) => refused_by_protocol(&error, error.code()),
    }
}
