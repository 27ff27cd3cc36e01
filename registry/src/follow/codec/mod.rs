//! The bytes of messages about the ledger: `docs/protocol/11-ledger-exchange.md`.
//!
//! It promises what the codec of records does: a message has one encoding, every count and length is looked at before anything is allocated for it, no bytes
//! panic it. A body and a handover in a message are only bytes.

use dotkey_proto::cbor::{CborError, Kind, Reader, Writer};
use dotkey_proto::ledger::{BODY_BYTES_MAX, Certificate, Header, LedgerError};
use dotkey_proto::limits::{COUNT_MAX, HANDOVER_BYTES_MAX, TRANSACTION_BYTES_MAX};

use super::message::{Block, Question, Refusal, Request, Response, Tip};
use crate::ledger::{CHUNK_BYTES_MAX, Chunk};

/// A transaction, and what it is for.
pub const REQUEST_BYTES_MAX: usize = TRANSACTION_BYTES_MAX + 128;

/// The longest block or chunk, with its heads.
pub const RESPONSE_BYTES_MAX: usize = (1 << 20) + (64 << 10);

/// Blocks of one answer.
pub const BLOCKS_MAX: usize = 512;

/// Handovers of one answer.
pub const HANDOVERS_MAX: usize = 64;

/// Five digests, four numbers and their keys; a certificate of 256 validators is shorter.
pub const HEAD_BYTES_MAX: usize = 256;

/// The longest code there is, with room.
const CODE_BYTES_MAX: usize = 40;

const _: () = assert!(BODY_BYTES_MAX + 64 * (2 * HEAD_BYTES_MAX + 8) < RESPONSE_BYTES_MAX);
const _: () = assert!(HANDOVER_BYTES_MAX < RESPONSE_BYTES_MAX);
const _: () = assert!(CHUNK_BYTES_MAX + 64 < RESPONSE_BYTES_MAX);

const TIP: u64 = 1;
const HANDOVERS: u64 = 2;
const BLOCKS: u64 = 3;
const OFFER: u64 = 4;
const CHUNK: u64 = 5;
const TRANSACTION: u64 = 6;
const REFUSED: u64 = 7;

/// Which rule of the protocol bytes break that should be a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// They are no encoding, or not of what the schema asks for.
    #[error(transparent)]
    Encoding(#[from] CborError),
    /// A header or a certificate in them is none.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A kind of message that this version of the protocol does not have.
    #[error("{what} of kind {kind}, which version 1 does not know")]
    UnknownMessage {
        /// What was read.
        what: &'static str,
        /// Its kind.
        kind: u64,
    },
    /// The code of a refusal is not in the form of codes.
    #[error(
        "the code of a refusal has other characters than lower-case letters, digits and hyphens"
    )]
    ErrorCode,
}

impl ExchangeError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Encoding(error) => error.code(),
            Self::Ledger(error) => error.code(),
            Self::UnknownMessage { .. } => "unknown-message",
            Self::ErrorCode => "error-code",
        }
    }
}

impl Request {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        let (kind, parts) = match &self.question {
            Question::Tip { .. } => (TIP, 1),
            Question::Handovers { .. } => (HANDOVERS, 1),
            Question::Blocks { .. } => (BLOCKS, 1),
            Question::Offer => (OFFER, 0),
            Question::Chunk { .. } => (CHUNK, 2),
            Question::Transaction(_) => (TRANSACTION, 1),
        };
        w.array(2 + parts).uint(kind).bytes(&self.network);
        match &self.question {
            Question::Tip { above: number }
            | Question::Handovers { epoch: number }
            | Question::Blocks { from: number } => w.uint(*number),
            Question::Offer => &mut w,
            Question::Chunk { height, from } => w.uint(*height).bytes(from),
            Question::Transaction(bytes) => w.bytes(bytes),
        };
        w.into_bytes()
    }

    /// The request that the bytes are.
    ///
    /// # Errors
    /// The first rule of the protocol that they break.
    pub fn decode(bytes: &[u8]) -> Result<Self, ExchangeError> {
        let what = "a request about the ledger";
        let r = &mut open(what, bytes, REQUEST_BYTES_MAX)?;
        let (kind, parts) = variant(what, r)?;
        let expected = match kind {
            OFFER => 1,
            TIP | HANDOVERS | BLOCKS | TRANSACTION => 2,
            CHUNK => 3,
            _ => return Err(ExchangeError::UnknownMessage { what, kind }),
        };
        demand(what, parts, expected)?;
        let network = r.array_of("the id of a network")?;
        let question = match kind {
            TIP => Question::Tip {
                above: r.uint_in("a height", 0, COUNT_MAX)?,
            },
            HANDOVERS => Question::Handovers {
                epoch: r.uint_in("an epoch", 0, COUNT_MAX)?,
            },
            BLOCKS => Question::Blocks {
                from: r.uint_in("a height", 1, COUNT_MAX)?,
            },
            OFFER => Question::Offer,
            CHUNK => Question::Chunk {
                height: r.uint_in("a height", 1, COUNT_MAX)?,
                from: r.array_of("a place")?,
            },
            _ => {
                let bytes = r.bytes("a transaction", 1, TRANSACTION_BYTES_MAX)?;
                Question::Transaction(bytes.to_vec())
            }
        };
        Ok(Self { network, question })
    }
}

impl Response {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        match self {
            Self::Tip(tip) => {
                w.array(4).uint(TIP).bytes(&tip.header.encode());
                write_certificate(&mut w, tip.certificate.as_ref());
                w.uint(tip.after);
            }
            Self::Handovers(handovers) => {
                w.array(2).uint(HANDOVERS).array(handovers.len());
                for handover in handovers {
                    w.bytes(handover);
                }
            }
            Self::Blocks(blocks) => {
                w.array(2).uint(BLOCKS).array(blocks.len());
                for block in blocks {
                    w.array(3).bytes(&block.header.encode());
                    write_certificate(&mut w, block.certificate.as_ref());
                    write_or_null(&mut w, block.body.as_deref());
                }
            }
            Self::Offer {
                header,
                certificate,
            } => {
                w.array(3).uint(OFFER).bytes(&header.encode());
                w.bytes(&certificate.encode());
            }
            Self::Chunk(chunk) => {
                w.array(2).uint(CHUNK);
                write_or_null(&mut w, chunk.as_ref().map(Chunk::encode).as_deref());
            }
            Self::Taken => {
                w.array(1).uint(TRANSACTION);
            }
            Self::Refused(refusal) => {
                w.array(2).uint(REFUSED);
                write_refusal(&mut w, refusal);
            }
        }
        w.into_bytes()
    }

    /// The response that the bytes are.
    ///
    /// # Errors
    /// The first rule of the protocol that they break.
    pub fn decode(bytes: &[u8]) -> Result<Self, ExchangeError> {
        let what = "a response about the ledger";
        let r = &mut open(what, bytes, RESPONSE_BYTES_MAX)?;
        let (kind, parts) = variant(what, r)?;
        let expected = match kind {
            TRANSACTION => 0,
            HANDOVERS | BLOCKS | CHUNK | REFUSED => 1,
            OFFER => 2,
            TIP => 3,
            _ => return Err(ExchangeError::UnknownMessage { what, kind }),
        };
        demand(what, parts, expected)?;
        Ok(match kind {
            TIP => Self::Tip(Tip {
                header: header(r)?,
                certificate: or_null(r)?.then(|| certificate(r)).transpose()?,
                after: r.uint_in("a height", 0, COUNT_MAX)?,
            }),
            HANDOVERS => {
                let count = r.array("handovers", 0, HANDOVERS_MAX)?;
                let one = |_| Ok(r.bytes("a handover", 1, HANDOVER_BYTES_MAX)?.to_vec());
                Self::Handovers((0..count).map(one).collect::<Result<_, CborError>>()?)
            }
            BLOCKS => {
                let count = r.array("blocks", 1, BLOCKS_MAX)?;
                Self::Blocks((0..count).map(|_| block(r)).collect::<Result<_, _>>()?)
            }
            OFFER => Self::Offer {
                header: header(r)?,
                certificate: certificate(r)?,
            },
            CHUNK => {
                let chunk = or_null(r)?.then(|| r.bytes("a chunk", 1, CHUNK_BYTES_MAX));
                Self::Chunk(chunk.transpose()?.map(Chunk::decode).transpose()?)
            }
            TRANSACTION => Self::Taken,
            _ => Self::Refused(refusal(r)?),
        })
    }
}

fn open<'a>(what: &'static str, bytes: &'a [u8], max: usize) -> Result<Reader<'a>, CborError> {
    let len = bytes.len();
    if len > max {
        return Err(CborError::TooLarge { what, len, max });
    }
    Reader::new(bytes)
}

/// A kind, and how many elements follow it.
fn variant(what: &'static str, r: &mut Reader<'_>) -> Result<(u64, u64), CborError> {
    let count = r.array(what, 1, usize::MAX)?;
    Ok((r.uint(what)?, count as u64 - 1))
}

fn demand(what: &'static str, found: u64, expected: u64) -> Result<(), CborError> {
    let (min, max) = (expected, expected);
    if found == expected {
        return Ok(());
    }
    Err(CborError::OutOfRange {
        what,
        found,
        min,
        max,
    })
}

fn write_or_null(w: &mut Writer, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => w.bytes(bytes),
        None => w.raw(&[0xf6]),
    };
}

fn write_certificate(w: &mut Writer, certificate: Option<&Certificate>) {
    write_or_null(w, certificate.map(Certificate::encode).as_deref());
}

/// Whether something comes next; a null is read.
fn or_null(r: &mut Reader<'_>) -> Result<bool, CborError> {
    let null = r.peek()? == Kind::Null;
    if null {
        r.raw()?;
    }
    Ok(!null)
}

fn header(r: &mut Reader<'_>) -> Result<Header, ExchangeError> {
    Ok(Header::decode(r.bytes("a header", 1, HEAD_BYTES_MAX)?)?)
}

fn certificate(r: &mut Reader<'_>) -> Result<Certificate, ExchangeError> {
    let bytes = r.bytes("a certificate", 1, HEAD_BYTES_MAX)?;
    Ok(Certificate::decode(bytes)?)
}

fn block(r: &mut Reader<'_>) -> Result<Block, ExchangeError> {
    r.array("a block", 3, 3)?;
    Ok(Block {
        header: header(r)?,
        certificate: or_null(r)?.then(|| certificate(r)).transpose()?,
        body: match or_null(r)? {
            true => Some(r.bytes("the body of a block", 1, BODY_BYTES_MAX)?.to_vec()),
            false => None,
        },
    })
}

fn write_refusal(w: &mut Writer, refusal: &Refusal) {
    match refusal {
        Refusal::OtherNetwork(network) => w.array(2).uint(1).bytes(network),
        Refusal::NotHere => w.array(1).uint(2),
        Refusal::Busy { retry_ms } => w.array(2).uint(3).uint((*retry_ms).into()),
        Refusal::Invalid(code) => w.array(2).uint(4).text(code),
    };
}

fn refusal(r: &mut Reader<'_>) -> Result<Refusal, ExchangeError> {
    let what = "a refusal about the ledger";
    let (kind, parts) = variant(what, r)?;
    let expected = match kind {
        2 => 0,
        1 | 3 | 4 => 1,
        _ => return Err(ExchangeError::UnknownMessage { what, kind }),
    };
    demand(what, parts, expected)?;
    Ok(match kind {
        1 => Refusal::OtherNetwork(r.array_of("the id of a network")?),
        2 => Refusal::NotHere,
        3 => {
            let wait = r.uint_in("a wait in milliseconds", 0, u32::MAX.into())?;
            let retry_ms = u32::try_from(wait).expect("the range was just checked");
            Refusal::Busy { retry_ms }
        }
        _ => {
            let code = r.text("the code of a refusal", 1, CODE_BYTES_MAX)?;
            // It is shown to people, so nothing may come through that moves a cursor.
            let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
            if !code.bytes().all(plain) {
                return Err(ExchangeError::ErrorCode);
            }
            Refusal::Invalid(code.to_owned())
        }
    })
}

#[cfg(test)]
mod tests;
