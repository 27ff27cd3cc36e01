//! What a collector hears of requests, and what becomes of them when it does not listen.

use http::Request;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::collector::{Collector, attribute};
use super::provider::{Manner, Provider, zone};
use super::world::World;
use crate::traces::Ratio;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const VISITORS_SPAN: &str = "00f067aa0ba902b7";

/// A request whose visitor keeps its trace, or does not.
fn traced(path: &str, sampled: bool) -> http::request::Builder {
    let flags = u8::from(sampled);
    let context = format!("00-{TRACE}-{VISITORS_SPAN}-{flags:02x}");
    Request::get(path).header("traceparent", context)
}

fn of_kind(spans: &[Value], kind: u8) -> Vec<&Value> {
    spans.iter().filter(|span| span["kind"] == kind).collect()
}

/// Until a line of the metrics is there.
async fn counted(world: &World, line: &str) {
    let line = format!("\ndotkey_gateway_{line}\n");
    while !world.operated().metrics(false).contains(&line) {
        tokio::time::sleep(core::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_request_and_each_try_is_a_span() {
    let [gone, there] = [
        Provider::start("gone", Manner::Echo).await,
        Provider::start("there", Manner::Echo).await,
    ];
    let collector = Collector::start(&[]).await;
    let zone = zone(
        &[("gone", &gone), ("there", &there)],
        "policy = { balance = \"round-robin\" }",
    );
    let world = World::traced(&zone, collector.settings(Ratio::NONE)).await;
    gone.kill().await;
    let mut parents = Vec::new();
    for _ in 0..2 {
        let answer = world.ask(traced("/private?token=secret", true)).await;
        let said: Value = serde_json::from_str(answer.body()).expect("an echo");
        parents.push(said["headers"]["traceparent"].clone());
    }
    // Of two requests in turn one was given to who is gone first.
    let spans = collector.wait_for(5).await;
    let (servers, tries) = (of_kind(&spans, 2), of_kind(&spans, 3));
    assert_eq!((servers.len(), tries.len()), (2, 3), "{spans:?}");
    for server in servers {
        assert_eq!(server["traceId"], TRACE);
        assert_eq!(server["parentSpanId"], VISITORS_SPAN);
        assert_eq!(server["name"], "GET /");
        assert_eq!(attribute(server, "dotkey.name"), world.name.as_str());
        assert_eq!(attribute(server, "http.response.status_code"), "200");
    }
    let failed = tries
        .iter()
        .find(|one| attribute(one, "dotkey.provider") == "gone");
    let failed = failed.expect("one try failed");
    assert_eq!(attribute(failed, "error.type"), "connect");
    for one in tries {
        let server = spans
            .iter()
            .find(|span| span["spanId"] == one["parentSpanId"]);
        assert_eq!(server.expect("its request")["kind"], 2);
        if attribute(one, "dotkey.provider") == "there" {
            let span = one["spanId"].as_str().expect("an identity");
            let context = format!("00-{TRACE}-{span}-01");
            assert!(parents.contains(&context.into()), "the provider's parent");
        }
    }
    let told = format!("{spans:?}");
    for hidden in ["private", "secret", "127.0.0.1"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
    counted(&world, "spans_total{result=\"sent\"} 5").await;
}

#[tokio::test]
async fn what_is_not_kept_is_not_told() {
    let provider = Provider::start("a", Manner::Echo).await;
    let collector = Collector::start(&[]).await;
    let zone = zone(&[("a", &provider)], "");
    let mut world = World::traced(&zone, collector.settings(Ratio::NONE)).await;
    let answer = world.ask(traced("/", false)).await;
    assert!(answer.body().contains(TRACE), "{}", answer.body());
    world.get("/").await;
    world.drain().await;
    assert_eq!(collector.spans(), Vec::<Value>::new());
    let mut world = World::traced(&zone, collector.settings(Ratio::ALL)).await;
    world.ask(traced("/", false)).await;
    let answer = world.get("/").await;
    // What waits is sent before the gateway has stopped.
    world.drain().await;
    let spans = collector.spans();
    let servers = of_kind(&spans, 2);
    assert_eq!(servers.len(), 1, "{spans:?}");
    assert_eq!(servers[0]["parentSpanId"], Value::Null);
    let trace = servers[0]["traceId"].as_str().expect("an identity");
    assert!(answer.body().contains(trace), "the provider keeps it too");
}

#[tokio::test]
async fn requests_that_no_provider_answers_are_spans_too() {
    let silent = Provider::start("silent", Manner::Silent).await;
    let collector = Collector::start(&[]).await;
    let zone = zone(&[("silent", &silent)], "");
    let world = World::traced(&zone, collector.settings(Ratio::ALL)).await;
    let nobody = Request::get("/").header("host", "nobody.key");
    assert_ne!(world.ask(nobody).await.status(), 200);
    let spans = collector.wait_for(1).await;
    assert_eq!(attribute(&spans[0], "dotkey.name"), Value::Null);
    assert_ne!(attribute(&spans[0], "error.type"), Value::Null);
    // A visitor that goes away before there is an answer.
    let mut visitor = TcpStream::connect(world.address).await.expect("connected");
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", world.name);
    visitor.write_all(head.as_bytes()).await.expect("written");
    while silent.asked() == 0 {
        tokio::time::sleep(core::time::Duration::from_millis(20)).await;
    }
    drop(visitor);
    let spans = collector.wait_for(3).await;
    for left in &spans[1..] {
        assert_eq!(attribute(left, "error.type"), "abandoned", "{spans:?}");
    }
    assert_eq!(attribute(&spans[1], "dotkey.name"), world.name.as_str());
}

#[tokio::test]
async fn a_hedge_and_who_was_too_slow_for_it_are_told() {
    let [slow, quick] = [
        Provider::start("slow", Manner::Silent).await,
        Provider::start("quick", Manner::Echo).await,
    ];
    let collector = Collector::start(&[]).await;
    let zone = zone(
        &[("slow", &slow), ("quick", &quick)],
        "policy = { balance = \"round-robin\" }",
    );
    let world = World::traced(&zone, collector.settings(Ratio::ALL)).await;
    while slow.asked() == 0 {
        assert_eq!(world.get("/").await.status(), 200);
    }
    let hedged = loop {
        let spans = collector.wait_for(3).await;
        let hedge = |span: &&Value| attribute(span, "dotkey.hedge") == true;
        if let Some(hedge) = spans.iter().find(hedge) {
            let request = hedge["parentSpanId"].clone();
            let tries = spans.iter().filter(|one| one["parentSpanId"] == request);
            break tries.cloned().collect::<Vec<Value>>();
        }
        tokio::time::sleep(core::time::Duration::from_millis(20)).await;
    };
    let came_to = |provider: &str, key: &str| {
        let one = hedged
            .iter()
            .find(|one| attribute(one, "dotkey.provider") == provider);
        attribute(one.expect("its try"), key)
    };
    assert_eq!(came_to("slow", "error.type"), "abandoned");
    assert_eq!(came_to("slow", "dotkey.hedge"), false);
    assert_eq!(came_to("quick", "http.response.status_code"), "200");
}

#[tokio::test]
async fn a_collector_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let provider = Provider::start("a", Manner::Echo).await;
    let rejects = r#"{"partialSuccess":{"rejectedSpans":"1"}}"#;
    let first = [Some((503, "")), Some((200, rejects)), Some((400, ""))];
    let collector = Collector::start(&first).await;
    let zone = zone(&[("a", &provider)], "");
    let world = World::traced(&zone, collector.settings(Ratio::ALL)).await;
    world.get("/").await;
    // Two spans, of which it wants one.
    counted(&world, "spans_total{result=\"sent\"} 1").await;
    counted(&world, "spans_total{result=\"refused\"} 1").await;
    world.get("/").await;
    counted(&world, "spans_total{result=\"refused\"} 3").await;
    world.get("/").await;
    counted(&world, "spans_total{result=\"sent\"} 3").await;
    assert_eq!(collector.spans().len(), 4);
}

#[tokio::test]
async fn a_collector_that_says_nothing_keeps_nobody() {
    let provider = Provider::start("a", Manner::Echo).await;
    let collector = Collector::start(&[None; 64]).await;
    let zone = zone(&[("a", &provider)], "");
    let mut world = World::traced(&zone, collector.settings(Ratio::ALL)).await;
    for _ in 0..100 {
        assert_eq!(world.get("/").await.status(), 200);
    }
    // It ends all the same.
    world.drain().await;
    assert_eq!(collector.spans(), Vec::<Value>::new());
}
