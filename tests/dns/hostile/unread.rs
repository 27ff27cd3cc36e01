//! Clients that ask for long answers and never read: they fill what is held for one client, and no more.

use std::io::Write;

use super::http2::{self, HEADERS, PREFACE, SETTINGS, WHOLE, frame, get};
use super::{TXT, Target, sockets};

/// Of each kind.
const CLIENTS: usize = 48;

/// Of each client: 12 MiB of answers, if all of them were held.
const QUERIES: u32 = 200;

/// What is held for a client, with its connection: 64 KiB of answers, and twice as much on its way through TLS or QUIC.
const HELD_MB: u64 = CLIENTS as u64 / 4;

/// What else a burst leaves behind: stacks, tables, freed memory.
const REST_MB: u64 = 64;

/// 60 KiB of text, of the upstream.
fn question() -> Vec<u8> {
    sockets::query("many.example", TXT, Some(1232))
}

#[test]
fn over_tcp_and_tls() {
    let target = Target::new();
    let queries = sockets::framed(&question()).repeat(QUERIES as usize);
    let mut tcp: Vec<_> = (0..CLIENTS)
        .map(|_| sockets::tcp(target.at("dns")))
        .collect();
    let mut tls: Vec<_> = (0..CLIENTS).map(|_| target.tls("dot", "dot")).collect();
    for stream in &mut tcp {
        stream.write_all(&queries).expect("sent");
    }
    for stream in &mut tls {
        stream.write_all(&queries).expect("sent");
    }
    target.answers();
    target.stays_within("nobody reads TCP and TLS", 2 * HELD_MB + REST_MB);
}

#[test]
fn over_http2_with_and_without_a_window() {
    let target = Target::new();
    let head = get(&question());
    // SETTINGS_INITIAL_WINDOW_SIZE: nothing, a byte, all that there may be.
    let clients: Vec<_> = [0, 1, 0x7fff_ffff_u32]
        .into_iter()
        .flat_map(|window| std::iter::repeat_n(window, CLIENTS))
        .map(|window| {
            let mut connection = target.tls("doh", "h2");
            let setting = [&[0, 4][..], &window.to_be_bytes()].concat();
            let mut begin = [PREFACE, &frame(SETTINGS, 0, 0, &setting)].concat();
            // As many as there may be at once.
            for number in 0..64 {
                begin.extend(frame(HEADERS, WHOLE, http2::stream(number), &head));
            }
            connection.write_all(&begin).expect("sent");
            connection.flush().expect("sent");
            connection
        })
        .collect();
    target.answers();
    target.stays_within("nobody reads HTTP/2", 3 * HELD_MB + REST_MB);
    drop(clients);
}

#[test]
fn over_quic_without_a_window() {
    let target = Target::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let query = sockets::framed(&question());
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for window in [0_u32, 1] {
            let mut transport = quinn::TransportConfig::default();
            transport
                .receive_window(window.into())
                .stream_receive_window(window.into());
            let config = sockets::trust(&target.certificate(), "doq");
            let endpoint = sockets::quic(config, transport);
            for _ in 0..CLIENTS {
                let connection = sockets::connected(&endpoint, target.at("doq")).await;
                let mut streams = Vec::new();
                for _ in 0..64 {
                    let (mut send, receive) = connection.open_bi().await.expect("a stream");
                    send.write_all(&query).await.expect("sent");
                    send.finish().expect("sent");
                    streams.push((send, receive));
                }
                clients.push((endpoint.clone(), connection, streams));
            }
        }
        clients
    });
    target.answers();
    target.stays_within("nobody reads QUIC", 2 * HELD_MB + REST_MB);
    drop(clients);
}
