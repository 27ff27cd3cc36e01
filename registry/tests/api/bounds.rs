//! Slow, silent and greedy clients: each is cut off, and others are served meanwhile.

use std::time::Duration;

use dotkey_registry::api::ApiConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::client::{Ask, read_to_end, read_until};
use crate::node::{Draft, Mood, World, path, verified};

/// Soon, and long enough for a request on a busy machine.
const WAIT: Duration = Duration::from_millis(300);

/// Longer than a test lasts.
const NEVER: Duration = Duration::from_secs(3600);

/// A connection from an address of this machine.
async fn connect_from(address: &str, world: &World) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = format!("{address}:0").parse().expect("an address");
    socket.bind(from).expect("an address of this machine");
    socket.connect(world.address()).await.expect("it listens")
}

fn impatient(config: &mut ApiConfig) {
    config.limits.header_wait = WAIT;
    config.limits.body_wait = WAIT;
    config.limits.write_wait = WAIT;
}

/// Sends `begin` and nothing more, and gives what comes until the server closes.
async fn stall(world: &World, begin: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address())
        .await
        .expect("it listens");
    stream.write_all(begin).await.expect("sent");
    read_to_end(&mut stream).await
}

#[tokio::test]
async fn who_does_not_finish_is_cut_off() {
    let world = World::with(Mood::Honest, impatient).await;
    let record = Draft::default().sign();
    let put = Ask::put(&path(&record), &record).bytes();
    let head = put.len() - record.len();
    for (begin, expected) in [
        (&b""[..], ""),
        (b"GE", ""),
        (b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n", ""),
        (
            b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "HTTP/1.1 200 OK",
        ),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        (&put[..head], "HTTP/1.1 408"),
        (&put[..head + 10], "HTTP/1.1 408"),
    ] {
        // That this returns is the test: the server closed.
        let seen = stall(&world, begin).await;
        assert!(
            seen.starts_with(expected),
            "{}: {seen}",
            String::from_utf8_lossy(begin)
        );
    }
}

#[tokio::test]
async fn who_reads_nothing_is_cut_off() {
    let world = World::with(Mood::Honest, impatient).await;
    let record = Draft::default().sign_to_size(65_536);
    assert_eq!(
        Ask::put(&path(&record), &record)
            .of(world.address())
            .await
            .status,
        200
    );
    let mut stream = TcpStream::connect(world.address())
        .await
        .expect("it listens");
    let ask = format!("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path(&record));
    // Answers fill the buffers of both ends, then the server waits for this client, and cuts it off: a write fails.
    while stream.write_all(ask.as_bytes()).await.is_ok() {}
    // It is counted a moment after; if it never is, this does not end.
    let line = "connections_cut_off_total{reason=\"slow-reader\"} 1";
    while !Ask::get("/metrics")
        .of(world.address())
        .await
        .text()
        .contains(line)
    {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn who_is_slow_keeps_nobody_out() {
    let record = Draft::default().sign();
    let put = Ask::put(&path(&record), &record).bytes();
    let head = put.len() - record.len();
    for begin in [
        &b""[..],
        b"GET /v1/status HT",
        &put[..head],
        &put[..head + 10],
    ] {
        let world = World::with(Mood::Honest, |config| {
            config.limits.header_wait = NEVER;
            config.limits.body_wait = NEVER;
            config.limits.connections = 16;
        });
        let world = world.await;
        let mut slow = Vec::new();
        for _ in 0..64 {
            let mut stream = connect_from("127.0.0.1", &world).await;
            // It may have lost its place already.
            let _ = stream.write_all(begin).await;
            slow.push(stream);
        }
        for from in ["127.0.0.1", "127.0.0.2"] {
            let mut stream = connect_from(from, &world).await;
            let health = Ask::get("/v1/health").bytes();
            stream.write_all(&health).await.expect("sent");
            let seen = read_to_end(&mut stream).await;
            assert!(seen.starts_with("HTTP/1.1 200"), "{from}: {seen}");
        }
        let page = Ask::get("/metrics").of(world.address()).await.text();
        assert!(page.contains("reason=\"displaced\"} "), "{page}");
    }
}

/// What a client at this address is answered.
async fn answered(from: &str, world: &World, ask: &[u8]) -> String {
    let mut stream = connect_from(from, world).await;
    stream.write_all(ask).await.expect("sent");
    read_until(&mut stream, "\r\n\r\n").await
}

#[tokio::test]
async fn who_publishes_slowly_keeps_nobody_from_publishing() {
    let world = World::with(Mood::Honest, |config| {
        config.limits.body_wait = NEVER;
        (config.limits.bodies, config.limits.puts) = (16, 8);
    });
    let world = world.await;
    let record = Draft::default().sign();
    let put = Ask::put(&path(&record), &record).bytes();
    let mut slow = Vec::new();
    for _ in 0..8 {
        let mut stream = connect_from("127.0.0.1", &world).await;
        let begin = &put[..=put.len() - record.len()];
        stream.write_all(begin).await.expect("sent");
        slow.push(stream);
    }
    // Once the server has read all of them, their client has its share. If it never has, this does not end.
    while !answered("127.0.0.1", &world, &put).await.contains("503") {}
    let other = answered("127.0.0.2", &world, &put).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
}

#[tokio::test]
async fn who_listens_to_much_keeps_nobody_from_listening() {
    let world = World::with(Mood::Honest, |config| config.limits.subscribers = 16).await;
    let events = Ask::get("/v1/events").bytes();
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = connect_from("127.0.0.1", &world).await;
        stream.write_all(&events).await.expect("sent");
        read_until(&mut stream, "id: ").await;
        streams.push(stream);
    }
    let ninth = answered("127.0.0.1", &world, &events).await;
    assert!(ninth.starts_with("HTTP/1.1 503"), "{ninth}");
    let other = answered("127.0.0.2", &world, &events).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
}

#[tokio::test]
async fn what_is_under_way_is_not_cut_off_for_a_newcomer() {
    let world = World::with(Mood::Honest, |config| config.limits.connections = 8).await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = connect_from("127.0.0.1", &world).await;
        let ask = Ask::get("/v1/events").bytes();
        stream.write_all(&ask).await.expect("sent");
        read_until(&mut stream, "id: ").await;
        streams.push(stream);
    }
    // Its client has its share.
    let mut newcomer = connect_from("127.0.0.1", &world).await;
    assert_eq!(read_to_end(&mut newcomer).await, "");
    let change = verified(&Draft::default().sign());
    world.changes.send(change).expect("the server listens");
    for stream in &mut streams {
        read_until(stream, "event: change").await;
    }
    // Another waits for the first that ends.
    let mut other = connect_from("127.0.0.2", &world).await;
    let ask = Ask::get("/v1/health").bytes();
    other.write_all(&ask).await.expect("sent");
    streams.pop();
    let seen = read_to_end(&mut other).await;
    assert!(seen.starts_with("HTTP/1.1 200"), "{seen}");
}

#[tokio::test]
async fn heads_have_a_bound() {
    let world = World::new(Mood::Honest).await;
    let long = Ask::get("/v1/status").header("X-Long", &"x".repeat(20_000));
    assert_eq!(long.of(world.address()).await.status, 431);
    let fits = Ask::get("/v1/status").header("X-Long", &"x".repeat(6_000));
    assert_eq!(fits.of(world.address()).await.status, 200);
}

#[tokio::test]
async fn requests_that_could_be_read_in_two_ways_are_refused() {
    let world = World::new(Mood::Honest).await;
    for lines in [
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: +4",
        "Transfer-Encoding: gzip",
        "Content-Length : 4",
        " folded: 1",
    ] {
        let text = format!("PUT /v1/records/x HTTP/1.1\r\nHost: 127.0.0.1\r\n{lines}\r\n\r\njunk");
        let mut stream = TcpStream::connect(world.address())
            .await
            .expect("it listens");
        stream.write_all(text.as_bytes()).await.expect("sent");
        let seen = read_to_end(&mut stream).await;
        assert!(seen.starts_with("HTTP/1.1 400"), "{lines}: {seen}");
    }
}

#[tokio::test]
async fn a_server_that_stops_waits_for_nobody_for_long() {
    let world = World::with(Mood::Silent, |config| {
        config.limits.stop_wait = WAIT;
    });
    let world = world.await;
    let mut asking = TcpStream::connect(world.address())
        .await
        .expect("it listens");
    asking
        .write_all(&Ask::get("/v1/status").bytes())
        .await
        .expect("sent");
    let mut reading = TcpStream::connect(world.address())
        .await
        .expect("it listens");
    reading
        .write_all(&Ask::get("/v1/events").bytes())
        .await
        .expect("sent");
    read_until(&mut reading, "id: ").await;
    world.server.stop().await;
    assert_eq!(read_to_end(&mut asking).await, "");
}
