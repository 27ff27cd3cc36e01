//! Much of something, or something cut anywhere: others are served all the same.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::provider::{Manner, Provider, zone};
use super::world::World;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2 (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// GET / over http for a host, as HPACK writes it without its tables' help.
fn head(host: &str) -> Vec<u8> {
    let mut head = vec![0x82, 0x84, 0x86, 0x01, host.len() as u8];
    head.extend(host.as_bytes());
    head
}

/// Sends until the gateway closes the connection; gives how many of the pieces it took. All are sent where it never does.
async fn until_closed(world: &World, pieces: impl Iterator<Item = Vec<u8>>) -> (usize, usize) {
    let stream = TcpStream::connect(world.address).await.expect("connected");
    let (mut from, mut to) = stream.into_split();
    let closed = Arc::new(AtomicBool::new(false));
    let says = closed.clone();
    let reading = tokio::spawn(async move {
        // What it says is thrown away; that it ends is what counts.
        let mut thrown = [0; 4096];
        while from.read(&mut thrown).await.is_ok_and(|read| read > 0) {}
        says.store(true, Relaxed);
    });
    to.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat())
        .await
        .expect("written");
    let (mut sent, mut bytes) = (0, 0);
    for piece in pieces {
        if closed.load(Relaxed) || to.write_all(&piece).await.is_err() {
            break;
        }
        sent += 1;
        bytes += piece.len();
    }
    // Those that were not yet read when the last was sent.
    tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .ok();
    assert!(closed.load(Relaxed), "the gateway ends it");
    (sent, bytes)
}

#[tokio::test]
async fn a_rapid_reset_ends_its_connection_alone() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    assert_eq!(world.get("/").await.status(), 200);
    let streams = (0..100_000_u32).map(|turn| {
        let stream = 2 * turn + 1;
        let open = frame(1, 0x5, stream, &head(&world.name));
        [open, frame(3, 0, stream, &8_u32.to_be_bytes())].concat()
    });
    let (sent, _) = until_closed(&world, streams).await;
    assert!(sent < 100_000, "{sent} streams were taken");
    assert!(
        a.asked() < 10_000,
        "{} requests reached the provider",
        a.asked()
    );
    assert_eq!(world.get("/").await.status(), 200, "others are served");
}

#[tokio::test]
async fn a_head_without_end_ends_its_connection_alone() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let open = frame(1, 0, 1, &head(&world.name));
    // A field that is new each time, and one that says nothing at all.
    for more in [&b"\x00\x01x\x01y"[..], b""] {
        let more = more.to_vec();
        let endless = (0..1_000_000).map(|_| frame(9, 0, 1, &more));
        let (sent, bytes) =
            until_closed(&world, core::iter::once(open.clone()).chain(endless)).await;
        assert!(sent < 1_000_000, "{sent} frames, {bytes} bytes were taken");
        assert_eq!(world.get("/").await.status(), 200, "others are served");
    }
    assert_eq!(a.asked(), 2);
}

#[tokio::test]
async fn an_answer_that_is_cut_anywhere_is_never_taken_for_whole() {
    const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nX-Is: bad\r\nContent-Length: 11\r\n\r\nhello world";
    for cut in 0..WHOLE.len() {
        let [bad, good] = [
            Provider::start("bad", Manner::Raw(&WHOLE[..cut])).await,
            Provider::start("good", Manner::Echo).await,
        ];
        let mut preferred = zone(&[("bad", &bad)], "");
        preferred += &format!(
            "[[resource.provider]]\nid = \"good\"\npriority = 1\nurl = \"{}\"\n",
            good.url()
        );
        let world = World::new(&preferred).await;
        let mut stream = TcpStream::connect(world.address).await.expect("connected");
        let asked = format!(
            "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            world.name
        );
        stream.write_all(asked.as_bytes()).await.expect("written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8_lossy(&answer);
        let by_good = answer.contains("\"provider\":\"good\"");
        let broken_off = !answer.contains("hello world");
        assert!(by_good || broken_off, "cut at {cut}: {answer}");
        assert!(bad.asked() > 0);
        let head = WHOLE
            .windows(4)
            .position(|at| at == b"\r\n\r\n")
            .expect("a head")
            + 4;
        assert!(
            by_good || cut >= head,
            "cut at {cut} before a visitor saw any of it: {answer}"
        );
    }
}

#[tokio::test]
async fn a_record_that_changes_all_the_time_drops_nothing() {
    let [a, b] = [
        Provider::start("a", Manner::Echo).await,
        Provider::start("b", Manner::Echo).await,
    ];
    let world = Arc::new(World::new(&zone(&[("a", &a)], "")).await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut visitors = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (world, stop) = (world.clone(), stop.clone());
        visitors.spawn(async move {
            let mut answered = 0;
            while !stop.load(Relaxed) {
                let answer = world.get("/").await;
                assert_eq!(answer.status(), 200, "{}", answer.body());
                answered += 1;
            }
            answered
        });
    }
    let records = [
        zone(&[("a", &a)], ""),
        zone(&[("a", &a), ("b", &b)], ""),
        zone(&[("b", &b)], ""),
    ];
    for turn in 0..40 {
        world.publish(&records[turn % 3]);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Relaxed);
    let answered: u64 = visitors.join_all().await.into_iter().sum();
    assert!(
        answered > 40 && a.asked() > 0 && b.asked() > 0,
        "{answered}"
    );
}

#[tokio::test]
async fn of_sixty_four_dead_providers_a_few_are_tried() {
    let mut named = String::from("[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n");
    for number in 0..64 {
        // Bound and let go of: nobody listens there.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        named += &format!(
            "[[resource.provider]]\nid = \"p{number}\"\nurl = \"http://127.0.0.1:{port}\"\n"
        );
    }
    let world = World::new(&named).await;
    for _ in 0..40 {
        let answer = world.get("/").await;
        assert_eq!(answer.status(), 502);
        let said: serde_json::Value = serde_json::from_str(answer.body()).expect("JSON");
        assert_eq!(said["tried"].as_array().map(Vec::len), Some(16));
    }
}

#[tokio::test]
async fn one_record_does_not_take_the_room_of_all_names() {
    let mut named = String::from("[[resource]]\nkind = \"frontend\"\nhost = \"*\"\n");
    for number in 0..64 {
        named +=
            &format!("[[resource.provider]]\nid = \"p{number}\"\nurl = \"http://127.0.0.1:1\"\n");
    }
    let world = World::new(&named).await;
    for number in 0..40 {
        let host = format!("n{number}.{}", world.name);
        let answer = world.ask(Request::get("/").header("host", &host)).await;
        assert_eq!(answer.status(), 502);
        let ready = &world.operated().providers(None)["names"];
        let ready = ready.as_array().expect("names");
        let most = crate::site::PROVIDERS_OF_ONE_MAX / 64;
        assert_eq!(ready.len(), most.min(number + 1));
        let is_there = ready.iter().any(|one| one["name"] == host.as_str());
        assert!(is_there, "who asks is served: {host}");
    }
}
