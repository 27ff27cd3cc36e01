//! Putting a zone together from parts in any order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;

use super::{Delegation, Parts, Provider, RdataSet, Resource, Rrset, Settings, ShardBy, ShardSet};
use super::{Zone, ZoneError};
use crate::cbor::Extension;
use crate::dns::rdata::{self, RdataError};
use crate::dns::{Owner, RecordType};
use crate::limits::{RDATA_BYTES_MAX, RECORD_BYTES_MAX};

/// Collects the parts of a zone, orders them as the format asks for, and has the rules checked once by
/// [`ZoneBuilder::build`].
#[derive(Clone, Debug, Default)]
pub struct ZoneBuilder {
    rrsets: BTreeMap<(Owner, RecordType), Draft>,
    resources: Vec<Resource>,
    delegations: Vec<Delegation>,
    settings: Option<Settings>,
    extension: Extension,
}

#[derive(Clone, Debug)]
struct Draft {
    ttl: u32,
    rdata: Vec<Vec<u8>>,
}

impl ZoneBuilder {
    /// A zone that says nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds RDATA in wire form. What stands at the same owner with the same type becomes one rrset, whose TTL is the least
    /// that was given (RFC 2181 section 5.2).
    pub fn rrset(
        &mut self,
        owner: Owner,
        rtype: RecordType,
        ttl: u32,
        rdata: impl IntoIterator<Item = Vec<u8>>,
    ) -> &mut Self {
        match self.rrsets.entry((owner, rtype)) {
            Entry::Occupied(mut entry) => {
                let draft = entry.get_mut();
                draft.ttl = draft.ttl.min(ttl);
                draft.rdata.extend(rdata);
            }
            Entry::Vacant(entry) => {
                let rdata = rdata.into_iter().collect();
                entry.insert(Draft { ttl, rdata });
            }
        }
        self
    }

    /// Adds a resource. Pins, and shards by range, may come in any order.
    pub fn resource(&mut self, resource: Resource) -> &mut Self {
        self.resources.push(resource);
        self
    }

    /// Adds a delegation.
    pub fn delegation(&mut self, delegation: Delegation) -> &mut Self {
        self.delegations.push(delegation);
        self
    }

    /// Sets what holds for the zone as a whole.
    pub fn settings(&mut self, settings: Settings) -> &mut Self {
        self.settings = Some(settings);
        self
    }

    /// Sets what version 1 does not know.
    pub fn extension(&mut self, extension: Extension) -> &mut Self {
        self.extension = extension;
        self
    }

    /// The zone, checked for a record with this branch, if it has one.
    ///
    /// # Errors
    /// The first broken rule; a zone that is larger than a record is told to delegate.
    pub fn build(mut self, branch: Option<&Owner>) -> Result<Zone, ZoneError> {
        for resource in &mut self.resources {
            order(resource);
        }
        self.resources.sort_by(|left, right| {
            (&left.host, left.path_prefix()).cmp(&(&right.host, right.path_prefix()))
        });
        self.delegations
            .sort_by(|left, right| left.owner.cmp(&right.owner));
        let parts = Parts {
            rrsets: rrsets(self.rrsets)?,
            resources: self.resources,
            delegations: self.delegations,
            settings: self.settings,
            extension: self.extension,
        };
        let body = parts.encode();
        if body.len() > RECORD_BYTES_MAX {
            return Err(ZoneError::TooLarge { bytes: body.len() });
        }
        // One checker: what is built passes through the same gate as what is received.
        Zone::decode(&body, branch)
    }
}

fn rrsets(drafts: BTreeMap<(Owner, RecordType), Draft>) -> Result<Vec<Rrset>, ZoneError> {
    let rrset = |((owner, rtype), draft): ((Owner, RecordType), Draft)| {
        if let Some(long) = draft.rdata.iter().find(|data| data.len() > RDATA_BYTES_MAX) {
            rdata::check(rtype, long).map_err(|error| rdata_error(&owner, error))?;
        }
        Ok(Rrset {
            owner,
            rtype,
            ttl: draft.ttl,
            rdata: RdataSet::collect(draft.rdata),
        })
    };
    drafts.into_iter().map(rrset).collect()
}

fn rdata_error(owner: &Owner, error: RdataError) -> ZoneError {
    ZoneError::Rdata {
        owner: owner.clone(),
        error: Box::new(error),
    }
}

/// Orders what a resource has in it and what the format has an order for.
fn order(resource: &mut Resource) {
    resource.providers.iter_mut().for_each(order_pins);
    if let Some(set) = &mut resource.shards {
        order_shards(set);
    }
}

fn order_shards(set: &mut ShardSet) {
    if set.by == ShardBy::Range {
        set.shards
            .sort_by(|left, right| left.start.cmp(&right.start));
    }
    for shard in &mut set.shards {
        order_pins(&mut shard.primary);
        shard.replicas.iter_mut().for_each(order_pins);
    }
}

fn order_pins(provider: &mut Provider) {
    provider.pins.sort_unstable();
    provider.pins.dedup();
}

impl Zone {
    /// This zone with each RDATA changed, in order again.
    pub(super) fn map_rdata(
        &self,
        change: impl Fn(RecordType, &[u8]) -> Result<Vec<u8>, RdataError>,
    ) -> Result<Self, ZoneError> {
        let mut builder = ZoneBuilder {
            resources: self.parts.resources.clone(),
            delegations: self.parts.delegations.clone(),
            settings: self.parts.settings.clone(),
            extension: self.parts.extension.clone(),
            ..ZoneBuilder::default()
        };
        for rrset in &self.parts.rrsets {
            let (owner, rtype) = (&rrset.owner, rrset.rtype);
            let changed = rrset.rdata.iter().map(|rdata| change(rtype, rdata));
            let changed: Vec<_> = changed
                .collect::<Result<_, _>>()
                .map_err(|error| rdata_error(owner, error))?;
            builder.rrset(owner.clone(), rtype, rrset.ttl, changed);
        }
        builder.build(self.branch())
    }
}
