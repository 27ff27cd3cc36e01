//! DNS over TCP and TLS (RFC 7766, RFC 7858): queries behind each other on one connection, answered as they are ready.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::places::Place;
use super::room::{Part, Room};
use super::service::{Client, QUERY_BYTES_MAX, Service, count};
use crate::transport::Transport;

/// Queries of one connection that are under way; who sends more is read no further until answers are out.
const PIPELINED_MAX: usize = 64;

/// RFC 7766 section 6.2.3: a connection that says nothing costs a place that others want.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// A query that has begun is there soon: a byte now and then is no query.
const QUERY_TIME_MAX: Duration = Duration::from_secs(5);

/// A client that takes nothing of its answers is let go.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// A message's head; less is no query.
const QUERY_BYTES_MIN: usize = 12;

/// An answer and its part of the room.
type Waiting = (Vec<u8>, Part);

/// Answers the queries of one connection until it ends, errs or idles.
pub(super) async fn serve<S>(stream: S, client: Client, service: Arc<Service>, place: &Place)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = split(stream);
    let (answers, ready) = mpsc::channel(PIPELINED_MAX);
    let mut writing = JoinSet::new();
    writing.spawn(write(writer, ready));
    let counted = Arc::clone(&service);
    let taken = tokio::select! {
        () = read(reader, client, service, answers, place) => {
            // The answers under way still go out.
            timeout(WRITE_TIME_MAX, writing.join_next()).await.ok().flatten()
        }
        // It cannot be written to any more: nothing that comes in needs an answer.
        ended = writing.join_next() => ended,
    };
    match taken {
        Some(Ok(Taken::All)) => {}
        Some(Ok(Taken::Gone)) => count(&counted.counters.broken),
        _ => count(&counted.counters.let_go),
    }
}

async fn read<S: AsyncRead>(
    mut reader: ReadHalf<S>,
    client: Client,
    service: Arc<Service>,
    answers: mpsc::Sender<Waiting>,
    place: &Place,
) {
    let places = Arc::new(Semaphore::new(PIPELINED_MAX));
    let room = Room::new();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let query = match next(&mut reader).await {
            Next::Query(query) => query,
            Next::Ended => break,
            Next::Slow => {
                count(&service.counters.let_go);
                break;
            }
            Next::Wrong => {
                count(&service.counters.malformed);
                break;
            }
        };
        place.asks();
        let (service, answers, room) = (Arc::clone(&service), answers.clone(), room.clone());
        under_way.spawn(async move {
            let make = || async {
                let reply = service.answer(&query, client).await;
                reply.map(|reply| reply.bytes)
            };
            if let Some(waiting) = room.hold(make, Vec::len).await {
                // The writer is gone with its client.
                let _ = answers.send(waiting).await;
            }
            drop(permit);
        });
    }
    while under_way.join_next().await.is_some() {}
}

/// What comes next on a connection.
enum Next {
    Query(Vec<u8>),
    /// The client ended it, or said nothing for long.
    Ended,
    /// It began a query and did not go on.
    Slow,
    /// What it sent is no query.
    Wrong,
}

async fn next<S: AsyncRead>(reader: &mut ReadHalf<S>) -> Next {
    let Ok(Ok(first)) = timeout(IDLE_MAX, reader.read_u8()).await else {
        return Next::Ended;
    };
    let rest = async {
        let Ok(second) = reader.read_u8().await else {
            return Next::Ended;
        };
        let length = usize::from(u16::from_be_bytes([first, second]));
        if !(QUERY_BYTES_MIN..=QUERY_BYTES_MAX).contains(&length) {
            return Next::Wrong;
        }
        let mut query = vec![0; length];
        match reader.read_exact(&mut query).await {
            Ok(_) => Next::Query(query),
            Err(_) => Next::Ended,
        }
    };
    timeout(QUERY_TIME_MAX, rest).await.unwrap_or(Next::Slow)
}

/// How writing to a client ended.
enum Taken {
    All,
    /// It went away.
    Gone,
    /// It takes nothing.
    Nothing,
}

async fn write<S: AsyncWrite>(
    mut writer: WriteHalf<S>,
    mut ready: mpsc::Receiver<Waiting>,
) -> Taken {
    while let Some((answer, _part)) = ready.recv().await {
        let Ok(length) = u16::try_from(answer.len()) else {
            continue;
        };
        // In one piece: two would be two packets (RFC 7766 section 8).
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        let is_last = ready.is_empty();
        let writing = async {
            writer.write_all(&framed).await?;
            match is_last {
                true => writer.flush().await,
                false => Ok(()),
            }
        };
        match timeout(WRITE_TIME_MAX, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Taken::Gone,
            Err(_) => return Taken::Nothing,
        }
    }
    // It may be gone already.
    let _ = timeout(WRITE_TIME_MAX, writer.shutdown()).await;
    Taken::All
}

/// A client over TCP or TLS.
pub(super) fn client(address: IpAddr, transport: Transport) -> Client {
    Client { address, transport }
}
