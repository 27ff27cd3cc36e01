//! `/dotkey/records/1`, the exchange of records: `docs/protocol/9-record-exchange.md` section 9.2.
//!
//! What does not decode the loop holds against the peer; everything else is the network's fault.

use std::time::Duration;

use libp2p::StreamProtocol;

use super::exchange::{self, Behaviour, Bounds};
use crate::dht::RECORDS_PROTOCOL;
use crate::dht::codec::{MessageError, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use crate::dht::core::ANSWER_MS_MAX;
use crate::dht::message::{Request, Response};

/// The exchange as a behaviour.
pub(crate) type Records = Behaviour<Codec>;

pub(crate) fn records() -> Records {
    // The loop gives up sooner; this ends the stream.
    Behaviour::new(Bounds::new(Duration::from_millis(2 * ANSWER_MS_MAX)))
}

/// Its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Codec;

impl exchange::Codec for Codec {
    const PROTOCOL: StreamProtocol = RECORDS_PROTOCOL;
    const REQUEST_BYTES_MAX: usize = REQUEST_BYTES_MAX;
    const RESPONSE_BYTES_MAX: usize = RESPONSE_BYTES_MAX;
    type Request = Request;
    type Response = Response;
    type Error = MessageError;

    fn encode_request(request: &Request) -> Vec<u8> {
        request.encode()
    }

    fn decode_request(bytes: &[u8]) -> Result<Request, MessageError> {
        Request::decode(bytes)
    }

    fn encode_response(response: &Response) -> Vec<u8> {
        response.encode()
    }

    fn decode_response(bytes: &[u8]) -> Result<Response, MessageError> {
        Response::decode(bytes)
    }
}
