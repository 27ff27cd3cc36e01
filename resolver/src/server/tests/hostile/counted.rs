//! What clients do wrong is counted, and those that take their time are let go.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{DuplexStream, duplex};

use super::super::*;
use crate::server::places::Places;
use crate::server::{http, stream};

/// Less than an answer takes.
const NARROW_BYTES: usize = 64;
const WIDE_BYTES: usize = 64 * 1024;

/// A connection, and the task that serves it until it ends.
fn served(
    service: &Arc<Service>,
    transport: Transport,
    pipe_bytes: usize,
) -> (DuplexStream, tokio::task::JoinHandle<()>) {
    let (near, far) = duplex(pipe_bytes);
    let client = Client {
        address: LOOPBACK,
        transport,
    };
    let service = Arc::clone(service);
    let serving = tokio::spawn(async move {
        let (place, _) = Places::new(1).take(LOOPBACK, true);
        match transport {
            Transport::Https => http::serve(near, true, client, service, &place).await,
            _ => stream::serve(near, client, service, &place).await,
        }
    });
    (far, serving)
}

fn framed(query: &Message) -> Vec<u8> {
    let query = query.to_vec().expect("it encodes");
    let length = u16::try_from(query.len()).expect("short").to_be_bytes();
    [&length[..], &query].concat()
}

/// What a client of HTTP/2 without a window asks by GET.
fn without_a_window() -> Vec<u8> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let path = b"/resolve?name=key&type=6";
    let path_length = u8::try_from(path.len()).expect("short");
    // GET, https, the path, an authority, in HPACK without tables.
    let head = [&[0x82, 0x87, 0x04, path_length][..], path, &[0x01, 1, b'x']].concat();
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]),
        frame(1, 5, 1, &head),
    ]
    .concat()
}

#[tokio::test]
async fn who_is_slow_and_who_reads_nothing_is_let_go() {
    let service = service(gateway());
    let asked = framed(&query("key.", "SOA", true));
    let connections = [
        // A query that does not go on, an answer that is not taken, one for which there is no window.
        (Transport::Tcp, WIDE_BYTES, asked[..20].to_vec()),
        (Transport::Tcp, NARROW_BYTES, asked),
        (Transport::Https, WIDE_BYTES, without_a_window()),
    ];
    let mut held = Vec::new();
    for (transport, pipe_bytes, bytes) in connections {
        let (mut far, serving) = served(&service, transport, pipe_bytes);
        far.write_all(&bytes).await.expect("sent");
        held.push((far, serving));
    }
    for (_far, serving) in held {
        serving.await.expect("it ends by itself");
    }
    assert_eq!(service.counters.let_go.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn what_is_no_query_is_counted() {
    let service = service(gateway());
    let counted = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    for bytes in [&[0, 3, 1, 2, 3][..], &[0xff, 0xff, 0]] {
        let before = counted(&service.counters.malformed);
        let (mut far, serving) = served(&service, Transport::Tcp, WIDE_BYTES);
        far.write_all(bytes).await.expect("sent");
        serving.await.expect("it ends");
        assert_eq!(counted(&service.counters.malformed), before + 1);
    }
    // Not HTTP/2 at all.
    let (mut far, serving) = served(&service, Transport::Https, WIDE_BYTES);
    far.write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    serving.await.expect("it ends");
    assert_eq!(counted(&service.counters.broken), 1);
    assert_eq!(counted(&service.counters.let_go), 0);
}
