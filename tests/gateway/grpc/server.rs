//! A gRPC server from a crate, with its own health service: what ends with it are its connections too, as when its process is killed.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::io::{DuplexStream, copy_bidirectional, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::server::{Grpc, NamedService};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::gateway::secure::{Secured, in_zone};

type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// A server that runs.
pub(super) struct GrpcServer {
    id: &'static str,
    runtime: Option<Runtime>,
    health: HealthReporter,
    port: u16,
    secured: Option<Secured>,
    pub(super) seen: Arc<Seen>,
}

/// What reached a server.
#[derive(Debug, Default)]
pub(super) struct Seen {
    calls: AtomicUsize,
    given_up: AtomicUsize,
}

impl Seen {
    /// Calls, the health checks not among them.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// Calls whose client did not wait for their end.
    pub(super) fn given_up(&self) -> usize {
        self.given_up.load(Relaxed)
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl GrpcServer {
    /// One at a free port, over TLS if it is secured.
    pub(super) fn start(id: &'static str, secured: Option<Secured>) -> Self {
        Self::start_for(None, id, secured)
    }

    /// One that takes so many calls of a connection at once.
    pub(super) fn start_for(
        calls_max: Option<u32>,
        id: &'static str,
        secured: Option<Secured>,
    ) -> Self {
        let runtime = Runtime::new().expect("threads");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (health, checked) = health_reporter();
        let seen = Arc::new(Seen::default());
        let calls = Calls {
            id,
            seen: seen.clone(),
        };
        let server = tonic::transport::Server::builder();
        let mut server = server.max_concurrent_streams(calls_max);
        let server = server.add_service(calls).add_service(checked);
        let tls = secured
            .as_ref()
            .map(|secured| secured.config.clone().into());
        runtime.spawn(server.serve_with_incoming(incoming(listener, tls)));
        Self {
            id,
            runtime: Some(runtime),
            health,
            port,
            secured,
            seen,
        }
    }

    /// How a record names it.
    pub(super) fn in_zone(&self) -> String {
        let (scheme, pin) = in_zone(self.secured.as_ref());
        format!(
            "[[resource.provider]]\nid = \"{}\"\nurl = \"{scheme}://127.0.0.1:{}\"\nprotocol = \"grpc\"\n{pin}",
            self.id, self.port
        )
    }

    /// What its health service says from now on.
    pub(super) fn be(&self, status: ServingStatus) {
        let runtime = self.runtime.as_ref().expect("it runs");
        runtime.block_on(self.health.set_service_status("", status));
    }
}

/// Connections; the bytes of TLS are those that the server reads and writes.
fn incoming(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) -> impl Stream<Item = io::Result<DuplexStream>> {
    stream::unfold((listener, tls), async |(listener, tls)| {
        let (stream, _) = listener.accept().await.ok()?;
        let (near, far) = duplex(64 * 1024);
        tokio::spawn(carry(stream, tls.clone(), far));
        Some((Ok(near), (listener, tls)))
    })
}

async fn carry(
    mut stream: TcpStream,
    tls: Option<TlsAcceptor>,
    mut server: DuplexStream,
) -> io::Result<(u64, u64)> {
    stream.set_nodelay(true)?;
    match tls {
        Some(tls) => {
            let mut stream = tls.accept(stream).await?;
            copy_bidirectional(&mut stream, &mut server).await
        }
        None => copy_bidirectional(&mut stream, &mut server).await,
    }
}

/// Calls of every kind. A message is bytes (`google.protobuf.BytesValue`).
#[derive(Clone)]
struct Calls {
    id: &'static str,
    seen: Arc<Seen>,
}

impl NamedService for Calls {
    const NAME: &'static str = "dotkey.Calls";
}

impl Service<http::Request<Body>> for Calls {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<http::Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { id, seen } = self.clone();
        seen.calls.fetch_add(1, Relaxed);
        let mut grpc = Grpc::new(ProstCodec::<Bytes, Bytes>::default());
        // Before the call is begun: it may be given up while its message is on the way.
        let is_to_hang = request.uri().path().ends_with("/Hang");
        let mut held = is_to_hang.then(|| GivenUp(seen));
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/dotkey.Calls/Echo" => {
                    let echo = service_fn(|request| async move { echo(id, request) });
                    grpc.unary(echo, request).await
                }
                "/dotkey.Calls/Count" => grpc.server_streaming(service_fn(count), request).await,
                "/dotkey.Calls/Sum" => grpc.client_streaming(service_fn(sum), request).await,
                "/dotkey.Calls/Talk" => grpc.streaming(service_fn(talk), request).await,
                "/dotkey.Calls/Fail" => grpc.server_streaming(service_fn(fail), request).await,
                "/dotkey.Calls/Hang" => {
                    let hang = service_fn(|request| hang(held.take(), request));
                    grpc.server_streaming(hang, request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

/// The message, and in its metadata who answers and the deadline that it was given.
fn echo(id: &'static str, request: Request<Bytes>) -> Result<Response<Bytes>, Status> {
    let deadline = request.metadata().get("grpc-timeout").cloned();
    let mut answer = Response::new(request.into_inner());
    let said = answer.metadata_mut();
    said.insert("server", id.parse().expect("a value"));
    if let Some(deadline) = deadline {
        said.insert("deadline", deadline);
    }
    Ok(answer)
}

/// As many messages as the request has bytes: its first, its first two, and so on.
async fn count(request: Request<Bytes>) -> Result<Response<Messages>, Status> {
    let bytes = request.into_inner();
    let messages = (1..=bytes.len()).map(move |upto| Ok(bytes.slice(..upto)));
    Ok(Response::new(stream::iter(messages).boxed()))
}

/// All messages, one after the other.
async fn sum(request: Request<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
    let mut all = Vec::new();
    let mut messages = request.into_inner();
    while let Some(message) = messages.message().await? {
        all.extend(message);
    }
    Ok(Response::new(all.into()))
}

/// Each message as it comes.
async fn talk(request: Request<Streaming<Bytes>>) -> Result<Response<Messages>, Status> {
    Ok(Response::new(request.into_inner().boxed()))
}

/// `code after`: that status behind so many messages; where there are none, instead of an answer.
async fn fail(request: Request<Bytes>) -> Result<Response<Messages>, Status> {
    let numbers = String::from_utf8_lossy(request.get_ref()).into_owned();
    let mut numbers = numbers
        .split(' ')
        .map(|number| number.parse().expect("a number"));
    let code = Code::from_i32(numbers.next().expect("a code"));
    let after = numbers.next().expect("a count") as usize;
    let mut status = Status::new(code, format!("{code:?}: wie gewünscht, 100%"));
    let said = status.metadata_mut();
    said.insert("reason", "asked-for".parse().expect("a value"));
    if after == 0 {
        return Err(status);
    }
    let messages = (0..after).map(|_| Ok(Bytes::from_static(b"a message")));
    let messages = messages.chain([Err(status)]);
    Ok(Response::new(stream::iter(messages).boxed()))
}

/// Nothing to a request without bytes; else one message; and no end.
async fn hang(
    held: Option<GivenUp>,
    request: Request<Bytes>,
) -> Result<Response<Messages>, Status> {
    let first = request.into_inner();
    if first.is_empty() {
        pending::<()>().await;
    }
    let rest = stream::once(async move {
        let _held = held;
        pending().await
    });
    let first = stream::once(async move { Ok(first) });
    Ok(Response::new(first.chain(rest).boxed()))
}

/// Counts a call that was given up.
struct GivenUp(Arc<Seen>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.given_up.fetch_add(1, Relaxed);
    }
}
