//! The ways to ordinary names against upstreams that are dead, slow, broken or liars, over real sockets.

mod dnssec;
mod encrypted;
mod trap;
mod world;

use std::sync::Arc;

use dotkey_proto::dns::RecordType;
use hickory_proto::op::ResponseCode;

use self::world::{Bent, Does, Server, World, name};
use super::*;

/// A world with one name, without signatures.
fn plain() -> Arc<World> {
    let mut world = World::new();
    world.zone(
        "example.",
        Bent::Unsigned,
        &[
            ("www.example", "A", "192.0.2.1"),
            ("alias.example", "CNAME", "www.example"),
            ("moved.example", "DNAME", "new.example"),
            ("a.new.example", "A", "192.0.2.2"),
            ("home.example", "A", "192.168.1.1"),
            ("home.example", "HTTPS", "1 . ipv4hint=192.168.1.1"),
            ("leads.example", "CNAME", "my.key"),
            ("loop.example", "CNAME", "loop.example"),
        ],
    );
    // Who forges says something of our names, too.
    world.zone("key.", Bent::Unsigned, &[("my.key", "A", "203.0.113.66")]);
    world.zone(
        "corp.example.",
        Bent::Unsigned,
        &[
            ("db.corp.example", "A", "10.0.0.1"),
            ("out.corp.example", "CNAME", "www.example"),
        ],
    );
    Arc::new(world)
}

fn believing(servers: &[&Server]) -> Settings {
    Settings {
        upstreams: servers.iter().map(|one| address(one)).collect(),
        anchors: Anchors::none(),
        ours: Some(name("key")),
        ..Settings::default()
    }
}

fn address(server: &Server) -> Address {
    server.address.to_string().parse().expect("an address")
}

fn question(of: &str, rtype: &str) -> Question {
    Question {
        name: name(of),
        rtype: rtype.parse().expect(rtype),
        dnssec: false,
        unchecked: false,
    }
}

async fn ask(upstream: &Upstream, of: &str, rtype: &str) -> Said {
    upstream.ask(&question(of, rtype)).await
}

fn addresses(said: &Said) -> Vec<Vec<u8>> {
    let sets = said.answers.iter().filter(|set| set.rtype == RecordType::A);
    sets.flat_map(|set| set.rdata.clone()).collect()
}

fn code(said: &Said) -> Option<u16> {
    said.extended.as_ref().map(|extended| extended.code)
}

#[tokio::test]
async fn one_that_answers_is_enough_whatever_the_other_does() {
    let world = plain();
    for does in [
        Does::Nothing,
        Does::Servfail,
        Does::OtherQuestion,
        Does::OtherId,
        Does::Slow(1500),
        Does::CutsAndCloses,
    ] {
        let bad = Server::start(&world, does).await;
        let good = Server::start(&world, Does::Answers).await;
        let upstream = Upstream::new(&believing(&[&bad, &good])).expect("an upstream");
        for number in 0..20 {
            let said = ask(&upstream, "www.example", "A").await;
            assert_eq!(
                addresses(&said),
                [vec![192, 0, 2, 1]],
                "{does:?} {number}: {said:?}"
            );
        }
        assert_eq!(good.asked(), 20, "{does:?}");
        // Soon nobody asks it first, and then nobody waits for it.
        assert!(bad.asked() < 15, "{does:?}: {}", bad.asked());
    }
}

#[tokio::test]
async fn one_that_is_dead_is_found_so_and_used_again_when_it_is_back() {
    let world = plain();
    let good = Server::start(&world, Does::Answers).await;
    let refusing: Address = "tcp://127.0.0.1:1".parse().expect("an address");
    let mut settings = believing(&[&good]);
    settings.upstreams.insert(0, refusing);
    let upstream = Upstream::new(&settings).expect("an upstream");
    for _ in 0..3 {
        let said = ask(&upstream, "www.example", "A").await;
        assert_eq!(addresses(&said).len(), 1, "{said:?}");
        // Who has missed once is looked after in a second.
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    }
    let health = upstream.health();
    assert!(
        health[0].is_dead && health[0].latency.is_none(),
        "{health:?}"
    );
    assert!(
        !health[1].is_dead && health[1].latency.is_some(),
        "{health:?}"
    );
}

#[tokio::test]
async fn when_nobody_answers_the_reason_is_said_in_time() {
    let world = plain();
    let check = async |does: Does, expected: u16, text: &str| {
        let server = Server::start(&world, does).await;
        let upstream = Upstream::new(&believing(&[&server])).expect("an upstream");
        let said = ask(&upstream, "www.example", "A").await;
        assert_eq!(
            (said.rcode, code(&said)),
            (ResponseCode::ServFail, Some(expected)),
            "{does:?}"
        );
        let extended = said.extended.expect("a reason");
        assert!(extended.text.contains(text), "{does:?}: {}", extended.text);
    };
    check(Does::Nothing, 23, "no answer in time").await;
    check(Does::Servfail, 22, "Server Failure").await;
    check(Does::OtherId, 23, "no answer in time").await;
    check(Does::OtherQuestion, 23, "no answer in time").await;
    check(Does::CutsAndCloses, 23, "www.example. A").await;
    // A question has 4.5 s, and a stub 5.
    const { assert!(TRY_TIMEOUT.as_millis() * 2 < 4_500) };
}

#[tokio::test]
async fn what_is_cut_is_asked_for_over_tcp_and_old_servers_are_understood() {
    let world = plain();
    for does in [Does::Cuts, Does::KnowsNoEdns] {
        let server = Server::start(&world, does).await;
        let upstream = Upstream::new(&believing(&[&server])).expect("an upstream");
        let said = ask(&upstream, "alias.example", "A").await;
        assert_eq!(addresses(&said), [vec![192, 0, 2, 1]], "{does:?} {said:?}");
        assert_eq!(
            server.asked(),
            2,
            "{does:?}: an alias and its target come in one answer"
        );
    }
}

#[tokio::test]
async fn aliases_are_followed_and_never_into_our_own_names() {
    let server = Server::start(&plain(), Does::Answers).await;
    let upstream = Upstream::new(&believing(&[&server])).expect("an upstream");
    let said = ask(&upstream, "a.moved.example", "A").await;
    let shown: Vec<String> = said
        .answers
        .iter()
        .map(|set| format!("{} {}", set.owner, set.rtype))
        .collect();
    assert_eq!(
        shown,
        [
            "moved.example. DNAME",
            "a.moved.example. CNAME",
            "a.new.example. A"
        ]
    );
    assert_eq!(addresses(&said), [vec![192, 0, 2, 2]]);
    // What an upstream says of our names is not even looked at.
    let said = ask(&upstream, "leads.example", "A").await;
    assert_eq!(
        (said.answers.len(), addresses(&said).len()),
        (1, 0),
        "{said:?}"
    );
    assert_eq!(
        ask(&upstream, "my.key", "A").await.rcode,
        ResponseCode::ServFail
    );
    assert!(
        server.names().iter().all(|name| !name.ends_with("key.")),
        "{:?}",
        server.names()
    );
    let said = ask(&upstream, "loop.example", "A").await;
    assert_eq!((said.rcode, code(&said)), (ResponseCode::ServFail, Some(0)));
    let said = ask(&upstream, "nothing.example", "A").await;
    assert_eq!(
        (said.rcode, said.authorities.len()),
        (ResponseCode::NXDomain, 1)
    );
    assert_eq!(said.authorities[0].ttl, 60, "RFC 2308: the SOA's minimum");
}

#[tokio::test]
async fn private_addresses_are_for_names_that_may_have_them() {
    let world = plain();
    let server = Server::start(&world, Does::Answers).await;
    let inside = Server::start(&world, Does::Answers).await;
    let mut settings = believing(&[&server]);
    let upstream = Upstream::new(&settings).expect("an upstream");
    for (of, rtype) in [
        ("home.example", "A"),
        ("home.example", "HTTPS"),
        ("db.corp.example", "A"),
    ] {
        let said = ask(&upstream, of, rtype).await;
        assert_eq!(
            (said.rcode, code(&said)),
            (ResponseCode::ServFail, Some(18)),
            "{of} {rtype}"
        );
    }
    settings.rebinding = Rebinding::refused_but_of(vec![name("home.example")]);
    settings.routes = vec![Route {
        suffix: name("corp.example"),
        upstreams: vec![address(&inside)],
    }];
    let before = server.asked();
    let upstream = Upstream::new(&settings).expect("an upstream");
    assert_eq!(
        addresses(&ask(&upstream, "home.example", "A").await).len(),
        1
    );
    assert_eq!(
        addresses(&ask(&upstream, "DB.corp.example", "A").await),
        [vec![10, 0, 0, 1]]
    );
    assert_eq!(
        (server.asked() - before, inside.asked()),
        (1, 1),
        "each name goes its own way"
    );
    // Where a private name leads out, the others are asked.
    assert_eq!(
        addresses(&ask(&upstream, "out.corp.example", "A").await),
        [vec![192, 0, 2, 1]]
    );
    assert_eq!((server.asked() - before, inside.asked()), (2, 2));
    let only = Settings {
        upstreams: Vec::new(),
        ..settings
    };
    let upstream = Upstream::new(&only).expect("an upstream");
    let said = ask(&upstream, "out.corp.example", "A").await;
    assert_eq!(
        (said.rcode, said.answers.len()),
        (ResponseCode::NoError, 1),
        "the client goes on"
    );
    assert!(!upstream.reaches(&name("www.example")) && upstream.reaches(&name("corp.example")));
}

#[tokio::test]
async fn a_burst_of_questions_is_answered_over_each_plain_transport() {
    for (scheme, does) in [("udp", Does::Slow(20)), ("tcp", Does::Answers)] {
        let server = Server::start(&plain(), does).await;
        let address: Address = format!("{scheme}://{}", server.address)
            .parse()
            .expect("an address");
        let settings = Settings {
            upstreams: vec![address],
            ..believing(&[])
        };
        let upstream = Arc::new(Upstream::new(&settings).expect("an upstream"));
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..300 {
            let upstream = Arc::clone(&upstream);
            asking.spawn(async move { addresses(&ask(&upstream, "www.example", "A").await).len() });
        }
        while let Some(found) = asking.join_next().await {
            assert_eq!(found.expect("it ends"), 1, "{scheme}");
        }
    }
}
