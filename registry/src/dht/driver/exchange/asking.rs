//! A stream that this node opened: it waits for a request, or for the answer to one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use libp2p::Stream;
use libp2p::futures::stream::Stream as Items;
use tokio::time::Instant;

use super::frame::{Incoming, Outgoing, invalid};
use super::{Codec, NoAnswer, RequestId};

/// A request on its way.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) id: RequestId,
    pub(super) frame: Outgoing,
    pub(super) deadline: Instant,
    /// It was sent once already: only a new stream will do.
    pub(super) again: bool,
}

/// How an exchange ended.
#[derive(Debug)]
pub(super) enum Ended<C: Codec> {
    /// With the answer. The stream is free.
    Answered(RequestId, C::Response),
    /// A kept stream was gone: the request is due on a new one.
    Again(Question),
    /// Without one. The stream is gone.
    Failed(RequestId, NoAnswer),
}

/// An opened stream. As a stream of items it says how each exchange on it ended, and ends with it.
#[derive(Debug)]
pub(super) struct Line<C: Codec> {
    /// None once it is gone. libp2p panics when a stream is touched that failed, so that it is let go at once.
    stream: Option<Stream>,
    incoming: Incoming,
    state: State,
    /// Whether it has carried an exchange.
    used: bool,
    waker: Option<Waker>,
    codec: std::marker::PhantomData<fn() -> C>,
}

#[derive(Debug)]
enum State {
    Free { since: Instant },
    Asking(Question),
}

impl<C: Codec> Line<C> {
    /// A new stream with its first request.
    pub(super) fn new(mut stream: Stream, question: Question) -> Self {
        // What is under way keeps the connection open, not that there is a stream.
        stream.ignore_for_keep_alive();
        Self {
            stream: Some(stream),
            incoming: Incoming::default(),
            state: State::Asking(question),
            used: false,
            waker: None,
            codec: std::marker::PhantomData,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Since when it waits for a request, if it does.
    pub(super) fn free_since(&self) -> Option<Instant> {
        match self.state {
            State::Free { since } if self.is_open() => Some(since),
            _ => None,
        }
    }

    /// By when the answer has to be there, if one is waited for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(question) if self.is_open() => Some(question.deadline),
            _ => None,
        }
    }

    /// Sends the next request.
    pub(super) fn ask(&mut self, question: Question) {
        debug_assert!(self.free_since().is_some(), "one exchange at a time");
        self.state = State::Asking(question);
        self.wake();
    }

    /// Ends it; the request that waited for an answer comes back.
    pub(super) fn end(&mut self) -> Option<RequestId> {
        let asking = self.deadline().is_some();
        self.stream = None;
        self.wake();
        match &self.state {
            State::Asking(question) if asking => Some(question.id),
            _ => None,
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Whether a free stream is over: the peer ended it, or says what nobody asked for.
    fn poll_free(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(());
        };
        let read = self.incoming.poll_message(context, stream, 0);
        if read.is_ready() || !self.incoming.is_empty() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<io::Result<C::Response>> {
        let (State::Asking(question), Some(stream)) = (&mut self.state, &mut self.stream) else {
            unreachable!("only a stream with a request is looked at for an answer");
        };
        ready!(question.frame.poll_write(context, stream))?;
        let most = C::RESPONSE_BYTES_MAX;
        let message = ready!(self.incoming.poll_message(context, stream, most))?;
        let decoded = self.incoming.take(message, C::decode_response);
        Poll::Ready(decoded.map_err(invalid))
    }

    fn ended(&mut self, answer: io::Result<C::Response>) -> Option<Ended<C>> {
        let since = Instant::now();
        let state = std::mem::replace(&mut self.state, State::Free { since });
        let State::Asking(question) = state else {
            return None;
        };
        match answer {
            Ok(response) => {
                self.used = true;
                if !self.incoming.is_empty() {
                    // It says what nobody asked for.
                    self.stream = None;
                }
                Some(Ended::Answered(question.id, response))
            }
            Err(error) => {
                self.stream = None;
                let garbage = error.kind() == io::ErrorKind::InvalidData;
                // The peer may end a kept stream while a request is on its way, and then has not answered it. Every request may be sent twice: a get changes nothing, what
                // a put stored is stored already, and comparing two stores again gives what they differ in then.
                let again = self.used && self.incoming.is_empty() && !garbage && !question.again;
                Some(if again {
                    Ended::Again(Question {
                        frame: question.frame.again(),
                        again,
                        ..question
                    })
                } else {
                    Ended::Failed(question.id, error.into())
                })
            }
        }
    }
}

impl<C: Codec> Items for Line<C> {
    type Item = Ended<C>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.deadline().is_some()
            && let Poll::Ready(answer) = this.poll_answer(context)
        {
            return Poll::Ready(this.ended(answer));
        }
        if this.deadline().is_none() && this.poll_free(context).is_ready() {
            this.stream = None;
            return Poll::Ready(None);
        }
        match &mut this.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => this.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}
