//! Changes as they happen, and for who comes back.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{Ask, read_to_end, read_until};
use crate::node::{Draft, Mood, World, key_id, verified};

fn change(world: &World, seed: u8, sequence: u64) {
    let record = Draft {
        seed,
        sequence,
        ..Draft::default()
    }
    .sign();
    world
        .changes
        .send(verified(&record))
        .expect("the server listens");
}

async fn open(address: SocketAddr, ask: Ask) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(&ask.bytes()).await.expect("sent");
    stream
}

fn ask() -> Ask {
    Ask::get("/v1/events").header("Accept", "text/event-stream")
}

/// The last id in what was read.
fn last_id(seen: &str) -> String {
    let line = seen
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("id: "));
    line.expect("an id").trim().to_owned()
}

#[tokio::test]
async fn a_change_is_told_without_its_bytes() {
    let world = World::new(Mood::Honest).await;
    let mut stream = open(world.address(), ask()).await;
    let head = read_until(&mut stream, "\n\n").await;
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    change(&world, 1, 8);
    let seen = read_until(&mut stream, "\"expires\"").await;
    let key_id = key_id(&Draft::default().sign());
    assert!(seen.contains("event: change"), "{seen}");
    assert!(
        seen.contains(&format!(
            r#""key_id":"{key_id}","branch":null,"sequence":8"#
        )),
        "{seen}"
    );
}

#[tokio::test]
async fn only_the_key_that_was_asked_for_is_told() {
    let world = World::new(Mood::Honest).await;
    let key_id = key_id(
        &Draft {
            seed: 2,
            ..Draft::default()
        }
        .sign(),
    );
    let filtered = Ask::get(&format!("/v1/events?key={key_id}"));
    let mut stream = open(world.address(), filtered).await;
    read_until(&mut stream, "\n\n").await;
    change(&world, 1, 8);
    change(&world, 2, 9);
    let seen = read_until(&mut stream, "\"sequence\":9").await;
    assert!(!seen.contains("\"sequence\":8"), "{seen}");
}

#[tokio::test]
async fn who_comes_back_misses_nothing() {
    let world = World::new(Mood::Honest).await;
    let mut stream = open(world.address(), ask()).await;
    let hello = read_until(&mut stream, "\n\n").await;
    // Cut off before the first event.
    drop(stream);
    change(&world, 1, 8);
    change(&world, 1, 9);
    let mut stream = open(
        world.address(),
        ask().header("Last-Event-ID", &last_id(&hello)),
    )
    .await;
    let seen = read_until(&mut stream, "\"sequence\":9").await;
    assert!(
        seen.contains("\"sequence\":8") && !seen.contains("reset"),
        "{seen}"
    );
    drop(stream);
    change(&world, 1, 10);
    let mut stream = open(
        world.address(),
        ask().header("Last-Event-ID", &last_id(&seen)),
    )
    .await;
    let seen = read_until(&mut stream, "\"sequence\":10").await;
    assert!(
        !seen.contains("\"sequence\":9") && !seen.contains("reset"),
        "{seen}"
    );
}

#[tokio::test]
async fn who_missed_too_much_is_told() {
    let small = |config: &mut dotkey_registry::api::ApiConfig| config.limits.events = 2;
    let world = World::with(Mood::Honest, small).await;
    let mut watching = open(world.address(), ask()).await;
    let hello = read_until(&mut watching, "\n\n").await;
    for sequence in 8..=12 {
        change(&world, 1, sequence);
        read_until(&mut watching, &format!("\"sequence\":{sequence}")).await;
    }
    for id in [last_id(&hello).as_str(), "0000000000000000-1", "junk"] {
        let mut stream = open(world.address(), ask().header("Last-Event-ID", id)).await;
        let seen = read_until(&mut stream, "\"reason\"").await;
        assert!(
            seen.contains("event: reset") && !seen.contains("event: change"),
            "{id}: {seen}"
        );
    }
}

#[tokio::test]
async fn streams_have_a_bound_a_heartbeat_and_an_end() {
    let world = World::with(Mood::Honest, |config| {
        config.limits.subscribers = 1;
        config.limits.heartbeat = Duration::from_millis(20);
        config.limits.stream_life = Duration::from_millis(300);
    });
    let world = world.await;
    let mut first = open(world.address(), ask()).await;
    read_until(&mut first, "\n\n").await;
    let second = ask().of(world.address()).await;
    assert_eq!((second.status, second.code().as_str()), (503, "overloaded"));
    let seen = read_to_end(&mut first).await;
    assert!(seen.contains(":\n\n"), "no heartbeat: {seen:?}");
    // Its place is free again.
    let mut third = open(world.address(), ask()).await;
    read_until(&mut third, "\n\n").await;
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let world = World::with(Mood::Honest, |config| {
        // Longer than this test is let run: only the end of the stream lets it pass.
        config.limits.stop_wait = Duration::from_secs(3600);
    });
    let world = world.await;
    let mut stream = open(world.address(), ask()).await;
    read_until(&mut stream, "\n\n").await;
    let address = world.address();
    world.server.stop().await;
    let seen = read_to_end(&mut stream).await;
    assert!(seen.ends_with("0\r\n\r\n"), "{seen:?}");
    assert!(TcpStream::connect(address).await.is_err());
}
