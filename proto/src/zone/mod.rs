//! Zones: what an identity publishes. DNS records, resources that requests can be routed to, and names handed to others.
//!
//! This module owns the model of a zone, the one checker of its rules, its encoding and its lookup, as
//! `docs/protocol/7-zones.md` specifies them. It promises that a [`Zone`] has passed every rule, that decoding and
//! encoding give back the same bytes, that the first broken rule is named, and that a lookup allocates nothing. A
//! [`Zone`] comes out of [`Zone::decode`] or [`ZoneBuilder::build`] and does not change. Who signed it and whether it is
//! still good is for `record`; text forms are for `text`; answers on the wire are for resolvers.
//!
//! Each part of the model stands in the file of its name; `rules` and `resource_rules` check, `index` and `lookup` find.

mod builder;
mod delegation;
mod error;
mod fields;
mod hash;
mod index;
mod lookup;
mod path;
mod policy;
mod provider;
mod relative;
mod resolve;
mod resource;
mod resource_rules;
mod rrset;
mod rules;
mod settings;
mod shard;
mod url;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use builder::ZoneBuilder;
pub use delegation::Delegation;
pub use error::{Part, ResourceError, ZoneError};
pub use lookup::{Next, Outcome};
pub use path::{Path, PathError};
pub use policy::{Balance, HealthCheck, Hedge, Pins, ResourcePolicy, Sticky, StickyBy, Timeouts};
pub use provider::{Protocol, Provider};
pub use relative::{Target, absolutise, relativise, zone_origin};
pub use resolve::{Resolution, Step};
pub use resource::{Kind, Resource};
pub use rrset::{RdataSet, Rrset};
pub use settings::Settings;
pub use shard::{Shard, ShardBy, ShardSet};
pub use url::{Host, Scheme, Url, UrlError, UrlParts};

use alloc::vec::Vec;

use crate::cbor::{CborError, Extension, MapWriter, Reader, Writer};
use crate::dns::{Owner, WireName};
use crate::limits::{RECORD_BYTES_MAX, ZONE_DELEGATIONS_MAX, ZONE_RESOURCES_MAX, ZONE_RRSETS_MAX};
use error::OwnerFault;
use index::Index;

/// A zone that has passed every rule.
#[derive(Clone, Debug)]
pub struct Zone {
    parts: Parts,
    branch: Option<Owner>,
    index: Index,
}

/// What a zone holds, before or after the rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts {
    rrsets: Vec<Rrset>,
    resources: Vec<Resource>,
    delegations: Vec<Delegation>,
    settings: Option<Settings>,
    extension: Extension,
}

impl Zone {
    /// Reads the body of a zone record, whose branch, if it has one, bounds what the zone may speak of.
    ///
    /// # Errors
    /// The first broken rule, in the order of the protocol's page.
    pub fn decode(body: &[u8], branch: Option<&Owner>) -> Result<Self, ZoneError> {
        if body.len() > RECORD_BYTES_MAX {
            return Err(ZoneError::TooLarge { bytes: body.len() });
        }
        let mut reader = Reader::new(body)?;
        let mut fault = OwnerFault::default();
        let parts = Parts::read(&mut reader, &mut fault)?;
        rules::check_each(&parts, &fault, branch)?;
        let index = Index::build(&parts, body);
        rules::check_together(&parts, &index)?;
        Ok(Self {
            parts,
            branch: branch.cloned(),
            index,
        })
    }

    /// The branch of the record that this zone was checked for. The zone speaks of no name outside it.
    #[must_use]
    pub fn branch(&self) -> Option<&Owner> {
        self.branch.as_ref()
    }

    /// The one encoding of this zone.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.parts.encode()
    }

    /// The rrsets, ascending by owner, then type.
    #[must_use]
    pub fn rrsets(&self) -> &[Rrset] {
        &self.parts.rrsets
    }

    /// The resources, ascending by host, then path.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.parts.resources
    }

    /// The delegations, ascending by owner.
    #[must_use]
    pub fn delegations(&self) -> &[Delegation] {
        &self.parts.delegations
    }

    /// What holds for the zone as a whole.
    #[must_use]
    pub fn settings(&self) -> Option<&Settings> {
        self.parts.settings.as_ref()
    }

    /// What version 1 does not know.
    #[must_use]
    pub fn extension(&self) -> &Extension {
        &self.parts.extension
    }

    /// Seconds that answers may be kept that are made up from resources and delegations.
    #[must_use]
    pub fn made_up_ttl(&self) -> u32 {
        let ttl = self.settings().and_then(|settings| settings.ttl);
        ttl.unwrap_or(Settings::TTL_DEFAULT)
    }

    /// This zone with the names in RDATA at or below `origin` made relative (section 7.2), as it is published.
    ///
    /// # Errors
    /// A zone that becomes larger than a record, which only an origin shorter than the two bytes of `@` can cause.
    pub fn relativise(&self, origin: &WireName) -> Result<Self, ZoneError> {
        self.map_rdata(|rtype, rdata| Ok(relativise(rtype, rdata, origin).into_owned()))
    }

    /// This zone with the relative names in RDATA made absolute below `origin`, as it is exported.
    ///
    /// # Errors
    /// A name that becomes longer than 255 bytes.
    pub fn absolutise(&self, origin: &WireName) -> Result<Self, ZoneError> {
        self.map_rdata(|rtype, rdata| Ok(absolutise(rtype, rdata, origin)?.into_owned()))
    }
}

impl PartialEq for Zone {
    /// Whether both say the same of the same names.
    fn eq(&self, other: &Self) -> bool {
        // The index follows from the parts.
        self.parts == other.parts && self.branch == other.branch
    }
}

impl Eq for Zone {}

impl Parts {
    fn read(reader: &mut Reader<'_>, fault: &mut OwnerFault) -> Result<Self, CborError> {
        let mut map = reader.map("zone")?;
        let rrsets = map.optional(1, |r| {
            let len = r.array("rrsets", 1, ZONE_RRSETS_MAX)?;
            (0..len)
                .map(|at| Rrset::read(r, at, fault))
                .collect::<Result<_, CborError>>()
        })?;
        let resources = map.optional(2, |r| {
            let len = r.array("resources", 1, ZONE_RESOURCES_MAX)?;
            (0..len)
                .map(|at| Resource::read(r, at, fault))
                .collect::<Result<_, CborError>>()
        })?;
        let delegations = map.optional(3, |r| {
            let len = r.array("delegations", 1, ZONE_DELEGATIONS_MAX)?;
            (0..len)
                .map(|at| Delegation::read(r, at, fault))
                .collect::<Result<_, CborError>>()
        })?;
        Ok(Self {
            rrsets: rrsets.unwrap_or_default(),
            resources: resources.unwrap_or_default(),
            delegations: delegations.unwrap_or_default(),
            settings: map.optional(4, Settings::read)?,
            extension: map.extension()?,
        })
    }

    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        fields::set_list(&mut map, 1, &self.rrsets, |w: &mut Writer, rrset| {
            rrset.write(w)
        });
        fields::set_list(&mut map, 2, &self.resources, |w, resource| {
            resource.write(w)
        });
        fields::set_list(&mut map, 3, &self.delegations, |w, delegation| {
            delegation.write(w)
        });
        map.set_some(4, self.settings.as_ref(), |w, settings| settings.write(w));
        map.extend(&self.extension).to_bytes()
    }
}
