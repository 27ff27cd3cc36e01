//! A length, then so many bytes: how a message stands on a stream.
//!
//! A length past the bound is refused before anything more is read, and memory is taken as bytes arrive, not as they are promised.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use libp2p::futures::{AsyncRead, AsyncWrite};

use crate::dht::codec::{self, LENGTH_BYTES_MAX};

/// The first piece of a buffer: most messages fit.
const FIRST_BYTES: usize = 512;

/// What a buffer keeps between two messages; more than that goes back.
const KEPT_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a stream until they are a message. What follows a message in the same read is the beginning of the next.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    bytes: Vec<u8>,
    filled: usize,
}

impl Incoming {
    /// Whether nothing of a message is there.
    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Reads until a message of at most `most` bytes is there. [`Self::take`] has it.
    pub(super) fn poll_message<T: AsyncRead + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        io: &mut T,
        most: usize,
    ) -> Poll<io::Result<Range<usize>>> {
        loop {
            let expected = self.expected(most)?;
            if let Some(message) = &expected
                && message.end <= self.filled
            {
                return Poll::Ready(Ok(message.clone()));
            }
            self.make_room(expected.map_or(0, |message| message.end));
            let room = &mut self.bytes[self.filled..];
            let count = ready!(Pin::new(&mut *io).poll_read(context, room))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.filled += count;
        }
    }

    /// Gives the message that was read to `decode`, and keeps what follows it.
    pub(super) fn take<R>(&mut self, message: Range<usize>, decode: impl FnOnce(&[u8]) -> R) -> R {
        let decoded = decode(&self.bytes[message.clone()]);
        self.bytes.copy_within(message.end..self.filled, 0);
        self.filled -= message.end;
        if self.bytes.len() > KEPT_BYTES_MAX && self.filled <= KEPT_BYTES_MAX {
            self.bytes.truncate(KEPT_BYTES_MAX);
            self.bytes.shrink_to_fit();
        }
        decoded
    }

    /// Where the message will be, once its length is there.
    fn expected(&self, most: usize) -> io::Result<Option<Range<usize>>> {
        let read = &self.bytes[..self.filled];
        let length = codec::read_length(read, most).map_err(invalid)?;
        let start = 1 + read.iter().take_while(|byte| **byte >= 0x80).count();
        Ok(length.map(|length| start..start + length))
    }

    /// Room for at least one byte more: twice what has arrived, and no more than the message has where that is known.
    fn make_room(&mut self, expected: usize) {
        if self.filled < self.bytes.len() {
            return;
        }
        let wanted = (2 * self.filled).min(expected).max(FIRST_BYTES);
        self.bytes.reserve_exact(wanted - self.filled);
        self.bytes.resize(wanted, 0);
    }
}

/// A message on its way out, in one piece.
#[derive(Debug)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
}

impl Outgoing {
    pub(super) fn new(mut message: Vec<u8>) -> Self {
        let length = codec::length_of(&message);
        message.splice(0..0, length);
        Self {
            bytes: message,
            written: 0,
        }
    }

    /// The same from the start, for another stream.
    pub(super) fn again(self) -> Self {
        Self { written: 0, ..self }
    }

    /// Writes all of it, and sees it off.
    pub(super) fn poll_write<T: AsyncWrite + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        io: &mut T,
    ) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            let rest = &self.bytes[self.written..];
            let count = ready!(Pin::new(&mut *io).poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        Pin::new(io).poll_flush(context)
    }
}

/// What decodes to nothing.
pub(super) fn invalid(error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

const _: () = assert!(LENGTH_BYTES_MAX < FIRST_BYTES && FIRST_BYTES <= KEPT_BYTES_MAX);
