//! What a name leads to: the zone that speaks for it, where that came from and what it shows.

use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::dns::{Owner, RecordType, WireName};
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Bundle, VerifiedProof};
use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::{self, Next, Outcome, Resource, Rrset, Zone, absolutise};

use crate::error::ResolveError;
use crate::providers::{self, Ranked};
use crate::resolver::{Claim, Held};
use crate::source::Origin;

/// No data has this type: a zone asked for it answers with the resources of a name.
const RESOURCES: RecordType = RecordType(0);

/// What a name leads to. Everything in it was verified.
#[derive(Clone, Debug)]
pub struct Resolution {
    pub(crate) origin: WireName,
    pub(crate) owner: Owner,
    pub(crate) held: Arc<Held>,
    /// The identities whose records led to it, each once.
    pub(crate) through: Vec<KeyId>,
    pub(crate) claim: Option<Arc<Claim>>,
    pub(crate) trace: Vec<Step>,
    pub(crate) now: Timestamp,
}

/// One step on the way to an answer.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was looked for.
    pub stage: Stage,
    /// Who gave it.
    pub origin: Origin,
    /// How long it took, its checks included.
    pub took: Duration,
}

/// What a step looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Who holds the name.
    Claim,
    /// What the holder, or whom a delegation names, has published.
    Record,
}

/// What a zone says of a name and a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The data.
    Data(Data),
    /// Another name has it: one outside of the zone.
    Alias(WireName),
    /// The name exists, without such data.
    NoData,
    /// There is no such name.
    NoName,
    /// The ordinary DNS has it, at these name servers.
    NameServers(Data),
    /// Its aliases lead in a circle.
    Loop,
}

/// Data of one type, with its names complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// Each RDATA in wire form.
    pub rdata: Vec<Vec<u8>>,
}

impl Resolution {
    /// The zone that speaks for the name.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.held.zone
    }

    /// The name that the zone was reached by: what its relative names are completed with.
    #[must_use]
    pub fn origin(&self) -> &WireName {
        &self.origin
    }

    /// The name within the zone.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The record that the zone is of.
    #[must_use]
    pub fn record(&self) -> &Verified<Record> {
        &self.held.record
    }

    /// What proves who holds the name; nothing where the name is a key by itself.
    #[must_use]
    pub fn proof(&self) -> Option<&VerifiedProof> {
        self.claim.as_ref().map(|claim| &claim.proof)
    }

    /// The proof as bytes that anyone can check who knows what this resolver knew of the validators.
    #[must_use]
    pub fn bundle(&self) -> Option<&Bundle> {
        self.claim.as_ref().map(|claim| &*claim.bundle)
    }

    /// Who gave the record.
    #[must_use]
    pub fn source(&self) -> &Origin {
        &self.held.origin
    }

    /// Seconds since the record came from its source.
    #[must_use]
    pub fn age_secs(&self) -> u64 {
        self.now.secs_since(self.held.fetched_at)
    }

    /// Seconds for which the record still holds, and the name is its holder's: nothing of it may be kept for longer.
    #[must_use]
    pub fn holds_secs(&self) -> u64 {
        let expires = self.held.record.expires();
        let free_at = self.claim.as_ref().and_then(|claim| claim.free_at);
        expires.min(free_at.unwrap_or(expires)).secs_since(self.now)
    }

    /// Whether it is older than it should be: it holds by itself, but no source could be asked whether there is something newer.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.held.is_stale() || self.claim.as_ref().is_some_and(|claim| claim.is_stale())
    }

    /// The steps that led here, with their times.
    #[must_use]
    pub fn trace(&self) -> &[Step] {
        &self.trace
    }

    /// What the zone says of a type, with aliases followed as long as they stay in the zone.
    ///
    /// # Errors
    /// A name that becomes too long.
    pub fn lookup(&self, rtype: RecordType) -> Result<Lookup, ResolveError> {
        let resolved = self.zone().resolve(self.owner.as_wire(), rtype);
        let at = resolved.last_owner(self.owner.as_wire());
        Ok(match resolved.outcome {
            Outcome::Answer { rrset, .. } => Lookup::Data(self.data(rrset)?),
            Outcome::Cut(rrset) => Lookup::NameServers(self.data(rrset)?),
            Outcome::Alias { .. } | Outcome::Rewrite { .. } => match resolved.outcome.next(at) {
                Some(Next::Absolute(name)) => Lookup::Alias(name),
                _ => return Err(self.too_long()),
            },
            // An alias that leads out of what this record is for: the name has to be asked for anew.
            Outcome::Referral(_) | Outcome::Outside => {
                let owner = Owner::from_wire(at).expect("an alias leads to an owner");
                let name = owner.in_zone(&self.origin);
                Lookup::Alias(name.map_err(|_| self.too_long())?)
            }
            Outcome::NoData { .. } => Lookup::NoData,
            Outcome::NoName { .. } => Lookup::NoName,
            Outcome::Loop => Lookup::Loop,
            Outcome::TooLong { .. } => return Err(self.too_long()),
        })
    }

    /// The resources of the name, the longest path first.
    #[must_use]
    pub fn resources(&self) -> Vec<&Resource> {
        let resolved: zone::Resolution<'_> = self.zone().resolve(self.owner.as_wire(), RESOURCES);
        let mut found: Vec<&Resource> = match resolved.outcome {
            Outcome::NoData { resources, .. } => resources.iter().collect(),
            _ => Vec::new(),
        };
        found.sort_by_key(|resource| core::cmp::Reverse(resource.path_prefix().len()));
        found
    }

    /// Whether the name has one below it that leads somewhere: a label with resources, an alias, or an owner of its own.
    #[must_use]
    pub fn has_below(&self, label: &str) -> bool {
        let Ok(length) = u8::try_from(label.len()) else {
            return false;
        };
        let owner = [&[length], label.as_bytes(), self.owner.as_wire()].concat();
        let Ok(owner) = Owner::from_wire(&owner) else {
            return false;
        };
        match self.zone().lookup(owner.as_wire(), RESOURCES) {
            Outcome::NoData { resources, .. } => !resources.is_empty(),
            Outcome::NoName { .. } | Outcome::TooLong { .. } => false,
            _ => true,
        }
    }

    /// The resource that a request for `path` is for: the one with the longest prefix of it.
    #[must_use]
    pub fn resource(&self, path: &str) -> Option<&Resource> {
        let resources = self.resources();
        resources
            .into_iter()
            .find(|resource| providers::covers(resource.path_prefix(), path))
    }

    /// Who serves requests for `path`, the best first: by the priority that the owner gave, the region that you are in, then the
    /// owner's weights.
    #[must_use]
    pub fn providers(&self, path: &str, region: Option<&str>) -> Vec<Ranked<'_>> {
        let resource = self.resource(path);
        resource.map_or_else(Vec::new, |resource| providers::rank(resource, region))
    }

    /// The shard that has `key`, of the shard set that serves `path`.
    #[must_use]
    pub fn shard_for(&self, path: &str, key: &[u8]) -> Option<&zone::Shard> {
        let set = self.resource(path)?.shards.as_ref()?;
        providers::shard_for(set, key)
    }

    fn data(&self, rrset: &Rrset) -> Result<Data, ResolveError> {
        let complete = |rdata| {
            let complete = absolutise(rrset.rtype, rdata, &self.origin);
            complete
                .map(|rdata| rdata.into_owned())
                .map_err(|_| self.too_long())
        };
        Ok(Data {
            ttl: rrset.ttl,
            rdata: rrset.rdata.iter().map(complete).collect::<Result<_, _>>()?,
        })
    }

    fn too_long(&self) -> ResolveError {
        ResolveError::TooLong(self.origin.clone())
    }
}
