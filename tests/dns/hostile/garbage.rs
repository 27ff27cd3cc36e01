//! Bytes that mean nothing, from none to 64 KiB, over every transport and at every depth of it.

use std::io::{Read, Write};

use super::{SOA, Target, sockets};

/// Lengths around every bound that there is.
const LENGTHS: [usize; 18] = [
    0, 1, 2, 3, 11, 12, 13, 17, 100, 511, 1232, 1233, 4096, 4097, 9000, 16_384, 16_385, 65_535,
];

/// What garbage is made of: zeros, ones, noise, and a query with noise behind it.
fn garbage() -> impl Iterator<Item = Vec<u8>> {
    let query = sockets::query("key", SOA, Some(1232));
    LENGTHS.into_iter().flat_map(move |length| {
        let mut state = 0x9e37_79b9_u32 ^ u32::try_from(length).expect("short");
        let noise: Vec<u8> = (0..length)
            .map(|_| {
                // xorshift: the same in every run.
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                state.to_le_bytes()[0]
            })
            .collect();
        let mut near = query.clone();
        near.extend(&noise);
        near.truncate(length.max(1));
        [vec![0; length], vec![0xff; length], noise, near]
    })
}

/// What a client sends that does not care what becomes of it: until it is told to stop, or nothing more comes.
fn pour(stream: &mut (impl Read + Write), bytes: &[u8]) {
    // The server may end the connection at any byte.
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
}

#[test]
fn garbage_over_udp_and_tcp() {
    let target = Target::new();
    let socket = sockets::udp();
    for bytes in garbage() {
        for listener in ["dns", "doq", "doh"] {
            // More than a packet holds is not sent.
            let sent = &bytes[..bytes.len().min(65_507)];
            socket.send_to(sent, target.at(listener)).expect("sent");
        }
        for listener in ["dns", "dot", "doh"] {
            pour(&mut sockets::tcp(target.at(listener)), &bytes);
        }
        pour(
            &mut sockets::tcp(target.at("dns")),
            &sockets::framed(&bytes),
        );
    }
    target.stays_within("garbage over UDP and TCP", 48);
}

#[test]
fn garbage_over_tls_and_http() {
    let target = Target::new();
    let post = |length: usize| {
        format!(
            "POST /dns-query HTTP/1.1\r\nhost: x\r\ncontent-type: application/dns-message\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    for bytes in garbage() {
        pour(&mut target.tls("dot", "dot"), &bytes);
        pour(&mut target.tls("dot", "dot"), &sockets::framed(&bytes));
        pour(&mut target.tls("doh", "http/1.1"), &bytes);
        let posted = [post(bytes.len()).as_bytes(), &bytes].concat();
        pour(&mut target.tls("doh", "http/1.1"), &posted);
        pour(&mut target.tls("doh", "h2"), &bytes);
        let begun = [super::http2::PREFACE, &bytes].concat();
        pour(&mut target.tls("doh", "h2"), &begun);
    }
    target.stays_within("garbage over TLS and HTTP", 48);
}

#[test]
fn garbage_over_quic_and_http3() {
    let target = Target::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        for (listener, protocol) in [("doq", "doq"), ("doh", "h3")] {
            let config = sockets::trust(&target.certificate(), protocol);
            let endpoint = sockets::quic(config, quinn::TransportConfig::default());
            let to = target.at(listener);
            for bytes in garbage() {
                let connection = sockets::connected(&endpoint, to).await;
                // It may end the connection at any byte, and of its streams.
                if let Ok((mut send, _receive)) = connection.open_bi().await {
                    let _ = send.write_all(&bytes).await;
                    let _ = send.finish();
                }
                if let Ok(mut send) = connection.open_uni().await {
                    let writing = send.write_all(&bytes);
                    let _ = tokio::time::timeout(sockets::PATIENCE, writing).await;
                    let _ = send.finish();
                }
                connection.close(0_u32.into(), b"");
            }
        }
    });
    target.stays_within("garbage over QUIC and HTTP/3", 48);
}

#[test]
fn frames_of_http3_that_never_end() {
    let target = Target::new();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let config = sockets::trust(&target.certificate(), "h3");
        let endpoint = sockets::quic(config, quinn::TransportConfig::default());
        let connection = sockets::connected(&endpoint, target.at("doh")).await;
        // HEADERS, a frame that has no meaning, and SETTINGS on the control stream: each of 2^61 bytes.
        let endless = |head: &[u8]| [head, &[0xe0, 0, 0, 0, 0, 0, 0, 0]].concat();
        let mut sent = 0_usize;
        for (head, one_way) in [(&[1][..], false), (&[0x21], false), (&[0, 4], true)] {
            let mut send = match one_way {
                true => connection.open_uni().await.expect("a stream"),
                false => connection.open_bi().await.expect("a stream").0,
            };
            send.write_all(&endless(head)).await.expect("sent");
            // 64 MiB, if nobody stops it.
            for _ in 0..1024 {
                if send.write_all(&[0; 65_536]).await.is_err() {
                    break;
                }
                sent += 65_536;
            }
        }
        println!("{sent} bytes were let through");
        assert!(sent < 4 << 20, "each stream is stopped");
    });
    target.stays_within("endless frames", 48);
}
