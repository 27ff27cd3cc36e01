//! Connections to one provider: those of HTTP/1.1 that wait for a request, and the one of HTTP/2 that all share.
//!
//! A connection of HTTP/1.1 has no task of its own: whoever uses it drives it, in the task of the visitor's connection, so
//! that an answer does not hop between threads. While it waits nobody drives it; whether it still stands is looked at when it is taken.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::{Context, Waker};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::body::Outgoing;
use super::connect::{ConnectError, Spoken, Way, Wire};

/// Connections that wait. One more is closed.
const WAITING_MAX: usize = 256;

/// How long one waits. Common servers close theirs after 5 to 75 seconds; finding that out costs a try.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// For a request that may not be sent twice: such a connection was in use a moment ago.
const WAIT_MAX_UNREPEATABLE: Duration = Duration::from_secs(1);

/// Names and values of an answer's header. Their number is bounded by hyper, to 100: another bound would cost it an allocation.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// A connection of HTTP/2 that does not answer a ping within [`PING_TIMEOUT`] is dead.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

type Connection = http1::Connection<TokioIo<Wire>, Outgoing>;

/// Connections to one provider.
pub(super) struct Lines {
    pub(super) way: Way,
    waiting: Mutex<Vec<Line>>,
    shared: Mutex<Option<http2::SendRequest<Outgoing>>>,
    opening: tokio::sync::Mutex<()>,
}

/// A connection of HTTP/1.1.
struct Line {
    sender: http1::SendRequest<Outgoing>,
    connection: Pin<Box<Connection>>,
    since: Instant,
}

/// A connection of HTTP/1.1 whose answer is being read.
pub(super) struct InUse {
    line: Line,
    home: Arc<Lines>,
    had_waited: bool,
}

/// A connection that can take a request.
pub(super) enum Open {
    Own(InUse),
    Shared(http2::SendRequest<Outgoing>),
}

/// Why a request was not answered, and the request where not a byte of it has left.
pub(super) struct Unsent {
    pub(super) error: hyper::Error,
    pub(super) request: Option<Request<Outgoing>>,
}

impl From<TrySendError<Request<Outgoing>>> for Unsent {
    fn from(mut error: TrySendError<Request<Outgoing>>) -> Self {
        let request = error.take_message();
        Self {
            error: error.into_error(),
            request,
        }
    }
}

impl Lines {
    pub(super) fn new(way: Way) -> Self {
        Self {
            way,
            waiting: Mutex::default(),
            shared: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    /// A connection, one that stands if there is any. `repeatable` says whether the request may be sent again if it breaks.
    pub(super) async fn open(
        self: &Arc<Self>,
        limit: Duration,
        repeatable: bool,
    ) -> Result<Open, ConnectError> {
        if let Some(open) = self.standing(repeatable) {
            return Ok(open);
        }
        if self.way.is_http2_by_record() {
            // One connection for all who ask at once.
            let _opening = self.opening.lock().await;
            if let Some(shared) = self.shared() {
                return Ok(Open::Shared(shared));
            }
            return self.connect(limit).await;
        }
        self.connect(limit).await
    }

    fn standing(self: &Arc<Self>, repeatable: bool) -> Option<Open> {
        if let Some(shared) = self.shared() {
            return Some(Open::Shared(shared));
        }
        let wait_max = if repeatable {
            WAIT_MAX
        } else {
            WAIT_MAX_UNREPEATABLE
        };
        loop {
            let mut line = self
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop()?;
            if line.since.elapsed() < wait_max && line.stands() {
                let home = self.clone();
                let had_waited = true;
                return Some(Open::Own(InUse {
                    line,
                    home,
                    had_waited,
                }));
            }
        }
    }

    fn shared(&self) -> Option<http2::SendRequest<Outgoing>> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.clone().filter(|sender| !sender.is_closed())
    }

    /// A new connection.
    pub(super) async fn connect(self: &Arc<Self>, limit: Duration) -> Result<Open, ConnectError> {
        let (wire, spoken) = self.way.connect(limit).await?;
        let wire = TokioIo::new(wire);
        match spoken {
            Spoken::Http1 => {
                let line = Line::new(wire).await.map_err(tcp)?;
                let home = self.clone();
                Ok(Open::Own(InUse {
                    line,
                    home,
                    had_waited: false,
                }))
            }
            Spoken::Http2 => {
                let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .keep_alive_interval(PING_INTERVAL)
                    .keep_alive_timeout(PING_TIMEOUT)
                    .max_header_list_size(HEADER_BYTES_MAX as u32)
                    .initial_stream_window_size(1 << 20)
                    .initial_connection_window_size(4 << 20)
                    .handshake(wire)
                    .await
                    .map_err(tcp)?;
                // It ends with its last sender. Its own end is learned by who sends next.
                tokio::spawn(async move { connection.await.ok() });
                *self.shared.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender.clone());
                Ok(Open::Shared(sender))
            }
        }
    }

    /// A connection of HTTP/1.1 for a protocol that takes it over.
    pub(super) async fn take_over(&self, limit: Duration) -> Result<Wire, ConnectError> {
        self.way.connect_http1(limit).await
    }

    /// Closes what has waited too long.
    pub(super) fn sweep(&self) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain_mut(|line| line.since.elapsed() < WAIT_MAX && line.stands());
    }
}

fn tcp(error: hyper::Error) -> ConnectError {
    ConnectError::Tcp(std::io::Error::other(error))
}

impl Line {
    async fn new(wire: TokioIo<Wire>) -> hyper::Result<Self> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEADER_BYTES_MAX)
            .handshake(wire)
            .await?;
        Ok(Self {
            sender,
            connection: Box::pin(connection),
            since: Instant::now(),
        })
    }

    /// Whether it can take a request: nobody has driven it while it waited.
    fn stands(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        self.connection.as_mut().poll(&mut nobody).is_pending() && self.sender.is_ready()
    }
}

impl InUse {
    pub(super) async fn send(
        mut self,
        request: Request<Outgoing>,
    ) -> Result<(Response<Incoming>, Self), Unsent> {
        let Line {
            sender, connection, ..
        } = &mut self.line;
        let mut answer = pin!(sender.try_send_request(request));
        let mut ended = false;
        let answer = poll_fn(|cx| {
            ended = ended || connection.as_mut().poll(cx).is_ready();
            answer.as_mut().poll(cx)
        });
        let answer = answer.await?;
        Ok((answer, self))
    }

    /// Goes on reading and writing.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        // That it ended is learned from the body.
        let _ = self.line.connection.as_mut().poll(cx);
    }

    /// The answer was read: the connection can take another request.
    pub(super) fn give_back(self) {
        let Self { mut line, home, .. } = self;
        line.since = Instant::now();
        if line.stands() {
            let mut waiting = home.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.len() < WAITING_MAX {
                waiting.push(line);
            }
        }
    }
}

impl Open {
    /// Sends a request. An answer over a connection of its own comes with that, to be driven while it is read.
    pub(super) async fn send(
        self,
        request: Request<Outgoing>,
    ) -> Result<(Response<Incoming>, Option<InUse>), Unsent> {
        match self {
            Self::Own(own) => {
                let (answer, own) = own.send(request).await?;
                Ok((answer, Some(own)))
            }
            Self::Shared(mut sender) => Ok((sender.try_send_request(request).await?, None)),
        }
    }

    /// Whether it had waited for a request: its end then says nothing of the provider.
    pub(super) const fn had_waited(&self) -> bool {
        matches!(
            self,
            Self::Own(InUse {
                had_waited: true,
                ..
            })
        )
    }

    pub(super) const fn is_http2(&self) -> bool {
        matches!(self, Self::Shared(_))
    }
}
