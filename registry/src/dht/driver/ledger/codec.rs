//! `/dotkey/ledger/1`, the exchange of the ledger: `docs/protocol/11-ledger-exchange.md`.

use std::time::Duration;

use libp2p::StreamProtocol;

use crate::dht::LEDGER_PROTOCOL;
use crate::dht::driver::exchange::{self, Behaviour, Bounds};
use crate::follow::codec::{ExchangeError, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::follow::core::ANSWER_MS_MAX;
use crate::follow::message::{Request, Response};

/// Requests of one connection under way at once, in each direction: a tip that is waited for, a block, and a few transactions.
const STREAMS_MAX: usize = 16;

// Three bytes of a length are enough.
const _: () = assert!(RESPONSE_BYTES_MAX < 1 << 21);

/// The exchange as a behaviour.
pub(crate) type LedgerExchange = Behaviour<LedgerCodec>;

pub(crate) fn ledger_exchange() -> LedgerExchange {
    // The loop gives up sooner; this ends the stream.
    let bounds = Bounds::new(Duration::from_millis(2 * ANSWER_MS_MAX));
    Behaviour::new(bounds.with_streams(STREAMS_MAX))
}

/// Its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedgerCodec;

impl exchange::Codec for LedgerCodec {
    const PROTOCOL: StreamProtocol = LEDGER_PROTOCOL;
    const REQUEST_BYTES_MAX: usize = REQUEST_BYTES_MAX;
    const RESPONSE_BYTES_MAX: usize = RESPONSE_BYTES_MAX;
    type Request = Request;
    type Response = Response;
    type Error = ExchangeError;

    fn encode_request(request: &Request) -> Vec<u8> {
        request.encode()
    }

    fn decode_request(bytes: &[u8]) -> Result<Request, ExchangeError> {
        Request::decode(bytes)
    }

    fn encode_response(response: &Response) -> Vec<u8> {
        response.encode()
    }

    fn decode_response(bytes: &[u8]) -> Result<Response, ExchangeError> {
        Response::decode(bytes)
    }
}
