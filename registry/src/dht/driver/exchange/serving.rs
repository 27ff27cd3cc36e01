//! A stream that the peer opened: it is read for a request, waits for the answer to it, and carries that back.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use libp2p::Stream;
use libp2p::futures::FutureExt;
use libp2p::futures::channel::oneshot;
use libp2p::futures::stream::Stream as Items;
use tokio::time::Instant;

use super::frame::{Incoming, Outgoing, invalid};
use super::{Bounds, Channel, Codec};

/// What a peer did.
#[derive(Debug)]
pub(super) enum Heard<C: Codec> {
    /// It began a request and has not ended it.
    Begun,
    /// It asks.
    Asked(C::Request, Channel<C::Response>),
    /// It sent what is no request. The stream is gone.
    Garbage(io::Error),
}

/// A stream that is served. As a stream of items it says what the peer asks.
#[derive(Debug)]
pub(super) struct Served<C: Codec> {
    /// None once it is gone.
    stream: Option<Stream>,
    incoming: Incoming,
    state: State<C::Response>,
    bounds: Bounds,
    /// When it is over unless something happens.
    deadline: Instant,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum State<R> {
    /// No request is there.
    Free,
    /// A part of one is.
    Reading,
    /// One is, and the answer to it is not.
    Waiting(oneshot::Receiver<R>),
    /// The answer is on its way.
    Answering(Outgoing),
}

/// What a step comes to.
enum Step<C: Codec> {
    Next,
    Heard(Heard<C>),
    Over,
}

impl<C: Codec> Served<C> {
    pub(super) fn new(mut stream: Stream, bounds: Bounds) -> Self {
        stream.ignore_for_keep_alive();
        Self {
            stream: Some(stream),
            incoming: Incoming::default(),
            state: State::Free,
            deadline: Instant::now() + bounds.served_for,
            bounds,
            waker: None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    /// Whether no request is under way.
    pub(super) fn is_free(&self) -> bool {
        matches!(self.state, State::Free) && self.is_open()
    }

    /// When it is over unless something happens.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Ends it.
    pub(super) fn end(&mut self) {
        self.stream = None;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn within(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Step<C>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Step::Over);
        };
        match &mut self.state {
            State::Free | State::Reading => self.poll_request(context),
            State::Waiting(answer) => match ready!(answer.poll_unpin(context)) {
                Ok(response) => {
                    self.state = State::Answering(Outgoing::new(C::encode_response(&response)));
                    Poll::Ready(Step::Next)
                }
                // Nobody wants to answer.
                Err(oneshot::Canceled) => Poll::Ready(Step::Over),
            },
            State::Answering(answer) => {
                if ready!(answer.poll_write(context, stream)).is_err() {
                    return Poll::Ready(Step::Over);
                }
                self.state = State::Free;
                self.within(self.bounds.served_for);
                Poll::Ready(Step::Next)
            }
        }
    }

    fn poll_request(&mut self, context: &mut Context<'_>) -> Poll<Step<C>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Step::Over);
        };
        let most = C::REQUEST_BYTES_MAX;
        let read = self.incoming.poll_message(context, stream, most);
        // The clock runs from the first byte to the last of the answer.
        let begun = matches!(self.state, State::Free) && !self.incoming.is_empty();
        if begun {
            self.state = State::Reading;
            self.within(self.bounds.exchange);
        }
        let Poll::Ready(read) = read else {
            return match begun {
                true => Poll::Ready(Step::Heard(Heard::Begun)),
                false => Poll::Pending,
            };
        };
        let request = read.and_then(|message| {
            let decoded = self.incoming.take(message, C::decode_request);
            decoded.map_err(invalid)
        });
        Poll::Ready(match request {
            Ok(request) => {
                let (sender, answer) = oneshot::channel();
                self.state = State::Waiting(answer);
                Step::Heard(Heard::Asked(request, Channel(sender)))
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.stream = None;
                Step::Heard(Heard::Garbage(error))
            }
            // The end between two requests is how a stream ends; one within a request is nobody's offence either.
            Err(_) => Step::Over,
        })
    }
}

impl<C: Codec> Items for Served<C> {
    type Item = Heard<C>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match this.poll_step(context) {
                Poll::Ready(Step::Next) => {}
                Poll::Ready(Step::Heard(heard)) => return Poll::Ready(Some(heard)),
                Poll::Ready(Step::Over) => {
                    this.stream = None;
                    return Poll::Ready(None);
                }
                Poll::Pending => break,
            }
        }
        match &mut this.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => this.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}
