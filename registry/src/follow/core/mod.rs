//! Following the ledger without sockets, clock and disk: inputs go in, actions come out. `docs/architecture/followers.md`.
//!
//! This module owns whom to ask for what, when to take a state over instead of blocks, and what an answer costs the peer that gave it. It promises that the same
//! inputs give the same actions, that every queue has a bound, and that no input panics it. What answers are worth is found by the [`Work`] that it hands out, one piece at a time.

mod machine;
mod sources;

pub use machine::{Core, Progress, Stage};

use dotkey_proto::ledger::{Certificate, Header};

use super::message::{Block, Question, Response};
use crate::dht::core::{Failure, Offence};
use crate::dht::peer::Peer;
use crate::ledger::Chunk;

/// How often the driver gives an [`Input::Tick`].
pub const TICK_MS: u64 = 250;

/// A peer may wait so long before it says that there is nothing new.
pub const TIP_WAIT_MS: u64 = 15_000;

/// After this long the core does not wait for an answer about a tip.
pub const TIP_MS_MAX: u64 = TIP_WAIT_MS + 5_000;

/// After this long the core does not wait for blocks or a chunk any more: 1 MiB over a slow line.
pub const ANSWER_MS_MAX: u64 = 20_000;

/// A question of ours that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked(pub u64);

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed: one of these every [`TICK_MS`].
    Tick,
    /// A peer that speaks the protocol is connected.
    Joined(Peer),
    /// It is not any more, or is cut off.
    Left(Peer),
    /// A peer answered.
    Answered {
        /// What we asked.
        asked: Asked,
        /// Its answer.
        response: Box<Response>,
    },
    /// No answer came.
    Failed {
        /// What we asked.
        asked: Asked,
        /// Why not.
        failure: Failure,
    },
    /// The piece of work that was handed out is done.
    Worked(Result<Done, Fault>),
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask a peer, and report what comes of it.
    Ask {
        /// To report by.
        asked: Asked,
        /// Whom.
        to: Peer,
        /// What.
        question: Question,
    },
    /// Do this and report. Nothing else is handed out before that.
    Work(Box<Work>),
    /// A peer did something wrong.
    Blame {
        /// Who.
        peer: Peer,
        /// What.
        offence: Offence,
    },
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Follow these handovers.
    Walk(Vec<Vec<u8>>),
    /// Verify and write these blocks.
    Blocks(Vec<Block>),
    /// Begin to take over the state after this block, or go on with it.
    Begin {
        /// The block.
        header: Header,
        /// What speaks for it.
        certificate: Certificate,
    },
    /// Verify and write the next chunk of it; the last makes it the chain's state.
    Chunk(Chunk),
    /// A peer has this block at the height of ours.
    Compare {
        /// The block.
        header: Header,
        /// What speaks for it.
        certificate: Certificate,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The validators since this epoch are known.
    Walked {
        /// The epoch.
        epoch: u64,
    },
    /// The chain stands at this block.
    Written {
        /// Its height.
        height: u64,
        /// Its header's digest.
        digest: [u8; 32],
    },
    /// A state is being taken over.
    Begun {
        /// The block's height.
        height: u64,
        /// Where the next chunk begins.
        next: [u8; 32],
    },
    /// A chunk of it was taken, and was not the last.
    Taken {
        /// Where the next chunk begins.
        next: [u8; 32],
    },
}

/// Why nothing came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What was given is not what was asked for.
    Peer(String),
    /// The offered state is of validators to whom no handover has led yet.
    Unwalked,
    /// This node cannot go on, and has to say so.
    Halt(String),
}
