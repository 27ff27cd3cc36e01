//! A gRPC client from a crate, which comes to the gateway as any visitor does.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{IntoRequest, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::gateway::World;

/// How a client comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// HTTP/2 by prior knowledge.
    Plain,
    Tls,
}

/// Who calls `dotkey.Calls`.
#[derive(Clone)]
pub(super) struct Client(Grpc<Channel>);

impl Client {
    pub(super) async fn new(world: &World, way: Way) -> Self {
        let name = world.name.clone();
        let channel = match way {
            Way::Plain => {
                let endpoint = Endpoint::from_shared(format!("http://{name}")).expect("a URL");
                let to = world.address();
                let connect = move |_| {
                    let to = to.clone();
                    async move { TcpStream::connect(to).await.map(TokioIo::new) }
                };
                endpoint.connect_with_connector(service_fn(connect)).await
            }
            Way::Tls => {
                let endpoint = Endpoint::from_shared(format!("https://{name}")).expect("a URL");
                let to = world.address_https();
                let tls = TlsConnector::from(world.trusting("h2"));
                let connect = move |_| {
                    let (to, tls, name) = (to.clone(), tls.clone(), name.clone());
                    async move {
                        let name = ServerName::try_from(name).expect("a name");
                        let stream = tls.connect(name, TcpStream::connect(to).await?).await?;
                        Ok::<_, io::Error>(TokioIo::new(stream))
                    }
                };
                endpoint.connect_with_connector(service_fn(connect)).await
            }
        };
        Self(Grpc::new(channel.expect("the gateway takes connections")))
    }

    /// One message in, one out.
    pub(super) async fn unary(
        &self,
        method: &'static str,
        request: impl IntoRequest<Bytes>,
    ) -> Result<Response<Bytes>, Status> {
        let mut grpc = self.ready().await?;
        grpc.unary(request.into_request(), path(method), codec())
            .await
    }

    /// One message in, several out.
    pub(super) async fn server_streaming(
        &self,
        method: &'static str,
        request: impl IntoRequest<Bytes>,
    ) -> Result<Response<Streaming<Bytes>>, Status> {
        let mut grpc = self.ready().await?;
        grpc.server_streaming(request.into_request(), path(method), codec())
            .await
    }

    /// Several messages in, one out.
    pub(super) async fn client_streaming(
        &self,
        method: &'static str,
        messages: Vec<Bytes>,
    ) -> Result<Response<Bytes>, Status> {
        let mut grpc = self.ready().await?;
        let request = Request::new(stream::iter(messages));
        grpc.client_streaming(request, path(method), codec()).await
    }

    /// Both sides talk for as long as they want.
    pub(super) async fn streaming(
        &self,
        method: &'static str,
        messages: impl stream::Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Response<Streaming<Bytes>>, Status> {
        let mut grpc = self.ready().await?;
        grpc.streaming(Request::new(messages), path(method), codec())
            .await
    }

    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = self.0.clone();
        let connected = grpc.ready().await;
        connected.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(grpc)
    }
}

fn codec() -> ProstCodec<Bytes, Bytes> {
    ProstCodec::default()
}

fn path(method: &'static str) -> PathAndQuery {
    let path = format!("/dotkey.Calls/{method}");
    path.parse().expect("a path")
}

/// The messages of an answer, and its end.
pub(super) async fn read(answer: Response<Streaming<Bytes>>) -> (Vec<Bytes>, Result<(), Status>) {
    let mut messages = answer.into_inner();
    let mut read = Vec::new();
    loop {
        match messages.message().await {
            Ok(Some(message)) => read.push(message),
            Ok(None) => return (read, Ok(())),
            Err(status) => return (read, Err(status)),
        }
    }
}
