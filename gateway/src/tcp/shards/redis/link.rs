//! One client's connection to one server of a shard, in two halves.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf, split};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::super::super::dial::{Hold, Reached, Stream};
use super::super::Place;
use super::resp::ReplyReader;

/// A connection's half for sending.
pub(super) struct Link {
    writer: WriteHalf<Stream>,
    pub(super) state: Arc<LinkState>,
    /// When it was used last, in commands of this client.
    pub(super) used: u64,
}

/// A connection's half for replies, and what both halves know.
pub(super) struct LinkState {
    pub(super) place: Place,
    pub(super) reader: Mutex<LinkReader>,
    /// Replies that are still to come.
    pub(super) waiting: AtomicUsize,
    /// Nothing more comes from there.
    pub(super) is_dead: AtomicBool,
    _hold: Hold,
}

pub(super) struct LinkReader {
    pub(super) half: ReadHalf<Stream>,
    /// What was read and belongs to no reply that was asked for yet.
    pub(super) held: Vec<u8>,
    pub(super) replies: ReplyReader,
}

/// How a command was not sent.
pub(super) enum Unsent {
    /// No byte of it: it may be sent elsewhere.
    Nothing,
    /// Some of it.
    Part,
}

impl Link {
    pub(super) fn new(reached: Reached, place: Place) -> Self {
        let (half, writer) = split(reached.stream);
        let reader = LinkReader {
            half,
            held: Vec::new(),
            replies: ReplyReader::default(),
        };
        let state = LinkState {
            place,
            reader: Mutex::new(reader),
            waiting: AtomicUsize::new(0),
            is_dead: AtomicBool::new(false),
            _hold: reached.hold,
        };
        Self {
            writer,
            state: Arc::new(state),
            used: 0,
        }
    }

    /// Sends a command, whose reply is waited for from then on.
    pub(super) async fn send(&mut self, command: &[u8], within: Duration) -> Result<(), Unsent> {
        let mut left = command;
        let sending = async {
            while !left.is_empty() {
                match self.writer.write(left).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    count => left = &left[count..],
                }
            }
            self.writer.flush().await
        };
        match timeout(within, sending).await {
            Ok(Ok(())) => {
                self.state.waiting.fetch_add(1, SeqCst);
                Ok(())
            }
            _ => {
                self.state.is_dead.store(true, SeqCst);
                Err(if left.len() == command.len() {
                    Unsent::Nothing
                } else {
                    Unsent::Part
                })
            }
        }
    }

    /// Whether the server has ended it. Asked while no reply is waited for, when only its end can come.
    pub(super) async fn is_over(&self) -> bool {
        let state = &self.state;
        if state.is_dead.load(SeqCst) {
            return true;
        }
        if state.waiting.load(SeqCst) > 0 {
            return false;
        }
        let mut reader = state.reader.lock().await;
        let mut byte = [0];
        let came = poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut byte);
            let polled = Pin::new(&mut reader.half).poll_read(context, &mut buffer);
            Poll::Ready(polled.is_ready())
        });
        let is_over = came.await;
        state.is_dead.fetch_or(is_over, SeqCst);
        is_over
    }
}
