//! `/dotkey/records/1` on a stream: a length, then one message. `docs/protocol/9-record-exchange.md` section 9.2.
//!
//! A length past the bound is refused before anything more is read, and memory is taken as bytes arrive, not as they are promised. An
//! answer that does not decode is [`io::ErrorKind::InvalidData`], which the loop holds against the peer; everything else is the
//! network's fault. libp2p keeps such an error to itself when it is a request's: there it is a value, [`Undecodable`].

use std::io;
use std::time::Duration;

use libp2p::StreamProtocol;
use libp2p::futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::request_response::{self as exchange, ProtocolSupport};

use crate::dht::RECORDS_PROTOCOL;
use crate::dht::codec::{self, LENGTH_BYTES_MAX, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::dht::core::ANSWER_MS_MAX;
use crate::dht::message::{Request, Response};

/// Requests of one connection under way at once, in both directions: a lookup and a reconciliation, with room for both sides.
const STREAMS_MAX: usize = 64;

/// The exchange as a behaviour.
pub(crate) type Records = exchange::Behaviour<Codec>;

pub(crate) fn records() -> Records {
    let config = exchange::Config::default()
        // The loop gives up sooner; this ends the stream.
        .with_request_timeout(Duration::from_millis(2 * ANSWER_MS_MAX))
        .with_max_concurrent_streams(STREAMS_MAX);
    exchange::Behaviour::with_codec(Codec, [(RECORDS_PROTOCOL, ProtocolSupport::Full)], config)
}

/// A request of a peer that is none.
#[derive(Debug)]
pub(crate) struct Undecodable(pub(crate) io::Error);

/// Frames and decodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec;

impl exchange::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Result<Request, Undecodable>;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Self::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        let read = read_message(io, REQUEST_BYTES_MAX).await;
        match read.and_then(|bytes| Request::decode(&bytes).map_err(invalid)) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(Undecodable(error))),
            read => read.map(Ok),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let bytes = read_message(io, RESPONSE_BYTES_MAX).await?;
        Response::decode(&bytes).map_err(invalid)
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Self::Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.map_err(|Undecodable(error)| error)?;
        write_message(io, &request.encode()).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_message(io, &response.encode()).await
    }
}

pub(in crate::dht::driver) fn invalid(
    error: impl std::error::Error + Send + Sync + 'static,
) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

pub(in crate::dht::driver) async fn read_message<T: AsyncRead + Unpin>(
    io: &mut T,
    most: usize,
) -> io::Result<Vec<u8>> {
    let length = read_length(io, most).await?;
    let mut bytes = Vec::new();
    io.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

async fn read_length<T: AsyncRead + Unpin>(io: &mut T, most: usize) -> io::Result<usize> {
    let mut bytes = Vec::with_capacity(LENGTH_BYTES_MAX);
    loop {
        let mut byte = [0];
        io.read_exact(&mut byte).await?;
        bytes.extend(byte);
        if let Some(length) = codec::read_length(&bytes, most).map_err(invalid)? {
            return Ok(length);
        }
    }
}

pub(in crate::dht::driver) async fn write_message<T: AsyncWrite + Unpin>(
    io: &mut T,
    message: &[u8],
) -> io::Result<()> {
    // One write, so that a small message is one packet.
    let bytes = [codec::length_of(message).as_slice(), message].concat();
    io.write_all(&bytes).await?;
    io.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::futures::executor::block_on;
    use libp2p::futures::io::Cursor;

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, RESPONSE_BYTES_MAX] {
            let message = vec![7; length];
            let mut written = Vec::new();
            block_on(write_message(&mut written, &message)).expect("written");
            let mut io = Cursor::new(&written);
            let read = block_on(read_message(&mut io, RESPONSE_BYTES_MAX)).expect("read");
            assert_eq!(read, message, "{length}");
            assert_eq!(io.position(), written.len() as u64);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let check = |bytes: &[u8], kind| {
            let error = block_on(read_message(&mut Cursor::new(bytes), 300)).expect_err("refused");
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
}
