//! A zone has one encoding, can be built again from its parts, and answers every lookup as a plain walk over them would,
//! allocating nothing.
#![no_main]

use dotkey_fuzz::plain_lookup::plain_lookup;
use dotkey_fuzz::{refused, within};
use dotkey_proto::dns::{Owner, RecordType, WireName};
use dotkey_proto::limits::CNAME_CHAIN_MAX;
use dotkey_proto::text::toml::{self, Document};
use dotkey_proto::zone::{Outcome, Zone, ZoneBuilder};
use libfuzzer_sys::fuzz_target;

/// A walk takes the time of the whole zone: this many names of a large zone show enough.
const NAMES_MAX: usize = 16;

/// Printing a large zone costs more than it shows.
const PRINTED_BYTES_MAX: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let zone = match within(64 * data.len() + 4096, || Zone::decode(data, None)) {
        Ok(zone) => zone,
        Err(error) => return refused(&error, error.code()),
    };
    assert_eq!(zone.encode(), data);
    assert_eq!(rebuilt(&zone).as_ref(), Ok(&zone));
    names(&zone).iter().for_each(|name| look_up(&zone, name));
    look_up_foreign(&zone, data);
    branch_bounds(data);
    if data.len() <= PRINTED_BYTES_MAX {
        origins_agree(&zone);
        let document = Document {
            name: None,
            branch: None,
            zone,
        };
        let text = toml::write(&document);
        let again =
            toml::parse(&text, "mysite.toml").unwrap_or_else(|error| panic!("{text}\n{error}"));
        assert_eq!(again, document, "{text}");
    }
});

fn rebuilt(zone: &Zone) -> Result<Zone, dotkey_proto::zone::ZoneError> {
    let mut builder = ZoneBuilder::new();
    for rrset in zone.rrsets().iter().rev() {
        builder.rrset(
            rrset.owner.clone(),
            rrset.rtype,
            rrset.ttl,
            rrset.rdata.iter().map(<[u8]>::to_vec),
        );
    }
    zone.resources().iter().rev().cloned().for_each(|resource| {
        builder.resource(resource);
    });
    zone.delegations()
        .iter()
        .rev()
        .cloned()
        .for_each(|delegation| {
            builder.delegation(delegation);
        });
    if let Some(settings) = zone.settings() {
        builder.settings(settings.clone());
    }
    builder.extension(zone.extension().clone());
    builder.build(None)
}

/// Names that stand in the zone, and beside, above and below each one that may not.
fn names(zone: &Zone) -> Vec<Owner> {
    let rrsets = zone.rrsets().iter().map(|rrset| &rrset.owner);
    let hosts = zone.resources().iter().map(|resource| &resource.host);
    let delegated = zone
        .delegations()
        .iter()
        .map(|delegation| &delegation.owner);
    let mut names = vec![Owner::apex()];
    for owner in rrsets
        .take(NAMES_MAX)
        .chain(hosts.take(NAMES_MAX))
        .chain(delegated.take(NAMES_MAX))
    {
        let parent = owner.parent().unwrap_or_default();
        for labels in [&b""[..], b"\x03new", b"\x01*", b"\x01a\x01b"] {
            names.extend(Owner::from_wire(&[labels, owner.as_wire()].concat()));
            names.extend(Owner::from_wire(&[labels, parent.as_wire()].concat()));
        }
    }
    names
}

fn look_up(zone: &Zone, name: &Owner) {
    let types = zone
        .rrsets()
        .iter()
        .filter(|rrset| rrset.owner == *name)
        .map(|rrset| rrset.rtype);
    let others = [
        RecordType(0),
        RecordType::A,
        RecordType::DS,
        RecordType::CNAME,
        RecordType::DNAME,
    ];
    for rtype in types.take(NAMES_MAX).chain(others) {
        let outcome = within(0, || zone.lookup(name.as_wire(), rtype));
        assert_eq!(outcome, plain_lookup(zone, name, rtype), "{name} {rtype}");
        if let Outcome::Answer { rrset, .. } = outcome {
            assert_eq!(rrset.rtype, rtype);
        }
        let resolution = zone.resolve(name.as_wire(), rtype);
        assert!(resolution.steps.len() <= CNAME_CHAIN_MAX);
        if resolution.outcome != Outcome::Loop {
            assert_eq!(
                resolution.outcome,
                zone.lookup(resolution.last_owner(name.as_wire()), rtype)
            );
        }
    }
}

/// Names of labels that the input chose, cut where they would be too long.
fn look_up_foreign(zone: &Zone, data: &[u8]) {
    let mut wire = Vec::new();
    for label in data[data.len() / 2..].split(|byte| *byte < 8) {
        let label = &label[..label.len().min(63)];
        if label.is_empty() || wire.len() + label.len() > 253 {
            break;
        }
        wire.push(label.len() as u8);
        wire.extend(label.to_ascii_lowercase());
    }
    let foreign = Owner::from_wire(&wire).expect("short labels in lower case");
    look_up(zone, &foreign);
}

/// A zone that is good as the zone of a branch speaks of nothing outside.
fn branch_bounds(data: &[u8]) {
    let branch = Owner::parse("blog").expect("an owner");
    if let Ok(zone) = Zone::decode(data, Some(&branch)) {
        let mut names = names(&zone);
        names.extend(["www", "x.blog", "blog.x"].map(|name| Owner::parse(name).expect("an owner")));
        names.iter().for_each(|name| look_up(&zone, name));
        let rrsets = zone.rrsets().iter().map(|rrset| &rrset.owner);
        let hosts = zone.resources().iter().map(|resource| &resource.host);
        let delegated = zone
            .delegations()
            .iter()
            .map(|delegation| &delegation.owner);
        assert!(
            rrsets
                .chain(hosts)
                .chain(delegated)
                .all(|owner| owner.is_at_or_below(&branch))
        );
    }
}

/// Exported and imported again, names are relative that can be, and nothing else has changed.
fn origins_agree(zone: &Zone) {
    let origin: WireName = "mysite.key.".parse().expect("a name");
    if let (Ok(relative), Ok(absolute)) = (zone.relativise(&origin), zone.absolutise(&origin)) {
        assert_eq!(relative.absolutise(&origin).as_ref().ok(), Some(&absolute));
        if let Ok(imported) = absolute.relativise(&origin) {
            assert_eq!(imported, relative);
        }
    }
}
