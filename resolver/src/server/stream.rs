//! DNS over TCP and TLS (RFC 7766, RFC 7858): queries behind each other on one connection, answered as they are ready.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::service::{Client, Service};
use crate::transport::Transport;

/// Queries of one connection that are under way; who sends more is read no further until answers are out.
const PIPELINED_MAX: usize = 64;

/// RFC 7766 section 6.2.3: a connection that says nothing costs a place that others want.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// A query that has begun is there soon: a byte now and then is no query.
const QUERY_TIME_MAX: Duration = Duration::from_secs(5);

/// A client that takes nothing of its answers is let go.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// The longest query: far above what a question with its options takes.
const QUERY_BYTES_MAX: usize = 4096;

/// A message's head; less is no query.
const QUERY_BYTES_MIN: usize = 12;

/// Answers the queries of one connection until it ends, errs or idles.
pub(super) async fn serve<S>(stream: S, client: Client, service: Arc<Service>)
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (reader, writer) = split(stream);
    let (answers, ready) = mpsc::channel(PIPELINED_MAX);
    let mut writing = tokio::spawn(write(writer, ready));
    tokio::select! {
        () = read(reader, client, service, answers) => {
            // The answers under way still go out.
            let _ = timeout(WRITE_TIME_MAX, &mut writing).await;
        }
        // It cannot be written to any more: nothing that comes in needs an answer.
        _ = &mut writing => return,
    }
    writing.abort();
}

async fn read<S: AsyncRead>(
    mut reader: ReadHalf<S>,
    client: Client,
    service: Arc<Service>,
    answers: mpsc::Sender<Vec<u8>>,
) {
    let places = Arc::new(Semaphore::new(PIPELINED_MAX));
    let mut under_way = JoinSet::new();
    loop {
        while under_way.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        let Some(query) = next(&mut reader).await else {
            break;
        };
        let (service, answers) = (Arc::clone(&service), answers.clone());
        under_way.spawn(async move {
            if let Some(reply) = service.answer(&query, client).await {
                // The writer is gone with its client.
                let _ = answers.send(reply.bytes).await;
            }
            drop(place);
        });
    }
    while under_way.join_next().await.is_some() {}
}

/// The next query; none when the client ends, idles, or sends what is none.
async fn next<S: AsyncRead>(reader: &mut ReadHalf<S>) -> Option<Vec<u8>> {
    let first = timeout(IDLE_MAX, reader.read_u8()).await.ok()?.ok()?;
    let rest = async {
        let second = reader.read_u8().await.ok()?;
        let length = usize::from(u16::from_be_bytes([first, second]));
        if !(QUERY_BYTES_MIN..=QUERY_BYTES_MAX).contains(&length) {
            return None;
        }
        let mut query = vec![0; length];
        reader.read_exact(&mut query).await.ok()?;
        Some(query)
    };
    timeout(QUERY_TIME_MAX, rest).await.ok()?
}

async fn write<S: AsyncWrite>(mut writer: WriteHalf<S>, mut ready: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = ready.recv().await {
        let Ok(length) = u16::try_from(answer.len()) else {
            continue;
        };
        // In one piece: two would be two packets (RFC 7766 section 8).
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        match timeout(WRITE_TIME_MAX, writer.write_all(&framed)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
        if ready.is_empty() && !matches!(timeout(WRITE_TIME_MAX, writer.flush()).await, Ok(Ok(())))
        {
            return;
        }
    }
    let _ = timeout(WRITE_TIME_MAX, writer.shutdown()).await;
}

/// A client over TCP or TLS.
pub(super) fn client(address: IpAddr, transport: Transport) -> Client {
    Client { address, transport }
}
