//! What comes in over a connection of HTTP/1.1 or HTTP/2, once TLS is done; the first byte says which it is.
#![no_main]

use dotkey_fuzz::asked::{client, run, service};
use dotkey_resolver::server::fuzzed::over_http;
use dotkey_resolver::transport::Transport;
use libfuzzer_sys::fuzz_target;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fuzz_target!(|data: &[u8]| {
    let Some((which, bytes)) = data.split_first() else {
        return;
    };
    let is_http2 = which % 2 == 1;
    // Without its preface nothing of HTTP/2 is looked at.
    let begin = if is_http2 { PREFACE } else { b"" };
    let bytes = &[begin, bytes].concat();
    let said = run(over_http(
        bytes,
        is_http2,
        client(Transport::Https),
        service(),
    ));
    if !is_http2 && !said.is_empty() {
        assert!(said.starts_with(b"HTTP/1."), "{said:?}");
    }
});
