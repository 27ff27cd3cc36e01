//! The resolver: from a name to a verified zone.
//!
//! This module owns the way of a name: who holds it (`claims`), what the holder published
//! (`records`), and where delegations lead. It promises that what comes out passed the checks of
//! `dotkey-proto` here, at the time of this machine's clock, and that it never goes back behind what it has seen itself. It keeps
//! what it found for a short time, within a bound of bytes.

mod builder;
mod claims;
mod records;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dotkey_proto::dns::{Owner, RecordType, WireName};
use dotkey_proto::identity::{Anchor, KeyId, Policy, PublicKey};
use dotkey_proto::limits::DELEGATION_DEPTH_MAX;
use dotkey_proto::name::{Name, Root, Suffix};
use dotkey_proto::signature::{Ed25519Key, WalletAddress};
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::Outcome;
use tokio::time::Instant;

pub use builder::{BuildError, Builder};
pub use claims::Claim;
pub use records::Held;
pub use watch::Watch;

use crate::bounded::Bounded;
use crate::changes::{self, Changes};
use crate::error::ResolveError;
use crate::flight::Flights;
use crate::light::LightClient;
use crate::resolution::{Lookup, Resolution, Stage, Step};
use crate::source::{Source, Wanted};

/// A resolver. Cloning it is cheap, and clones share what they keep.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use dotkey_resolver::Resolver;
///
/// # let folder = tempfile::tempdir().unwrap();
/// // A name that is a key needs no ledger, and a folder of records no network.
/// let resolver = Resolver::builder().folder(folder.path()).build()?;
/// let name = "yr7i5gkgs88eykszuy57n7gobq7xepomdfyf9o5op9ct9e46c67w9ot8.key";
/// let error = resolver.resolve(name).await.expect_err("the folder is empty");
/// assert!(error.to_string().contains("it has none"));
/// # Ok::<(), dotkey_resolver::BuildError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    suffix: Suffix,
    /// The suffix as DNS writes it.
    origin: WireName,
    sources: Vec<Box<dyn Source>>,
    light: Option<Mutex<LightClient>>,
    age_secs_max: u64,
    clock: fn() -> Timestamp,
    claims: Mutex<Bounded<Arc<str>, Arc<Claim>>>,
    /// Grows with each change that is told: what was asked for before is not kept after.
    claims_changed: AtomicU64,
    claiming: Flights<Claiming, Result<Arc<Claim>, ResolveError>>,
    records: Mutex<Bounded<Wanted, Arc<Held>>>,
    /// Of each identity's records: what was asked for before a change is told is not kept after, and nobody joins that flight.
    records_changed: Changes,
    fetching: Flights<Fetching, Result<Arc<Held>, ResolveError>>,
}

/// A question for a claim: the label, whether it is asked although one is kept, and which change was the last that was told before.
type Claiming = (Arc<str>, bool, u64);

/// The same for a record: which, and what it is verified against.
type Fetching = (Wanted, Option<Anchor>, u64);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self.0.sources.iter().map(|one| one.origin()).collect();
        f.debug_struct("Resolver")
            .field("sources", &sources)
            .finish_non_exhaustive()
    }
}

/// How a name is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Ask the sources although an answer is kept, and let them ask everybody who should have the record.
    pub fresh: bool,
}

impl Resolver {
    /// A resolver to be.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What `name` leads to: the zone that speaks for it, verified, with its proof, its age and its source.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn resolve(&self, name: &str) -> Result<Resolution, ResolveError> {
        self.resolve_with(name, Ask::default()).await
    }

    /// As [`Resolver::resolve`], for who wants more than what is kept.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn resolve_with(&self, name: &str, ask: Ask) -> Result<Resolution, ResolveError> {
        let name = Name::parse(name, &self.0.suffix).map_err(ResolveError::Name)?;
        let owner = Owner::from_wire(&name.owner_wire()).expect("a name is of valid labels");
        self.find(&name.apex(), owner, ask).await
    }

    /// What the zone of `name` says of a DNS type, with aliases followed as long as they stay in that zone.
    ///
    /// # Errors
    /// Why there is no zone. That the zone has no such data is no error.
    pub async fn lookup(&self, name: &str, rtype: RecordType) -> Result<Lookup, ResolveError> {
        self.resolve(name).await?.lookup(rtype)
    }

    /// As [`Resolver::resolve`], for a name of a DNS message: any bytes may stand below the label beside the suffix.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn resolve_wire(
        &self,
        name: &WireName,
        ask: Ask,
    ) -> Result<Resolution, ResolveError> {
        let owner = self.relative(name);
        let owner = owner.ok_or_else(|| ResolveError::OtherSuffix(name.clone()))?;
        let mut labels = owner.labels();
        let mut root = &b""[..];
        let mut below = 0;
        while let Some(label) = labels.next() {
            if labels.remainder().is_empty() {
                root = label;
                below = owner.as_wire().len() - label.len() - 1;
            }
        }
        // What is no UTF-8 is no label of a name either; the parser says so with a character that cannot stand there.
        let root = String::from_utf8_lossy(root);
        let apex = format!("{root}.{}", self.0.suffix.as_ascii());
        let apex = Name::parse(&apex, &self.0.suffix).map_err(ResolveError::Name)?;
        let owner = Owner::from_wire(&owner.as_wire()[..below]).expect("whole labels are left");
        self.find(&apex, owner, ask).await
    }

    /// The name relative to the suffix; none where it is not under it.
    #[must_use]
    pub fn relative(&self, name: &WireName) -> Option<Owner> {
        name.relative_to(&self.0.origin).ok()
    }

    /// The suffix that is resolved here, as DNS writes it.
    #[must_use]
    pub fn origin(&self) -> &WireName {
        &self.0.origin
    }

    /// The time by the clock that this resolver goes by.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.0.clock)()
    }

    /// Tells of each change of a name's zone from now on.
    ///
    /// # Errors
    /// Why there is nothing to begin with.
    pub async fn watch(&self, name: &str) -> Result<Watch, ResolveError> {
        Watch::begin(self.clone(), name).await
    }

    /// Lets go of what is kept of an identity's records, because somebody said that they changed: the next question asks again.
    pub fn forget(&self, key_id: &KeyId) {
        self.0.records_changed.tell(changes::of_identity(key_id));
        lock(&self.0.records).retain(|wanted, _| wanted.key_id != *key_id);
    }

    /// Lets go of who holds the name of a label, because the ledger may say something else now.
    pub fn forget_claim(&self, label: &str) {
        self.0.claims_changed.fetch_add(1, Ordering::SeqCst);
        lock(&self.0.claims).remove(label);
    }

    /// Lets go of what the ledger says of an identity: what it pins is in the proof of each of its names.
    pub fn forget_claims_of(&self, key_id: &KeyId) {
        self.0.claims_changed.fetch_add(1, Ordering::SeqCst);
        let is_anothers = |claim: &Arc<Claim>| {
            let entry = claim.proof.entry();
            entry.is_none_or(|entry| entry.key_id != *key_id)
        };
        lock(&self.0.claims).retain(|_, claim| is_anothers(claim));
    }

    /// Lets go of all that is kept.
    pub fn forget_all(&self) {
        self.0.claims_changed.fetch_add(1, Ordering::SeqCst);
        self.0.records_changed.tell_all();
        lock(&self.0.records).retain(|_, _| false);
        lock(&self.0.claims).retain(|_, _| false);
    }

    /// What is known of the validators, for who keeps it for the next start; nothing where no ledger is followed.
    #[must_use]
    pub fn light(&self) -> Option<LightClient> {
        self.0.light.as_ref().map(|light| lock(light).clone())
    }

    async fn find(&self, apex: &Name, owner: Owner, ask: Ask) -> Result<Resolution, ResolveError> {
        let mut trace = Vec::new();
        let mut timer = Timer::begin();
        let mut origin = wire(apex)?;
        let claim = match apex.root() {
            Root::Claimed => Some(self.claim(apex.root_label(), ask).await?),
            _ => None,
        };
        let key_id = match &claim {
            Some(claim) => {
                timer.note(&mut trace, Stage::Claim, claim.origin.clone());
                let name = || ResolveError::Unclaimed(apex.as_ascii().into());
                claim.holder(self.now()).ok_or_else(name)?
            }
            None => {
                key_id_of(apex.root()).ok_or_else(|| ResolveError::NoSuchKey(origin.clone()))?
            }
        };
        let anchor = claim.as_ref().and_then(|claim| claim.proof.anchor());
        let mut wanted = Wanted {
            key_id,
            branch: None,
            fresh: ask.fresh,
        };
        let mut anchor = anchor.as_ref();
        let mut owner = owner;
        let mut through = Vec::new();
        for _ in 0..=DELEGATION_DEPTH_MAX {
            let held = self.record(&wanted, anchor).await?;
            timer.note(&mut trace, Stage::Record, held.origin.clone());
            let (to, at) = match held.zone.lookup(owner.as_wire(), RecordType(0)) {
                Outcome::Referral(delegation) => (delegation.to, delegation.owner.clone()),
                _ => {
                    return Ok(Resolution {
                        origin,
                        owner,
                        held,
                        through,
                        claim,
                        trace,
                        now: self.now(),
                    });
                }
            };
            if !through.contains(&wanted.key_id) {
                through.push(wanted.key_id);
            }
            match to {
                // The branch's names are still relative to the whole zone.
                None => wanted.branch = dotkey_proto::identity::Branch::new(at),
                Some(key_id) => {
                    let below = owner.as_wire().len() - at.as_wire().len();
                    let too_long = |_| ResolveError::TooLong(origin.clone());
                    origin = at.in_zone(&origin).map_err(too_long)?;
                    owner =
                        Owner::from_wire(&owner.as_wire()[..below]).expect("whole labels are left");
                    (wanted.key_id, wanted.branch) = (key_id, None);
                    // What the ledger pins is of the name's holder alone.
                    anchor = None;
                }
            }
        }
        Err(ResolveError::TooDeep(origin))
    }
}

/// Whose record a name is that needs no ledger; nobody's, where it has the form of a key that is none.
fn key_id_of(root: &Root) -> Option<KeyId> {
    Some(match root {
        Root::Claimed => return None,
        Root::KeyId(key_id) => *key_id,
        Root::Ed25519(bytes) => {
            let key = Ed25519Key::from_bytes(*bytes).ok()?;
            Policy::bare_key_id(PublicKey::Ed25519(key))
        }
        Root::Wallet(address) => {
            let address = WalletAddress::from_bytes(*address);
            Policy::bare_key_id(PublicKey::Wallet(address))
        }
    })
}

fn wire(name: &Name) -> Result<WireName, ResolveError> {
    let wire = WireName::parse(name.as_ascii(), Some(&WireName::root()));
    Ok(wire.expect("a name is a DNS name"))
}

/// What each step took.
struct Timer(Instant);

impl Timer {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn note(&mut self, trace: &mut Vec<Step>, stage: Stage, origin: crate::source::Origin) {
        let now = Instant::now();
        let took = now - core::mem::replace(&mut self.0, now);
        trace.push(Step {
            stage,
            origin,
            took,
        });
    }
}

/// No code panics while it holds one of these locks, so that what they guard is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
