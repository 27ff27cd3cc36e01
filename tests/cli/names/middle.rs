//! Somebody in the middle, between a command and its node: passes requests on, holds them, or changes what is answered.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use super::Running;

/// More than any request here.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A request that came.
pub(super) struct Asked {
    /// How many of the same method and first folders came before.
    pub(super) before: usize,
    /// `GET identities`, `POST transactions`.
    pub(super) what: String,
}

/// What becomes of it.
pub(super) enum Fate {
    Pass,
    /// Nobody hears of it, and nobody answers.
    Hold,
    /// The node does it, and nobody answers.
    HoldAnswer,
    /// As where no node is: the connection is closed.
    Close,
    /// The body of the answer is another.
    Change(Vec<u8>),
    /// The node's answer goes through somebody's hands.
    Alter(fn(&mut Vec<u8>)),
}

/// Stands between as long as the test lasts.
pub(super) struct Middle {
    address: SocketAddr,
    /// Hears when a request is held, or closed.
    pub(super) held: mpsc::Receiver<()>,
}

type Decide = dyn Fn(&Asked) -> Fate + Send + Sync;

struct Shared {
    node: String,
    decide: Box<Decide>,
    counts: [(&'static str, AtomicUsize); 5],
}

const KINDS: [&str; 5] = [
    "GET identities",
    "GET names",
    "GET ledger",
    "POST transactions",
    "other",
];

impl Middle {
    pub(super) fn new(
        node: &Running,
        decide: impl Fn(&Asked) -> Fate + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (told, held) = mpsc::channel();
        let shared = Arc::new(Shared {
            node: node.api().trim_start_matches("http://").to_owned(),
            decide: Box::new(decide),
            counts: KINDS.map(|kind| (kind, AtomicUsize::new(0))),
        });
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, told) = (Arc::clone(&shared), told.clone());
                let stream = stream.expect("a connection");
                // Who is killed leaves half a request.
                thread::spawn(move || serve(stream, &shared, &told));
            }
        });
        Self { address, held }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Shared {
    fn ask(&self, head: &str) -> Fate {
        let mut words = head.split([' ', '?']);
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let folder = path.split('/').nth(2).unwrap_or("");
        let what = format!("{method} {folder}");
        let known = self.counts.iter().find(|(kind, _)| *kind == what);
        let (kind, count) = known.unwrap_or(&self.counts[KINDS.len() - 1]);
        let before = count.fetch_add(1, Ordering::SeqCst);
        let what = (*kind).to_owned();
        (self.decide)(&Asked { before, what })
    }
}

/// One request of a connection; another makes its own.
fn serve(mut client: TcpStream, shared: &Shared, held: &mpsc::Sender<()>) -> Option<()> {
    let (head, body) = read_request(&mut client)?;
    let hold = |mut client: TcpStream| {
        // The test may be over.
        let _ = held.send(());
        let mut rest = Vec::new();
        // Until the command is no more.
        let _ = client.read_to_end(&mut rest);
    };
    let fate = shared.ask(&head);
    if let Fate::Hold = fate {
        hold(client);
        return None;
    }
    if let Fate::Close = fate {
        // The test may be over.
        let _ = held.send(());
        return None;
    }
    let mut answer = forward(&shared.node, &head, &body)?;
    match fate {
        Fate::Pass => {}
        Fate::Change(body) => answer.1 = body,
        Fate::Alter(alter) => alter(&mut answer.1),
        Fate::Hold | Fate::HoldAnswer | Fate::Close => {
            hold(client);
            return None;
        }
    }
    let (head, body) = answer;
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
        !line.is_empty() && name != "content-length" && name != "connection"
    });
    let mut head = lines.collect::<Vec<_>>().join("\r\n");
    head += &format!(
        "\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes()).ok()?;
    client.write_all(&body).ok()
}

fn read_request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut more = [0; 4096];
        let count = client.read(&mut more).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&more[..count]);
        assert!(bytes.len() < HEAD_BYTES_MAX);
        if let Some(end) = end_of_head(&bytes) {
            break end;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("text");
    let mut body = bytes[end..].to_vec();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().expect("a number"))
    });
    let mut rest = vec![0; length.unwrap_or(0_usize).saturating_sub(body.len())];
    client.read_exact(&mut rest).ok()?;
    body.extend(rest);
    Some((head, body))
}

fn forward(node: &str, head: &str, body: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut stream = TcpStream::connect(node).ok()?;
    let lines = head.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or("").to_ascii_lowercase();
        !line.is_empty() && name != "host" && name != "connection"
    });
    let mut head = lines.collect::<Vec<_>>().join("\r\n");
    head += &format!("\r\nhost: {node}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = end_of_head(&answer)?;
    let head = String::from_utf8(answer[..end].to_vec()).ok()?;
    assert!(!head.to_ascii_lowercase().contains("chunked"), "{head}");
    Some((head, answer.split_off(end)))
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}
