//! One case for each rule of sections 7.3 to 7.5 and for the edges of the schema.

use super::*;
use crate::identity::KeyId;

/// Rrsets as they stand, without the builder's order.
fn parts(lines: &[(&str, RecordType, &[&str])]) -> Parts {
    let rrset = |(name, rtype, texts): &(&str, RecordType, &[&str])| Rrset {
        owner: owner(name),
        rtype: *rtype,
        ttl: 0,
        rdata: texts.iter().map(|text| data(*rtype, text)).collect(),
    };
    Parts {
        rrsets: lines.iter().map(rrset).collect(),
        ..Parts::default()
    }
}

fn verdict(parts: &Parts, branch: Option<&str>) -> &'static str {
    let branch = branch.map(owner);
    let found = Zone::decode(&parts.encode(), branch.as_ref());
    found.map_or_else(|error| error.code(), |_| "ok")
}

const A: RecordType = RecordType::A;
const NS: RecordType = RecordType::NS;
const CNAME: RecordType = RecordType::CNAME;
const DNAME: RecordType = RecordType::DNAME;
const TXT: RecordType = RecordType::TXT;
const IP: &[&str] = &["192.0.2.1"];

#[test]
fn rrsets() {
    for (lines, expected) in [
        (
            &[("@", A, IP), ("a", A, IP), ("a", TXT, &["x"]), ("b", A, IP)][..],
            "ok",
        ),
        (&[("@", RecordType::OPT, &["\\# 0"])], "type"),
        (&[("@", RecordType::RRSIG, &["\\# 0"])], "type"),
        (&[("a", A, &["192.0.2.2", "192.0.2.1"])], "rdata-order"),
        (&[("a", A, &["192.0.2.1", "192.0.2.1"])], "rdata-order"),
        (&[("a", TXT, &["x", "x y"])], "ok"),
        (&[("a", TXT, &["x y", "x"])], "rdata-order"),
        (&[("b", A, IP), ("a", A, IP)], "rrset-order"),
        (&[("a", TXT, &["x"]), ("a", A, IP)], "rrset-order"),
        (&[("a", A, IP), ("a", A, IP)], "rrset-order"),
        (&[("b", A, IP), ("aa", A, IP)], "ok"),
        (&[("a", CNAME, &["b", "c"])], "single-rdata"),
        (&[("a", DNAME, &["b", "c"])], "single-rdata"),
        (&[("@", RecordType::SOA, &["@ a 1 2 3 4 5"])], "ok"),
        (&[("a", RecordType::SOA, &["@ a 1 2 3 4 5"])], "soa-owner"),
        (&[("*", NS, &["ns"])], "wildcard-owner"),
        (&[("*.a", DNAME, &["b"])], "wildcard-owner"),
        (&[("*.a", DNAME, &["b", "c"])], "single-rdata"),
        (&[("a.*", NS, &["ns"])], "ok"),
        (&[("a.*", DNAME, &["b"])], "ok"),
        (&[("*a", NS, &["ns"])], "ok"),
        (&[("*.a", CNAME, &["b"])], "ok"),
        (&[("*", RecordType::DS, &["1 13 2 00"])], "ok"),
        (&[("a", CNAME, &["b"])], "ok"),
        (&[("@", CNAME, &["b"])], "cname-alone"),
        (&[("a", A, IP), ("a", CNAME, &["b"])], "cname-alone"),
        (&[("a", CNAME, &["b"]), ("a", TXT, &["x"])], "cname-alone"),
        (&[("a", CNAME, &["b"]), ("b.a", A, IP)], "ok"),
        (&[("a", A, IP), ("a", DNAME, &["b"])], "ok"),
        (&[("@", DNAME, &["b.example.net."])], "ok"),
        (
            &[("@", DNAME, &["b.example.net."]), ("a", A, IP)],
            "below-dname",
        ),
        (&[("a", DNAME, &["b"]), ("x.y.a", A, IP)], "below-dname"),
        (&[("a", DNAME, &["b"]), ("ba", A, IP)], "ok"),
        (&[("@", NS, &["ns"]), ("ns", TXT, &["x"])], "ok"),
        (
            &[
                ("a", A, IP),
                ("a", NS, &["b"]),
                ("a", RecordType::DS, &["1 13 2 00"]),
            ],
            "ok",
        ),
        (&[("a", NS, &["b"]), ("a", TXT, &["x"])], "below-cut"),
        (&[("a", NS, &["b"]), ("b.a", A, IP)], "ok"),
        (&[("a", NS, &["b"]), ("b.a", NS, &["b"])], "below-cut"),
        (
            &[("a", NS, &["b"]), ("b.a", RecordType::DS, &["1 13 2 00"])],
            "below-cut",
        ),
        (&[("a", NS, &["b"]), ("c.b.a", TXT, &["x"])], "below-cut"),
    ] {
        assert_eq!(verdict(&parts(lines), None), expected, "{lines:?}");
    }
}

#[test]
fn what_the_schema_says_comes_first() {
    let read = |body: &[u8]| Zone::decode(body, None).map_or_else(|error| error.code(), |_| "ok");
    for (body, expected) in [
        (&b""[..], "truncated"),
        (b"\x80", "wrong-type"),
        (b"\xa0\x00", "trailing-bytes"),
        (b"\xa1\x01\x80", "out-of-range"),
        (b"\xa1\x02\x80", "out-of-range"),
        (b"\xa1\x03\x80", "out-of-range"),
        (b"\xa1\x61a\x00", "wrong-type"),
        (b"\xa1\x20\x00", "wrong-type"),
        (
            b"\xa1\x01\x81\x84\x40\x01\x00\x81\x44\x01\x02\x03\x04",
            "ok",
        ),
        (b"\xa1\x01\x81\x83\x40\x01\x00", "out-of-range"),
        (b"\xa1\x01\x81\x84\x40\x00\x00\x81\x40", "out-of-range"),
        (
            b"\xa1\x01\x81\x84\x40\x01\x1a\x80\x00\x00\x00\x81\x44\x01\x02\x03\x04",
            "out-of-range",
        ),
        (b"\xa1\x01\x81\x84\x40\x01\x20\x81\x40", "wrong-type"),
        (b"\xa1\x01\x81\x84\x40\x01\x00\x80", "out-of-range"),
        (b"\xa1\x01\x81\x84\x40\x01\x00\x81\x43\x01\x02\x03", "rdata"),
        (
            b"\xa1\x01\x81\x84\x42\x01A\x01\x00\x81\x44\x01\x02\x03\x04",
            "owner",
        ),
        // The rrset's owner is wrong, but the delegation has no owner at all.
        (
            b"\xa2\x01\x81\x84\x42\x01A\x01\x00\x81\x44\x01\x02\x03\x04\x03\x81\xa0",
            "missing-key",
        ),
        // The first rrset has the fault that comes first on the page, though the second's is seen first.
        (
            b"\xa1\x01\x82\x84\x40\x01\x00\x81\x40\x84\x41\x00\x01\x00\x81\x40",
            "rdata",
        ),
        (b"\xa1\x03\x81\xa1\x01\x41\x00", "owner"),
        (b"\xa1\x03\x81\xa1\x01\x42\x01a", "ok"),
        (b"\xa1\x03\x81\xa2\x01\x42\x01a\x02\x40", "out-of-range"),
        (b"\xa1\x04\xa1\x02\x60", "out-of-range"),
    ] {
        assert_eq!(read(body), expected, "{body:02x?}");
    }
}

fn delegated(names: &[&str], to: Option<KeyId>) -> Parts {
    let delegation = |name: &&str| Delegation {
        to,
        ..Delegation::to_branch(owner(name))
    };
    Parts {
        delegations: names.iter().map(delegation).collect(),
        ..Parts::default()
    }
}

#[test]
fn delegations() {
    let someone = Some(KeyId::from_bytes([7; 32]));
    for (names, to, expected) in [
        (&["blog"][..], None, "ok"),
        (&["a.b", "b.b"], someone, "ok"),
        (&["@"], someone, "delegation-owner"),
        (&["*"], someone, "delegation-owner"),
        (&["a.*.b"], someone, "delegation-owner"),
        (&["a\\ b"], someone, "ok"),
        (&["a\\ b"], None, "delegation-owner"),
        (&["b", "a"], None, "delegation-order"),
        (&["a", "a"], None, "delegation-order"),
        (&["b", "a.b"], None, "below-delegation"),
    ] {
        // In wire order `b` comes before `a.b` only where its bytes are smaller, which they are: both begin with 1.
        let mut parts = delegated(names, to);
        if expected == "below-delegation" {
            parts
                .delegations
                .sort_by(|left, right| left.owner.cmp(&right.owner));
        }
        assert_eq!(verdict(&parts, None), expected, "{names:?}");
    }
    for (lines, expected) in [
        (&[("x", A, IP)][..], "ok"),
        (&[("blog", A, IP)], "below-delegation"),
        (&[("a.b.blog", A, IP)], "below-delegation"),
        (&[("blog", NS, &["ns"])], "below-cut"),
    ] {
        let delegations = delegated(&["blog"], someone).delegations;
        let mut parts = parts(lines);
        parts.delegations = delegations;
        assert_eq!(verdict(&parts, None), expected, "{lines:?}");
    }
}

#[test]
fn branches() {
    for (lines, branch, expected) in [
        (&[("blog", A, IP)][..], "blog", "ok"),
        (&[("a.blog", A, IP)], "blog", "ok"),
        (&[("@", A, IP)], "blog", "outside-branch"),
        (&[("xblog", A, IP)], "blog", "outside-branch"),
        (&[("blog", A, IP)], "a.blog", "outside-branch"),
    ] {
        assert_eq!(verdict(&parts(lines), Some(branch)), expected, "{lines:?}");
    }
    for (name, expected) in [
        ("a.blog", "ok"),
        ("blog", "delegation-owner"),
        ("x", "outside-branch"),
    ] {
        assert_eq!(
            verdict(&delegated(&[name], None), Some("blog")),
            expected,
            "{name}"
        );
    }
    let mut parts = Parts::default();
    parts.resources.push(resource(|_| {}));
    assert_eq!(verdict(&parts, Some("www")), "ok");
    assert_eq!(verdict(&parts, Some("blog")), "outside-branch");
}

fn provider(id: &str) -> Provider {
    Provider::new(id, Url::parse("https://a.example.net").expect("valid"))
}

/// A good resource at `www`, changed.
fn resource(change: impl FnOnce(&mut Resource)) -> Resource {
    let mut resource = Resource::new(Kind::Backend, owner("www"));
    resource.providers.push(provider("a"));
    change(&mut resource);
    resource
}

fn shards(by: ShardBy, starts: &[Option<&[u8]>]) -> Resource {
    let shard = |(number, start): (usize, &Option<&[u8]>)| Shard {
        id: number.to_string().into(),
        epoch: 1,
        primary: provider("a"),
        replicas: vec![provider("b")],
        start: start.map(Box::from),
        weight: None,
        extension: Extension::default(),
    };
    let set = ShardSet {
        by,
        shards: starts.iter().enumerate().map(shard).collect(),
        key: None,
        extension: Extension::default(),
    };
    let mut resource = Resource::new(Kind::Shards, owner("www"));
    resource.shards = Some(set);
    resource
}

fn check(resource: Resource, expected: &str) {
    let resources = vec![resource];
    let parts = Parts {
        resources,
        ..Parts::default()
    };
    assert_eq!(verdict(&parts, None), expected, "{:?}", parts.resources);
}

#[test]
fn resources() {
    let bad_path = || Some(Path::unchecked("/a//b"));
    check(resource(|_| {}), "ok");
    check(resource(|r| r.path = bad_path()), "path");
    check(resource(|r| r.providers[0].health = bad_path()), "path");
    check(
        resource(|r| {
            let health = HealthCheck {
                path: bad_path(),
                ..HealthCheck::default()
            };
            let health = Some(health);
            r.policy = Some(ResourcePolicy {
                health,
                ..ResourcePolicy::default()
            });
        }),
        "path",
    );
    check(
        resource(|r| r.path = Some(Path::unchecked(""))),
        "out-of-range",
    );
    check(resource(|r| r.providers.clear()), "nothing-to-route-to");
    check(resource(|r| r.kind = Kind::Shards), "kind-shards");
    check(
        resource(|r| {
            r.providers.clear();
            r.content = Some([1; 32]);
        }),
        "ok",
    );
}

#[test]
fn providers() {
    for (id, expected) in [
        ("", "out-of-range"),
        ("-a", "provider-id"),
        ("a-", "provider-id"),
        ("A", "provider-id"),
        ("a_b", "provider-id"),
        ("a-1", "ok"),
    ] {
        check(resource(|r| r.providers[0].id = id.into()), expected);
    }
    check(
        resource(|r| r.providers.push(provider("a"))),
        "duplicate-id",
    );
    check(
        resource(|r| r.providers[0].url = Url::unchecked("https://A")),
        "url",
    );
    check(
        resource(|r| r.providers[0].url = Url::unchecked(&"x".repeat(513))),
        "out-of-range",
    );
    check(
        resource(|r| r.providers[0].pins = vec![[2; 32], [1; 32]]),
        "pin-order",
    );
    check(
        resource(|r| r.providers[0].pins = vec![[1; 32]; 2]),
        "pin-order",
    );
    check(
        resource(|r| r.providers[0].pins = (0..9).map(|n| [n; 32]).collect()),
        "out-of-range",
    );
    check(
        resource(|r| r.providers = vec![provider("a"); 65]),
        "out-of-range",
    );
    check(
        resource(|r| r.providers[0].weight = Some(0)),
        "out-of-range",
    );
}

#[test]
fn resources_in_order() {
    let mut parts = Parts::default();
    let at = |path: Option<&str>| resource(|r| r.path = path.map(Path::unchecked));
    for (first, second, expected) in [
        (None, Some("/a"), "ok"),
        (None, Some("/"), "resource-order"),
        (Some("/b"), Some("/a"), "resource-order"),
        (Some("/a"), Some("/a"), "resource-order"),
    ] {
        parts.resources = vec![at(first), at(second)];
        assert_eq!(verdict(&parts, None), expected);
    }
    for (name, rtype, text, expected) in [
        ("www", DNAME, "x", "ok"),
        ("@", DNAME, "x.example.net.", "below-dname"),
        ("www", NS, "ns", "below-cut"),
        ("www", CNAME, "x", "ok"),
    ] {
        let mut parts = self::parts(&[(name, rtype, &[text])]);
        parts.resources.push(resource(|_| {}));
        assert_eq!(verdict(&parts, None), expected, "{name} {rtype}");
    }
}

#[test]
fn shard_sets() {
    use ShardBy::{Hash, Range};
    check(shards(Hash, &[None, None]), "ok");
    check(shards(Range, &[Some(b""), Some(b"a"), Some(b"ab")]), "ok");
    check(shards(Hash, &[None, Some(b"")]), "shard-range");
    check(shards(Range, &[Some(b""), None]), "shard-range");
    check(shards(Range, &[Some(b"a")]), "shard-range");
    check(
        shards(Range, &[Some(b""), Some(b"b"), Some(b"a")]),
        "shard-range",
    );
    check(shards(Range, &[Some(b""), Some(b"")]), "shard-range");
    let with = |by, start, change: fn(&mut Resource, &mut Shard)| {
        let mut resource = shards(by, &[start]);
        let mut set = resource.shards.take().expect("just made");
        change(&mut resource, &mut set.shards[0]);
        resource.shards = Some(set);
        resource
    };
    check(with(Hash, None, |_, s| s.weight = Some(5)), "ok");
    check(
        with(Range, Some(b""), |_, s| s.weight = Some(5)),
        "shard-range",
    );
    check(
        with(Hash, None, |_, s| s.replicas[0].id = "a".into()),
        "duplicate-id",
    );
    check(with(Hash, None, |_, s| s.epoch = 1 << 53), "out-of-range");
    check(
        with(Hash, None, |r, _| r.kind = Kind::Storage),
        "kind-shards",
    );
    check(
        with(Hash, None, |r, _| r.providers.push(provider("z"))),
        "kind-shards",
    );
    check(
        with(Hash, None, |r, _| r.content = Some([0; 32])),
        "kind-shards",
    );
    let mut twice = shards(Hash, &[None, None]);
    for shard in &mut twice.shards.as_mut().expect("just made").shards {
        shard.id = "same".into();
    }
    check(twice, "duplicate-id");
}

#[test]
fn sticky() {
    for (by, name, expected) in [
        (StickyBy::Address, None, "ok"),
        (StickyBy::Address, Some("x"), "sticky-name"),
        (StickyBy::Cookie, Some("My_session-1"), "ok"),
        (StickyBy::Cookie, None, "sticky-name"),
        (StickyBy::Header, Some("x y"), "sticky-name"),
        (StickyBy::Header, Some(""), "out-of-range"),
    ] {
        let name = name.map(Box::from);
        let extension = Extension::default();
        let sticky = Some(Sticky {
            by,
            name,
            extension,
        });
        check(
            resource(|r| {
                r.policy = Some(ResourcePolicy {
                    sticky,
                    ..ResourcePolicy::default()
                });
            }),
            expected,
        );
    }
}
