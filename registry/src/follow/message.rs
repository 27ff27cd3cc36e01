//! What peers say to each other about the ledger: `docs/protocol/11-ledger-exchange.md`. Here are the meanings; `codec` has the bytes.
//!
//! What costs more than a look to read (bodies, handovers) stays bytes until somebody has asked for it and verifies it.

use dotkey_proto::ledger::{Certificate, Header};

use crate::ledger::Chunk;

/// What a peer asks, of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The id of the network.
    pub network: [u8; 32],
    /// What about it.
    pub question: Question,
}

/// What a peer asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The newest block: at once if it is above this height, else as soon as one is, for some seconds.
    Tip {
        /// What the asker has.
        above: u64,
    },
    /// The handovers at the ends of this epoch and later ones.
    Handovers {
        /// The epoch whose validators the asker knows.
        epoch: u64,
    },
    /// Blocks, from this height on.
    Blocks {
        /// The first.
        from: u64,
    },
    /// A state to take over.
    Offer,
    /// A piece of a state.
    Chunk {
        /// The block after which it was so.
        height: u64,
        /// The place where the piece begins.
        from: [u8; 32],
    },
    /// A transaction that is to be in a block.
    Transaction(Vec<u8>),
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Its newest block that is certified.
    Tip(Tip),
    /// Handovers, the oldest first; none when there are no more. Not yet read.
    Handovers(Vec<Vec<u8>>),
    /// Blocks that follow each other, the last of which is certified.
    Blocks(Vec<Block>),
    /// The state after this block can be had.
    Offer {
        /// The block.
        header: Header,
        /// What speaks for it.
        certificate: Certificate,
    },
    /// The chunk; `None` when nothing stands there or behind.
    Chunk(Option<Chunk>),
    /// It has the transaction, now or since before.
    Taken,
    /// It does not answer.
    Refused(Refusal),
}

/// The newest block of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The block.
    pub header: Header,
    /// What speaks for it; nothing does for the first block of a network.
    pub certificate: Option<Certificate>,
    /// The peer has all blocks after this height.
    pub after: u64,
}

/// A block, as far as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its header.
    pub header: Header,
    /// What speaks for it, where it is not a later block's that does.
    pub certificate: Option<Certificate>,
    /// Its transactions, not yet read; `None` where it is only here for its certificate.
    pub body: Option<Vec<u8>>,
}

/// Why a question is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The peer follows this network.
    OtherNetwork([u8; 32]),
    /// The peer does not have it, not yet or not any more.
    NotHere,
    /// Too much was asked in too short a time: again after so many milliseconds.
    Busy {
        /// How long to wait.
        retry_ms: u32,
    },
    /// The transaction is refused; the code of the rule, as the protocol names it.
    Invalid(String),
}
