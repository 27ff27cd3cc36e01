//! Lookup by section 7.6 as a walk over everything that a zone holds: slow, without an index, and written from the page.

use dotkey_proto::dns::{Owner, RecordType};
use dotkey_proto::limits::NAME_BYTES_MAX;
use dotkey_proto::zone::{Outcome, Resource, Rrset, Target, Zone};

/// What `zone` says of `name` and `rtype`.
pub fn plain_lookup<'z>(zone: &'z Zone, name: &Owner, rtype: RecordType) -> Outcome<'z> {
    if zone
        .branch()
        .is_some_and(|branch| !name.is_at_or_below(branch))
    {
        return Outcome::Outside;
    }
    if let Some(delegation) = zone
        .delegations()
        .iter()
        .find(|delegation| name.is_at_or_below(&delegation.owner))
    {
        return Outcome::Referral(delegation);
    }
    let is_cut = |rrset: &&Rrset| rrset.rtype == RecordType::NS && !rrset.owner.is_apex();
    if let Some(cut) = zone
        .rrsets()
        .iter()
        .filter(is_cut)
        .find(|cut| name.is_at_or_below(&cut.owner))
        && !(rtype == RecordType::DS && cut.owner == *name)
    {
        return Outcome::Cut(cut);
    }
    if exists(zone, name) {
        return at(zone, name, rtype, false);
    }
    if let Some(dname) = zone
        .rrsets()
        .iter()
        .find(|rrset| rrset.rtype == RecordType::DNAME && name.is_at_or_below(&rrset.owner))
    {
        return rewrite(dname, name);
    }
    let closest =
        std::iter::successors(name.parent(), Owner::parent).find(|above| exists(zone, above));
    let closest = closest.expect("the apex exists");
    match Owner::from_wire(&[b"\x01*", closest.as_wire()].concat()) {
        Ok(wildcard) if exists(zone, &wildcard) => at(zone, &wildcard, rtype, true),
        _ => Outcome::NoName {
            closest: bytes_of(zone, &closest),
        },
    }
}

fn owners(zone: &Zone) -> impl Iterator<Item = &Owner> {
    let rrsets = zone.rrsets().iter().map(|rrset| &rrset.owner);
    let hosts = zone.resources().iter().map(|resource| &resource.host);
    rrsets.chain(hosts).chain(
        zone.delegations()
            .iter()
            .map(|delegation| &delegation.owner),
    )
}

fn exists(zone: &Zone, name: &Owner) -> bool {
    name.is_apex() || owners(zone).any(|owner| owner.is_at_or_below(name))
}

/// The bytes of a name that exists, as they stand in the zone.
fn bytes_of<'z>(zone: &'z Zone, name: &Owner) -> &'z [u8] {
    let below = owners(zone).find(|owner| owner.is_at_or_below(name));
    below.map_or(&[], |owner| {
        &owner.as_wire()[owner.as_wire().len() - name.as_wire().len()..]
    })
}

fn at<'z>(zone: &'z Zone, name: &Owner, rtype: RecordType, synthesised: bool) -> Outcome<'z> {
    let find = |rtype| {
        zone.rrsets()
            .iter()
            .find(|rrset| rrset.owner == *name && rrset.rtype == rtype)
    };
    if let Some(rrset) = find(rtype) {
        return Outcome::Answer { rrset, synthesised };
    }
    if let Some(rrset) = find(RecordType::CNAME) {
        let target = Target::of(rrset.rdata.first());
        return Outcome::Alias {
            rrset,
            target,
            synthesised,
        };
    }
    Outcome::NoData {
        resources: resources_at(zone, name),
        synthesised,
    }
}

/// They stand beside each other, for they are in order of their hosts.
fn resources_at<'z>(zone: &'z Zone, name: &Owner) -> &'z [Resource] {
    let all = zone.resources();
    let start = all
        .iter()
        .position(|resource| resource.host == *name)
        .unwrap_or(0);
    let count = all.iter().filter(|resource| resource.host == *name).count();
    &all[start..start + count]
}

fn rewrite<'z>(rrset: &'z Rrset, name: &Owner) -> Outcome<'z> {
    let kept = name.as_wire().len() - rrset.owner.as_wire().len();
    let target = Target::of(rrset.rdata.first());
    // In wire form, with the root's byte.
    let len = match target {
        Target::InZone(labels) => kept + labels.len() + 1,
        Target::Absolute(wire) => kept + wire.len(),
    };
    if len > NAME_BYTES_MAX {
        Outcome::TooLong { rrset }
    } else {
        Outcome::Rewrite {
            rrset,
            target,
            kept,
        }
    }
}
