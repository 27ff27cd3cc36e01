//! The rules of section 7.3, in the order of that page: each element by itself, then the zone as a whole.
//!
//! Every rule is checked here or in `resource_rules`, for zones that are built as for zones that are decoded. Each runs in
//! time linear in the zone's bytes, but for a logarithm.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::{OwnerFault, Part};
use super::index::{Index, Node};
use super::{Delegation, Parts, Resource, Rrset, ZoneError, resource_rules};
use crate::dns::{Owner, RecordType, rdata};

/// Rules 1 to 6: rrsets, then resources, then delegations, each in its order.
pub(super) fn check_each(
    parts: &Parts,
    fault: &OwnerFault,
    branch: Option<&Owner>,
) -> Result<(), ZoneError> {
    let mut before = None;
    for (position, rrset) in parts.rrsets.iter().enumerate() {
        fault.check(Part::Rrset, position)?;
        check_rrset(rrset, before.replace(rrset))?;
        check_branch(&rrset.owner, branch)?;
    }
    let mut before = None;
    for (position, resource) in parts.resources.iter().enumerate() {
        fault.check(Part::Resource, position)?;
        check_resource(resource, before.replace(resource))?;
        check_branch(&resource.host, branch)?;
    }
    let mut before = None;
    for (position, delegation) in parts.delegations.iter().enumerate() {
        fault.check(Part::Delegation, position)?;
        check_delegation(delegation, before.replace(delegation), branch)?;
        check_branch(&delegation.owner, branch)?;
    }
    Ok(())
}

fn check_rrset(rrset: &Rrset, before: Option<&Rrset>) -> Result<(), ZoneError> {
    let (owner, rtype) = (&rrset.owner, rrset.rtype);
    rtype.in_zone().map_err(|error| ZoneError::Type {
        owner: owner.clone(),
        error,
    })?;
    for data in rrset.rdata.iter() {
        rdata::check(rtype, data).map_err(|error| ZoneError::Rdata {
            owner: owner.clone(),
            error: Box::new(error),
        })?;
    }
    let owner = || owner.clone();
    if !rrset.rdata.iter().is_sorted_by(|left, right| left < right) {
        let owner = owner();
        return Err(ZoneError::RdataOrder { owner, rtype });
    }
    if before.is_some_and(|before| (&before.owner, before.rtype) >= (&rrset.owner, rtype)) {
        let owner = owner();
        return Err(ZoneError::RrsetOrder { owner, rtype });
    }
    let single = matches!(
        rtype,
        RecordType::CNAME | RecordType::DNAME | RecordType::SOA
    );
    if single && rrset.rdata.len() != 1 {
        return Err(ZoneError::SingleRdata {
            owner: owner(),
            rtype,
            count: rrset.rdata.len(),
        });
    }
    if rtype == RecordType::SOA && !rrset.owner.is_apex() {
        return Err(ZoneError::SoaOwner { owner: owner() });
    }
    if matches!(rtype, RecordType::NS | RecordType::DNAME) && rrset.owner.is_wildcard() {
        let owner = owner();
        return Err(ZoneError::WildcardOwner { owner, rtype });
    }
    Ok(())
}

fn check_resource(resource: &Resource, before: Option<&Resource>) -> Result<(), ZoneError> {
    let (host, path) = (&resource.host, resource.path_prefix());
    resource_rules::check(resource).map_err(|error| ZoneError::Resource {
        host: host.clone(),
        path: path.into(),
        error,
    })?;
    if before.is_some_and(|before| (&before.host, before.path_prefix()) >= (host, path)) {
        return Err(ZoneError::ResourceOrder {
            host: host.clone(),
            path: path.into(),
        });
    }
    Ok(())
}

fn check_delegation(
    delegation: &Delegation,
    before: Option<&Delegation>,
    branch: Option<&Owner>,
) -> Result<(), ZoneError> {
    let owner = &delegation.owner;
    let why = if owner.is_apex() {
        Some("it is the zone itself")
    } else if owner.labels().any(|label| label == b"*") {
        Some("a wildcard is not one name")
    } else if delegation.to.is_none() && !can_be_branch(owner) {
        Some("a branch has only letters, digits, hyphens and underscores; delegate it to a key id")
    } else if branch == Some(owner) {
        Some("it is the branch that this record speaks for")
    } else {
        None
    };
    if let Some(why) = why {
        let owner = owner.clone();
        return Err(ZoneError::DelegationOwner { owner, why });
    }
    if before.is_some_and(|before| before.owner >= *owner) {
        let owner = owner.clone();
        return Err(ZoneError::DelegationOrder { owner });
    }
    Ok(())
}

/// Section 3.3.
fn can_be_branch(owner: &Owner) -> bool {
    let allowed = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    owner.labels().all(|label| label.iter().all(allowed))
}

fn check_branch(owner: &Owner, branch: Option<&Owner>) -> Result<(), ZoneError> {
    match branch {
        Some(branch) if !owner.is_at_or_below(branch) => Err(ZoneError::OutsideBranch {
            owner: owner.clone(),
            branch: branch.clone(),
        }),
        _ => Ok(()),
    }
}

/// Rules 7 to 10, each over the whole zone. The index has all names, parents before their children.
pub(super) fn check_together(parts: &Parts, index: &Index) -> Result<(), ZoneError> {
    check_cnames(parts)?;
    let zone = Tree { parts, index };
    if parts
        .rrsets
        .iter()
        .any(|rrset| rrset.rtype == RecordType::DNAME)
    {
        let has_dname = |node: &Node| zone.has_type(node, RecordType::DNAME);
        zone.check_tops(has_dname, |at, top| zone.below_dname(at, top))?;
    }
    if parts
        .rrsets
        .iter()
        .any(|rrset| rrset.rtype == RecordType::NS)
    {
        let is_cut = |node: &Node| !node.is_apex() && zone.has_type(node, RecordType::NS);
        zone.check_tops(is_cut, |at, top| zone.below_cut(at, top))?;
    }
    if !parts.delegations.is_empty() {
        let is_delegated = |node: &Node| node.delegation().is_some();
        zone.check_tops(is_delegated, |at, top| zone.below_delegation(at, top))?;
    }
    Ok(())
}

/// Rule 7.
fn check_cnames(parts: &Parts) -> Result<(), ZoneError> {
    for at_owner in parts
        .rrsets
        .chunk_by(|left, right| left.owner == right.owner)
    {
        let has_cname = at_owner
            .iter()
            .any(|rrset| rrset.rtype == RecordType::CNAME);
        let owner = &at_owner[0].owner; // A chunk has one element at least.
        if has_cname && (at_owner.len() > 1 || owner.is_apex()) {
            let owner = owner.clone();
            return Err(ZoneError::CnameAlone { owner });
        }
    }
    Ok(())
}

struct Tree<'a> {
    parts: &'a Parts,
    index: &'a Index,
}

impl Tree<'_> {
    /// Calls `check` with each node that is at or below one that `is_top`, and with the highest such one.
    fn check_tops(
        &self,
        is_top: impl Fn(&Node) -> bool,
        check: impl Fn(usize, usize) -> Result<(), ZoneError>,
    ) -> Result<(), ZoneError> {
        let nodes = self.index.nodes();
        let mut tops: Vec<Option<usize>> = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let above = node.parent().and_then(|parent| tops[parent]);
            let top = above.or_else(|| is_top(node).then_some(at));
            tops.push(top);
            if let Some(top) = top {
                check(at, top)?;
            }
        }
        Ok(())
    }

    fn has_type(&self, node: &Node, rtype: RecordType) -> bool {
        node.rrset(&self.parts.rrsets, rtype).is_some()
    }

    fn owner(&self, at: usize) -> Owner {
        let name = self.index.name(&self.index.nodes()[at]);
        Owner::from_wire(name).expect("every name of the index is an owner or ends one")
    }

    /// What stands at a node, the first of it.
    fn first_part(&self, at: usize) -> Option<Part> {
        let node = &self.index.nodes()[at];
        if !node.rrsets(&self.parts.rrsets).is_empty() {
            Some(Part::Rrset)
        } else if !node.resources(&self.parts.resources).is_empty() {
            Some(Part::Resource)
        } else {
            node.delegation().map(|_| Part::Delegation)
        }
    }

    /// Rule 8.
    fn below_dname(&self, at: usize, top: usize) -> Result<(), ZoneError> {
        if at == top || self.first_part(at).is_none() {
            return Ok(());
        }
        Err(ZoneError::BelowDname {
            name: self.owner(at),
            dname: self.owner(top),
        })
    }

    /// Rule 9.
    fn below_cut(&self, at: usize, top: usize) -> Result<(), ZoneError> {
        let node = &self.index.nodes()[at];
        let allowed = |rtype| match rtype {
            RecordType::A | RecordType::AAAA => true,
            RecordType::NS | RecordType::DS => at == top,
            _ => false,
        };
        let mut rrsets = node.rrsets(&self.parts.rrsets).iter();
        let what: String = if let Some(rrset) = rrsets.find(|rrset| !allowed(rrset.rtype)) {
            rrset.rtype.to_string()
        } else if !node.resources(&self.parts.resources).is_empty() {
            "a resource".into()
        } else if node.delegation().is_some() {
            "a delegation".into()
        } else {
            return Ok(());
        };
        Err(ZoneError::BelowCut {
            what,
            name: self.owner(at),
            cut: self.owner(top),
        })
    }

    /// Rule 10.
    fn below_delegation(&self, at: usize, top: usize) -> Result<(), ZoneError> {
        match self.first_part(at) {
            None => Ok(()),
            Some(Part::Delegation) if at == top => Ok(()),
            Some(what) => Err(ZoneError::BelowDelegation {
                what,
                name: self.owner(at),
                delegation: self.owner(top),
            }),
        }
    }
}
