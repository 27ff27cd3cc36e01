//! What comes in over TCP or TLS: each query that is there whole is answered, and nothing else.
#![no_main]

use dotkey_fuzz::asked::{client, run, service};
use dotkey_resolver::server::fuzzed::over_stream;
use dotkey_resolver::transport::Transport;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let said = run(over_stream(data, client(Transport::Tcp), service()));
    let asked = messages(data);
    let mut answers = messages(&said);
    let lengths: usize = answers.iter().map(|answer| answer.len() + 2).sum();
    assert_eq!(lengths, said.len(), "whole answers");
    assert!(answers.len() <= asked.len());
    // They may come in another order, each with the id of its query.
    for query in asked {
        let at = answers
            .iter()
            .position(|answer| answer[..2] == query[..2.min(query.len())]);
        if let Some(at) = at {
            dotkey_fuzz::asked::answers(query, answers[at], 65_535);
            answers.swap_remove(at);
        }
    }
    assert!(answers.is_empty(), "an answer to nothing");
});

/// Messages with their lengths before them.
fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((message, rest)) = rest.split_at_checked(length) else {
            break;
        };
        messages.push(message);
        bytes = rest;
    }
    messages
}
