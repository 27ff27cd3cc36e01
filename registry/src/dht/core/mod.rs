//! The protocol without sockets, disk and clock: inputs go in, actions come out. `docs/architecture/dht.md`.
//!
//! This module owns every decision: whom to ask, which value it is, when it is enough, what to repair, whom to cut off. It
//! promises that the same inputs give the same actions, that every queue has a bound, and that no input panics it. Carrying
//! messages and writing to disk is for the driver; the routing table and the store are read through [`View`].

mod absent;
mod allowance;
mod bounded;
pub(crate) mod bucket;
mod desk;
mod fresh;
mod get;
mod hints;
mod lookup;
mod machine;
mod pace;
mod put;
pub mod reconcile;
mod serve;
mod standing;
#[cfg(test)]
mod tests;
mod upkeep;

pub use desk::{Checked, check};
pub use machine::{Config, Core, JOBS_MAX};
pub use serve::VERIFYING_MAX;

use core::fmt;
use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;

use super::message::{Announcement, Expected, Refusal, Request, Response, Summary};
use super::peer::{Contact, Peer, Position};

/// The time, twice: records expire by the calendar, peers are waited for by a clock that only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds since some moment in the past, never going back.
    pub ms: u64,
    /// What the calendar says.
    pub calendar: Timestamp,
}

/// What the core reads and does not own.
pub trait View: reconcile::Shelf {
    /// Up to `count` contacts of the routing table, the closest to `position` first, without this node.
    fn closest(&self, position: &Position, count: usize) -> Vec<Contact>;
    /// Whether a connection leads to a peer, so that asking it takes no more than a question.
    fn is_connected(&self, _peer: &Peer) -> bool {
        false
    }
    /// The record at a position.
    fn record(&self, position: &Position) -> Option<Held>;
    /// What is known of the record at a position, without its bytes where they cost a read.
    fn summary(&self, position: &Position) -> Option<Known> {
        self.record(position).map(|held| Known {
            key_id: held.key_id,
            summary: held.summary,
            expires: held.expires,
        })
    }
}

/// What the store knows of a record that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub key_id: KeyId,
    /// What it is.
    pub summary: Summary,
    /// From then on it is as good as gone.
    pub expires: Timestamp,
}

/// A record that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub key_id: KeyId,
    /// What it is.
    pub summary: Summary,
    /// Its bytes, verified when they were stored.
    pub bytes: Arc<[u8]>,
    /// From then on it is as good as gone.
    pub expires: Timestamp,
}

/// A request of ours that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asked(pub u64);

/// A request of a peer that waits for our answer. The driver gives the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inbound(pub u64);

/// Something that a user of this node waits for. The driver gives the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Job(pub u64);

/// A record on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Writing(pub u64);

/// A peer's record that is being verified beside the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Verifying(pub u64);

/// How sure a get has to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// Six of the closest, more at the first sign of trouble.
    #[default]
    Usual,
    /// All twenty.
    Fresh,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time passed: the driver gives one of these every [`TICK_MS`].
    Tick,
    /// A moment passed: the driver gives one of these every [`MOMENT_MS`] while [`Core::is_asking`].
    Moment,
    /// A peer asks.
    Request {
        /// Who.
        from: Peer,
        /// To answer it by.
        inbound: Inbound,
        /// What.
        request: Request,
    },
    /// A peer asks something that does not decode; the driver has already dropped it.
    Garbage {
        /// Who.
        from: Peer,
    },
    /// A peer did something wrong elsewhere than here: in what it says of the ledger.
    Offended {
        /// Who.
        from: Peer,
        /// What.
        offence: Offence,
    },
    /// A peer answered.
    Response {
        /// What we asked.
        asked: Asked,
        /// Its answer.
        response: Response,
    },
    /// No answer came.
    Failed {
        /// What we asked.
        asked: Asked,
        /// Why not.
        failure: Failure,
    },
    /// An announcement came by gossip.
    Announced {
        /// Who passed it on.
        from: Peer,
        /// What it says.
        announcement: Announcement,
    },
    /// A write came to an end.
    Written {
        /// Which.
        writing: Writing,
        /// How.
        result: Written,
    },
    /// A verification came to an end.
    Verified {
        /// Which.
        verifying: Verifying,
        /// How.
        checked: Checked,
    },
    /// The routing table gained or lost a peer.
    TableChanged,
    /// Someone here wants the record at a position.
    Get {
        /// To report by.
        job: Job,
        /// Where.
        at: Position,
        /// How sure.
        effort: Effort,
    },
    /// Someone here publishes a record.
    Put {
        /// To report by.
        job: Job,
        /// What.
        record: Box<Verified<Record>>,
        /// On which condition.
        expected: Expected,
    },
    /// This node is about to stop: hand over what it keeps.
    Leave {
        /// To report by.
        job: Job,
    },
}

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It could not be reached.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// What it sent does not decode.
    Garbage,
    /// It does not speak our protocol.
    Unsupported,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is on disk, and it was news.
    New,
    /// It was there already.
    Known,
    /// It was refused: older than what is there, not what was expected, no room, a failing disk.
    Refused(Refusal),
}

/// What to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask a peer, and report the answer or its absence within [`ANSWER_MS_MAX`].
    Ask {
        /// To report by.
        asked: Asked,
        /// Whom.
        to: Contact,
        /// What.
        request: Request,
    },
    /// Answer a peer.
    Answer {
        /// What it asked.
        inbound: Inbound,
        /// The answer.
        response: Response,
    },
    /// Store a record if it is newer than what is there by then and as expected, and report.
    Write {
        /// To report by.
        writing: Writing,
        /// What.
        record: Box<Verified<Record>>,
        /// On which condition.
        expected: Expected,
    },
    /// [`check`] these bytes and report: later, so that nobody waits for it, and in the order in which they are given. At most [`VERIFYING_MAX`] at once.
    Verify {
        /// To report by.
        verifying: Verifying,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// Gossip this.
    Announce(Announcement),
    /// An announcement that came by gossip ([`Input::Announced`]) waits no longer. One of which nothing is said waits until its
    /// record is [`Action::Changed`], or too long.
    Judge {
        /// What came.
        announcement: Announcement,
        /// What becomes of it.
        verdict: Verdict,
    },
    /// A record that came to this node's notice is verified, and newer than any before: tell who listens here.
    Changed(Box<Verified<Record>>),
    /// Tell who waits how far it is.
    Progress {
        /// Who.
        job: Job,
        /// How many nodes have it.
        stored: usize,
        /// Of how many that are asked.
        of: usize,
    },
    /// Tell who waits that it is over.
    Done {
        /// Who.
        job: Job,
        /// With what.
        outcome: Outcome,
    },
    /// A peer of the routing table does not answer: see whether it is there at all, and if not, take it out.
    Look {
        /// Which.
        peer: Peer,
    },
    /// Close all connections with a peer and refuse new ones for so long.
    CutOff {
        /// Whom.
        peer: Peer,
        /// Until then.
        until_ms: u64,
        /// For what.
        offence: Offence,
    },
}

/// What becomes of an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record is here, and is what is said: others may hear it.
    PassOn,
    /// It is old, or too much: nobody is blamed for what it says.
    Drop,
    /// It is false.
    Refuse,
}

/// How a job ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A get.
    Got {
        /// The newest valid record that anyone gave.
        record: Option<Box<Verified<Record>>>,
        /// What it took.
        effort: Effortful,
    },
    /// A put.
    Put(Placement),
    /// A leave: this many neighbours have everything.
    Left {
        /// How many.
        neighbours: usize,
    },
    /// Too much is under way already.
    Overloaded,
}

/// What a get took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effortful {
    /// Requests sent.
    pub requests: usize,
    /// Peers that answered about the value, this node included.
    pub answers: usize,
    /// How many of these had what is returned.
    pub agreeing: usize,
    /// Peers that got the newer one pushed.
    pub repaired: usize,
    /// From the question to the answer.
    pub took_ms: u64,
}

/// Where a put ended up.
#[derive(Clone, Debug)]
pub struct Placement {
    /// Nodes that have it on disk, this one included where it is one of the closest.
    pub stored: usize,
    /// The closest nodes, which were asked.
    pub of: usize,
    /// Who refused, and why; who is missing in both did not answer.
    pub refused: Vec<(Peer, Refusal)>,
    /// A newer (or unexpected) record that a refusal showed, verified.
    pub conflict: Option<Box<Verified<Record>>>,
    /// From the question to the answer.
    pub took_ms: u64,
}

impl Placement {
    /// Whether a majority has it and nobody showed a newer one.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.conflict.is_none() && self.stored > self.of / 2
    }
}

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offence {
    /// Sent bytes that do not decode, or an answer that does not fit the question.
    Garbage,
    /// Sent a record that does not verify or belongs elsewhere.
    InvalidRecord,
    /// Still serves an older record than one that it acknowledged.
    Stale,
    /// Passed on an announcement that proved false.
    FalseAnnouncement,
    /// Asks more than its share.
    Flood,
    /// Does not answer, again and again.
    Silent,
    /// Sent blocks or states of the ledger that do not verify.
    FalseLedger,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Garbage => "sends what does not decode",
            Self::InvalidRecord => "sends records that do not verify",
            Self::Stale => "serves older records than it acknowledged",
            Self::FalseAnnouncement => "passes on false announcements",
            Self::Flood => "asks more than its share",
            Self::Silent => "does not answer",
            Self::FalseLedger => "sends blocks or states that do not verify",
        })
    }
}

/// How often the driver gives a [`Input::Tick`].
pub const TICK_MS: u64 = 250;

/// How often the driver gives an [`Input::Moment`]: shorter than a round trip over land, so that who is late is noticed in time.
pub const MOMENT_MS: u64 = 25;

const _: () = assert!(MOMENT_MS < TICK_MS);

/// After this long an answer does not come any more.
pub const ANSWER_MS_MAX: u64 = 3_000;
