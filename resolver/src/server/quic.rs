//! DoQ (RFC 9250) and DoH over HTTP/3: each query a stream of its own.

use core::time::Duration;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use h3::server::RequestResolver;
use http::{Method, Response, StatusCode};
use quinn::{Connection, Endpoint, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::doh::{self, BODY_BYTES_MAX, Refused};
use super::places::Places;
use super::service::{Client, Service};
use crate::transport::Transport;

/// Streams at once on one connection.
const STREAMS_MAX: u32 = 64;

/// HTTP/3's control stream and the two of QPACK.
const ONE_WAY_STREAMS_MAX: u32 = 3;

/// What a client may send before it is read: one query of the longest kind on each of a few streams.
const RECEIVE_BYTES_MAX: u32 = 256 * 1024;

const IDLE_MAX: Duration = Duration::from_secs(20);
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// A query and its answer on one stream, however slow the client.
const STREAM_TIME_MAX: Duration = Duration::from_secs(20);

/// RFC 9250 section 4.3: the codes of DoQ.
const NO_ERROR: VarInt = VarInt::from_u32(0);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);

/// A query with its length.
const QUERY_BYTES_MAX: usize = 4096 + 2;

/// How much a client may have under way.
pub(super) fn transport() -> quinn::TransportConfig {
    let mut config = quinn::TransportConfig::default();
    config
        .max_concurrent_bidi_streams(STREAMS_MAX.into())
        .max_concurrent_uni_streams(ONE_WAY_STREAMS_MAX.into())
        .receive_window(RECEIVE_BYTES_MAX.into())
        .stream_receive_window(RECEIVE_BYTES_MAX.into())
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_MAX.as_millis() as u32).into()));
    config
}

/// Takes connections of an endpoint, for ever.
pub(super) async fn serve(
    endpoint: Endpoint,
    transport: Transport,
    service: Arc<Service>,
    places: Places,
) {
    let mut connections = JoinSet::new();
    while let Some(incoming) = endpoint.accept().await {
        while connections.try_join_next().is_some() {}
        let address = incoming.remote_address().ip();
        let Some(place) = places.take(address) else {
            incoming.refuse();
            continue;
        };
        let service = Arc::clone(&service);
        connections.spawn(async move {
            let Ok(Ok(connection)) = timeout(HANDSHAKE_TIME_MAX, async { incoming.await }).await
            else {
                return;
            };
            let client = Client { address, transport };
            match transport {
                Transport::Http3 => serve_http3(connection, client, service).await,
                _ => serve_doq(connection, client, service).await,
            }
            drop(place);
        });
    }
}

async fn serve_doq(connection: Connection, client: Client, service: Arc<Service>) {
    let mut streams = JoinSet::new();
    while let Ok((send, receive)) = connection.accept_bi().await {
        while streams.try_join_next().is_some() {}
        let (service, connection) = (Arc::clone(&service), connection.clone());
        streams.spawn(async move {
            let answered = timeout(STREAM_TIME_MAX, doq(send, receive, client, &service)).await;
            if let Ok(Err(Wrong)) = answered {
                connection.close(PROTOCOL_ERROR, b"");
            }
        });
    }
    connection.close(NO_ERROR, b"");
}

/// RFC 9250 section 4.3.3: what ends the whole connection.
struct Wrong;

async fn doq(
    mut send: SendStream,
    mut receive: RecvStream,
    client: Client,
    service: &Arc<Service>,
) -> Result<(), Wrong> {
    let Ok(bytes) = receive.read_to_end(QUERY_BYTES_MAX).await else {
        // Reset by the client, or longer than any query.
        return Ok(());
    };
    let Some((length, query)) = bytes.split_first_chunk::<2>() else {
        return Err(Wrong);
    };
    // Section 4.2.1: the id is 0, for the stream says which query is answered.
    if usize::from(u16::from_be_bytes(*length)) != query.len() || !query.starts_with(&[0, 0]) {
        return Err(Wrong);
    }
    let Some(reply) = service.answer(query, client).await else {
        return Err(Wrong);
    };
    let Ok(length) = u16::try_from(reply.bytes.len()) else {
        return Ok(());
    };
    let framed = [&length.to_be_bytes()[..], &reply.bytes].concat();
    // A client that went away needs no answer.
    if send.write_all(&framed).await.is_ok() && send.finish().is_ok() {
        let _ = send.stopped().await;
    }
    Ok(())
}

type Http3 = h3_quinn::Connection;

async fn serve_http3(connection: Connection, client: Client, service: Arc<Service>) {
    let http3 = h3::server::builder()
        .max_field_section_size(16 * 1024)
        .build::<_, Bytes>(Http3::new(connection))
        .await;
    let Ok(mut http3) = http3 else {
        return;
    };
    let mut streams = JoinSet::new();
    while let Ok(Some(request)) = http3.accept().await {
        while streams.try_join_next().is_some() {}
        let service = Arc::clone(&service);
        streams.spawn(timeout(STREAM_TIME_MAX, async move {
            // A client that went away needs no answer.
            let _ = respond(request, client, &service).await;
        }));
    }
}

async fn respond(
    request: RequestResolver<Http3, Bytes>,
    client: Client,
    service: &Arc<Service>,
) -> Result<(), h3::error::StreamError> {
    let (request, mut stream) = request.resolve_request().await?;
    let (head, ()) = request.into_parts();
    let mut body = Vec::new();
    let asked = match doh::takes_body(&head.method, &head.uri, &head.headers) {
        Err(refused) => Err(refused),
        Ok(false) => doh::of_uri(&head.uri, &head.headers),
        Ok(true) => loop {
            match stream.recv_data().await? {
                None => break Ok(doh::of_body(body)),
                Some(mut data) => {
                    let data = data.copy_to_bytes(data.remaining());
                    if body.len() + data.len() > BODY_BYTES_MAX {
                        break Err(Refused(
                            StatusCode::PAYLOAD_TOO_LARGE,
                            "a query has at most 64 KiB",
                        ));
                    }
                    body.extend_from_slice(&data);
                }
            }
        },
    };
    let response = match asked {
        Ok(asked) => doh::answer(&asked, service, client).await,
        Err(refused) => doh::refusal(&refused),
    };
    let (mut head_out, bytes) = response.into_parts();
    head_out
        .headers
        .insert("content-length", bytes.len().into());
    stream
        .send_response(Response::from_parts(head_out, ()))
        .await?;
    if head.method != Method::HEAD {
        stream.send_data(bytes).await?;
    }
    stream.finish().await
}
