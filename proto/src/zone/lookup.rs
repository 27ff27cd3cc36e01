//! What a zone says of a name and a type: section 7.6, in its order, pure and without allocating.

use alloc::vec::Vec;

use super::index::{Above, Node};
use super::{Delegation, Resource, Rrset, Target, Zone};
use crate::dns::{Labels, Owner, RecordType, WireName};
use crate::limits::NAME_BYTES_MAX;

/// What a zone says of a name and a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'z> {
    /// The name is not at or below the branch of the record: the record of the whole zone has to be asked.
    Outside,
    /// The name, or one above it, is delegated.
    Referral(&'z Delegation),
    /// A name at or above it belongs to a DNS zone of its own: its NS records.
    Cut(&'z Rrset),
    /// The data.
    Answer {
        /// The rrset that was asked for.
        rrset: &'z Rrset,
        /// Whether it comes from a wildcard.
        synthesised: bool,
    },
    /// Another name has the data.
    Alias {
        /// The CNAME.
        rrset: &'z Rrset,
        /// Its target.
        target: Target<'z>,
        /// Whether it comes from a wildcard.
        synthesised: bool,
    },
    /// All names below one above it are elsewhere.
    Rewrite {
        /// The DNAME.
        rrset: &'z Rrset,
        /// Its target, below which the name goes on.
        target: Target<'z>,
        /// How many bytes of the name, from its front, go in front of the target.
        kept: usize,
    },
    /// The name that a DNAME rewrites to would be too long (RFC 6672 section 2.2: YXDOMAIN).
    TooLong {
        /// The DNAME.
        rrset: &'z Rrset,
    },
    /// The name exists, but not with this type.
    NoData {
        /// The resources at the name, by path.
        resources: &'z [Resource],
        /// Whether the name comes from a wildcard.
        synthesised: bool,
    },
    /// There is no such name.
    NoName {
        /// The closest ancestor that exists, in wire form.
        closest: &'z [u8],
    },
    /// Following aliases and rewrites does not end; only [`Zone::resolve`] gives it.
    Loop,
}

/// The name that an alias or a rewrite leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// One of the same zone.
    InZone(Owner),
    /// An absolute one.
    Absolute(WireName),
}

impl Outcome<'_> {
    /// Where an alias or a rewrite of `owner` leads; `None` for the other outcomes.
    #[must_use]
    pub fn next(&self, owner: &[u8]) -> Option<Next> {
        let (kept, target) = match self {
            Self::Alias { target, .. } => (&[][..], target),
            Self::Rewrite { target, kept, .. } => (owner.get(..*kept)?, target),
            _ => return None,
        };
        match target {
            Target::InZone(labels) => {
                let wire: Vec<u8> = [kept, labels].concat().to_ascii_lowercase();
                Owner::from_wire(&wire).ok().map(Next::InZone)
            }
            Target::Absolute(name) => {
                let name = WireName::from_wire(&[kept, name].concat());
                name.ok().map(Next::Absolute)
            }
        }
    }
}

impl Zone {
    /// What this zone says of `owner`, in wire form relative to the zone and in lower case, and of a type.
    ///
    /// `owner` has to be what [`Owner::check_wire`] passes, as [`Owner::as_wire`] is; names from a message are checked and
    /// lowered before they come here. Nothing panics on other bytes in a release, but the outcome has no meaning.
    ///
    /// Type 0, which no data has, asks for the resources of a name: where it has any, they come with
    /// [`Outcome::NoData`]. Type ANY is for the caller (RFC 8482).
    #[must_use]
    pub fn lookup(&self, owner: &[u8], rtype: RecordType) -> Outcome<'_> {
        debug_assert!(
            Owner::check_wire(owner).is_ok(),
            "an owner is looked up in its stored form"
        );
        if self.branch().is_some_and(|top| !is_at_or_below(owner, top)) {
            return Outcome::Outside;
        }
        let (node, exists) = self.index.closest(owner);
        match node.above() {
            Above::Zone => {}
            Above::Delegation(at) => {
                return Outcome::Referral(&self.parts.delegations[usize::from(at)]);
            }
            Above::Cut(at) => {
                let cut = &self.parts.rrsets[usize::from(at)];
                // RFC 4035 section 3.1.4.1: the parent answers for DS at the cut.
                let is_cut = exists && cut.owner.as_wire().len() == owner.len();
                if !(is_cut && rtype == RecordType::DS) {
                    return Outcome::Cut(cut);
                }
            }
        }
        if exists {
            return self.at(node, rtype, false);
        }
        if let Some(dname) = node.rrset(&self.parts.rrsets, RecordType::DNAME) {
            return rewrite(dname, owner);
        }
        match self.index.wildcard_below(node) {
            Some(wildcard) => self.at(wildcard, rtype, true),
            None => Outcome::NoName {
                closest: self.index.name(node),
            },
        }
    }

    fn at(&self, node: &Node, rtype: RecordType, synthesised: bool) -> Outcome<'_> {
        if let Some(rrset) = node.rrset(&self.parts.rrsets, rtype) {
            return Outcome::Answer { rrset, synthesised };
        }
        // Section 7.3 rule 7: an alias stands alone.
        if let [rrset] = node.rrsets(&self.parts.rrsets)
            && rrset.rtype == RecordType::CNAME
        {
            return Outcome::Alias {
                rrset,
                target: Target::of(rrset.rdata.first()),
                synthesised,
            };
        }
        Outcome::NoData {
            resources: node.resources(&self.parts.resources),
            synthesised,
        }
    }
}

/// As [`Owner::is_at_or_below`], for a name that is only borrowed.
fn is_at_or_below(owner: &[u8], top: &Owner) -> bool {
    let mut labels = Labels::new(owner);
    while labels.remainder().len() > top.as_wire().len() {
        labels.next();
    }
    labels.remainder() == top.as_wire()
}

fn rewrite<'z>(rrset: &'z Rrset, owner: &[u8]) -> Outcome<'z> {
    let kept = owner.len().saturating_sub(rrset.owner.as_wire().len());
    let target = Target::of(rrset.rdata.first());
    let (target_len, max) = match target {
        Target::InZone(labels) => (labels.len(), NAME_BYTES_MAX - 1),
        Target::Absolute(name) => (name.len(), NAME_BYTES_MAX),
    };
    if kept + target_len > max {
        return Outcome::TooLong { rrset };
    }
    Outcome::Rewrite {
        rrset,
        target,
        kept,
    }
}
