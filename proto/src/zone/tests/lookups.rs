//! A row for each line of section 7.6, RFC 4592's own example, and what is easily got wrong.

use alloc::format;
use alloc::string::String;

use super::*;
use crate::identity::KeyId;

const A: RecordType = RecordType::A;
const NS: RecordType = RecordType::NS;
const CNAME: RecordType = RecordType::CNAME;
const DNAME: RecordType = RecordType::DNAME;
const TXT: RecordType = RecordType::TXT;
const MX: RecordType = RecordType::MX;
const DS: RecordType = RecordType::DS;
const SRV: RecordType = RecordType::SRV;

fn target(target: Target<'_>) -> String {
    target.to_string()
}

/// An outcome in one line.
fn show(outcome: Outcome<'_>) -> String {
    let star = |synthesised| if synthesised { " (wildcard)" } else { "" };
    match outcome {
        Outcome::Outside => "outside".into(),
        Outcome::Referral(delegation) => format!("referral {}", delegation.owner),
        Outcome::Cut(rrset) => format!("cut {}", rrset.owner),
        Outcome::Answer { rrset, synthesised } => {
            format!(
                "answer {} {}{}",
                rrset.owner,
                rrset.rtype,
                star(synthesised)
            )
        }
        Outcome::Alias {
            target: to,
            synthesised,
            ..
        } => format!("alias {}{}", target(to), star(synthesised)),
        Outcome::Rewrite {
            rrset, target: to, ..
        } => {
            format!("rewrite {} {}", rrset.owner, target(to))
        }
        Outcome::TooLong { rrset } => format!("too long {}", rrset.owner),
        Outcome::NoData {
            resources,
            synthesised,
        } => format!("no data {}{}", resources.len(), star(synthesised)),
        Outcome::NoName { closest } => {
            format!("no name {}", Owner::from_wire(closest).expect("exists"))
        }
        Outcome::Loop => "loop".into(),
    }
}

fn check(zone: &Zone, rows: &[(&str, RecordType, &str)]) {
    for (name, rtype, expected) in rows {
        let found = show(zone.lookup(owner(name).as_wire(), *rtype));
        assert_eq!(&found, expected, "{name} {rtype}");
    }
}

fn sample() -> Zone {
    let mut builder = zone_of(&[
        ("@", A, "192.0.2.1"),
        ("@", NS, "ns"),
        ("www", CNAME, "@"),
        ("old", DNAME, "new"),
        ("old", TXT, "moved"),
        ("a.new", A, "192.0.2.4"),
        ("away", DNAME, "example.net."),
        ("sub", NS, "ns.sub"),
        ("sub", DS, "1 13 2 00"),
        ("ns.sub", A, "192.0.2.2"),
        ("*.wild", TXT, "star"),
        ("known.wild", A, "192.0.2.3"),
        ("x.y.wild", A, "192.0.2.3"),
        ("*.shop", CNAME, "shop"),
        ("shop", A, "192.0.2.9"),
        ("b.c.d", TXT, "deep"),
        ("a.*.odd", TXT, "below a wildcard"),
    ]);
    builder.delegation(Delegation::to_identity(
        owner("blog"),
        KeyId::from_bytes([1; 32]),
    ));
    builder.delegation(Delegation::to_branch(owner("team.org")));
    let resource = |host: &str, path: Option<&str>| {
        let mut resource = Resource::new(Kind::Frontend, owner(host));
        resource.content = Some([0; 32]);
        resource.path = path.map(|path| Path::parse(path).expect(path));
        resource
    };
    builder
        .resource(resource("app", None))
        .resource(resource("app", Some("/api")));
    builder.resource(resource("*.tenant.app", None));
    builder.resource(resource("shop", None));
    builder.build(None).expect("valid")
}

#[test]
fn every_outcome() {
    check(
        &sample(),
        &[
            ("@", A, "answer @ A"),
            ("@", NS, "answer @ NS"),
            ("@", MX, "no data 0"),
            ("blog", A, "referral blog"),
            ("blog", DS, "referral blog"),
            ("a.b.blog", A, "referral blog"),
            ("xblog", A, "no name @"),
            ("team.org", TXT, "referral team.org"),
            ("org", TXT, "no data 0"),
            ("x.org", TXT, "no name org"),
            ("sub", A, "cut sub"),
            ("sub", NS, "cut sub"),
            ("sub", DS, "answer sub DS"),
            ("ns.sub", A, "cut sub"),
            ("ns.sub", DS, "cut sub"),
            ("x.y.sub", DS, "cut sub"),
            ("www", A, "alias @"),
            ("www", CNAME, "answer www CNAME"),
            ("x.www", A, "no name www"),
            ("old", DNAME, "answer old DNAME"),
            ("old", TXT, "answer old TXT"),
            ("old", A, "no data 0"),
            ("a.old", A, "rewrite old new"),
            ("a.b.old", DNAME, "rewrite old new"),
            ("a.away", A, "rewrite away example.net."),
            ("app", A, "no data 2"),
            ("app", RecordType(0), "no data 2"),
            ("shop", RecordType(0), "no data 1"),
            ("shop", A, "answer shop A"),
            ("x.app", A, "no name app"),
            ("x.tenant.app", A, "no data 1 (wildcard)"),
            ("x.y.tenant.app", A, "no data 1 (wildcard)"),
            ("tenant.app", A, "no data 0"),
            ("d", A, "no data 0"),
            ("c.d", A, "no data 0"),
            ("x.d", A, "no name d"),
            ("nothing", A, "no name @"),
        ],
    );
}

#[test]
fn wildcards() {
    check(
        &sample(),
        &[
            ("wild", TXT, "no data 0"),
            ("*.wild", TXT, "answer *.wild TXT"),
            ("x.wild", TXT, "answer *.wild TXT (wildcard)"),
            ("x.wild", A, "no data 0 (wildcard)"),
            ("a.b.wild", TXT, "answer *.wild TXT (wildcard)"),
            ("known.wild", TXT, "no data 0"),
            ("a.known.wild", TXT, "no name known.wild"),
            // An empty non-terminal hides the wildcard.
            ("y.wild", TXT, "no data 0"),
            ("z.y.wild", TXT, "no name y.wild"),
            ("q.*.wild", TXT, "no name *.wild"),
            ("any.shop", A, "alias shop (wildcard)"),
            ("any.shop", CNAME, "answer *.shop CNAME (wildcard)"),
            // The wildcard exists, though nothing stands at it.
            ("q.odd", TXT, "no data 0 (wildcard)"),
            ("*.odd", TXT, "no data 0"),
        ],
    );
}

/// RFC 4592 section 2.2.1, with the zone's name left out.
#[test]
fn rfc_4592_example() {
    let lines = [
        ("@", NS, "ns.example.com."),
        ("@", NS, "ns.example.net."),
        ("*", TXT, "\"this is a wildcard\""),
        ("*", MX, "10 host1"),
        ("sub.*", TXT, "\"this is not a wildcard\""),
        ("host1", A, "192.0.2.1"),
        ("_ssh._tcp.host1", SRV, "0 0 22 host1"),
        ("_ssh._tcp.host2", SRV, "0 0 22 host2"),
        ("subdel", NS, "ns.example.com."),
        ("subdel", NS, "ns.example.net."),
    ];
    check(
        &zone_of(&lines).build(None).expect("valid"),
        &[
            ("host3", MX, "answer * MX (wildcard)"),
            ("host3", A, "no data 0 (wildcard)"),
            ("foo.bar", TXT, "answer * TXT (wildcard)"),
            ("host1", MX, "no data 0"),
            ("sub.*", MX, "no data 0"),
            ("_telnet._tcp.host1", SRV, "no name _tcp.host1"),
            ("host.subdel", A, "cut subdel"),
            ("ghost.*", MX, "no name *"),
        ],
    );
}

#[test]
fn following_ends() {
    let mut lines = vec![
        ("self", CNAME, "self"),
        ("ping", CNAME, "pong"),
        ("pong", CNAME, "ping"),
        ("grow", DNAME, "a.grow"),
        ("case", CNAME, "C8"),
        ("out", CNAME, "www.example.net."),
        ("old", DNAME, "new"),
        ("x.new", CNAME, "c8"),
        ("star.new", CNAME, "q.w"),
        ("*.w", A, "192.0.2.1"),
        ("c8", A, "192.0.2.8"),
    ];
    let chain = [
        ("c7", "c8"),
        ("c6", "c7"),
        ("c5", "c6"),
        ("c4", "c5"),
        ("c3", "c4"),
        ("c2", "c3"),
        ("c1", "c2"),
        ("c0", "c1"),
        ("d9", "c0"),
    ];
    lines.extend(chain.map(|(from, to)| (from, CNAME, to)));
    let zone = zone_of(&lines).build(None).expect("valid");
    for (name, steps, expected) in [
        ("c8", 0, "answer c8 A"),
        ("c0", 8, "answer c8 A"),
        ("d9", 8, "loop"),
        ("self", 0, "loop"),
        ("ping", 1, "loop"),
        ("x.grow", 8, "loop"),
        ("case", 1, "answer c8 A"),
        ("out", 0, "alias www.example.net."),
        ("x.old", 2, "answer c8 A"),
        ("y.old", 1, "no name new"),
        ("star.old", 2, "answer *.w A (wildcard)"),
    ] {
        let name_wire = owner(name);
        let found = zone.resolve(name_wire.as_wire(), A);
        assert_eq!(
            (found.steps.len(), &*show(found.outcome)),
            (steps, expected),
            "{name}"
        );
    }
    let asked = owner("x.old");
    let found = zone.resolve(asked.as_wire(), A);
    assert_eq!(found.steps[0].to, owner("x.new"));
    assert_eq!(found.last_owner(asked.as_wire()), owner("c8").as_wire());
}

#[test]
fn a_branch_has_an_outside() {
    let mut builder = zone_of(&[
        ("blog", A, "192.0.2.1"),
        ("*.blog", TXT, "star"),
        ("up.blog", CNAME, "@"),
        ("beside.blog", CNAME, "Www"),
        ("deep.blog", CNAME, "up.blog"),
        ("over.blog", CNAME, "BLOG"),
        ("away.blog", DNAME, "old"),
        ("absolute.blog", CNAME, "www.example.net."),
    ]);
    builder.delegation(Delegation::to_branch(owner("team.blog")));
    let zone = builder.build(Some(&owner("blog"))).expect("valid");
    assert_eq!(zone.branch(), Some(&owner("blog")));
    check(
        &zone,
        &[
            ("@", A, "outside"),
            ("@", RecordType(0), "outside"),
            ("www", A, "outside"),
            ("xblog", A, "outside"),
            ("blog.x", A, "outside"),
            ("*", TXT, "outside"),
            ("blog", A, "answer blog A"),
            ("blog", MX, "no data 0"),
            ("x.y.blog", TXT, "answer *.blog TXT (wildcard)"),
            ("a.team.blog", A, "referral team.blog"),
            ("up.blog", A, "alias @"),
        ],
    );
    for (name, steps, expected) in [
        ("www", 0, "outside"),
        ("up.blog", 1, "outside"),
        ("beside.blog", 1, "outside"),
        ("deep.blog", 2, "outside"),
        ("x.away.blog", 1, "outside"),
        ("over.blog", 1, "answer blog A"),
        ("absolute.blog", 0, "alias www.example.net."),
    ] {
        let asked = owner(name);
        let found = zone.resolve(asked.as_wire(), A);
        let found = (found.steps.len(), show(found.outcome));
        assert_eq!(found, (steps, expected.into()), "{name}");
    }
    // A branch without content has an outside too, and the zone keeps its branch when its names change their form.
    let origin = "mysite.key.".parse().expect("valid");
    let empty = ZoneBuilder::new();
    let empty = empty.build(Some(&owner("blog"))).expect("valid");
    for zone in [&empty, &zone.absolutise(&origin).expect("short")] {
        check(zone, &[("www", A, "outside")]);
    }
    check(&empty, &[("a.blog", A, "no name @")]);
    assert_ne!(empty, ZoneBuilder::new().build(None).expect("valid"));
}

#[test]
fn rewritten_names_have_a_length() {
    let label = format!("{}.", "l".repeat(63));
    let target = format!("{label}{label}");
    let zone = zone_of(&[
        ("d", DNAME, target.trim_end_matches('.')),
        ("e", DNAME, &target),
    ]);
    let zone = zone.build(None).expect("valid");
    // In the zone 254 bytes are the most, and the target takes 128 of them; elsewhere 255, and it takes 129.
    for (below, name, expected) in [
        ("d", 62, false),
        ("d", 63, true),
        ("e", 62, false),
        ("e", 63, true),
    ] {
        let front = format!("{label}{}.{below}", "q".repeat(name - 1));
        assert!(front.len() < 254);
        let asked = Owner::parse(&front).expect("short");
        let found = zone.lookup(asked.as_wire(), A);
        assert_eq!(
            matches!(found, Outcome::TooLong { .. }),
            expected,
            "{below} {name}"
        );
        assert_eq!(found.next(asked.as_wire()).is_some(), !expected);
    }
    let front = Owner::parse("Q.away").expect("short");
    let zone = zone_of(&[("away", DNAME, "Example.net.")])
        .build(None)
        .expect("valid");
    let next = zone.lookup(front.as_wire(), A).next(front.as_wire());
    let expected = "q.example.net.".parse().expect("valid");
    assert_eq!(next, Some(Next::Absolute(expected)));
}
