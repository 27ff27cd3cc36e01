//! When a change is to be seen: each node serves its API on loopback, one client a node reads its events.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dotkey_proto::time::Timestamp;
use dotkey_registry::api::{ApiConfig, Server, serve};
use dotkey_registry::node::Node;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

/// A change that is not there by then counts as this late.
const SEEN_WITHIN: Duration = Duration::from_secs(10);

/// Who watches the events of every node.
pub(crate) struct Watchers {
    count: usize,
    /// The digest of what changed, in hexadecimal, and when a client read it.
    seen: mpsc::UnboundedReceiver<(String, Instant)>,
    _servers: Vec<Server>,
}

impl Watchers {
    pub(crate) async fn of(network: &[Node]) -> Self {
        let (sender, seen) = mpsc::unbounded_channel();
        let mut servers = Vec::new();
        for node in network {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.expect("a free port");
            let server = serve(listener, node.clone(), ApiConfig::new(now)).expect("it serves");
            let lines = subscribe(server.address()).await;
            tokio::spawn(watch(lines, sender.clone()));
            servers.push(server);
        }
        Self {
            count: network.len(),
            seen,
            _servers: servers,
        }
    }

    /// How long after `begun` each node's client saw a change, sorted.
    pub(crate) async fn seen(&mut self, digest: &str, begun: Instant) -> Vec<Duration> {
        let last = tokio::time::Instant::from_std(begun + SEEN_WITHIN);
        let mut after = Vec::new();
        while after.len() < self.count {
            match timeout_at(last, self.seen.recv()).await {
                Ok(Some((what, when))) if what == digest => after.push(when - begun),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        after.sort_unstable();
        after.resize(self.count, SEEN_WITHIN);
        after
    }
}

/// The lines of a node's events, from now on.
async fn subscribe(to: SocketAddr) -> Lines<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(to).await.expect("it listens");
    let request = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it is read");
    let mut lines = BufReader::new(stream).lines();
    let status = lines.next_line().await.expect("it answers");
    assert!(status.is_some_and(|line| line.ends_with("200 OK")));
    lines
}

async fn watch(
    mut lines: Lines<BufReader<TcpStream>>,
    sender: mpsc::UnboundedSender<(String, Instant)>,
) {
    while let Ok(Some(line)) = lines.next_line().await {
        let Some(data) = line.strip_prefix("data:") else {
            continue;
        };
        let when = Instant::now();
        let data: serde_json::Value = serde_json::from_str(data).expect("events are JSON");
        let digest = data["digest"].as_str().unwrap_or_default().to_owned();
        if sender.send((digest, when)).is_err() {
            return;
        }
    }
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    Timestamp::from_secs(since.as_secs()).expect("before 10000")
}

/// A digest as the API shows it.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
