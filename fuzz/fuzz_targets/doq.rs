//! All that a stream of DoQ brings: exactly one query, whose id is 0.
#![no_main]

use dotkey_fuzz::asked::{answers, client, run, service};
use dotkey_fuzz::within;
use dotkey_resolver::server::fuzzed::of_doq;
use dotkey_resolver::transport::Transport;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(query) = within(0, || of_doq(data)) else {
        return;
    };
    assert_eq!(query.len() + 2, data.len());
    assert_eq!(query[..2], [0, 0]);
    if let Some(reply) = run(service().answer(query, client(Transport::Quic))) {
        answers(query, &reply.bytes, 65_535);
    }
});
