//! Visitors and providers that mean harm, or do not know better.

use core::time::Duration;

use http::Request;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::provider::{Manner, Provider, zone};
use super::world::World;

/// Sends bytes and reads all that comes until the gateway closes, or is silent for a moment after it began to speak.
async fn send(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(world.address).await.expect("connected");
    stream.write_all(bytes).await.expect("written");
    let mut answer = Vec::new();
    loop {
        let silence = match answer.is_empty() {
            true => Duration::from_secs(30),
            false => Duration::from_millis(400),
        };
        let read = tokio::time::timeout(silence, stream.read_buf(&mut answer)).await;
        if !matches!(read, Ok(Ok(1..))) {
            return String::from_utf8_lossy(&answer).into_owned();
        }
    }
}

/// Sends each head with the name in the place of `HOST`: it is refused with one of these statuses and reaches no provider.
async fn refused(statuses: &[&str], heads: &[String]) {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    for head in heads {
        let answer = send(&world, head.replace("HOST", &world.name).as_bytes()).await;
        let status = answer.split(' ').nth(1).unwrap_or("none");
        assert!(statuses.contains(&status), "{head:?}: {answer}");
        assert_eq!(a.asked(), 0, "{head:?} reached the provider");
    }
    assert_eq!(world.get("/").await.status(), 200, "others are served");
}

#[tokio::test]
async fn what_two_servers_could_read_differently_is_refused() {
    let bodies = [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "Content-Length: 5, 6\r\n\r\nhello!",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: 0x5\r\n\r\nhello",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ];
    let posts = bodies.map(|body| format!("POST / HTTP/1.1\r\nHost: HOST\r\n{body}"));
    refused(&["400"], &posts).await;
    let gets = [
        "GET / HTTP/1.1\r\nHost: HOST\r\n Folded: yes\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: HOST\r\nHost: other.key\r\n\r\n",
        "GET http://other.key/ HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: HOST\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@HOST\r\n\r\n",
    ];
    refused(&["400"], &gets.map(str::to_owned)).await;
}

#[tokio::test]
async fn what_no_gateway_carries_is_refused() {
    let methods = [
        "CONNECT HOST:443 HTTP/1.1\r\nHost: HOST:443\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ];
    refused(&["405"], &methods.map(str::to_owned)).await;
    let fields: String = (0..200).map(|one| format!("X-{one}: 1\r\n")).collect();
    let path = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: HOST\r\n\r\n", "a".repeat(bytes));
    let floods = [
        format!("GET / HTTP/1.1\r\nHost: HOST\r\n{fields}\r\n"),
        path(20_000),
        path(100_000),
    ];
    refused(&["400", "414", "431"], &floods).await;
}

#[tokio::test]
async fn of_two_lengths_the_coding_counts_and_nothing_follows() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let coding = "Transfer-Encoding: chunked";
    for (first, second) in [("Content-Length: 5", coding), (coding, "Content-Length: 5")] {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\n{first}\r\n{second}\r\n\r\n",
            world.name
        );
        let hidden = format!(
            "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: {}\r\n\r\n",
            world.name
        );
        let before = a.asked();
        let answer = send(&world, format!("{head}{hidden}").as_bytes()).await;
        assert!(answer.contains(r#""body":"""#), "{answer}");
        assert!(
            answer.to_lowercase().contains("connection: close"),
            "{answer}"
        );
        assert!(!answer.contains("hidden"), "{answer}");
        assert_eq!(a.asked(), before + 1);
    }
}

#[tokio::test]
async fn a_chunked_body_is_framed_anew() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        world.name
    );
    let answer = send(
        &world,
        format!("{head}5;ext=1\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n").as_bytes(),
    )
    .await;
    assert!(answer.contains(r#""body":"hello""#), "{answer}");
    // A GET may have one too, and so may a request whose trace is named as its connection's own.
    let get = head.replace("POST", "GET");
    let get = get.replace("Connection: close", "Connection: close, traceparent");
    let answer = send(&world, format!("{get}5\r\nhello\r\n0\r\n\r\n").as_bytes()).await;
    assert!(answer.contains(r#""body":"hello""#), "{answer}");
    assert!(answer.contains(r#""traceparent":"00-"#), "{answer}");
    // A chunk size that overflows, and one that is none.
    for chunk in [
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "-1\r\nhello\r\n0\r\n\r\n",
    ] {
        let answer = send(&world, format!("{head}{chunk}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{chunk}: {answer}");
    }
    let thought = world.thinks("a");
    assert_eq!(
        thought["failures"], 0,
        "the provider is not blamed: {thought}"
    );
}

#[tokio::test]
async fn a_visitor_who_sends_slowly_is_no_fault_of_the_provider() {
    let a = Provider::start("a", Manner::Echo).await;
    let policy = "[resource.policy]\ntimeouts = { first-byte = \"200ms\" }";
    let world = World::new(&zone(&[("a", &a)], policy)).await;
    let mut stream = TcpStream::connect(world.address).await.expect("connected");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 10\r\nConnection: close\r\n\r\n",
        world.name
    );
    stream.write_all(head.as_bytes()).await.expect("written");
    for byte in b"slow bytes" {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stream.write_all(&[*byte]).await.expect("written");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("read");
    assert!(answer.contains(r#""body":"slow bytes""#), "{answer}");
    let name = world.name.clone();
    // Once it is sent, the clock runs.
    a.be(Manner::Silent);
    let answer = send(&world, format!("{head}slow bytes").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert_eq!(world.thinks("a")["failures"], 1);
    // The whole has its time, whoever takes it, and the provider is not blamed for a visitor.
    let b = Provider::start("b", Manner::Echo).await;
    let policy = "[resource.policy]\ntimeouts = { whole = \"200ms\" }";
    let world = World::new(&zone(&[("b", &b)], policy)).await;
    let head = head.replace(&name, &world.name);
    let answer = send(&world, format!("{head}slow").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.contains("timeouts.whole"), "{answer}");
    assert_eq!(world.thinks("b")["failures"], 0);
}

#[tokio::test]
async fn a_provider_that_speaks_no_http_is_passed_over() {
    for raw in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 999999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"",
        b"HTTP/1.1 200",
    ] {
        let [bad, good] = [
            Provider::start("bad", Manner::Raw(raw)).await,
            Provider::start("good", Manner::Echo).await,
        ];
        let world = World::new(&zone(&[("bad", &bad), ("good", &good)], "")).await;
        for _ in 0..10 {
            let answer = world.get("/").await;
            assert_eq!(answer.status(), 200, "{raw:?}: {}", answer.body());
            assert!(answer.body().contains("good"));
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_passed_off_as_whole() {
    let a = Provider::start(
        "a",
        Manner::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
    )
    .await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let asked = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", world.name);
    let answer = send(&world, asked.as_bytes()).await;
    let whole = answer
        .split_once("\r\n\r\n")
        .is_some_and(|(_, body)| body.len() == 100);
    assert!(!whole && !answer.contains("chunked"), "{answer}");
}

#[tokio::test]
async fn an_old_providers_answer_is_ours_in_version() {
    let old = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let a = Provider::start("a", Manner::Raw(old)).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let asked = format!(
        "GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        world.name
    );
    let answer = send(&world, asked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_request_that_goes_in_circles_ends() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    // The record leads back to the gateway.
    let circle = format!(
        "[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n[[resource.provider]]\nid = \"me\"\nurl = \"http://{}\"\n",
        world.address
    );
    let second = World::new(&circle).await;
    let round = format!(
        "[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n[[resource.provider]]\nid = \"me\"\nurl = \"http://{}\"\n",
        second.address
    );
    second.publish(&round);
    let begun = std::time::Instant::now();
    loop {
        let answer = second.ask(Request::get("/")).await;
        if answer.status() == 508 {
            break;
        }
        assert!(
            begun.elapsed().as_secs() < 20,
            "{} {}",
            answer.status(),
            answer.body()
        );
        tokio::time::sleep(core::time::Duration::from_millis(100)).await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_gets_an_answer_or_an_end(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        static RUNTIME: std::sync::OnceLock<(tokio::runtime::Runtime, World)> = std::sync::OnceLock::new();
        let (runtime, world) = RUNTIME.get_or_init(|| {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let world = runtime.block_on(async {
                let a = Provider::start("a", Manner::Echo).await;
                let zone = zone(&[("a", &a)], "");
                std::mem::forget(a);
                World::new(&zone).await
            });
            (runtime, world)
        });
        runtime.block_on(async {
            let mut stream = TcpStream::connect(world.address).await.expect("connected");
            stream.write_all(&bytes).await.ok();
            stream.shutdown().await.ok();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.ok();
            assert_eq!(world.get("/").await.status(), 200);
        });
    }
}
