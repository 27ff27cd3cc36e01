//! Messages as they stand on a stream, in pieces of every size.

use std::pin::Pin;
use std::task::{Context, Poll};

use libp2p::futures::AsyncRead;
use libp2p::futures::executor::block_on;
use libp2p::futures::future::poll_fn;
use proptest::prelude::*;

use super::super::frame::{Incoming, Outgoing};
use super::*;

/// Bytes that come in pieces.
struct Pieces {
    bytes: Vec<u8>,
    sizes: Vec<usize>,
    turn: usize,
    largest_room: usize,
}

impl Pieces {
    fn new(bytes: Vec<u8>, sizes: Vec<usize>) -> Self {
        Self {
            bytes,
            sizes,
            turn: 0,
            largest_room: 0,
        }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        self.largest_room = self.largest_room.max(room.len());
        let count = size.min(room.len()).min(self.bytes.len());
        room[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes.drain(..count);
        Poll::Ready(Ok(count))
    }
}

fn written(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut frame = Outgoing::new(message.to_vec());
    block_on(poll_fn(|context| frame.poll_write(context, &mut bytes))).expect("written");
    bytes
}

fn next(incoming: &mut Incoming, io: &mut Pieces, most: usize) -> io::Result<Vec<u8>> {
    let message = block_on(poll_fn(|context| incoming.poll_message(context, io, most)))?;
    Ok(incoming.take(message, <[u8]>::to_vec))
}

#[test]
fn a_message_is_read_as_it_was_written() {
    for length in [
        0,
        1,
        127,
        128,
        129,
        16_383,
        16_384,
        Bytes::RESPONSE_BYTES_MAX,
    ] {
        let message = vec![7; length];
        let mut io = Pieces::new(written(&message), vec![usize::MAX]);
        let read = next(&mut Incoming::default(), &mut io, Bytes::RESPONSE_BYTES_MAX);
        assert_eq!(read.expect("read"), message, "{length}");
    }
}

#[test]
fn what_is_no_message_is_refused() {
    let check = |bytes: &[u8], kind| {
        let mut io = Pieces::new(bytes.to_vec(), vec![1]);
        let error = next(&mut Incoming::default(), &mut io, 300).expect_err("refused");
        assert_eq!(error.kind(), kind, "{bytes:?}: {error}");
    };
    check(&[], io::ErrorKind::UnexpectedEof);
    check(&[0x80], io::ErrorKind::UnexpectedEof);
    check(&[2, 1], io::ErrorKind::UnexpectedEof);
    check(&[0x80, 0], io::ErrorKind::InvalidData);
    check(&[0xad, 0x02, 1], io::ErrorKind::InvalidData);
    check(&[0x80, 0x80, 0x80, 1], io::ErrorKind::InvalidData);
    check(&[0xff, 0xff, 0xff, 0xff], io::ErrorKind::InvalidData);
}

#[test]
fn memory_is_taken_as_bytes_arrive() {
    let promised = written(&vec![7; Bytes::RESPONSE_BYTES_MAX]);
    let mut io = Pieces::new(promised[..600].to_vec(), vec![usize::MAX]);
    let read = next(&mut Incoming::default(), &mut io, Bytes::RESPONSE_BYTES_MAX);
    assert_eq!(
        read.expect_err("it ends").kind(),
        io::ErrorKind::UnexpectedEof
    );
    assert!(io.largest_room <= 1_200, "{}", io.largest_room);
}

proptest! {
    #[test]
    fn messages_are_told_apart_however_they_come(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2_000), 1..8),
        sizes in proptest::collection::vec(1..700_usize, 1..10),
    ) {
        let bytes = messages.iter().flat_map(|message| written(message)).collect();
        let (mut incoming, mut io) = (Incoming::default(), Pieces::new(bytes, sizes));
        for message in messages {
            prop_assert_eq!(next(&mut incoming, &mut io, 2_000).expect("read"), message);
        }
        prop_assert!(incoming.is_empty());
        let end = next(&mut incoming, &mut io, 2_000).expect_err("the end").kind();
        prop_assert_eq!(end, io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
        sizes in proptest::collection::vec(1..700_usize, 1..10),
    ) {
        let (mut incoming, mut io) = (Incoming::default(), Pieces::new(bytes, sizes));
        while let Ok(message) = next(&mut incoming, &mut io, 2_000) {
            prop_assert!(message.len() <= 2_000);
        }
    }
}
