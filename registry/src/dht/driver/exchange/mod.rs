//! One request, one answer, again and again: requests of peers over streams that are kept.
//!
//! This module owns the streams of one protocol on each connection, and the requests on them. A stream carries one exchange at a time, one after another, until either side
//! ends it (`docs/protocol/9-record-exchange.md` section 9.2): what libp2p needs for a new stream (agreeing on its protocol, timers, a beginning and an end on the wire) is
//! paid once and not for each request.
//!
//! It promises that every request that is sent ends exactly once, in an answer or in a [`NoAnswer`]; that no peer has more streams, waits longer or takes more memory than
//! [`Bounds`] say; and that a stream that nobody uses keeps no connection open. What the messages are is a [`Codec`]'s, whether they make sense its user's.
//!
//! - [`behaviour`]: who is connected, dialling who is not, and which requests are under way on which connection.
//! - [`handler`]: the streams of one connection; [`asking`]: one that this node opened; [`serving`]: one that the peer opened.
//! - [`frame`]: a length and a message on a stream; [`alarm`]: a connection's one timer.

mod alarm;
mod asking;
mod behaviour;
mod frame;
mod handler;
mod serving;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use libp2p::futures::channel::oneshot;
use libp2p::{PeerId, StreamProtocol};

pub(crate) use behaviour::Behaviour;

/// Streams of one connection that each side may have opened.
pub(crate) const STREAMS_MAX: usize = 64;

/// Streams that are kept for the next request: as many as a lookup asks at once of one peer, with room.
const KEPT_MAX: usize = 8;

/// So long an opener keeps a stream that it does not use.
const KEPT: Duration = Duration::from_secs(60);

/// So long an answerer does: longer, so that it is not the one who ends a stream on which a request may be on its way.
const SERVED: Duration = Duration::from_secs(90);

/// A connection counts as used for so long after a request. libp2p makes a timer whenever a connection falls out of use, and forgets it when it is used again: that
/// would be one for each request.
const LINGERS: Duration = Duration::from_secs(5);

/// Requests of one connection that wait for a stream. Its user asks no peer for as many as that at once; a peer that lets all streams hang gets them failed one by one.
const WAITING_MAX: usize = 1_024;

const _: () = assert!(KEPT_MAX < STREAMS_MAX);
const _: () = assert!(KEPT.as_secs() < SERVED.as_secs());

/// The messages of a protocol.
pub(crate) trait Codec: Debug + Send + 'static {
    /// Its name.
    const PROTOCOL: StreamProtocol;
    /// The longest request.
    const REQUEST_BYTES_MAX: usize;
    /// The longest response.
    const RESPONSE_BYTES_MAX: usize;
    /// What is asked.
    type Request: Debug + Send + 'static;
    /// What is answered.
    type Response: Debug + Send + 'static;
    /// Why bytes are no message.
    type Error: std::error::Error + Send + Sync + 'static;

    fn encode_request(request: &Self::Request) -> Vec<u8>;
    fn decode_request(bytes: &[u8]) -> Result<Self::Request, Self::Error>;
    fn encode_response(response: &Self::Response) -> Vec<u8>;
    fn decode_response(bytes: &[u8]) -> Result<Self::Response, Self::Error>;
}

/// How much and how long, on each connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Streams that each side may have opened.
    streams: usize,
    /// Streams of ours that are kept for the next request.
    kept: usize,
    /// So long such a one is kept.
    kept_for: Duration,
    /// So long a stream of the peer's may be without a request.
    served_for: Duration,
    /// So long an exchange may take, in either direction.
    exchange: Duration,
    /// So long after an exchange the connection counts as used.
    lingers: Duration,
}

impl Bounds {
    /// Those of a node, with this much time for an exchange.
    pub(crate) fn new(exchange: Duration) -> Self {
        Self {
            streams: STREAMS_MAX,
            kept: KEPT_MAX,
            kept_for: KEPT,
            served_for: SERVED,
            exchange,
            lingers: LINGERS,
        }
    }

    /// With fewer streams, where little is asked at once.
    pub(crate) fn with_streams(self, streams: usize) -> Self {
        let kept = self.kept.min(streams);
        Self {
            streams,
            kept,
            ..self
        }
    }
}

/// A request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RequestId(u64);

/// What happens.
#[derive(Debug)]
pub(crate) enum Event<C: Codec> {
    /// A peer asks.
    Asked {
        peer: PeerId,
        request: C::Request,
        channel: Channel<C::Response>,
    },
    /// A peer sends what is no request.
    Garbage { peer: PeerId, error: io::Error },
    /// A peer answers.
    Answered {
        peer: PeerId,
        id: RequestId,
        response: C::Response,
    },
    /// No answer will come.
    Failed { id: RequestId, error: NoAnswer },
}

/// Why no answer comes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("the peer is not reached")]
    NotReached,
    #[error("the connection is gone")]
    ConnectionClosed,
    #[error("the peer does not answer")]
    TimedOut,
    #[error("the peer does not speak the protocol")]
    Unsupported,
    #[error("too many requests wait for this peer")]
    Crowded,
    #[error("what the peer sent is no answer: {0}")]
    Garbage(io::Error),
    #[error("the stream broke: {0}")]
    Broken(io::Error),
}

impl From<io::Error> for NoAnswer {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::InvalidData => Self::Garbage(error),
            _ => Self::Broken(error),
        }
    }
}

/// The way for one answer. Dropping it ends the stream.
#[derive(Debug)]
pub(crate) struct Channel<R>(oneshot::Sender<R>);

impl<R> Channel<R> {
    /// Answers, if the asker is still there.
    pub(crate) fn answer(self, response: R) {
        // Its asker may be gone.
        let _ = self.0.send(response);
    }

    /// Whether somebody still waits for the answer.
    pub(crate) fn is_open(&self) -> bool {
        !self.0.is_canceled()
    }
}
