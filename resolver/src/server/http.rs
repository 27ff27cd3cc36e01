//! DoH over HTTP/2, and HTTP/1.1 for clients that know nothing newer: hyper's connections, bounded.

use core::convert::Infallible;
use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::doh::{self, BODY_BYTES_MAX, Refused};
use super::service::{Client, Service};

/// Requests at once on one connection: a page with all its names.
const STREAMS_MAX: u32 = 64;

/// A request's head: a query in the URI, and what browsers send with it.
const HEAD_BYTES_MAX: u32 = 16 * 1024;

/// A head or a body that does not arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// A connection whose client is gone is found by a PING without an answer.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIME_MAX: Duration = Duration::from_secs(10);

/// Streams that a client opened and reset before they were taken (HTTP/2 rapid reset): a browser leaves a few, a flood ends.
const RESET_STREAMS_MAX: usize = 32;

/// Answers the requests of one connection until it ends.
pub(super) async fn serve<S>(stream: S, is_http2: bool, client: Client, service: Arc<Service>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(respond(request, client, &service).await) }
    });
    let io = TokioIo::new(stream);
    // How a connection ends is the client's affair.
    if is_http2 {
        let streams = Streams::default();
        let mut builder = http2::Builder::new(streams.clone());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_pending_accept_reset_streams(RESET_STREAMS_MAX)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIME_MAX);
        let connection = builder.serve_connection(io, answer);
        drive(connection, &streams).await;
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(REQUEST_TIME_MAX)
            .max_buf_size(HEAD_BYTES_MAX as usize);
        let _ = builder.serve_connection(io, answer).await;
    }
}

/// The streams of one connection, for the task of the connection itself: an answer leaves in one piece with its head, and together with
/// those that are ready when it is, and no thread waits for another.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Vec<Stream>>>);

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Streams {
    fn take(&self) -> Vec<Stream> {
        // Nothing that panics happens under the lock.
        core::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(Box::pin(stream));
    }
}

/// Carries a connection and its streams until it ends.
async fn drive(connection: impl Future, streams: &Streams) {
    let mut connection = pin!(connection);
    let mut running = FuturesUnordered::new();
    poll_fn(|context| {
        loop {
            if connection.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let begun = streams.take();
            let mut goes_on = !begun.is_empty();
            running.extend(begun);
            while let Poll::Ready(Some(())) = running.poll_next_unpin(context) {
                goes_on = true;
            }
            if !goes_on {
                return Poll::Pending;
            }
        }
    })
    .await;
}

async fn respond(
    request: Request<Incoming>,
    client: Client,
    service: &Arc<Service>,
) -> Response<Full<Bytes>> {
    let response = match read(request).await {
        Ok(asked) => doh::answer(&asked, service, client).await,
        Err(refused) => doh::refusal(&refused),
    };
    response.map(Full::new)
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
    let body = Limited::new(body, BODY_BYTES_MAX).collect();
    match timeout(REQUEST_TIME_MAX, body).await {
        Err(_) => Err(Refused(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive in time",
        )),
        Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "a query has at most 64 KiB",
        )),
        Ok(Err(_)) => Err(Refused(StatusCode::BAD_REQUEST, "the body broke off")),
    }
}
