//! Clients that send a byte now and then. They are let go, and nobody waits for them.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::http2::PREFACE;
use super::{SOA, Target, sockets};

/// Between two bytes.
const PAUSE: Duration = Duration::from_millis(250);

/// Of each kind.
const CLIENTS: usize = 8;

/// Far longer than the server has patience with any of them.
const PATIENCE: Duration = Duration::from_secs(100);

/// Whether the other side has ended a connection to which bytes are still sent now and then.
fn is_ended(stream: &mut (impl Read + Write), bytes: &mut impl Iterator<Item = u8>) -> bool {
    let byte = bytes.next().unwrap_or(b'x');
    if stream
        .write_all(&[byte])
        .and_then(|()| stream.flush())
        .is_err()
    {
        return true;
    }
    let mut said = [0; 4096];
    match stream.read(&mut said) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(
            error.kind(),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
        ),
    }
}

/// Sends bytes slowly until the other side ends it.
fn dribble<S: Read + Write>(what: &str, stream: &mut S, bytes: Vec<u8>) {
    let begun = Instant::now();
    let mut bytes = bytes.into_iter();
    while !is_ended(stream, &mut bytes) {
        assert!(begun.elapsed() < PATIENCE, "{what}: it is never let go");
    }
    println!("{what}: let go");
}

/// Reading takes no longer than the pause between two bytes.
fn paced(stream: &std::net::TcpStream) {
    stream.set_read_timeout(Some(PAUSE)).expect("a socket");
}

#[test]
fn over_everything_that_runs_on_tcp() {
    let target = Target::new();
    let long = sockets::framed(&[0; 4096]);
    let hello = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[0; 500]].concat();
    let head = b"GET /dns-query?dns=AAAA HTTP/1.1\r\nhost: x\r\nx: ".to_vec();
    let body = b"POST /dns-query HTTP/1.1\r\nhost: x\r\ncontent-type: application/dns-message\r\ncontent-length: 4000\r\n\r\n";
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            for (what, listener, bytes) in [
                ("a query over TCP", "dns", &long),
                ("a handshake of TLS", "dot", &hello),
                ("a handshake of HTTPS", "doh", &hello),
            ] {
                let mut stream = sockets::tcp(target.at(listener));
                scope.spawn(move || {
                    paced(&stream);
                    dribble(what, &mut stream, bytes.clone());
                });
            }
            for (what, listener, protocol, at_once, bytes) in [
                ("a query over TLS", "dot", "dot", &b""[..], &long),
                ("a head of HTTP/1.1", "doh", "http/1.1", b"", &head),
                ("a body of HTTP/1.1", "doh", "http/1.1", body, &head),
            ] {
                let mut stream = target.tls(listener, protocol);
                scope.spawn(move || {
                    stream.write_all(at_once).expect("sent");
                    paced(&stream.sock);
                    dribble(what, &mut stream, bytes.clone());
                });
            }
        }
        target.answers();
    });
    target.stays_within("the slow", 48);
}

#[test]
fn over_http2() {
    let target = Target::new();
    let mut streams: Vec<_> = (0..CLIENTS).map(|_| target.tls("doh", "h2")).collect();
    for byte in PREFACE {
        for stream in &mut streams {
            // The server may have had enough already.
            let _ = stream.write_all(&[*byte]).and_then(|()| stream.flush());
        }
        thread::sleep(PAUSE);
    }
    target.answers();
    target.stays_within("the slow over HTTP/2", 48);
}

#[test]
fn over_quic_and_http3() {
    let target = Target::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let query = sockets::framed(&sockets::query("key", SOA, None));
    runtime.block_on(async {
        let mut slow = tokio::task::JoinSet::new();
        for (listener, protocol) in [("doq", "doq"), ("doh", "h3")] {
            let config = sockets::trust(&target.certificate(), protocol);
            let endpoint = sockets::quic(config, quinn::TransportConfig::default());
            for _ in 0..CLIENTS {
                let connection = sockets::connected(&endpoint, target.at(listener)).await;
                let query = query.clone();
                slow.spawn(async move {
                    let (mut send, _receive) = connection.open_bi().await.expect("a stream");
                    for byte in query.iter().cycle() {
                        if send.write_all(&[*byte]).await.is_err() {
                            break;
                        }
                        tokio::time::sleep(PAUSE).await;
                    }
                });
            }
        }
        let all = async { while slow.join_next().await.is_some() {} };
        let all = tokio::time::timeout(PATIENCE, all).await;
        assert!(all.is_ok(), "some are never let go");
    });
    target.stays_within("the slow over QUIC", 48);
}
