//! `/dotkey/ledger/1` on a stream: framed as records are. `docs/protocol/11-ledger-exchange.md`.

use std::io;
use std::time::Duration;

use libp2p::StreamProtocol;
use libp2p::futures::{AsyncRead, AsyncWrite};
use libp2p::request_response::{self as exchange, ProtocolSupport};

use crate::dht::LEDGER_PROTOCOL;
use crate::dht::driver::records::{Undecodable, invalid, read_message, write_message};
use crate::follow::codec::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::follow::core::ANSWER_MS_MAX;
use crate::follow::message::{Request, Response};

/// Requests of one connection under way at once, in both directions: a tip that is waited for, a block, and a few transactions.
const STREAMS_MAX: usize = 16;

// Three bytes of a length are enough.
const _: () = assert!(RESPONSE_BYTES_MAX < 1 << 21);

/// The exchange as a behaviour.
pub(crate) type LedgerExchange = exchange::Behaviour<LedgerCodec>;

pub(crate) fn ledger_exchange() -> LedgerExchange {
    let config = exchange::Config::default()
        // The loop gives up sooner; this ends the stream.
        .with_request_timeout(Duration::from_millis(2 * ANSWER_MS_MAX))
        .with_max_concurrent_streams(STREAMS_MAX);
    let protocols = [(LEDGER_PROTOCOL, ProtocolSupport::Full)];
    exchange::Behaviour::with_codec(LedgerCodec, protocols, config)
}

/// Frames and decodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedgerCodec;

impl exchange::Codec for LedgerCodec {
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
