//! Putting a resolver together.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use dotkey_proto::dns::WireName;
use dotkey_proto::ledger::{Genesis, Trusted};
use dotkey_proto::limits::FRESHNESS_SECS_MAX;
use dotkey_proto::name::Suffix;
use dotkey_proto::time::Timestamp;

use super::{Inner, Resolver};
use crate::bounded::Bounded;
use crate::changes::Changes;
use crate::flight::Flights;
use crate::light::LightClient;
use crate::source::{AddressError, Folder, Node, Source};

/// A few thousand zones of the usual size.
const KEPT_BYTES_DEFAULT: usize = 32 << 20;

/// A proof and its key take far less than a zone, and are kept apart: many small names must not push out the zones.
const CLAIMS_SHARE: usize = 4;

/// A resolver to be.
pub struct Builder {
    suffix: Suffix,
    sources: Vec<Box<dyn Source>>,
    genesis: Option<Genesis>,
    trusted: Option<Trusted>,
    age_secs_max: u64,
    kept_bytes_max: usize,
    clock: fn() -> Timestamp,
    wrong: Option<BuildError>,
}

/// What keeps a resolver from being built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A node's address that is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// What was verified before is another network's than the genesis.
    #[error(
        "what is kept of the validators is another network's; remove it, and they are followed from the genesis on"
    )]
    OtherNetwork,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sources: Vec<_> = self.sources.iter().map(|one| one.origin()).collect();
        f.debug_struct("Builder")
            .field("sources", &sources)
            .finish_non_exhaustive()
    }
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            suffix: Suffix::KEY,
            sources: Vec::new(),
            genesis: None,
            trusted: None,
            age_secs_max: FRESHNESS_SECS_MAX,
            kept_bytes_max: KEPT_BYTES_DEFAULT,
            clock: now,
            wrong: None,
        }
    }

    /// What names end with; `key` unless this says otherwise.
    #[must_use]
    pub fn suffix(mut self, suffix: Suffix) -> Self {
        self.suffix = suffix;
        self
    }

    /// A source that is asked. All are asked at once.
    #[must_use]
    pub fn source(mut self, source: impl Source + 'static) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// A remote node that is asked over HTTP, by its URL.
    #[must_use]
    pub fn node(mut self, url: &str) -> Self {
        match Node::new(url) {
            Ok(node) => self.source(node),
            Err(error) => {
                self.wrong.get_or_insert(error.into());
                self
            }
        }
    }

    /// A folder of records and proofs.
    #[must_use]
    pub fn folder(self, path: &Path) -> Self {
        self.source(Folder::new(path))
    }

    /// The network whose ledger decides who holds a name. Without one only names that are keys are resolved.
    #[must_use]
    pub fn genesis(mut self, genesis: Genesis) -> Self {
        self.genesis = Some(genesis);
        self
    }

    /// What was verified of the validators before: [`Resolver::light`] gives it.
    #[must_use]
    pub fn trusted(mut self, trusted: Trusted) -> Self {
        self.trusted = Some(trusted);
        self
    }

    /// How old the block of a proof may be; an hour unless this says otherwise.
    #[must_use]
    pub fn age_secs_max(mut self, age_secs_max: u64) -> Self {
        self.age_secs_max = age_secs_max;
        self
    }

    /// How much memory kept zones and proofs may take, in round figures.
    #[must_use]
    pub fn kept_bytes_max(mut self, bytes: usize) -> Self {
        self.kept_bytes_max = bytes;
        self
    }

    /// What the time is; this machine's clock unless this says otherwise.
    #[must_use]
    pub fn clock(mut self, clock: fn() -> Timestamp) -> Self {
        self.clock = clock;
        self
    }

    /// The resolver.
    ///
    /// # Errors
    /// What was wrong with what it was given.
    pub fn build(self) -> Result<Resolver, BuildError> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let light = match (self.genesis, self.trusted) {
            (None, _) => None,
            (Some(genesis), None) => Some(LightClient::new(genesis)),
            (Some(genesis), Some(trusted)) => {
                let light = LightClient::resume(genesis, trusted);
                Some(light.ok_or(BuildError::OtherNetwork)?)
            }
        };
        let origin = WireName::parse(self.suffix.as_ascii(), Some(&WireName::root()));
        let claims_bytes = self.kept_bytes_max / CLAIMS_SHARE;
        Ok(Resolver(Arc::new(Inner {
            origin: origin.expect("a suffix is a DNS name"),
            suffix: self.suffix,
            sources: self.sources,
            light: light.map(Mutex::new),
            age_secs_max: self.age_secs_max,
            clock: self.clock,
            claims: Mutex::new(Bounded::new(claims_bytes)),
            claims_changed: AtomicU64::new(0),
            claiming: Flights::new(),
            records: Mutex::new(Bounded::new(self.kept_bytes_max - claims_bytes)),
            records_changed: Changes::new(),
            fetching: Flights::new(),
        })))
    }
}

/// This machine's clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Timestamp::from_secs(since.unwrap_or_default().as_secs()).unwrap_or(Timestamp::MAX)
}
