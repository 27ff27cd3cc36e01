//! What is believed: a private root, zones below it that are broken in many ways, and what is said of each.

use super::world::LIE;
use super::*;

/// Each zone below `test.`, by what is wrong with it.
const BENT: [(&str, Bent); 13] = [
    ("good", Bent::Nothing),
    ("unsigned", Bent::Unsigned),
    ("expired", Bent::Expired),
    ("notyet", Bent::NotYet),
    ("stripped", Bent::Stripped),
    ("otherkey", Bent::OtherKey),
    ("nokeys", Bent::NoKeys),
    ("nokeysig", Bent::KeysUnsigned),
    ("oldkeysig", Bent::KeysExpired),
    ("denied", Bent::DeniesItself),
    ("noproof", Bent::NoProof),
    ("changed", Bent::Changed),
    ("unknown", Bent::UnknownAlgorithm),
];

fn world() -> World {
    let mut world = World::new();
    world.zone("test.", Bent::Nothing, &[]);
    for (label, bent) in BENT {
        let at = |below: &str| format!("{below}{label}.test");
        world.zone(
            &at(""),
            bent,
            &[
                (&at("www."), "A", "198.51.100.1"),
                (&at("alias."), "CNAME", &at("www.")),
                (&at("nowhere."), "CNAME", &at("missing.")),
                (&at("moved."), "DNAME", &at("")),
                (&at("abroad."), "CNAME", "www.unsigned.test"),
                (&at("broken."), "CNAME", "www.expired.test"),
            ],
        );
    }
    world
}

fn validating(world: &World, servers: &[&Server]) -> Settings {
    Settings {
        anchors: Anchors::parse(&world.anchor(".")).expect("an anchor"),
        ..believing(servers)
    }
}

struct Checks {
    upstream: Upstream,
}

impl Checks {
    async fn check(&self, of: &str, rtype: &str, expected: Result<(ResponseCode, bool), u16>) {
        let said = self
            .upstream
            .ask(&Question {
                dnssec: true,
                ..question(of, rtype)
            })
            .await;
        let found = match said.rcode {
            ResponseCode::ServFail => Err(code(&said).unwrap_or_default()),
            rcode => Ok((rcode, said.verified)),
        };
        assert_eq!(found, expected, "{of} {rtype}: {said:?}");
    }
}

#[tokio::test]
async fn what_is_signed_is_verified_and_what_is_broken_says_how() {
    use ResponseCode::{NXDomain, NoError};
    let world = Arc::new(world());
    let server = Server::start(&world, Does::Answers).await;
    let upstream = Upstream::new(&validating(&world, &[&server])).expect("an upstream");
    let checks = Checks { upstream };
    for (of, rtype, expected) in [
        ("www.good.test", "A", Ok((NoError, true))),
        ("alias.good.test", "A", Ok((NoError, true))),
        ("www.moved.good.test", "A", Ok((NoError, true))),
        ("www.good.test", "AAAA", Ok((NoError, true))),
        ("missing.good.test", "A", Ok((NXDomain, true))),
        ("nowhere.good.test", "A", Ok((NXDomain, true))),
        ("good.test", "DNSKEY", Ok((NoError, true))),
        ("good.test", "DS", Ok((NoError, true))),
        ("unsigned.test", "DS", Ok((NoError, true))),
        ("missing.test", "A", Ok((NXDomain, true))),
        // Part of it is not signed, and so the whole is not called verified.
        ("abroad.good.test", "A", Ok((NoError, false))),
        ("www.unsigned.test", "A", Ok((NoError, false))),
        ("missing.unsigned.test", "A", Ok((NXDomain, false))),
        ("www.unknown.test", "A", Ok((NoError, false))),
        // Its NS are denied where it begins; the zone above knows that it is one.
        ("www.denied.test", "A", Ok((NoError, false))),
        ("a.b.missing.denied.test", "A", Ok((NXDomain, false))),
        ("alias.denied.test", "A", Ok((NoError, false))),
        ("www.noproof.test", "A", Ok((NoError, true))),
        ("www.expired.test", "A", Err(7)),
        ("broken.good.test", "A", Err(7)),
        ("missing.expired.test", "A", Err(7)),
        ("www.notyet.test", "A", Err(8)),
        ("www.otherkey.test", "A", Err(9)),
        ("www.nokeys.test", "A", Err(9)),
        ("www.stripped.test", "A", Err(10)),
        ("www.nokeysig.test", "A", Err(10)),
        ("missing.nokeysig.test", "A", Err(10)),
        ("nokeysig.test", "DNSKEY", Err(10)),
        ("www.oldkeysig.test", "A", Err(7)),
        ("missing.noproof.test", "A", Err(12)),
        ("www.noproof.test", "AAAA", Err(12)),
        ("www.changed.test", "A", Err(6)),
    ] {
        checks.check(of, rtype, expected).await;
    }
    // What was learned of zones is kept: one exchange more.
    let before = server.asked();
    checks
        .check("www.good.test", "A", Ok((NoError, true)))
        .await;
    assert_eq!(server.asked() - before, 1);
}

#[tokio::test]
async fn who_judges_by_himself_sees_all_and_an_exempt_name_is_not_judged() {
    let world = Arc::new(world());
    let server = Server::start(&world, Does::Answers).await;
    let mut settings = validating(&world, &[&server]);
    settings.negative = vec![name("expired.test")];
    let upstream = Upstream::new(&settings).expect("an upstream");
    let unchecked = Question {
        unchecked: true,
        dnssec: true,
        ..question("www.changed.test", "A")
    };
    let said = upstream.ask(&unchecked).await;
    assert_eq!(
        (said.rcode, said.verified, said.answers.len()),
        (ResponseCode::NoError, false, 2),
        "{said:?}"
    );
    let checks = Checks { upstream };
    checks
        .check("www.expired.test", "A", Ok((ResponseCode::NoError, false)))
        .await;
    checks
        .check("broken.good.test", "A", Ok((ResponseCode::NoError, false)))
        .await;
    checks.check("www.notyet.test", "A", Err(8)).await;
    checks
        .check("www.good.test", "A", Ok((ResponseCode::NoError, true)))
        .await;
}

#[tokio::test]
async fn a_liar_is_found_out_and_the_others_are_asked() {
    let world = Arc::new(world());
    let liar = Server::start(&world, Does::Forges).await;
    let slow = Server::start(&world, Does::Slow(60)).await;
    let alone = Upstream::new(&validating(&world, &[&liar])).expect("an upstream");
    let said = ask(&alone, "www.good.test", "A").await;
    assert_eq!(
        (said.rcode, code(&said)),
        (ResponseCode::ServFail, Some(6)),
        "{said:?}"
    );
    let both = Upstream::new(&validating(&world, &[&liar, &slow])).expect("an upstream");
    for _ in 0..4 {
        let said = ask(&both, "www.good.test", "A").await;
        assert_eq!(addresses(&said), [vec![198, 51, 100, 1]], "{said:?}");
        assert!(said.verified);
    }
    // It is found out, and then it is asked last for a while.
    assert!(both.health()[0].is_dead, "{:?}", both.health());
    // Without signatures nobody can tell.
    let said = ask(&alone, "www.unsigned.test", "A").await;
    assert_eq!(addresses(&said), [LIE.octets().to_vec()]);
}

#[tokio::test]
async fn trust_begins_where_it_is_written_to_begin() {
    let world = Arc::new(world());
    let server = Server::start(&world, Does::Answers).await;
    let other = World::new();
    let with = |anchors: &str| Settings {
        anchors: Anchors::parse(anchors).expect("anchors"),
        ..believing(&[&server])
    };
    let check = async |settings: &Settings, of: &str, expected| {
        let upstream = Upstream::new(settings).expect("an upstream");
        Checks { upstream }.check(of, "A", expected).await;
    };
    let fine = |verified| Ok((ResponseCode::NoError, verified));
    // Another root's key signs nothing here.
    check(&with(&other.anchor(".")), "www.good.test", Err(9)).await;
    // An anchor below a root that nobody trusts.
    let own = with(&world.anchor("good.test."));
    check(&own, "www.good.test", fine(true)).await;
    check(&own, "www.changed.test", fine(false)).await;
    check(
        &with(&world.anchor("expired.test.")),
        "www.expired.test",
        Err(7),
    )
    .await;
    check(
        &with(&world.anchor("notyet.test.")),
        "www.notyet.test",
        Err(8),
    )
    .await;
    // On a way of its own a name is judged by anchors of that way.
    let route = |suffix: &str| Route {
        suffix: name(suffix),
        upstreams: vec![address(&server)],
    };
    let mut routed = validating(&world, &[&server]);
    routed.routes = vec![route("changed.test"), route("expired.test")];
    check(&routed, "www.changed.test", fine(false)).await;
    let anchored = routed.anchors.clone().with(own.anchors.clone());
    let anchored = anchored.with(Anchors::parse(&world.anchor("changed.test.")).expect("one"));
    check(
        &Settings {
            anchors: anchored,
            ..routed
        },
        "www.changed.test",
        Err(6),
    )
    .await;
}

#[tokio::test]
async fn a_dead_upstream_is_no_forger() {
    let world = Arc::new(world());
    let server = Server::start(&world, Does::Nothing).await;
    let upstream = Upstream::new(&validating(&world, &[&server])).expect("an upstream");
    let said = ask(&upstream, "www.good.test", "A").await;
    assert_eq!(
        (said.rcode, code(&said)),
        (ResponseCode::ServFail, Some(23))
    );
}
