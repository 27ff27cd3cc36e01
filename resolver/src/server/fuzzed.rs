//! What the fuzz targets reach of the servers: the ways of what comes in, without its sockets.

use std::sync::Arc;

use http::{HeaderMap, Method, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::http::serve as serve_http;
use super::places::Places;
use super::service::{Client, Service};
use super::{doh, quic, stream};

/// Both directions hold all of an input and all of its answers.
const PIPE_BYTES: usize = 1 << 24;

/// All that is said on a connection of TCP or TLS over which these bytes come.
pub async fn over_stream(bytes: &[u8], client: Client, service: &Arc<Service>) -> Vec<u8> {
    let (place, _) = Places::new(1).take(client.address, true);
    let (near, far) = duplex(PIPE_BYTES);
    let serving = stream::serve(near, client, Arc::clone(service), &place);
    tokio::join!(serving, talked(far, bytes)).1
}

/// The same of HTTP, once TLS is done.
pub async fn over_http(
    bytes: &[u8],
    is_http2: bool,
    client: Client,
    service: &Arc<Service>,
) -> Vec<u8> {
    let (place, _) = Places::new(1).take(client.address, true);
    let (near, far) = duplex(PIPE_BYTES);
    let serving = serve_http(near, is_http2, client, Arc::clone(service), &place);
    tokio::join!(serving, talked(far, bytes)).1
}

/// The query that a stream of DoQ brings.
#[must_use]
pub fn of_doq(stream: &[u8]) -> Option<&[u8]> {
    quic::query_of(stream)
}

/// The status of a DoH request's answer, and its body.
pub async fn of_request(
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
    body: &[u8],
    client: Client,
    service: &Arc<Service>,
) -> (u16, Vec<u8>) {
    let asked = match doh::takes_body(method, uri, headers) {
        Ok(true) => Ok(doh::of_body(body.to_vec())),
        Ok(false) => doh::of_uri(uri, headers),
        Err(refused) => Err(refused),
    };
    let response = match asked {
        Ok(asked) => doh::answer(&asked, service, client).await,
        Err(refused) => doh::refusal(&refused),
    };
    (response.status().as_u16(), response.into_body().to_vec())
}

async fn talked(mut far: DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let mut said = Vec::new();
    // The server may end the connection at any byte.
    let _ = far.write_all(bytes).await;
    let _ = far.shutdown().await;
    let _ = far.read_to_end(&mut said).await;
    said
}
