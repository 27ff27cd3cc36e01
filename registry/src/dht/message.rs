//! What peers say to each other about records: `docs/protocol/9-record-exchange.md`. Here are the meanings; `codec` has the bytes.

use core::fmt;
use std::sync::Arc;

use dotkey_proto::identity::KeyId;
use dotkey_proto::record::Record;
use dotkey_proto::time::Timestamp;

use super::core::reconcile::{Compared, Probe};
use super::peer::{Contact, Position};

/// Contacts in one answer: as many as a bucket holds.
pub const CLOSER_MAX: usize = 20;

/// Which of two records of one place is newer, without the records: section 5.5 of the protocol, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Summary {
    /// The number of its newest policy.
    pub policy: u32,
    /// Its sequence.
    pub sequence: u64,
    /// Its digest.
    pub digest: [u8; 32],
}

impl Summary {
    /// Of a verified record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        Self {
            policy: record.authority().policy().number,
            sequence: record.sequence(),
            digest: record.digest(),
        }
    }
}

/// What a peer asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// What is at a position, and who is closer to it.
    Get {
        /// The position.
        at: Position,
        /// How much of the value.
        want: Want,
    },
    /// Keep this record.
    Put {
        /// A record, not yet verified.
        record: Arc<[u8]>,
        /// What must be there for it to be stored.
        expected: Expected,
    },
    /// Compare parts of two stores.
    Reconcile {
        /// What the asker's calendar says, in seconds since 1970: a clock that is off by a day makes records look expired.
        clock: Timestamp,
        /// The parts, and what the asker has there. None where it only asks for the clock.
        probes: Vec<Probe>,
    },
}

/// How much of a value is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Only who is closer.
    Contacts,
    /// The summary.
    Summary,
    /// The record.
    Record,
}

/// The condition of a put: compare, then swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there, if it is older.
    #[default]
    Older,
    /// Nothing is there.
    Nothing,
    /// The record with this digest is there (or already the one that is put).
    Digest([u8; 32]),
}

/// What a peer answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To a get.
    Got {
        /// What is there, as far as it was wanted.
        value: Value,
        /// Up to [`CLOSER_MAX`] contacts closest to the position, without who answers and who asks.
        closer: Vec<Contact>,
    },
    /// It is verified and on disk, now or since before.
    Stored,
    /// It is not stored, or the request is not served.
    Refused(Refusal),
    /// To a comparison.
    Reconciled {
        /// What the answerer's calendar says.
        clock: Timestamp,
        /// Answers to the first of the probes, in their order: to all of them, unless that is too much to read.
        compared: Vec<Compared>,
    },
}

/// A value, as far as it was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// There is none, or it was not wanted.
    Nothing,
    /// What the record would be.
    Summary(Summary),
    /// The record, not yet verified.
    Record(Arc<[u8]>),
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A newer record is there: this one, so that nobody has to be believed.
    Older(Arc<[u8]>),
    /// What is there is not what was expected: this one, or nothing.
    Unexpected(Option<Arc<[u8]>>),
    /// The record does not verify; the code of the rule that it breaks, as the protocol names it.
    Invalid(ErrorCode),
    /// The store is full of what is closer to this node.
    Full,
    /// The disk failed.
    Disk,
    /// Too much was asked in too short a time: again after so many milliseconds.
    Busy {
        /// How long to wait.
        retry_ms: u32,
    },
}

/// The code of an error, as the protocol's pages name them: `expired`, `bad-signature`.
#[derive(Clone, PartialEq, Eq)]
pub struct ErrorCode(pub String);

/// The longest code there is, with room.
pub const ERROR_CODE_BYTES_MAX: usize = 40;

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is gossiped when a record changes. A hint: whoever cares fetches and verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Announcement {
    /// Whose record changed.
    pub key_id: KeyId,
    /// Where it is.
    pub at: Position,
    /// What it is now.
    pub summary: Summary,
}

impl Announcement {
    /// The gossip topic that it belongs on: section 9.6 of the protocol.
    #[must_use]
    pub fn topic(&self) -> &'static str {
        TOPICS[usize::from(self.at.0[0] >> 4)]
    }
}

/// The topics of announcements, by the first half byte of the position: who cares for few records hears a sixteenth of all.
pub const TOPICS: [&str; 16] = [
    "/dotkey/changes/1/0",
    "/dotkey/changes/1/1",
    "/dotkey/changes/1/2",
    "/dotkey/changes/1/3",
    "/dotkey/changes/1/4",
    "/dotkey/changes/1/5",
    "/dotkey/changes/1/6",
    "/dotkey/changes/1/7",
    "/dotkey/changes/1/8",
    "/dotkey/changes/1/9",
    "/dotkey/changes/1/a",
    "/dotkey/changes/1/b",
    "/dotkey/changes/1/c",
    "/dotkey/changes/1/d",
    "/dotkey/changes/1/e",
    "/dotkey/changes/1/f",
];
