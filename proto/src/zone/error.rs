//! What can be wrong with a zone: one variant for each rule of section 7, with the facts.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use thiserror::Error;

use super::{PathError, UrlError};
use crate::cbor::{CborError, Reader};
use crate::dns::rdata::RdataError;
use crate::dns::{NameError, NotInZone, Owner, RecordType};
use crate::limits::{NAME_BYTES_MAX, RECORD_BYTES_MAX};

/// The lists that a zone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Rrsets.
    Rrset,
    /// Resources.
    Resource,
    /// Delegations.
    Delegation,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rrset => "rrset",
            Self::Resource => "resource",
            Self::Delegation => "delegation",
        })
    }
}

/// The first broken rule of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ZoneError {
    /// The encoding, or the schema.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// More than a record holds.
    #[error(
        "the zone has {bytes} bytes and a record holds {RECORD_BYTES_MAX}: delegate part of it, to a branch or to another identity"
    )]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// An owner name or host that is none.
    #[error("{part} number {}: its owner: {error}", position + 1)]
    Owner {
        /// The list it stands in.
        part: Part,
        /// Its place in that list, from 0.
        position: usize,
        /// What is wrong.
        error: NameError,
    },
    /// A type that has no place in a zone.
    #[error("`{owner}`: {error}")]
    Type {
        /// Where it stands.
        owner: Owner,
        /// Why it has none.
        error: NotInZone,
    },
    /// RDATA that its type does not allow.
    #[error("`{owner}` {error}")]
    Rdata {
        /// Where it stands.
        owner: Owner,
        /// What is wrong.
        error: Box<RdataError>,
    },
    /// RDATA out of order, or twice.
    #[error("`{owner}` {rtype}: its RDATA must ascend by their bytes, none twice")]
    RdataOrder {
        /// Where it stands.
        owner: Owner,
        /// The type.
        rtype: RecordType,
    },
    /// An rrset out of order, or twice.
    #[error(
        "`{owner}` {rtype} stands after a later rrset or twice; they must ascend by owner, then type"
    )]
    RrsetOrder {
        /// Where it stands.
        owner: Owner,
        /// The type.
        rtype: RecordType,
    },
    /// CNAME, DNAME or SOA with several RDATA.
    #[error("`{owner}` has {count} {rtype} records; it may have one")]
    SingleRdata {
        /// Where it stands.
        owner: Owner,
        /// The type.
        rtype: RecordType,
        /// How many there are.
        count: usize,
    },
    /// SOA below the apex.
    #[error("`{owner}` has SOA; only the zone itself, `@`, may")]
    SoaOwner {
        /// Where it stands.
        owner: Owner,
    },
    /// NS or DNAME at a wildcard, where RFC 4592 sections 4.2 and 4.4 leave open what they mean.
    #[error("`{owner}` has {rtype}; a wildcard may not, so write it at each name that is meant")]
    WildcardOwner {
        /// Where it stands.
        owner: Owner,
        /// The type.
        rtype: RecordType,
    },
    /// A resource that breaks a rule of section 7.4.
    #[error("resource at `{host}` {}: {error}", path.escape_debug())]
    Resource {
        /// Its host.
        host: Owner,
        /// Its path, as written.
        path: Box<str>,
        /// What is wrong.
        error: ResourceError,
    },
    /// A resource out of order, or twice.
    #[error(
        "the resource at `{host}` {path} stands after a later one or twice; they must ascend by host, then path"
    )]
    ResourceOrder {
        /// Its host.
        host: Owner,
        /// Its path.
        path: Box<str>,
    },
    /// A delegation of what cannot be delegated.
    #[error("`{owner}` cannot be delegated: {why}")]
    DelegationOwner {
        /// The delegation's owner.
        owner: Owner,
        /// Why not.
        why: &'static str,
    },
    /// A delegation out of order, or twice.
    #[error(
        "the delegation of `{owner}` stands after a later one or twice; they must ascend by owner"
    )]
    DelegationOrder {
        /// The delegation's owner.
        owner: Owner,
    },
    /// A name that a record with this branch cannot speak for.
    #[error("`{owner}` is outside the branch `{branch}`; name only what is at or below it")]
    OutsideBranch {
        /// The owner or host.
        owner: Owner,
        /// The record's branch.
        branch: Owner,
    },
    /// CNAME beside other types, or at the apex.
    #[error("`{owner}` has CNAME {}", cname_advice(owner))]
    CnameAlone {
        /// Where it stands.
        owner: Owner,
    },
    /// Something below a DNAME.
    #[error("`{name}` is below `{dname}`, whose DNAME moves all names there elsewhere")]
    BelowDname {
        /// What stands below.
        name: Owner,
        /// Where the DNAME stands.
        dname: Owner,
    },
    /// Something at or below a cut that belongs to the zone below it.
    #[error(
        "{what} at `{name}` belongs to the zone that the NS records of `{cut}` point to: at the cut stand NS, DS, A and AAAA, below it A and AAAA"
    )]
    BelowCut {
        /// What stands there: a type, a resource or a delegation.
        what: String,
        /// Where it stands.
        name: Owner,
        /// Where the NS records stand.
        cut: Owner,
    },
    /// Something at or below a delegation.
    #[error(
        "{what} at `{name}` belongs to whom `{delegation}` is delegated to; take it out of this zone"
    )]
    BelowDelegation {
        /// What stands there: an rrset, a resource or a delegation.
        what: Part,
        /// Where it stands.
        name: Owner,
        /// The delegation's owner.
        delegation: Owner,
    },
}

fn cname_advice(owner: &Owner) -> &'static str {
    if owner.is_apex() {
        "at the apex, which always has other data; use a resource, or HTTPS in alias mode"
    } else {
        "and other types; an alias stands alone"
    }
}

impl ZoneError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cbor(error) => error.code(),
            Self::TooLarge { .. } => "too-large",
            Self::Owner { .. } => "owner",
            Self::Type { .. } => "type",
            Self::Rdata { .. } => "rdata",
            Self::RdataOrder { .. } => "rdata-order",
            Self::RrsetOrder { .. } => "rrset-order",
            Self::SingleRdata { .. } => "single-rdata",
            Self::SoaOwner { .. } => "soa-owner",
            Self::WildcardOwner { .. } => "wildcard-owner",
            Self::Resource { error, .. } => error.code(),
            Self::ResourceOrder { .. } => "resource-order",
            Self::DelegationOwner { .. } => "delegation-owner",
            Self::DelegationOrder { .. } => "delegation-order",
            Self::OutsideBranch { .. } => "outside-branch",
            Self::CnameAlone { .. } => "cname-alone",
            Self::BelowDname { .. } => "below-dname",
            Self::BelowCut { .. } => "below-cut",
            Self::BelowDelegation { .. } => "below-delegation",
        }
    }
}

/// The first broken rule of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ResourceError {
    /// A path that is none.
    #[error("{what} `{}`: {error}", path.escape_debug())]
    Path {
        /// Which of its paths.
        what: &'static str,
        /// The path.
        path: Box<str>,
        /// What is wrong.
        error: PathError,
    },
    /// No providers, no shards, no content.
    #[error("it routes to nothing: give it providers, a shard set or a content root")]
    NothingToRouteTo,
    /// Shards in another kind, or beside something else.
    #[error("{why}")]
    KindShards {
        /// What is wrong.
        why: &'static str,
    },
    /// An id with other characters.
    #[error(
        "`{}` is no id: write 1 to 63 of `a` to `z`, `0` to `9` and hyphens, with no hyphen first or last",
        id.escape_debug()
    )]
    ProviderId {
        /// The id.
        id: Box<str>,
    },
    /// An id twice.
    #[error("the id `{id}` stands twice; each {what} needs its own")]
    DuplicateId {
        /// Provider or shard.
        what: &'static str,
        /// The id.
        id: Box<str>,
    },
    /// A URL that is none.
    #[error("provider `{provider}`: the URL `{}`: {error}", url.escape_debug())]
    Url {
        /// The provider's id.
        provider: Box<str>,
        /// The URL.
        url: Box<str>,
        /// What is wrong.
        error: UrlError,
    },
    /// Pins out of order, or twice.
    #[error("provider `{provider}`: its pins must ascend by their bytes, none twice")]
    PinOrder {
        /// The provider's id.
        provider: Box<str>,
    },
    /// First keys where there are none, or none where there are.
    #[error("shard `{shard}`: {why}")]
    ShardRange {
        /// The shard's id.
        shard: Box<str>,
        /// What is wrong.
        why: &'static str,
    },
    /// A name where there is none, or none where there is.
    #[error("{why}")]
    StickyName {
        /// What is wrong.
        why: &'static str,
    },
}

impl ResourceError {
    /// The stable name of the broken rule.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Path { .. } => "path",
            Self::NothingToRouteTo => "nothing-to-route-to",
            Self::KindShards { .. } => "kind-shards",
            Self::ProviderId { .. } => "provider-id",
            Self::DuplicateId { .. } => "duplicate-id",
            Self::Url { .. } => "url",
            Self::PinOrder { .. } => "pin-order",
            Self::ShardRange { .. } => "shard-range",
            Self::StickyName { .. } => "sticky-name",
        }
    }
}

/// The first owner that is none, kept until its turn comes among the rules: the schema of the whole zone goes before them.
#[derive(Debug, Default)]
pub(super) struct OwnerFault(Option<(Part, usize, NameError)>);

impl OwnerFault {
    /// Reads an owner; one that is none becomes the apex, and the fault is kept.
    pub(super) fn read_owner(
        &mut self,
        reader: &mut Reader<'_>,
        part: Part,
        position: usize,
    ) -> Result<Owner, CborError> {
        let wire = reader.bytes("owner", 0, NAME_BYTES_MAX - 1)?;
        Ok(Owner::from_wire(wire).unwrap_or_else(|error| {
            self.0.get_or_insert((part, position, error));
            Owner::apex()
        }))
    }

    /// The fault of this element, if it is the one that has it.
    pub(super) fn check(&self, part: Part, position: usize) -> Result<(), ZoneError> {
        match &self.0 {
            Some((faulty, at, error)) if (*faulty, *at) == (part, position) => {
                Err(ZoneError::Owner {
                    part,
                    position,
                    error: error.clone(),
                })
            }
            _ => Ok(()),
        }
    }
}
