//! A client that says exactly what a test wants, byte for byte.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer: the numbers and the bytes as they came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem, which has every member that the documentation promises.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let json = self.json();
        assert_eq!(json["status"], self.status, "{json}");
        for member in ["type", "title", "detail", "next"] {
            assert!(
                json[member].as_str().is_some_and(|text| !text.is_empty()),
                "{json}"
            );
        }
        json["code"].as_str().expect("a code").to_owned()
    }
}

/// One request on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    head: String,
    body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        Self {
            head,
            body: Vec::new(),
        }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn put(path: &str, record: &[u8]) -> Self {
        Self::new("PUT", path)
            .header("Content-Type", "application/cbor")
            .body(record)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.head += &format!("Content-Length: {}\r\n", body.len());
        self.body = body.to_vec();
        self
    }

    /// Its bytes, with a Host unless there is one.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let host = if self.head.contains("\r\nHost: ") {
            ""
        } else {
            "Host: 127.0.0.1\r\n"
        };
        [format!("{}{host}\r\n", self.head).as_bytes(), &self.body].concat()
    }

    pub(crate) async fn of(&self, address: SocketAddr) -> Answer {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        // A server that refuses a body does not read it to its end.
        let _ = stream.write_all(&self.bytes()).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        parse(&bytes)
    }
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let status = head.split(' ').nth(1).expect("a status");
    Answer {
        status: status.parse().expect("a number"),
        body: bytes[end + 4..].to_vec(),
        head,
    }
}

/// Reads until what came contains `text`.
pub(crate) async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut seen = String::new();
    while !seen.contains(text) {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.expect("it is open");
        assert!(count > 0, "it ended before {text:?}: {seen}");
        seen += &String::from_utf8_lossy(&buffer[..count]);
    }
    seen
}

/// Reads to the end, however it comes.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await; // A reset is an end as well.
    String::from_utf8_lossy(&bytes).into_owned()
}
