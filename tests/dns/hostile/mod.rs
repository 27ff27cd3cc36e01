//! Clients that nobody would want to have: they send garbage, go slowly, never read, come in thousands. Whatever they do, the resolver
//! answers others meanwhile, and its memory stays within a bound.

mod crowd;
mod flood;
mod garbage;
mod http2;
mod slow;
mod unread;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use super::{sockets, text};
use crate::cli::Place;
use crate::cli::nodes::Running;

/// A resolver by itself, with nobody who knows a name of ours, and an upstream of the test's own that knows every other.
struct Target {
    place: Place,
    running: Running,
    /// What it took when it began.
    began_mb: u64,
}

/// SOA of the suffix, which every resolver knows by itself.
const SOA: u16 = 6;
const TXT: u16 = 16;

impl Target {
    fn new() -> Self {
        let place = Place::new();
        let upstream = upstream();
        let args = [
            "resolver",
            "--ports",
            "auto",
            "--json",
            "--data",
            "data",
            // Nobody is there.
            "--node",
            "http://127.0.0.1:9",
        ];
        let mut command = place.command(&args);
        command
            .env("DOTKEY_RESOLVER_UPSTREAM", format!("tcp://{upstream}"))
            .env("DOTKEY_RESOLVER_VALIDATE", "false");
        let running = place.started(command, "data");
        let mut target = Self {
            place,
            running,
            began_mb: 0,
        };
        target.answers();
        target.began_mb = target.memory_mb();
        target
    }

    fn at(&self, listener: &str) -> SocketAddr {
        let address = text(&self.running.ready()[listener]);
        let address = address.trim_start_matches("https://");
        let address = address.trim_end_matches("/dns-query");
        address.parse().expect("an address")
    }

    fn certificate(&self) -> PathBuf {
        self.place.path("data/resolver.crt")
    }

    /// A connection to the listener of a protocol over TLS. A server gives up a handshake that takes long, as on a busy machine, and its
    /// client tries again.
    fn tls(&self, listener: &str, protocol: &str) -> sockets::Tls {
        let config = sockets::trust(&self.certificate(), protocol);
        let connected = (0..5).find_map(|_| {
            let mut stream = sockets::tls(&config, sockets::tcp(self.at(listener)));
            stream.conn.complete_io(&mut stream.sock).ok()?;
            (!stream.conn.is_handshaking()).then_some(stream)
        });
        connected.expect("a handshake")
    }

    /// Asserts that an honest client is answered, over each transport.
    fn answers(&self) {
        let query = sockets::query("key", SOA, Some(1232));
        let check = |what: &str, answer: &[u8]| {
            let is_answer = answer.len() > 12 && answer[2] & 0x80 != 0;
            assert!(is_answer && answer[3] & 0x0f == 0, "{what}: {answer:?}");
            assert_eq!(answer[6..8], [0, 1], "{what}: {answer:?}");
        };
        check("UDP", &self.asked_over_udp(&query));
        let mut stream = sockets::tcp(self.at("dns"));
        check("TCP", &exchanged(&mut stream, &query));
        check("TLS", &exchanged(&mut self.tls("dot", "dot"), &query));
        check("HTTP/1.1", &self.asked_over_http(&query));
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let config = sockets::trust(&self.certificate(), "doq");
            let endpoint = sockets::quic(config, quinn::TransportConfig::default());
            let connection = sockets::connected(&endpoint, self.at("doq")).await;
            let (mut send, mut receive) = connection.open_bi().await.expect("a stream");
            let framed = sockets::framed(&query);
            send.write_all(&framed).await.expect("sent");
            send.finish().expect("sent");
            let answer = receive.read_to_end(65_537).await.expect("an answer");
            check("QUIC", &answer[2..]);
            let config = sockets::trust(&self.certificate(), "h3");
            let endpoint = sockets::quic(config, quinn::TransportConfig::default());
            let connection = sockets::connected(&endpoint, self.at("doh")).await;
            let request = http::Request::post(text(&self.running.ready()["doh"]))
                .header("content-type", "application/dns-message")
                .body(())
                .expect("a request");
            let (status, answer) = sockets::http3(connection, request, &query).await;
            assert_eq!(status, 200);
            check("HTTP/3", &answer);
        });
    }

    /// Over UDP packets are lost when many come: an honest stub asks again.
    fn asked_over_udp(&self, query: &[u8]) -> Vec<u8> {
        let socket = sockets::udp();
        let again = std::time::Duration::from_secs(2);
        socket.set_read_timeout(Some(again)).expect("a socket");
        let mut answer = [0; 4096];
        for _ in 0..30 {
            socket.send_to(query, self.at("dns")).expect("sent");
            if let Ok(length) = socket.recv(&mut answer) {
                return answer[..length].to_vec();
            }
        }
        panic!("no answer over UDP");
    }

    fn asked_over_http(&self, query: &[u8]) -> Vec<u8> {
        let mut stream = self.tls("doh", "http/1.1");
        let head = format!(
            "POST /dns-query HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/dns-message\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            query.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(query).expect("sent");
        let mut said = Vec::new();
        stream.read_to_end(&mut said).expect("an answer");
        let body = said.windows(4).position(|end| end == b"\r\n\r\n");
        let body = body.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&said)));
        said.split_off(body + 4)
    }

    /// What of it is in memory now.
    fn memory_mb(&self) -> u64 {
        let pid = &self.running.ready()["pid"];
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<u64>().ok())
            .expect("a number")
            / 1024
    }

    /// Asserts that it takes at most so much more than when it began, and that it answers.
    fn stays_within(&self, what: &str, more_mb: u64) {
        let now_mb = self.memory_mb();
        println!("{what}: {} MB at first, {now_mb} MB now", self.began_mb);
        assert!(now_mb <= self.began_mb + more_mb, "{what}: {now_mb} MB");
        self.answers();
    }
}

/// An answer over TCP or TLS.
fn exchanged(stream: &mut (impl Read + Write), query: &[u8]) -> Vec<u8> {
    stream.write_all(&sockets::framed(query)).expect("sent");
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).expect("an answer");
    answer
}

/// An upstream over TCP that answers each question with an address, or with 60 KiB of text.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Until the other side ends.
fn serve(mut stream: TcpStream) -> Option<()> {
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).ok()?;
        let answer = sockets::framed(&said(&query)?);
        stream.write_all(&answer).ok()?;
    }
}

fn said(query: &[u8]) -> Option<Vec<u8>> {
    let name = query.get(12..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(12..12 + name + 5)?;
    let wants_text = question[name + 1..].starts_with(&TXT.to_be_bytes());
    let (count, data): (u16, Vec<u8>) = match wants_text {
        true => (230, [&[255][..], &[b'x'; 255]].concat()),
        false => (1, vec![198, 51, 100, 7]),
    };
    let mut answer = [
        &query[..2],
        &[0x81, 0x80, 0, 1],
        &count.to_be_bytes(),
        &[0; 4],
        question,
    ]
    .concat();
    for _ in 0..count {
        // The question's name, its type and class, a minute.
        answer.extend([0xc0, 12]);
        answer.extend(&question[name + 1..]);
        answer.extend([0, 0, 0, 60]);
        answer.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        answer.extend(&data);
    }
    Some(answer)
}
