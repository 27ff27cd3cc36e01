//! One connection to a node's API, over HTTP/2 without TLS: many questions at once, each with a bound on its answer.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::SourceError;

/// A problem that shows a record's facts fits many times.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;

/// The code of the problem that no node has a record.
const NO_RECORD: &str = "no-record";

/// The way to one node. The connection is made when it is needed and kept as long as it holds.
pub(super) struct Connection {
    /// `host:port`.
    authority: Box<str>,
    sender: Mutex<Option<SendRequest<Empty<Bytes>>>>,
    /// Whether the node at the other end of this connection gives a proof and a record only one by one. A node that is replaced by a
    /// newer one is reached by another connection.
    is_older: AtomicBool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({})", self.authority)
    }
}

impl Connection {
    pub(super) fn new(authority: &str) -> Self {
        Self {
            authority: authority.into(),
            sender: Mutex::new(None),
            is_older: AtomicBool::new(false),
        }
    }

    /// Whether the node is known to give a proof and a record only one by one.
    pub(super) fn is_older(&self) -> bool {
        self.is_older.load(Ordering::Relaxed)
    }

    /// Remembers that it does, as long as this connection holds.
    pub(super) fn note_older(&self) {
        self.is_older.store(true, Ordering::Relaxed);
    }

    /// The bytes at a path; none where the node says that there is no record.
    pub(super) async fn get(
        &self,
        path: &str,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let accept = "application/cbor, application/problem+json";
        let response = self.open(path, accept).await?;
        let status = response.status();
        if status.is_success() {
            return read(response, bytes_max).await.map(Some);
        }
        let problem = read(response, PROBLEM_BYTES_MAX).await?;
        let code = code_of(&problem).unwrap_or_else(|| status.as_u16().to_string());
        // Not any other 404: something else may listen there.
        if status == StatusCode::NOT_FOUND && code == NO_RECORD {
            return Ok(None);
        }
        Err(SourceError::Refused { code })
    }

    /// Lets go of a connection that does not answer: its other side may be gone without a word, and the next question shall not wait
    /// for that to be noticed.
    pub(super) async fn let_go(&self) {
        *self.sender.lock().await = None;
    }

    /// The head of an answer, its body still to come.
    pub(super) async fn open(
        &self,
        path: &str,
        accept: &str,
    ) -> Result<Response<Incoming>, SourceError> {
        let request = Request::get(format!("http://{}{path}", self.authority))
            .header("accept", accept)
            .header("cache-control", "no-cache")
            .header("user-agent", concat!("dotkey/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(unreachable)?;
        self.sender()
            .await?
            .send_request(request)
            .await
            .map_err(unreachable)
    }

    /// The connection that there is, or a new one. Who comes while it is made waits for the same one.
    async fn sender(&self) -> Result<SendRequest<Empty<Bytes>>, SourceError> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = TcpStream::connect(&*self.authority)
            .await
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let made = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(unreachable)?;
        // It ends with the last sender, or when the node closes it; whoever asks then sees that in his own answer.
        tokio::spawn(async move { drop(connection.await) });
        self.is_older.store(false, Ordering::Relaxed);
        *kept = Some(sender.clone());
        Ok(sender)
    }
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Vec<u8>, SourceError> {
    let read = Limited::new(response.into_body(), bytes_max)
        .collect()
        .await;
    match read {
        Ok(body) => Ok(body.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(SourceError::TooLong { bytes_max }),
        Err(error) => Err(unreachable(error)),
    }
}

/// The code of a problem (RFC 9457), where it is one.
fn code_of(problem: &[u8]) -> Option<String> {
    let problem: serde_json::Value = serde_json::from_slice(problem).ok()?;
    // A stranger's word: it is shown, so it is short and of plain characters.
    let plain = |code: &&str| {
        code.len() <= 64
            && code
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    problem["code"].as_str().filter(plain).map(str::to_owned)
}

fn unreachable(error: impl fmt::Display) -> SourceError {
    SourceError::Unreachable {
        reason: error.to_string(),
    }
}
