//! DoH over HTTP/2, and HTTP/1.1 for clients that know nothing newer: hyper's connections, bounded.

use core::convert::Infallible;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::doh::{self, Refused};
use super::places::Place;
use super::room::{Part, Room};
use super::service::{Client, QUERY_BYTES_MAX, Service, count};
use super::streams::Streams;
use super::watch::{Over, Waiting, Watch};

/// Requests at once on one connection: a page with all its names.
const STREAMS_MAX: u32 = 64;

/// A request's head: a query in the URI, and what browsers send with it.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// What a client may send before it is read: a query on each stream, and all of them together some of the longest kind.
const STREAM_WINDOW_BYTES: u32 = 8 * 1024;
const WINDOW_BYTES: u32 = 64 * 1024;

const _: () = assert!(QUERY_BYTES_MAX < STREAM_WINDOW_BYTES as usize);

/// A head or a body that does not arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// A connection whose client is gone is found by a PING without an answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIME_MAX: Duration = Duration::from_secs(10);

/// Streams that a client opened and reset before they were taken (HTTP/2 rapid reset): a browser leaves a few, a flood ends.
const RESET_STREAMS_MAX: usize = 32;

/// What a client does that is told to go.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(2);

/// One connection.
struct Connection {
    client: Client,
    service: Arc<Service>,
    room: Room,
    watch: Arc<Watch>,
}

/// Answers the requests of one connection until it ends, idles or takes nothing of its answers.
pub(super) async fn serve<S>(
    stream: S,
    is_http2: bool,
    client: Client,
    service: Arc<Service>,
    place: &Place,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Arc::new(Connection {
        client,
        service: Arc::clone(&service),
        room: Room::new(),
        watch: Watch::new(),
    });
    let watch = Arc::clone(&connection.watch);
    let answer = service_fn(move |request| {
        place.asks();
        let connection = Arc::clone(&connection);
        async move { Ok::<_, Infallible>(respond(request, &connection).await) }
    });
    let io = TokioIo::new(stream);
    let over = if is_http2 {
        let streams = Streams::default();
        let mut builder = http2::Builder::new(streams.clone());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIME_MAX);
        let mut connection = pin!(builder.serve_connection(io, answer));
        let over = tokio::select! {
            ended = streams.drive(connection.as_mut()) => Err(ended.is_ok()),
            over = watch.over() => Ok(over),
        };
        if over == Ok(Over::Idle) {
            connection.as_mut().graceful_shutdown();
            // Whoever does not go is left.
            let _ = timeout(GOODBYE_TIME_MAX, streams.drive(connection)).await;
        }
        over
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIME_MAX)
            .max_buf_size(HEAD_BYTES_MAX as usize);
        let connection = pin!(builder.serve_connection(io, answer));
        tokio::select! {
            ended = connection => Err(ended.is_ok()),
            over = watch.over() => Ok(over),
        }
    };
    match over {
        Err(true) | Ok(Over::Idle) => {}
        Err(false) => count(&service.counters.broken),
        Ok(Over::Slow | Over::GivesUp) => count(&service.counters.let_go),
    }
}

async fn respond(request: Request<Incoming>, connection: &Connection) -> Response<Answer> {
    let working = connection.watch.work();
    let asked = read(request).await;
    let service = &connection.service;
    if asked.is_err() {
        count(&service.counters.malformed);
    }
    let make = || async {
        Some(match &asked {
            Ok(asked) => doh::answer(asked, service, connection.client).await,
            Err(refused) => doh::refusal(refused),
        })
    };
    let held = connection.room.hold(make, |response| response.body().len());
    let (response, part) = held.await.expect("there is always something to say");
    let waiting = working.done();
    response.map(|bytes| {
        Answer(Some(Portion {
            bytes,
            _part: part,
            _waiting: waiting,
        }))
    })
}

async fn read(request: Request<Incoming>) -> Result<doh::Asked, Refused> {
    let (head, body) = request.into_parts();
    match doh::takes_body(&head.method, &head.uri, &head.headers) {
        Ok(true) => Ok(doh::of_body(collect(body).await?)),
        Ok(false) => doh::of_uri(&head.uri, &head.headers),
        Err(refused) => {
            // Who still sends takes a stream that is reset for a failure, and never reads why it is refused.
            let _ = collect(body).await;
            Err(refused)
        }
    }
}

/// All of a body, if it is short and comes in time.
async fn collect(body: Incoming) -> Result<Vec<u8>, Refused> {
    let body = Limited::new(body, QUERY_BYTES_MAX).collect();
    match timeout(REQUEST_TIME_MAX, body).await {
        Err(_) => Err(Refused(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(doh::TOO_LONG),
        Ok(Err(_)) => Err(Refused(StatusCode::BAD_REQUEST, "the body broke off")),
    }
}

/// An answer's body, in one piece.
struct Answer(Option<Portion>);

/// The bytes of an answer, which take their part of the room until they are on their way.
struct Portion {
    bytes: Bytes,
    _part: Part,
    _waiting: Waiting,
}

impl Body for Answer {
    type Data = Portion;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Portion>, Infallible>>> {
        Poll::Ready(self.0.take().map(|portion| Ok(Frame::data(portion))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.0.as_ref().map_or(0, |portion| portion.bytes.len());
        SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
    }
}

impl Buf for Portion {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}
