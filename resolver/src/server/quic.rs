//! DoQ (RFC 9250), and the connections over which DoH by HTTP/3 comes: each query a stream of its own.

use core::time::Duration;
use std::sync::Arc;

use quinn::{Connection, Endpoint, Incoming, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::http3;
use super::places::{Place, Places};
use super::room::Room;
use super::service::{Client, QUERY_BYTES_MAX, Service, count};
use crate::transport::Transport;

/// Streams at once on one connection.
const STREAMS_MAX: u32 = 64;

/// HTTP/3's control stream and the two of QPACK.
const ONE_WAY_STREAMS_MAX: u32 = 3;

/// What a client may send before it is read: a query on each stream, and all of them together some of the longest kind.
const STREAM_RECEIVE_BYTES_MAX: u32 = 16 * 1024;
const RECEIVE_BYTES_MAX: u32 = 64 * 1024;

/// What is sent and not acknowledged: two answers of the longest kind.
const SEND_BYTES_MAX: u64 = 128 * 1024;

const _: () = assert!(QUERY_BYTES_MAX + LENGTH_BYTES < STREAM_RECEIVE_BYTES_MAX as usize);

/// A connection whose client is gone.
const SILENT_MAX: Duration = Duration::from_secs(20);

/// A connection over which nothing is asked, however alive it keeps itself.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(60);

const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(5);

/// A query and its answer on one stream. Whoever takes longer, to send the one or to take the other, is let go.
pub(super) const STREAM_TIME_MAX: Duration = Duration::from_secs(20);

/// RFC 9250 section 4.3: the codes of DoQ.
const NO_ERROR: VarInt = VarInt::from_u32(0);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);

/// RFC 9250 section 4.2: before each message.
const LENGTH_BYTES: usize = 2;

/// One connection.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) connection: Connection,
    pub(super) client: Client,
    pub(super) service: Arc<Service>,
    pub(super) room: Room,
    pub(super) place: Arc<Place>,
}

/// How much a client may have under way.
pub(super) fn transport() -> quinn::TransportConfig {
    let mut config = quinn::TransportConfig::default();
    config
        .max_concurrent_bidi_streams(STREAMS_MAX.into())
        .max_concurrent_uni_streams(ONE_WAY_STREAMS_MAX.into())
        .receive_window(RECEIVE_BYTES_MAX.into())
        .stream_receive_window(STREAM_RECEIVE_BYTES_MAX.into())
        .send_window(SEND_BYTES_MAX)
        // Nobody here reads datagrams.
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(VarInt::from_u32(SILENT_MAX.as_millis() as u32).into()));
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
        if !service.allows(address) {
            count(&service.counters.not_allowed);
            incoming.refuse();
            continue;
        }
        // A first packet with somebody else's address costs its sender nothing, and would take a place.
        if places.is_crowded() && !incoming.remote_address_validated() && incoming.may_retry() {
            // It may have gone away.
            let _ = incoming.retry();
            continue;
        }
        let (place, freed) = places.take(address, true);
        service.counters.crowd_out(freed);
        let client = Client { address, transport };
        connections.spawn(take(
            incoming,
            client,
            Arc::clone(&service),
            Arc::new(place),
        ));
    }
}

async fn take(incoming: Incoming, client: Client, service: Arc<Service>, place: Arc<Place>) {
    let Ok(Ok(connection)) = timeout(HANDSHAKE_TIME_MAX, async { incoming.await }).await else {
        count(&service.counters.broken);
        return;
    };
    let _counted = service.metrics.connected(client.transport);
    let session = Session {
        connection: connection.clone(),
        client,
        service,
        room: Room::new(),
        place: Arc::clone(&place),
    };
    let serving = async {
        match client.transport {
            Transport::Http3 => http3::serve(session).await,
            _ => serve_doq(session).await,
        }
    };
    tokio::select! {
        () = serving => {}
        () = place.lost() => {}
    }
    connection.close(NO_ERROR, b"");
}

async fn serve_doq(session: Session) {
    let mut streams = JoinSet::new();
    loop {
        while streams.try_join_next().is_some() {}
        let (send, receive) = match timeout(IDLE_MAX, session.connection.accept_bi()).await {
            Ok(Ok(stream)) => stream,
            Err(_) if streams.is_empty() => return,
            Err(_) => continue,
            Ok(Err(_)) => return,
        };
        session.place.asks();
        let session = session.clone();
        streams.spawn(async move {
            match timeout(STREAM_TIME_MAX, doq(send, receive, &session)).await {
                Ok(Ok(())) => {}
                Ok(Err(Wrong)) => {
                    count(&session.service.counters.malformed);
                    session.connection.close(PROTOCOL_ERROR, b"");
                }
                Err(_) => {
                    count(&session.service.counters.let_go);
                    session.connection.close(EXCESSIVE_LOAD, b"");
                }
            }
        });
    }
}

/// The one query that all of a stream is.
pub(super) fn query_of(stream: &[u8]) -> Option<&[u8]> {
    let (length, query) = stream.split_first_chunk::<LENGTH_BYTES>()?;
    let is_whole = usize::from(u16::from_be_bytes(*length)) == query.len();
    // RFC 9250 section 4.2.1: the id is 0, for the stream says which query is answered.
    (is_whole && query.starts_with(&[0, 0])).then_some(query)
}

/// RFC 9250 section 4.3.3: what ends the whole connection.
struct Wrong;

async fn doq(
    mut send: SendStream,
    mut receive: RecvStream,
    session: &Session,
) -> Result<(), Wrong> {
    let bytes = match receive.read_to_end(QUERY_BYTES_MAX + LENGTH_BYTES).await {
        Ok(bytes) => bytes,
        Err(quinn::ReadToEndError::TooLong) => return Err(Wrong),
        // Reset by the client.
        Err(_) => return Ok(()),
    };
    let query = query_of(&bytes).ok_or(Wrong)?;
    let make = || async {
        let reply = session.service.answer(query, session.client).await;
        reply.map(|reply| reply.bytes)
    };
    let Some((answer, _part)) = session.room.hold(make, Vec::len).await else {
        return Err(Wrong);
    };
    let Ok(length) = u16::try_from(answer.len()) else {
        return Ok(());
    };
    let framed = [&length.to_be_bytes()[..], &answer].concat();
    // A client that went away needs no answer.
    if send.write_all(&framed).await.is_ok() && send.finish().is_ok() {
        let _ = send.stopped().await;
    }
    Ok(())
}
