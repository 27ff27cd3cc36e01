//! Where records and proofs come from. A source is believed in nothing: what it gives is bytes, and verification happens above it.
//!
//! The registry of this process, remote nodes over HTTP and a folder of files are sources alike. This module owns the trait, the
//! folder and the remote node; the registry plugs in from the program. Racing them, checking what they give and choosing the
//! best is for [`crate::Resolver`].

mod folder;
mod http;
mod node;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use dotkey_proto::identity::{Branch, KeyId};
use dotkey_proto::ledger::Subject;

pub use folder::Folder;
pub use node::{AddressError, Node};

/// One question to one source. Stub resolvers give up after 5 s; a second source must still have its turn by then.
pub const SOURCE_TIMEOUT: Duration = Duration::from_secs(4);

/// Which record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Whose.
    pub key_id: KeyId,
    /// The branch of the zone that is published apart; `None` is the whole.
    pub branch: Option<Branch>,
    /// Whether the source is to ask everybody who should have it.
    pub fresh: bool,
}

impl Wanted {
    /// That of an identity's whole zone, from whoever has it at hand.
    #[must_use]
    pub fn whole(key_id: KeyId) -> Self {
        Self {
            key_id,
            branch: None,
            fresh: false,
        }
    }
}

/// Who gave an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The registry in this process.
    Registry,
    /// A remote node, by its URL.
    Node(Arc<str>),
    /// A folder of files.
    Folder(PathBuf),
    /// A source of the application's own, by the name it gives itself.
    Other(Arc<str>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry => f.write_str("the registry in this process"),
            Self::Node(url) => write!(f, "the node at {url}"),
            Self::Folder(path) => write!(f, "the folder {}", path.display()),
            Self::Other(name) => f.write_str(name),
        }
    }
}

/// Why a source gave no answer. "There is none" is not an error.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// It did not answer in time.
    #[error("it gave no answer within {waited_ms} ms")]
    TimedOut {
        /// How long it was given.
        waited_ms: u64,
    },
    /// It answered with more than may be.
    #[error("it gave more than {bytes_max} bytes")]
    TooLong {
        /// The most that the answer may have.
        bytes_max: usize,
    },
    /// A file is there and cannot be read.
    #[error("{} cannot be read: {reason}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It cannot be reached, or the connection broke.
    #[error("it is not reached: {reason}")]
    Unreachable {
        /// What the system says.
        reason: String,
    },
    /// It answered that it cannot.
    #[error("it refuses ({code})")]
    Refused {
        /// The source's own word for why.
        code: String,
    },
}

/// Bytes on their way: none where the source has nothing.
pub type Fetch<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, SourceError>> + Send + 'a>>;

/// A hint on its way.
pub type Hint<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Something that may have records, and proofs of who holds a name.
pub trait Source: Send + Sync {
    /// What it is called in traces and errors.
    fn origin(&self) -> Origin;

    /// The newest record that it has, as it was signed.
    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a>;

    /// A bundle that proves what the ledger holds of a subject, with the handovers from `epoch` on. A source that follows no
    /// ledger has none.
    fn proof<'a>(&'a self, subject: &'a Subject, epoch: u64) -> Fetch<'a>;

    /// What [`Source::proof`] gives, with the newest record of who holds the name in the same bundle: one round trip instead of two.
    /// Nothing where the source cannot do that: it is asked for the one, then for the other. A bundle without a record says as much
    /// as that the source has none at hand.
    fn proof_with_record<'a>(&'a self, _subject: &'a Subject, _epoch: u64) -> Option<Fetch<'a>> {
        None
    }

    /// Ends when the source heard that a record of this identity changed. It is a hint: what follows is fetched and verified.
    /// A source that hears of nothing never ends it, and its records are looked at again from time to time.
    fn changed<'a>(&'a self, _key_id: &'a KeyId) -> Hint<'a> {
        Box::pin(core::future::pending())
    }
}
