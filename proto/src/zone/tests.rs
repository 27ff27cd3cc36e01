use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use super::*;
use crate::cbor::Writer;
use crate::dns::{Owner, RecordType, rdata};

pub(crate) mod arbitrary;
mod lookups;
mod rules;

pub(crate) fn owner(text: &str) -> Owner {
    text.parse().expect(text)
}

pub(crate) fn data(rtype: RecordType, text: &str) -> Vec<u8> {
    rdata::from_text(rtype, text, Some(&zone_origin())).expect(text)
}

/// A zone of master file lines: owner, type, data; the TTL is 300.
pub(crate) fn zone_of(lines: &[(&str, RecordType, &str)]) -> ZoneBuilder {
    let mut builder = ZoneBuilder::new();
    for (name, rtype, text) in lines {
        builder.rrset(owner(name), *rtype, 300, [data(*rtype, text)]);
    }
    builder
}

#[test]
fn the_empty_map_is_a_zone() {
    let zone = Zone::decode(&[0xa0], None).expect("valid");
    assert_eq!(zone, ZoneBuilder::new().build(None).expect("valid"));
    assert_eq!(zone.encode(), [0xa0]);
    assert_eq!(zone.made_up_ttl(), 300);
    assert_eq!(zone.lookup(b"", RecordType::A), NO_DATA);
    assert_eq!(
        zone.lookup(b"\x01a", RecordType::A),
        Outcome::NoName { closest: b"" }
    );
}

pub(crate) const NO_DATA: Outcome<'static> = Outcome::NoData {
    resources: &[],
    synthesised: false,
};

#[test]
fn what_is_unknown_is_kept() {
    // {1: [["", 65280, 0, [h'0a']]], 4: {1: 5, 9: "x"}, 7: [null]}
    let body =
        b"\xa3\x01\x81\x84\x40\x19\xff\x00\x00\x81\x41\x0a\x04\xa2\x01\x05\x09\x61x\x07\x81\xf6";
    let zone = Zone::decode(body, None).expect("valid");
    assert_eq!(zone.encode(), body);
    assert_eq!(zone.made_up_ttl(), 5);
    assert_eq!(zone.extension().entries(), [(7, vec![0x81, 0xf6])]);
}

#[test]
fn a_zone_that_is_too_large_is_told_to_delegate() {
    let txt = |bytes: usize| {
        let mut data = Vec::new();
        while data.len() < bytes {
            let len = (bytes - data.len() - 1).min(255);
            data.push(len as u8);
            data.resize(data.len() + len, b'x');
        }
        data
    };
    let zone = |bytes: usize| {
        let mut builder = ZoneBuilder::new();
        let (one, other) = (txt(bytes), txt(30_000));
        builder.rrset(owner("a"), RecordType::TXT, 0, [one]);
        builder.rrset(owner("b"), RecordType::TXT, 0, [other]);
        builder.build(None)
    };
    let fits = (30_000..36_000)
        .rev()
        .find(|bytes| zone(*bytes).is_ok())
        .expect("some zone fits");
    let largest = zone(fits).expect("found above");
    assert!((65_530..=65_536).contains(&largest.encode().len()));
    let error = zone(35_999).expect_err("too large");
    assert_eq!(error.code(), "too-large");
    assert!(error.to_string().contains("delegate part of it"), "{error}");
    let error = Zone::decode(&vec![0; 65_537], None).expect_err("too large");
    assert_eq!(error.code(), "too-large");
}

#[test]
fn relative_names_both_ways() {
    let origin: crate::dns::WireName = "mysite.key.".parse().expect("valid");
    let zone = zone_of(&[
        ("@", RecordType::MX, "10 mail"),
        ("@", RecordType::NS, "ns.example.net."),
        ("@", RecordType::SOA, "@ admin 1 2 3 4 5"),
        ("a", RecordType::CNAME, "@"),
        ("s", RecordType::HTTPS, "1 www alpn=h2"),
        ("u", RecordType(65280), "\\# 3 014000"),
    ])
    .build(None)
    .expect("valid");
    let absolute = zone.absolutise(&origin).expect("short");
    let text = |zone: &Zone, at: usize| -> Vec<u8> { zone.rrsets()[at].rdata.first().to_vec() };
    let expected = rdata::from_text(RecordType::MX, "10 mail.mysite.key.", None).expect("valid");
    assert_eq!(absolute.rrsets()[2].rtype, RecordType::MX);
    assert_eq!(text(&absolute, 2), expected);
    assert_eq!(absolute.rrsets().last(), zone.rrsets().last());
    assert_ne!(absolute, zone);
    assert_eq!(absolute.relativise(&origin).expect("valid"), zone);
    // Two names become one.
    let twice = zone_of(&[
        ("@", RecordType::NS, "ns"),
        ("@", RecordType::NS, "NS.example.net."),
        ("@", RecordType::NS, "ns.mysite.key."),
    ]);
    let twice = twice
        .build(None)
        .expect("valid")
        .relativise(&origin)
        .expect("valid");
    assert_eq!(twice.rrsets()[0].rdata.len(), 2);
    let long = [[b'a'; 63].as_slice(); 4]
        .map(|label| [&[63][..], label].concat())
        .concat();
    let long = WireName::from_wire(&[&long[..3 * 64], &[51], &[b'a'; 51], &[1, b'@', 0]].concat());
    let long = long.expect("short enough");
    let mut builder = ZoneBuilder::new();
    builder.rrset(owner("a"), RecordType::CNAME, 0, [long.as_wire().to_vec()]);
    let error = builder
        .build(None)
        .expect("valid")
        .absolutise(&origin)
        .expect_err("too long");
    assert_eq!(error.code(), "rdata");
}

#[test]
fn builders_put_parts_in_order() {
    let url = |text: &str| Url::parse(text).expect(text);
    let mut provider = Provider::new("a", url("https://a.example.net"));
    provider.pins = vec![[2; 32], [1; 32], [2; 32]];
    let mut resource = Resource::new(Kind::Frontend, owner("www"));
    resource.providers.push(provider);
    let mut deep = resource.clone();
    deep.path = Some(Path::parse("/deep").expect("valid"));
    let mut builder = zone_of(&[
        ("b", RecordType::A, "192.0.2.2"),
        ("a", RecordType::A, "192.0.2.2"),
        ("a", RecordType::A, "192.0.2.1"),
        ("a", RecordType::A, "192.0.2.2"),
    ]);
    builder.rrset(owner("a"), RecordType::A, 60, []);
    builder.delegation(Delegation::to_branch(owner("z")));
    builder.delegation(Delegation::to_branch(owner("y")));
    builder.resource(deep).resource(resource);
    let zone = builder.build(None).expect("valid");
    assert_eq!(zone.rrsets().len(), 2);
    assert_eq!(
        (zone.rrsets()[0].ttl, zone.rrsets()[0].rdata.len()),
        (60, 2)
    );
    assert_eq!(zone.resources()[0].path_prefix(), "/");
    assert_eq!(zone.resources()[1].providers[0].pins, [[1; 32], [2; 32]]);
    assert_eq!(zone.delegations()[0].owner, owner("y"));
}

#[test]
fn extensions_cannot_pose_as_the_schema() {
    let mut builder = zone_of(&[("a", RecordType::A, "192.0.2.1")]);
    let entries = vec![(1, vec![0x00])];
    builder.extension(Extension::from_entries(entries).expect("sound"));
    assert_eq!(
        builder.build(None).expect_err("twice").code(),
        "duplicate-key"
    );
}

#[test]
fn hostile_zones_are_decided_fast() {
    // Names with as many labels as there can be, no two of which share a node but the apex.
    let ends: Vec<u8> = (0..=255_u8)
        .filter(|byte| !byte.is_ascii_uppercase())
        .collect();
    let mut writer = Writer::new();
    writer.map(1).uint(1).array(ends.len());
    for end in ends {
        let owner = [&b"\x01a".repeat(126)[..], &[1, end]].concat();
        writer.array(4).bytes(&owner).uint(65280).uint(0);
        writer.array(1).bytes(&[]);
    }
    let body = writer.into_bytes();
    let started = std::time::Instant::now();
    let zone = Zone::decode(&body, None).expect("valid");
    let missing = [&b"\x01b".repeat(125)[..], b"\x01a\x01z"].concat();
    for _ in 0..100 {
        let _ = zone.lookup(&missing, RecordType::A);
    }
    assert!(
        started.elapsed().as_millis() < 2000,
        "{:?}",
        started.elapsed()
    );
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn zones_and_bytes_are_the_same_thing(zone in arbitrary::zones()) {
            let body = zone.encode();
            let decoded = Zone::decode(&body, None).expect("it was valid");
            prop_assert_eq!(&decoded, &zone);
            prop_assert_eq!(decoded.encode(), body);
        }

        #[test]
        fn whatever_is_accepted_is_canonical(zone in arbitrary::zones(), at: prop::sample::Index, bit in 0..8_u8) {
            let mut body = zone.encode();
            let at = at.index(body.len());
            body[at] ^= 1 << bit;
            if let Ok(decoded) = Zone::decode(&body, None) {
                prop_assert_eq!(decoded.encode(), body);
            }
        }

        #[test]
        fn foreign_bytes_never_panic(body: Vec<u8>) {
            let _ = Zone::decode(&body, None);
        }

        #[test]
        fn lookups_agree_with_a_plain_search(zone in arbitrary::zones(), name in arbitrary::odd_owner()) {
            for rrset in zone.rrsets() {
                let found = zone.lookup(rrset.owner.as_wire(), rrset.rtype);
                let is_it = match found {
                    Outcome::Answer { rrset: found, synthesised: false } => found == rrset,
                    Outcome::Cut(_) => true,
                    _ => false,
                };
                prop_assert!(is_it, "{:?}", found);
                for next in zone.resources() {
                    let below = [&b"\x01q"[..], next.host.as_wire()].concat();
                    let _ = zone.resolve(&below, RecordType::A);
                }
            }
            let _ = zone.resolve(name.as_wire(), RecordType::A);
        }

        #[test]
        fn relative_names_come_back(zone in arbitrary::zones()) {
            let origin = "origin.key.".parse().expect("valid");
            let absolute = zone.absolutise(&origin).expect("names are short");
            prop_assert_eq!(absolute.relativise(&origin).expect("valid"), zone);
        }
    }
}
