//! DNS over TCP and TLS (RFC 7766, RFC 7858): queries behind each other on one connection, answered as they are ready.

use core::net::IpAddr;
use core::time::Duration;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use super::noted::Arrived;
use super::places::Place;
use super::room::{Part, Room};
use super::service::{Begun, Client, Missing, QUERY_BYTES_MAX, Service, count};
use crate::transport::Transport;

/// Queries of one connection that wait for an answer that is not kept; who sends more is read no further until answers are out.
const PIPELINED_MAX: usize = 64;

/// RFC 7766 section 6.2.3: a connection that says nothing costs a place that others want.
const IDLE_MAX: Duration = Duration::from_secs(15);

/// A query that has begun is there soon: a byte now and then is no query.
const QUERY_TIME_MAX: Duration = Duration::from_secs(5);

/// A client that takes nothing of its answers is let go.
const WRITE_TIME_MAX: Duration = Duration::from_secs(10);

/// A message's head; less is no query.
const QUERY_BYTES_MIN: usize = 12;

/// What is read at once.
const READ_BYTES: usize = 4096;

/// Answers that are collected before they are written.
const WRITTEN_BYTES: usize = 16 * 1024;

/// Answers the queries of one connection until it ends, errs or idles.
pub(super) async fn serve<S>(stream: S, client: Client, service: Arc<Service>, place: &Place)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut conversation = Conversation {
        stream,
        client,
        service: Arc::clone(&service),
        place,
        room: Room::new(),
        input: Vec::new(),
        begun_at: None,
        quiet_since: Instant::now(),
        answer: Vec::new(),
        output: Vec::new(),
        parts: Vec::new(),
        under_way: JoinSet::new(),
    };
    match conversation.converse().await {
        Ok(()) => {
            // It may be gone already.
            let _ = timeout(WRITE_TIME_MAX, conversation.stream.shutdown()).await;
        }
        Err(Broken::Away) => count(&service.counters.broken),
        Err(Broken::Slow) => count(&service.counters.let_go),
        Err(Broken::Wrong) => count(&service.counters.malformed),
    }
}

/// Why a connection ends before its client wants that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    /// The client went away.
    Away,
    /// It began a query and did not go on, or takes nothing of its answers.
    Slow,
    /// What it sent is no query.
    Wrong,
}

/// An answer that was waited for, with its part of the room.
type Waited = Option<(Vec<u8>, Part)>;

struct Conversation<'a, S> {
    stream: S,
    client: Client,
    service: Arc<Service>,
    place: &'a Place,
    room: Room,
    /// What came in and is not answered yet, and since when a query in it has begun.
    input: Vec<u8>,
    begun_at: Option<Instant>,
    /// Since when the client has said nothing.
    quiet_since: Instant,
    /// The answer that is being made.
    answer: Vec<u8>,
    /// Answers with their lengths, to be written.
    output: Vec<u8>,
    /// What of the room those take that were waited for, until they are written.
    parts: Vec<Part>,
    under_way: JoinSet<Waited>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Conversation<'_, S> {
    /// Until the client ends, or idles.
    async fn converse(&mut self) -> Result<(), Broken> {
        let mut more = true;
        while more || !self.under_way.is_empty() {
            let taken = self.take_all().await;
            self.write().await?;
            taken?;
            let waits = self.under_way.len();
            let deadline = match self.begun_at {
                Some(begun_at) => begun_at + QUERY_TIME_MAX,
                None => self.quiet_since + IDLE_MAX,
            };
            tokio::select! {
                read = read(&mut self.stream, &mut self.input), if more && waits < PIPELINED_MAX => {
                    more = read? > 0;
                    self.quiet_since = Instant::now();
                    self.begun_at.get_or_insert(self.quiet_since);
                }
                Some(answer) = self.under_way.join_next(), if waits > 0 => {
                    self.put_waited(answer);
                    while let Some(answer) = self.under_way.try_join_next() {
                        self.put_waited(answer);
                    }
                }
                // Who waits for an answer is not idle.
                () = sleep_until(deadline), if waits == 0 => {
                    return self.begun_at.map_or(Ok(()), |_| Err(Broken::Slow));
                }
            }
        }
        self.write().await
    }

    /// Takes all queries that are there whole: answers those whose answers are kept, and begins with the others.
    async fn take_all(&mut self) -> Result<(), Broken> {
        let mut at = 0;
        let mut taken = 0;
        let rules = self.service.rules_in_force();
        let mut arrived = Arrived::now(&self.service, self.client, &rules);
        while self.under_way.len() < PIPELINED_MAX
            && let Some(length) = query_length(&self.input[at..])?
        {
            let query = at + 2..at + 2 + length;
            at = query.end;
            taken += 1;
            let query = &self.input[query];
            match self.service.begin(query, &arrived, None, &mut self.answer) {
                Begun::Silence => self.service.write_down(query, &arrived, None),
                Begun::Said(said) => {
                    self.service.was_said(query, &arrived, &said, &self.answer);
                    if let Some(key) = said.renew {
                        self.service.renew(key);
                    }
                    put(&mut self.output, &self.answer);
                    if self.output.len() > WRITTEN_BYTES {
                        self.write().await?;
                        // A client takes its time.
                        arrived = Arrived::now(&self.service, self.client, &rules);
                    }
                }
                Begun::Missing(missing) => {
                    let (service, room) = (Arc::clone(&self.service), self.room.clone());
                    self.under_way.spawn(wait(service, room, missing));
                }
            }
        }
        if taken > 0 {
            self.input.drain(..at);
            self.begun_at = (!self.input.is_empty()).then_some(self.quiet_since);
            self.service.were_asked(self.client.transport, taken);
            self.place.asks();
        }
        Ok(())
    }

    /// Puts in an answer that was waited for.
    fn put_waited(&mut self, waited: Result<Waited, JoinError>) {
        if let Ok(Some((answer, part))) = waited {
            put(&mut self.output, &answer);
            self.parts.push(part);
        }
    }

    async fn write(&mut self) -> Result<(), Broken> {
        if self.output.is_empty() {
            return Ok(());
        }
        let writing = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        match timeout(WRITE_TIME_MAX, writing).await {
            Ok(Ok(())) => {
                self.output.clear();
                self.output.shrink_to(WRITTEN_BYTES);
                self.parts.clear();
                Ok(())
            }
            Ok(Err(_)) => Err(Broken::Away),
            Err(_) => Err(Broken::Slow),
        }
    }
}

/// The answer to a query, once there is one and room for it.
async fn wait(service: Arc<Service>, room: Room, missing: Missing) -> Waited {
    let make = || async { Some(service.finish(&missing).await.bytes) };
    room.hold(make, Vec::len).await
}

/// Reads what has come in, and says how much that is.
async fn read(stream: &mut (impl AsyncRead + Unpin), input: &mut Vec<u8>) -> Result<usize, Broken> {
    input.reserve(READ_BYTES);
    stream.read_buf(input).await.map_err(|_| Broken::Away)
}

/// The length of the query that the input begins with, if all of it is there.
fn query_length(input: &[u8]) -> Result<Option<usize>, Broken> {
    let Some((length, rest)) = input.split_first_chunk::<2>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if !(QUERY_BYTES_MIN..=QUERY_BYTES_MAX).contains(&length) {
        return Err(Broken::Wrong);
    }
    Ok((length <= rest.len()).then_some(length))
}

/// Adds an answer with its length.
fn put(output: &mut Vec<u8>, answer: &[u8]) {
    // No answer is longer than 65,535 bytes.
    if let Ok(length) = u16::try_from(answer.len()) {
        output.extend_from_slice(&length.to_be_bytes());
        output.extend_from_slice(answer);
    }
}

/// A client over TCP or TLS.
pub(super) fn client(address: IpAddr, transport: Transport) -> Client {
    Client { address, transport }
}
