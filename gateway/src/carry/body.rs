//! Bodies on their way: a visitor's to a provider, and a provider's to a visitor.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::lines::InUse;
use super::progress::Progress;

/// What goes to a provider.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Nothing.
    Empty,
    /// What was read before, so that it can be sent again.
    Whole(Bytes),
    /// What comes from the visitor while it goes to the provider.
    Streamed(Incoming, Progress),
}

impl Outgoing {
    pub(super) fn streamed(body: Incoming) -> Self {
        Self::Streamed(body, Progress::begin())
    }

    /// How far it is, where it comes from the visitor while it goes.
    pub(super) fn progress(&self) -> Option<Progress> {
        match self {
            Self::Streamed(_, progress) => Some(progress.clone()),
            Self::Empty | Self::Whole(_) => None,
        }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streamed(body, progress) => {
                let polled = Pin::new(body).poll_frame(cx);
                progress.note(&polled);
                polled
            }
            whole => {
                let Self::Whole(bytes) = core::mem::replace(whole, Self::Empty) else {
                    unreachable!("the other two are above");
                };
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Streamed(body, _) => body.size_hint(),
        }
    }
}

/// Why an answer's body ended too soon.
#[derive(Debug, thiserror::Error)]
pub enum CutShort {
    /// The provider's connection broke.
    #[error("the provider's answer broke off: {0}")]
    Broken(#[from] hyper::Error),
    /// It took longer than the resource's policy allows.
    #[error("the answer took longer than the record's `timeouts.whole` allows")]
    TooLate,
}

/// Told how an answer's body ended, once.
pub(crate) type AtEnd = Box<dyn FnOnce(Ended) + Send>;

/// How an answer's body ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) bytes: u64,
    pub(crate) whole: bool,
    /// The provider's doing, rather than the visitor's who went away.
    pub(crate) broken: bool,
}

/// What goes to a visitor. It drives the provider's connection itself, so that bytes pass through one task.
pub struct Carried {
    source: Source,
    line: Option<InUse>,
    deadline: Option<Pin<Box<Sleep>>>,
    bytes: u64,
    at_end: Option<AtEnd>,
}

enum Source {
    Provider(Incoming),
    Whole(Bytes),
    Ended,
}

impl Carried {
    /// An answer of ours.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self {
            source: Source::Whole(bytes),
            line: None,
            deadline: None,
            bytes: 0,
            at_end: None,
        }
    }

    pub(super) fn provider(body: Incoming, line: Option<InUse>) -> Self {
        let mut carried = Self::whole(Bytes::new());
        carried.source = Source::Provider(body);
        carried.line = line;
        carried
    }

    pub(super) fn end_by(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
    }

    pub(crate) fn at_end(&mut self, told: AtEnd) {
        self.at_end = Some(told);
    }

    fn finish(&mut self, whole: bool, broken: bool) {
        self.source = Source::Ended;
        if let Some(line) = self.line.take()
            && whole
        {
            line.give_back();
        }
        let bytes = self.bytes;
        if let Some(told) = self.at_end.take() {
            told(Ended {
                bytes,
                whole,
                broken,
            });
        }
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        let whole = match &self.source {
            Source::Provider(body) => body.is_end_stream(),
            Source::Whole(_) | Source::Ended => true,
        };
        self.finish(whole, false);
    }
}

impl Body for Carried {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        let this = self.get_mut();
        if let Some(deadline) = &mut this.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            this.finish(false, true);
            return Poll::Ready(Some(Err(CutShort::TooLate)));
        }
        let body = match &mut this.source {
            Source::Ended => return Poll::Ready(None),
            Source::Whole(bytes) => {
                let bytes = core::mem::take(bytes);
                this.bytes = bytes.len() as u64;
                this.finish(true, false);
                return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
            }
            Source::Provider(body) => body,
        };
        let mut polled = Pin::new(&mut *body).poll_frame(cx);
        if polled.is_pending()
            && let Some(line) = &mut this.line
        {
            line.drive(cx);
            polled = Pin::new(body).poll_frame(cx);
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(None) => {
                this.finish(true, false);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Ok(frame))) => {
                this.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                this.finish(false, true);
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Provider(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Ended => SizeHint::with_exact(0),
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Provider(body) => body.size_hint(),
        }
    }
}
