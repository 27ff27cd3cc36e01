//! What reaches a provider, and what happens when one fails.

use core::time::Duration;
use std::time::Instant;

use http::Request;
use serde_json::Value;

use super::provider::{Manner, Provider, zone};
use super::world::{Answer, World};

fn said(answer: &Answer) -> Value {
    serde_json::from_str(answer.body()).unwrap_or_else(|error| panic!("{error}: {}", answer.body()))
}

#[tokio::test]
async fn a_request_reaches_the_provider_as_it_should() {
    let provider = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &provider)], "")).await;
    let request = Request::post("/path/to?q=1")
        .header("x-forwarded-for", "1.2.3.4")
        .header("x-mine", "yes");
    let answer = world.send(request, "a body").await;
    assert_eq!(answer.status(), 200, "{}", answer.body());
    let said = said(&answer);
    assert_eq!(said["method"], "POST");
    assert_eq!(said["uri"], "/path/to?q=1");
    assert_eq!(said["body"], "a body");
    assert_eq!(said["headers"]["host"], world.name.as_str());
    assert_eq!(said["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(said["headers"]["x-mine"], "yes");
    assert_eq!(said["headers"]["content-length"], "6");
}

#[tokio::test]
async fn a_provider_that_is_killed_costs_no_request() {
    let [a, b, c] = [
        Provider::start("a", Manner::Echo).await,
        Provider::start("b", Manner::Echo).await,
        Provider::start("c", Manner::Echo).await,
    ];
    let world = World::new(&zone(&[("a", &a), ("b", &b), ("c", &c)], "")).await;
    let mut visitors = tokio::task::JoinSet::new();
    let world = std::sync::Arc::new(world);
    for _ in 0..8 {
        let world = world.clone();
        visitors.spawn(async move {
            for _ in 0..100 {
                let answer = world.get("/").await;
                assert_eq!(answer.status(), 200, "{}", answer.body());
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    b.kill().await;
    visitors.join_all().await;
    assert!(a.asked() + c.asked() >= 500);
    assert!(world.thinks("b")["failures"].as_u64() > Some(0));
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let [a, b] = [
        Provider::start("a", Manner::HangUp).await,
        Provider::start("b", Manner::HangUp).await,
    ];
    let world = World::new(&zone(&[("a", &a), ("b", &b)], "")).await;
    let answer = world.send(Request::post("/"), "once").await;
    assert_eq!(answer.status(), 502);
    assert!(
        answer.body().contains("not safe to repeat"),
        "{}",
        answer.body()
    );
    assert_eq!(a.asked() + b.asked(), 1);
    let answer = world.send(Request::put("/"), "twice").await;
    assert_eq!(answer.status(), 502);
    assert_eq!(a.asked() + b.asked(), 3, "a PUT went to both");
}

#[tokio::test]
async fn a_post_goes_on_where_nobody_listens() {
    let [gone, b] = [
        Provider::start("gone", Manner::Echo).await,
        Provider::start("b", Manner::Echo).await,
    ];
    let world = World::new(&zone(&[("gone", &gone), ("b", &b)], "")).await;
    gone.kill().await;
    for _ in 0..20 {
        let answer = world.send(Request::post("/"), "whole").await;
        assert_eq!(said(&answer)["body"], "whole");
    }
    assert_eq!(b.asked(), 20);
}

#[tokio::test]
async fn one_that_is_unavailable_is_passed_over() {
    let [a, b] = [
        Provider::start("a", Manner::Status(503)).await,
        Provider::start("b", Manner::Echo).await,
    ];
    let world = World::new(&zone(&[("a", &a), ("b", &b)], "")).await;
    // It is asked first by chance, or else looked at from time to time.
    for _ in 0..1000 {
        assert_eq!(world.get("/").await.status(), 200);
        if a.asked() > 0 {
            break;
        }
    }
    assert!(a.asked() > 0);
    // Where nobody says more, that is the answer.
    b.be(Manner::Status(503));
    let answer = world.get("/").await;
    assert_eq!(answer.status(), 503);
    assert!(
        said(&answer)["provider"].is_string(),
        "the provider's own page"
    );
    a.be(Manner::Status(500));
    b.be(Manner::Status(500));
    assert_eq!(
        world.get("/").await.status(),
        500,
        "that it failed is the provider's answer"
    );
}

#[tokio::test]
async fn a_frozen_provider_is_passed_over() {
    let [a, b] = [
        Provider::start("a", Manner::Silent).await,
        Provider::start("b", Manner::Silent).await,
    ];
    let policy = "[resource.policy]\nhedge = { after = \"30ms\", percent = 100 }";
    let world = World::new(&zone(&[("a", &a), ("b", &b)], policy)).await;
    b.be(Manner::Echo);
    for _ in 0..10 {
        assert_eq!(said(&world.get("/").await)["provider"], "b");
    }
    assert!(a.asked() < 10, "it is avoided: {}", a.asked());
}

#[tokio::test]
async fn one_that_is_dead_beside_one_that_is_frozen_costs_nothing() {
    let [gone, frozen, well] = [
        Provider::start("gone", Manner::Echo).await,
        Provider::start("frozen", Manner::Silent).await,
        Provider::start("well", Manner::Slow(Duration::from_millis(5))).await,
    ];
    let named = [("gone", &gone), ("frozen", &frozen), ("well", &well)];
    let world = World::new(&zone(&named, "")).await;
    gone.kill().await;
    let world = std::sync::Arc::new(world);
    let mut visitors = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let world = world.clone();
        visitors.spawn(async move {
            for _ in 0..10 {
                // The frozen one would be given up after 30 s.
                let asked = tokio::time::timeout(Duration::from_secs(20), world.get("/"));
                let answer = asked.await.expect("nobody waits for the frozen one");
                assert_eq!(said(&answer)["provider"], "well");
            }
        });
    }
    visitors.join_all().await;
}

#[tokio::test]
async fn two_that_are_frozen_keep_nobody_from_the_third() {
    let [a, b, c] = [
        Provider::start("a", Manner::Silent).await,
        Provider::start("b", Manner::Silent).await,
        Provider::start("c", Manner::Echo).await,
    ];
    let policy = "[resource.policy]\nhedge = { after = \"10ms\", percent = 100 }";
    let world = World::new(&zone(&[("a", &a), ("b", &b), ("c", &c)], policy)).await;
    for _ in 0..20 {
        assert_eq!(said(&world.get("/").await)["provider"], "c");
    }
}

#[tokio::test]
async fn silence_ends_by_the_records_own_clock() {
    let a = Provider::start("a", Manner::Silent).await;
    let policy = "[resource.policy]\ntimeouts = { first-byte = \"100ms\" }";
    let world = World::new(&zone(&[("a", &a)], policy)).await;
    let answer = world.get("/").await;
    assert_eq!(answer.status(), 504);
    assert!(
        answer.body().contains("no answer within 100 ms"),
        "{}",
        answer.body()
    );
    assert_eq!(said(&answer)["tried"][0]["provider"], "a");
    let answer = world.send(Request::post("/"), "once").await;
    assert_eq!(answer.status(), 504);
    let body = answer.body();
    assert!(body.contains("look before you send it again"), "{body}");
}

#[tokio::test]
async fn the_whole_answer_has_its_time() {
    let slow = Manner::Slow(Duration::from_secs(3600));
    let [a, b] = [
        Provider::start("a", slow.clone()).await,
        Provider::start("b", slow).await,
    ];
    let policy = "[resource.policy]\ntimeouts = { whole = \"100ms\" }";
    let world = World::new(&zone(&[("a", &a), ("b", &b)], policy)).await;
    let answer = world.get("/").await;
    assert_eq!(answer.status(), 504);
    assert!(said(&answer)["tried"][0]["provider"].is_string());
}

#[tokio::test]
async fn pins_without_tls_to_show_a_key_in_let_nobody_in() {
    let a = Provider::start("a", Manner::Echo).await;
    let named =
        zone(&[("a", &a)], "") + "pin = \"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n";
    let world = World::new(&named).await;
    let answer = world.get("/").await;
    assert_eq!((answer.status().as_u16(), a.asked()), (502, 0));
    let body = answer.body();
    assert!(body.contains("no TLS to show a key in"), "{body}");
}

#[tokio::test]
async fn all_dead_is_said_honestly() {
    let mut dead = Vec::new();
    for id in ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"] {
        dead.push((id, Provider::start(id, Manner::Echo).await));
    }
    let named: Vec<(&str, &Provider)> = dead.iter().map(|(id, provider)| (*id, provider)).collect();
    let world = World::new(&zone(&named, "")).await;
    for (_, provider) in dead {
        provider.kill().await;
    }
    let answer = world.get("/").await;
    assert_eq!(answer.status(), 502);
    let said = said(&answer);
    assert_eq!(
        said["tried"].as_array().map(Vec::len),
        Some(8),
        "that nobody listens costs nothing: {said}"
    );
    assert!(
        said["tried"][0]["came_to"]
            .as_str()
            .is_some_and(|what| what.contains("no connection")),
        "{said}"
    );
}

#[tokio::test]
async fn a_new_record_takes_effect_and_drops_nothing() {
    let [a, b] = [
        Provider::start("a", Manner::Slow(Duration::from_millis(20))).await,
        Provider::start("b", Manner::Slow(Duration::from_millis(20))).await,
    ];
    let world = std::sync::Arc::new(World::new(&zone(&[("a", &a)], "")).await);
    assert_eq!(said(&world.get("/").await)["provider"], "a");
    world.publish(&zone(&[("b", &b)], ""));
    let begun = Instant::now();
    loop {
        let answer = world.get("/").await;
        assert_eq!(answer.status(), 200, "{}", answer.body());
        if said(&answer)["provider"] == "b" {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the new record is never seen"
        );
    }
    let before = a.asked();
    for _ in 0..10 {
        assert_eq!(said(&world.get("/").await)["provider"], "b");
    }
    assert_eq!(a.asked(), before);
}

#[tokio::test]
async fn a_pinned_provider_is_spoken_to_under_its_key_alone() {
    let [right, other] = [
        Provider::start_tls("right", Manner::Echo).await,
        Provider::start_tls("other", Manner::Echo).await,
    ];
    let world = World::new(&zone(&[("right", &right)], "")).await;
    let answer = world.get("/").await;
    assert_eq!(said(&answer)["version"], "HTTP/2.0", "what TLS agreed on");
    let mut impostor = other;
    impostor.pin = right.pin;
    world.publish(&zone(&[("impostor", &impostor)], ""));
    let begun = Instant::now();
    let answer = loop {
        let answer = world.get("/").await;
        if answer.status() != 200 {
            break answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the new record is never seen"
        );
    };
    assert_eq!(answer.status(), 502);
    assert!(
        answer.body().contains("which the record does not pin"),
        "{}",
        answer.body()
    );
    assert_eq!(impostor.asked(), 0);
}

#[tokio::test]
async fn a_record_that_demands_pins_gives_nothing_to_who_has_none() {
    let pinned = Provider::start_tls("pinned", Manner::Echo).await;
    let [plain, mut unpinned] = [
        Provider::start("plain", Manner::Echo).await,
        Provider::start_tls("unpinned", Manner::Echo).await,
    ];
    unpinned.pin = None;
    let policy = "[resource.policy]\npins = \"required\"";
    let url = format!("https://{}", unpinned.address);
    let mut named = zone(&[("pinned", &pinned), ("plain", &plain)], policy);
    named += &format!("[[resource.provider]]\nid = \"unpinned\"\nurl = \"{url}\"\n");
    let world = World::new(&named).await;
    for _ in 0..20 {
        assert_eq!(said(&world.get("/").await)["provider"], "pinned");
    }
    assert_eq!((plain.asked(), unpinned.asked()), (0, 0));
    world.publish(&zone(&[("plain", &plain)], policy));
    let begun = Instant::now();
    let answer = loop {
        let answer = world.get("/").await;
        if answer.status() != 200 {
            break answer;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the new record is never seen"
        );
    };
    assert!(
        answer.body().contains("the record demands a pinned key"),
        "{}",
        answer.body()
    );
}

#[tokio::test]
async fn a_foreign_record_does_not_reach_private_addresses() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::with(&zone(&[("a", &a)], ""), &["other.key"]).await;
    let answer = world.get("/").await;
    assert_eq!(answer.status(), 502);
    assert!(
        answer
            .body()
            .contains("`127.0.0.1` leads to no public address"),
        "{}",
        answer.body()
    );
    assert_eq!(a.asked(), 0);
}

#[tokio::test]
async fn checks_take_a_provider_out_and_back() {
    let [a, b] = [
        Provider::start("a", Manner::Status(500)).await,
        Provider::start("b", Manner::Echo).await,
    ];
    let policy = "[resource.policy]\nhealth = { path = \"/health\", interval = \"100ms\", timeout = \"1s\", rise = 2, fall = 2 }";
    let world = World::new(&zone(&[("a", &a), ("b", &b)], policy)).await;
    world.get("/").await;
    let stands = async |id: &str, wanted: &[&str]| {
        let begun = Instant::now();
        while !wanted
            .iter()
            .any(|wanted| world.thinks(id)["standing"] == *wanted)
        {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{}",
                world.thinks(id)
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    stands("a", &["down"]).await;
    for _ in 0..20 {
        assert_eq!(said(&world.get("/").await)["provider"], "b");
    }
    a.be(Manner::Echo);
    stands("a", &["starting", "serving"]).await;
    let metrics = world.operated().metrics(true);
    assert!(
        metrics.contains("dotkey_gateway_provider_serving{"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_cookie_keeps_a_client_at_its_provider() {
    let [a, b] = [
        Provider::start("a", Manner::Echo).await,
        Provider::start("b", Manner::Echo).await,
    ];
    let policy = "[resource.policy]\nsticky = { by = \"cookie\", name = \"route\" }";
    let world = World::new(&zone(&[("a", &a), ("b", &b)], policy)).await;
    let first = world.get("/").await;
    let cookie = first.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let provider = said(&first)["provider"].clone();
    for _ in 0..20 {
        let answer = world.ask(Request::get("/").header("cookie", &cookie)).await;
        assert_eq!(said(&answer)["provider"], provider);
        assert!(!answer.headers().contains_key("set-cookie"), "said once");
    }
}

#[tokio::test]
async fn a_drained_gateway_lets_requests_end() {
    let a = Provider::start("a", Manner::Slow(Duration::from_millis(300))).await;
    let mut world = World::new(&zone(&[("a", &a)], "")).await;
    world.get("/").await;
    let mut sender = world.connect().await;
    let request = Request::get("/")
        .header("host", &world.name)
        .body(Default::default());
    let answer =
        tokio::spawn(async move { sender.send_request(request.expect("a request")).await });
    while a.asked() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.drain().await;
    assert_eq!(
        answer.await.expect("no panic").expect("an answer").status(),
        200
    );
    assert!(
        tokio::net::TcpStream::connect(world.address).await.is_err(),
        "nobody listens any more"
    );
}
