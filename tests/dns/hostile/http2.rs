//! HTTP/2, frame by frame: streams that are opened and reset, heads that never end, answers that nobody acknowledges.

use std::io::Write;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::{SOA, Target, sockets};

/// What a client begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames.
pub(super) const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The whole of a request without a body.
pub(super) const WHOLE: u8 = END_STREAM | END_HEADERS;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a GET, in HPACK without any tables of its own.
pub(super) fn get(query: &[u8]) -> Vec<u8> {
    let path = format!("/dns-query?dns={}", BASE64URL_NOPAD.encode(query));
    let length = u8::try_from(path.len()).expect("short");
    assert!(length < 127, "one byte says how long it is");
    // GET and https are in the table that everyone has; the path and the authority have their names there.
    let authority = b"127.0.0.1";
    let head = [&[0x82, 0x87, 0x04, length], path.as_bytes()].concat();
    [&head[..], &[0x01, 9], authority].concat()
}

/// The number of the n-th stream of a client.
pub(super) fn stream(number: u32) -> u32 {
    2 * number + 1
}

fn begun(target: &Target) -> sockets::Tls {
    let mut stream = target.tls("doh", "h2");
    let begin = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&begin).expect("sent");
    stream.flush().expect("sent");
    stream
}

/// Sends frame after frame until the server ends the connection, and says how many it took.
fn until_ended(mut connection: sockets::Tls, frames: impl Fn(u32) -> Vec<u8>, most: u32) -> u32 {
    for number in 0..most {
        let sent = connection.write_all(&frames(number));
        if sent.and_then(|()| connection.flush()).is_err() {
            return number;
        }
    }
    panic!("the connection goes on after {most}");
}

#[test]
fn streams_that_are_reset_as_soon_as_they_are_open() {
    let target = Target::new();
    let kept = get(&sockets::query("key", SOA, None));
    for _ in 0..20 {
        let taken = until_ended(
            begun(&target),
            |number| {
                let open = frame(HEADERS, WHOLE, stream(number), &kept);
                let reset = frame(RST_STREAM, 0, stream(number), &8_u32.to_be_bytes());
                [open, reset].concat()
            },
            1_000_000,
        );
        println!("{taken} streams were reset");
    }
    target.stays_within("rapid reset", 48);
}

#[test]
fn heads_that_never_end() {
    let target = Target::new();
    // A field whose value goes on and on, then many small ones.
    let long = [
        &[0x00, 1, b'x', 0x7f, 0xff, 0xff, 0x7f][..],
        &[b'y'; 16_000],
    ]
    .concat();
    let many = [0x00, 1, b'x', 1, b'y'].repeat(3200);
    for part in [long, many] {
        let taken = until_ended(
            begun(&target),
            |number| match number {
                0 => frame(HEADERS, END_STREAM, 1, &part),
                _ => frame(CONTINUATION, 0, 1, &part),
            },
            4096,
        );
        println!("{taken} parts of a head were taken");
    }
    target.stays_within("a flood of CONTINUATION", 48);
}

#[test]
fn frames_whose_answers_nobody_reads() {
    let target = Target::new();
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let ping = frame(PING, 0, 0, &[7; 8]);
    let connections: Vec<sockets::Tls> = [settings, ping]
        .iter()
        .flat_map(|frame| [frame; 8])
        .map(|frame| {
            let mut connection = begun(&target);
            let patience = Some(Duration::from_millis(200));
            let socket = &connection.sock;
            socket.set_write_timeout(patience).expect("a socket");
            for _ in 0..2000 {
                // Once the server waits for us to read, nothing more is taken.
                if connection.write_all(&frame.repeat(100)).is_err() {
                    break;
                }
            }
            connection
        })
        .collect();
    target.stays_within("answers that nobody reads", 48);
    drop(connections);
}
