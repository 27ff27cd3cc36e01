//! Ways in: hosts, paths, bridges, linked domains; HTTP/1.1, HTTP/2, and protocols that take a connection over.

use core::future::poll_fn;
use core::pin::pin;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::provider::{Manner, Provider, zone};
use super::world::{World, read};

fn key(world: &World) -> String {
    world.name.strip_suffix(".key").expect("a name").to_owned()
}

#[tokio::test]
async fn every_way_leads_to_the_name() {
    let a = Provider::start("a", Manner::Echo).await;
    let mut named = zone(&[("a", &a)], "");
    named += &zone(&[("shop", &a)], "host = \"shop\"");
    named += &zone(&[("api", &a)], "path = \"/api\"");
    let world = World::new(&named).await;
    let key = key(&world);
    let ask = async |host: &str, path: &str| {
        let answer = world.ask(Request::get(path).header("host", host)).await;
        let said: Value = serde_json::from_str(answer.body()).unwrap_or_default();
        let uri = said["uri"].as_str().unwrap_or_default().to_owned();
        let host = said["headers"]["host"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        (answer.status().as_u16(), host, uri)
    };
    let name = world.name.clone();
    let shop = format!("shop.{name}");
    let check = |found: (u16, String, String), host: &str, uri: &str| {
        assert_eq!(found, (200, host.to_owned(), uri.to_owned()));
    };
    check(ask(&name.to_uppercase(), "/x?y").await, &name, "/x?y");
    check(ask(&format!("{name}:8080"), "/").await, &name, "/");
    check(
        ask(&format!("{key}.key.example.net"), "/x").await,
        &name,
        "/x",
    );
    check(ask("widgets.acme.example", "/x").await, &name, "/x");
    check(
        ask("widgets.acme.example", "/@shop/x/y").await,
        &shop,
        "/x/y",
    );
    check(
        ask("127.0.0.1:8080", &format!("/@{key}/shop/x/y?z")).await,
        &shop,
        "/x/y?z",
    );
    check(ask(&shop, "/").await, &shop, "/");
    assert_eq!(ask("other.example", "/").await.0, 404);
    assert_eq!(ask("127.0.0.1", "/").await.0, 404);
    assert_eq!(ask("nobody.key", "/").await.0, 502, "no ledger is followed");
    assert_eq!(ask(&format!("none.{name}"), "/").await.0, 404);
}

#[tokio::test]
async fn names_in_paths_keep_to_their_place() {
    let headers: HeaderMap = [
        ("x-status", "302"),
        ("location", "/login"),
        ("set-cookie", "session=1; Path=/; Secure"),
    ]
    .into_iter()
    .map(|(name, value)| {
        (
            name.parse().expect("a name"),
            value.parse().expect("a value"),
        )
    })
    .collect();
    let headers: HeaderMap = headers;
    let a = Provider::start("a", Manner::Headers(headers)).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let place = format!("/@{}", key(&world));
    let answer = world
        .ask(Request::get(&place).header("host", "127.0.0.1"))
        .await;
    assert_eq!(answer.status(), 308, "{}", answer.body());
    assert_eq!(answer.headers()["location"], format!("{place}/"));
    let answer = world
        .ask(Request::get(format!("{place}/")).header("host", "127.0.0.1"))
        .await;
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], format!("{place}/login"));
    assert_eq!(
        answer.headers()["set-cookie"],
        format!("session=1; Secure; Path={place}/")
    );
}

#[tokio::test]
async fn the_pages_of_a_scope_link_to_each_other() {
    let a = Provider::start("a", Manner::Echo).await;
    let named = zone(&[("a", &a)], "") + &zone(&[("b", &a)], "host = \"shop\"");
    let world = World::new(&named).await;
    let place = format!("/@{}", key(&world));
    // `who` is no name of the record, `style.css` can be none, and `shop` is one.
    for (path, uri, prefix) in [
        ("/who", "/who", ""),
        ("/who/is?it", "/who/is?it", ""),
        ("/style.css", "/style.css", ""),
        ("/shop/a", "/a", "/shop"),
    ] {
        let request = Request::get(format!("{place}{path}")).header("host", "127.0.0.1");
        let answer = world.ask(request).await;
        assert_eq!(answer.status(), 200, "{path}: {}", answer.body());
        let said: serde_json::Value = serde_json::from_str(answer.body()).expect("JSON");
        assert_eq!(said["uri"], uri);
        let told = format!("{place}{prefix}");
        assert_eq!(said["headers"]["x-forwarded-prefix"], told);
    }
    // A page of another host could read what is served to this machine alone; on a name's own host it is a path of that name.
    for (host, status) in [
        ("localhost", 200),
        ("key.example.net", 200),
        ("stranger.example", 421),
        (&*world.name, 200),
    ] {
        let request = Request::get(format!("{place}/shop/a")).header("host", host);
        let answer = world.ask(request).await;
        assert_eq!(answer.status(), status, "{host}: {}", answer.body());
        let is_path = answer
            .body()
            .contains(&format!("\"uri\":\"{place}/shop/a\""));
        assert_eq!(is_path, host == world.name, "{host}: {}", answer.body());
    }
}

#[tokio::test]
async fn http2_comes_in_and_goes_out() {
    let a = Provider::start("a", Manner::Echo).await;
    let zone = zone(&[("a", &a)], "") + "protocol = \"http/2\"\n";
    let world = World::new(&zone).await;
    let mut sender = world.connect_http2().await;
    let asked = (0..50).map(|number| {
        let uri = format!("http://{}/{number}", world.name);
        sender.send_request(
            Request::get(uri)
                .body(Default::default())
                .expect("a request"),
        )
    });
    let answers = futures_util::future::join_all(asked).await;
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = read(answer.expect("an answer")).await;
        let said: Value = serde_json::from_str(answer.body()).expect("JSON");
        assert_eq!(said["version"], "HTTP/2.0");
        assert_eq!(said["uri"], format!("http://{}/{number}", world.name));
    }
}

/// A connection that went over to another protocol, asked for by this `Connection` field.
async fn go_over(world: &World, connection: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.expect("connected");
    let host = &world.name;
    let opening = format!(
        "GET /chat HTTP/1.1\r\nHost: {host}\r\nConnection: {connection}\r\nUpgrade: echo\r\n\r\n"
    );
    stream.write_all(opening.as_bytes()).await.expect("written");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

#[tokio::test]
async fn a_protocol_takes_the_connection_over() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let mut stream = go_over(&world, "keep-alive, Upgrade").await;
    for message in [&b"hello"[..], b"again"] {
        stream.write_all(message).await.expect("written");
        let mut echoed = vec![0; message.len()];
        stream.read_exact(&mut echoed).await.expect("an echo");
        assert_eq!(echoed, message);
    }
    // It has a place at its provider for as long as it is there.
    assert_eq!(world.thinks("a")["taken_over"], 1);
    drop(stream);
    while world.thinks("a")["taken_over"] != 0 {
        tokio::time::sleep(core::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_head_has_no_body_and_keeps_its_length() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let mut sender = world.connect().await;
    for _ in 0..3 {
        let request = Request::head("/")
            .header("host", &world.name)
            .body(Default::default());
        let answer = sender
            .send_request(request.expect("a request"))
            .await
            .expect("an answer");
        assert!(answer.headers().contains_key("content-length"));
        assert!(
            answer
                .into_body()
                .collect()
                .await
                .expect("nothing")
                .to_bytes()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn what_a_gateway_would_do_is_explained() {
    let [a, b] = [
        Provider::start("a", Manner::Echo).await,
        Provider::start("b", Manner::Echo).await,
    ];
    let world = World::new(&zone(&[("a", &a), ("b", &b)], "")).await;
    let way = world
        .operated()
        .route(&world.name, "/x")
        .await
        .expect("a way");
    assert_eq!(way["record"]["sequence"], 1);
    assert_eq!(
        way["resource"]["providers"].as_array().map(Vec::len),
        Some(2)
    );
    assert!(
        way["resource"]["providers"][0]["why"]
            .as_str()
            .is_some_and(|why| !why.is_empty())
    );
    let error = world
        .operated()
        .route("nobody.key", "/")
        .await
        .expect_err("no ledger");
    assert!(error.contains("give the resolver the genesis"), "{error}");
}

#[tokio::test]
async fn a_protocol_takes_a_connection_over_through_tls_too() {
    let a = Provider::start_tls("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let _stream = go_over(&world, "Upgrade").await;
    assert_eq!(world.thinks("a")["pending"], 0);
}

#[tokio::test]
async fn a_visitor_that_goes_away_while_it_waits_leaves_nothing_pending() {
    let a = Provider::start("a", Manner::Silent).await;
    let b = Provider::start("b", Manner::Silent).await;
    let policy = "[resource.policy]\nhedge = { after = \"10ms\", percent = 100 }";
    let world = World::new(&zone(&[("a", &a), ("b", &b)], policy)).await;
    let host = &world.name;
    for fields in ["", "Connection: Upgrade\r\nUpgrade: silence\r\n"] {
        let asked = a.asked() + b.asked();
        let mut stream = TcpStream::connect(world.address).await.expect("connected");
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).await.expect("written");
        while a.asked() + b.asked() == asked {
            tokio::time::sleep(core::time::Duration::from_millis(5)).await;
        }
        drop(stream);
        while world.thinks("a")["pending"] != 0 || world.thinks("b")["pending"] != 0 {
            tokio::time::sleep(core::time::Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn a_request_with_a_body_goes_over_to_nothing() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let opening = |request: http::request::Builder| {
        let request = request.header("connection", "Upgrade");
        request.header("upgrade", "websocket")
    };
    // RFC 9110 section 7.8: its body would come first, and the provider may be told of no other protocol then.
    for method in ["POST", "GET"] {
        let request = opening(Request::builder().method(method).uri("/"));
        let answer = world.send(request, "a body").await;
        assert_eq!(answer.status(), 200, "{method}: {}", answer.body());
        let said: Value = serde_json::from_str(answer.body()).expect("JSON");
        assert_eq!(said["body"], "a body");
        assert_eq!(said["headers"]["upgrade"], Value::Null);
        assert_eq!(said["headers"]["connection"], Value::Null);
    }
    let answer = world.ask(opening(Request::post("/"))).await;
    assert_eq!(answer.status(), 101, "it is the body that forbids it");
    let request = opening(Request::get("/")).version(http::Version::HTTP_10);
    assert_eq!(world.ask(request).await.status(), 200, "nor in HTTP/1.0");
}

#[tokio::test]
async fn a_connection_that_was_taken_over_keeps_its_place() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let open = |world: &World, expected: u32| {
        let expected = format!("dotkey_gateway_connections {expected}\n");
        world.operated().metrics(false).contains(&expected)
    };
    let mut stream = TcpStream::connect(world.address).await.expect("connected");
    let host = &world.name;
    let opening =
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    stream.write_all(opening.as_bytes()).await.expect("written");
    stream.write_all(b"hello").await.expect("written");
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\nhello") {
        heard.push(stream.read_u8().await.expect("an echo"));
    }
    assert!(open(&world, 1), "it is bounded as others are");
    drop(stream);
    while !open(&world, 0) {
        tokio::time::sleep(core::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn http2_is_told_that_it_cannot_take_a_stream_over() {
    let a = Provider::start("a", Manner::Echo).await;
    let world = World::new(&zone(&[("a", &a)], "")).await;
    let stream = TcpStream::connect(world.address).await.expect("connected");
    let (mut sender, mut connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    let uri = format!("http://{}/chat", world.name);
    let request = Request::get(&uri).body(Full::<Bytes>::default());
    let mut answer = pin!(sender.send_request(request.expect("a request")));
    let answer = poll_fn(|cx| {
        let _ = connection.poll_unpin(cx);
        answer.as_mut().poll(cx)
    });
    assert_eq!(answer.await.expect("an answer").status(), 200);
    // RFC 8441 section 3: who reads this opens a connection of HTTP/1.1 for a WebSocket.
    assert!(!connection.is_extended_connect_protocol_enabled());
    tokio::spawn(connection);
    let mut connect = Request::connect(&uri)
        .body(Full::default())
        .expect("a request");
    connect
        .extensions_mut()
        .insert(hyper::ext::Protocol::from_static("websocket"));
    assert!(
        sender.send_request(connect).await.is_err(),
        "nor does a client send it"
    );
    let connect = Request::connect(&world.name).body(Full::default());
    let answer = sender.send_request(connect.expect("a request")).await;
    assert_eq!(answer.expect("an answer").status(), 405);
    assert_eq!(a.asked(), 1);
}
