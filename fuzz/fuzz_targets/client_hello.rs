//! What comes first on a TLS connection: a name, or a refusal, however the bytes are cut.
#![no_main]

use dotkey_fuzz::within;
use dotkey_gateway::tcp::hello::{HELLO_BYTES_MAX, Hello, HelloError, HelloReader};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let at_once = within(4 * data.len().min(HELLO_BYTES_MAX) + 1024, || {
        HelloReader::default().push(data)
    });
    if let Ok(Some(hello)) = &at_once {
        assert!((1..=253).contains(&hello.name.len()));
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        assert!(hello.name.bytes().all(is_host) && hello.name.to_ascii_lowercase() == hello.name);
    }
    let pieces = 1 + data.len() % 97;
    match in_pieces(data, pieces) {
        // The bytes behind a ClientHello are its client's, and may be the beginning of anything.
        (Ok(Some(hello)), used) => {
            assert_eq!(HelloReader::default().push(&data[..used]), Ok(Some(hello)))
        }
        (found, _) => assert_eq!(found.is_err(), at_once.is_err()),
    }
});

fn in_pieces(data: &[u8], piece: usize) -> (Result<Option<Hello>, HelloError>, usize) {
    let mut reader = HelloReader::default();
    let mut used = 0;
    for piece in data.chunks(piece) {
        used += piece.len();
        match reader.push(piece) {
            Ok(None) => assert_eq!(reader.received().len(), used),
            done => return (done, used),
        }
        assert!(reader.received().len() <= HELLO_BYTES_MAX);
    }
    (Ok(None), used)
}
