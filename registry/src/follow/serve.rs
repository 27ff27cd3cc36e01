//! Answers from the chain. What they cost is for who calls this.

use dotkey_proto::ledger::Handover;
use dotkey_proto::limits::BLOCK_BYTES_MAX;

use super::codec::{BLOCKS_MAX, HANDOVERS_MAX};
use super::message::{Block, Question, Refusal, Request, Response, Tip};
use crate::ledger::{Chain, ChainError, VERSIONS_KEPT};

/// Blocks of one answer that are only there for the last one's certificate.
const SPEAKING_MAX: usize = 64;

/// What a header, its certificate and the heads around them take.
const HEAD_BYTES: usize = 512;

/// The answer to a question about the ledger; a transaction is for another to take.
///
/// # Errors
/// A chain that cannot be read.
pub fn answer(chain: &Chain, request: &Request) -> Result<Response, ChainError> {
    let network = chain.charter().network;
    if request.network != network {
        return Ok(Response::Refused(Refusal::OtherNetwork(network)));
    }
    let answer = match &request.question {
        Question::Tip { .. } => Some(Response::Tip(tip(chain)?)),
        Question::Handovers { epoch } => handovers(chain, *epoch)?,
        Question::Blocks { from } => blocks(chain, *from)?,
        Question::Offer => chain.offer()?.map(|(header, certificate)| Response::Offer {
            header,
            certificate,
        }),
        Question::Chunk { height, from } => match chain.chunk(*height, *from) {
            Ok(chunk) => Some(Response::Chunk(chunk)),
            Err(ChainError::NotKept { .. }) => None,
            Err(error) => return Err(error),
        },
        Question::Transaction(_) => None,
    };
    Ok(answer.unwrap_or(Response::Refused(Refusal::NotHere)))
}

/// The newest block that has a certificate of its own, or else the first.
fn tip(chain: &Chain) -> Result<Tip, ChainError> {
    let (newest, after) = (chain.tip().height, chain.base());
    let oldest = (newest + 1).saturating_sub(VERSIONS_KEPT).max(after).max(1);
    for height in (oldest..=newest).rev() {
        if let (Some(header), Some(certificate)) =
            (chain.header(height)?, chain.certificate(height)?)
        {
            let certificate = Some(certificate);
            return Ok(Tip {
                header,
                certificate,
                after,
            });
        }
    }
    Ok(Tip {
        header: chain.genesis().clone(),
        certificate: None,
        after,
    })
}

fn handovers(chain: &Chain, epoch: u64) -> Result<Option<Response>, ChainError> {
    let mut room = BLOCK_BYTES_MAX;
    let newest = chain.charter().epoch(chain.tip().height + 1);
    let Some(found) = chain.handovers(epoch, newest)? else {
        return Ok(None);
    };
    let bytes = found.iter().take(HANDOVERS_MAX).map(Handover::encode);
    let fitting = bytes.take_while(|bytes| {
        let fits = bytes.len() + 8 <= room;
        room = room.saturating_sub(bytes.len() + 8);
        fits
    });
    Ok(Some(Response::Handovers(fitting.collect())))
}

/// Blocks of one epoch, and those after them up to one that is certified.
fn blocks(chain: &Chain, from: u64) -> Result<Option<Response>, ChainError> {
    let (tip, after) = (chain.tip().height, chain.base());
    if from <= after || from > tip {
        return Ok(None);
    }
    let epoch = chain.charter().epoch(from);
    let mut given: Vec<Block> = Vec::new();
    let (mut bytes, mut certified) = (0, 0);
    for height in from..=tip {
        if chain.charter().epoch(height) != epoch || given.len() >= BLOCKS_MAX - SPEAKING_MAX {
            break;
        }
        let (Some(header), Some(body)) = (chain.header(height)?, chain.body(height)?) else {
            break;
        };
        let body = body.encode();
        if !given.is_empty() && bytes + body.len() + HEAD_BYTES > BLOCK_BYTES_MAX {
            break;
        }
        bytes += body.len() + HEAD_BYTES;
        let certificate = chain.certificate(height)?;
        given.push(Block {
            header,
            certificate,
            body: Some(body),
        });
        if given
            .last()
            .is_some_and(|block| block.certificate.is_some())
        {
            certified = given.len();
        }
    }
    if certified > 0 {
        given.truncate(certified);
        return Ok(Some(Response::Blocks(given)));
    }
    let speaking = speaking(chain, from + given.len() as u64)?;
    given.extend(speaking);
    let speaks = given
        .last()
        .is_some_and(|block| block.certificate.is_some());
    Ok(speaks.then_some(Response::Blocks(given)))
}

/// Headers from a height on, up to the first that is certified.
fn speaking(chain: &Chain, from: u64) -> Result<Vec<Block>, ChainError> {
    let mut given = Vec::new();
    for height in from..=chain.tip().height {
        let Some(header) = chain.header(height)? else {
            break;
        };
        let certificate = chain.certificate(height)?;
        let speaks = certificate.is_some();
        given.push(Block {
            header,
            certificate,
            body: None,
        });
        if speaks || given.len() >= SPEAKING_MAX {
            break;
        }
    }
    Ok(given)
}
