//! A visitor's connection: bytes that must move, and what is known of who sends them.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::carry::Peer;

/// A visitor that takes nothing for so long is gone, or never meant to read.
const STALLED: Duration = Duration::from_secs(60);

/// Who is at the other end, and how it came.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) peer: Arc<Peer>,
    /// The name of the certificate that it was shown, over TLS.
    pub(super) shown: Option<Box<str>>,
}

/// Until so many bytes have come it may not be known which HTTP a visitor speaks, and nobody else counts the time: it is the preface of HTTP/2.
const FIRST_BYTES: usize = 24;

/// A visitor's bytes, with an end when the first ones do not come, or when they stall on their way out. They hold the visitor's place for as
/// long as they last, also when another protocol has taken the connection over.
pub(super) struct Moving<S, P> {
    stream: S,
    stalled: Option<Pin<Box<Sleep>>>,
    first: Option<First>,
    _place: P,
}

/// The first bytes have so long to come.
struct First {
    missing: usize,
    ends: Pin<Box<Sleep>>,
}

impl<S, P> Moving<S, P> {
    /// The first bytes have to come within `first`.
    pub(super) fn new(stream: S, place: P, first: Duration) -> Self {
        Self {
            stream,
            stalled: None,
            first: Some(First {
                missing: FIRST_BYTES,
                ends: Box::pin(sleep(first)),
            }),
            _place: place,
        }
    }

    fn moved<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the visitor takes nothing",
        )))
    }
}

impl<S: AsyncRead + Unpin, P: Unpin> AsyncRead for Moving<S, P> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(cx, buffer);
        let Some(first) = &mut this.first else {
            return polled;
        };
        if polled.is_pending() {
            ready!(first.ends.as_mut().poll(cx));
            let why = "the visitor says nothing";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)));
        }
        let read = buffer.filled().len() - before;
        match first.missing.checked_sub(read) {
            Some(missing @ 1..) => first.missing = missing,
            _ => this.first = None,
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin, P: Unpin> AsyncWrite for Moving<S, P> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.first = None; // Somebody answers it.
        this.moved(cx, polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.first = None;
        this.moved(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        this.moved(cx, polled)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.moved(cx, polled)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn the_first_bytes_have_their_time_and_no_others() {
        for (said, expected) in [
            ("", None),
            ("P", None),
            ("GET / HTTP/1.1\r\nHost: a\r\n", Some(())),
        ] {
            let (mut visitor, ours) = duplex(1024);
            visitor.write_all(said.as_bytes()).await.expect("written");
            let mut moving = Moving::new(ours, (), Duration::from_millis(20));
            let mut bytes = [0; 1024];
            let read = async { while moving.read(&mut bytes).await.is_ok() {} };
            let ended = tokio::time::timeout(Duration::from_millis(500), read).await;
            // What has said enough waits for whoever reads it.
            assert_eq!(ended.is_err().then_some(()), expected, "{said}");
        }
    }
}
