//! Reading and publishing, status by status.

use crate::client::{Answer, Ask};
use crate::node::{Draft, Mood, World, key_id, path, verified};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tag(bytes: &[u8]) -> String {
    format!("\"{}\"", hex(&verified(bytes).digest()))
}

fn check(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (status, code),
        "{}",
        answer.text()
    );
}

async fn published(record: &[u8]) -> World {
    let world = World::new(Mood::Honest).await;
    let answer = Ask::put(&path(record), record).of(world.address()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    world
}

#[tokio::test]
async fn what_was_put_is_read_byte_for_byte() {
    let record = Draft::default().sign();
    let world = published(&record).await;
    let digits = format!("/v1/records/{}", hex(key_id(&record).as_bytes()));
    for path in [
        path(&record),
        format!("{}?fresh=true", path(&record)),
        digits,
    ] {
        let answer = Ask::get(&path).of(world.address()).await;
        assert_eq!((answer.status, &answer.body), (200, &record), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/cbor"));
        assert_eq!(answer.header("etag"), Some(tag(&record).as_str()));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("dotkey-sequence"), Some("7"));
        assert_eq!(
            answer.header("dotkey-expires"),
            Some("2026-12-18T11:06:40Z")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let effort = answer.header("dotkey-effort").expect("what it took");
        assert!(
            effort.starts_with("requests=6, answers=6, agreeing=6"),
            "{effort}"
        );
    }
}

#[tokio::test]
async fn a_client_that_has_it_gets_no_body() {
    let record = Draft::default().sign();
    let world = published(&record).await;
    let read = |method: &str| Ask::new(method, &path(&record));
    let have = read("GET")
        .header("If-None-Match", &tag(&record))
        .of(world.address())
        .await;
    assert_eq!((have.status, have.body.len()), (304, 0));
    assert_eq!(have.header("etag"), Some(tag(&record).as_str()));
    let other = read("GET")
        .header("If-None-Match", "\"00\"")
        .of(world.address())
        .await;
    assert_eq!(other.status, 200);
    let head = read("HEAD").of(world.address()).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("etag"), Some(tag(&record).as_str()));
    assert_eq!(
        head.header("content-length"),
        Some(record.len().to_string().as_str())
    );
}

#[tokio::test]
async fn a_put_says_where_the_record_is() {
    let record = Draft {
        branch: Some("blog"),
        ..Draft::default()
    }
    .sign();
    let world = World::new(Mood::Honest).await;
    let at = format!("{}?branch=blog", path(&record));
    let first = Ask::put(&at, &record)
        .header("If-None-Match", "*")
        .of(world.address())
        .await;
    assert_eq!(first.status, 201);
    assert_eq!(first.header("etag"), Some(tag(&record).as_str()));
    let expected = serde_json::json!({
        "key_id": key_id(&record).to_string(),
        "branch": "blog",
        "sequence": 7,
        "digest": hex(&verified(&record).digest()),
        "expires": "2026-12-18T11:06:40Z",
        "stored": 20,
        "of": 20,
        "refused": [],
        "took_ms": 12,
    });
    assert_eq!(first.json(), expected);
    let again = Ask::put(&at, &record).of(world.address()).await;
    assert_eq!(again.status, 200);
    // The zone itself is another place.
    check(
        &Ask::get(&path(&record)).of(world.address()).await,
        404,
        "no-record",
    );
    assert_eq!(Ask::get(&at).of(world.address()).await.body, record);
}

#[tokio::test]
async fn a_newer_record_is_shown_to_who_puts_an_older_one() {
    let (old, new) = (
        Draft::default().sign(),
        Draft {
            sequence: 8,
            ..Draft::default()
        }
        .sign(),
    );
    let world = published(&new).await;
    let answer = Ask::put(&path(&old), &old).of(world.address()).await;
    check(&answer, 409, "older");
    assert_eq!(answer.header("etag"), Some(tag(&new).as_str()));
    let current = &answer.json()["current"];
    assert_eq!(
        (&current["sequence"], &current["href"]),
        (&8.into(), &path(&new).into())
    );
    let href = current["href"].as_str().expect("a path");
    assert_eq!(Ask::get(href).of(world.address()).await.body, new);
}

#[tokio::test]
async fn conditions_compare_and_swap() {
    let [first, second, third] = [1, 2, 3].map(|sequence| {
        Draft {
            sequence,
            ..Draft::default()
        }
        .sign()
    });
    let world = World::new(Mood::Honest).await;
    let put = |record: &[u8]| Ask::put(&path(record), record);
    let replaces = |record: &[u8], old: &[u8]| put(record).header("If-Match", &tag(old));

    let nothing_there = replaces(&second, &first).of(world.address()).await;
    check(&nothing_there, 412, "condition-failed");
    assert_eq!(nothing_there.header("etag"), None);
    assert_eq!(
        put(&first)
            .header("If-None-Match", "*")
            .of(world.address())
            .await
            .status,
        201
    );
    let not_first = put(&second)
        .header("If-None-Match", "*")
        .of(world.address())
        .await;
    check(&not_first, 412, "condition-failed");
    assert_eq!(not_first.header("etag"), Some(tag(&first).as_str()));
    assert_eq!(
        replaces(&second, &first).of(world.address()).await.status,
        200
    );
    check(
        &replaces(&third, &first).of(world.address()).await,
        412,
        "condition-failed",
    );
    check(
        &replaces(&first, &second).of(world.address()).await,
        409,
        "older",
    );
    assert_eq!(
        replaces(&third, &second).of(world.address()).await.status,
        200
    );
}

#[tokio::test]
async fn a_record_that_does_not_verify_is_refused_by_its_rule() {
    let world = World::new(Mood::Honest).await;
    let good = Draft::default().sign();
    let at = path(&good);
    let mut forged = good.clone();
    *forged.last_mut().expect("a signature") ^= 1;
    let cases: [(Vec<u8>, &str); 6] = [
        (
            Draft {
                expires: 1,
                ..Draft::default()
            }
            .sign(),
            "expired",
        ),
        (
            Draft {
                not_before: 2,
                ..Draft::default()
            }
            .sign(),
            "not-yet-valid",
        ),
        (
            Draft {
                seed: 2,
                ..Draft::default()
            }
            .sign(),
            "other-record",
        ),
        (
            Draft {
                branch: Some("blog"),
                ..Draft::default()
            }
            .sign(),
            "other-record",
        ),
        (forged, "bad-signature"),
        (b"junk".to_vec(), ""),
    ];
    for (record, code) in cases {
        let answer = Ask::put(&at, &record).of(world.address()).await;
        assert_eq!(answer.status, 422, "{code}");
        assert_eq!(answer.json()["type"], "urn:dotkey:problem:invalid-record");
        assert!(answer.code().starts_with(code), "{}", answer.text());
    }
    check(&Ask::get(&at).of(world.address()).await, 404, "no-record");
}

#[tokio::test]
async fn a_record_put_to_a_branch_that_is_not_its_own_reads_which_was_meant() {
    let record = Draft::default().sign();
    let world = World::new(Mood::Honest).await;
    let at = format!("{}?branch=blog", path(&record));
    let answer = Ask::put(&at, &record).of(world.address()).await;
    check(&answer, 422, "other-record");
    let detail = answer.json()["detail"].to_string();
    assert!(detail.contains("branch `blog`"), "{detail}");
}

#[tokio::test]
async fn an_expired_record_is_not_taken() {
    let record = Draft::default().sign();
    let world = World::with(Mood::Honest, |config| {
        config.clock = || crate::node::now().saturating_add(40 * 86_400);
    });
    let world = world.await;
    let answer = Ask::put(&path(&record), &record).of(world.address()).await;
    check(&answer, 422, "expired");
}

#[tokio::test]
async fn requests_that_are_not_understood_say_why() {
    let world = World::new(Mood::Honest).await;
    let record = Draft::default().sign();
    let at = path(&record);
    let label = key_id(&record).to_string();
    let mistyped = format!(
        "/v1/records/{}",
        label.replacen(|_| true, if label.starts_with('y') { "b" } else { "y" }, 1)
    );
    let long = vec![0; 65_537];
    let get = |path: &str| Ask::get(path);
    let put = || Ask::new("PUT", &at);
    let cases = [
        (get("/v1/records/alice.key"), 400, "bad-key-id"),
        (get("/v1/records/%ff"), 400, "bad-key-id"),
        (get(&mistyped), 400, "bad-key-id"),
        (get(&format!("{at}?branch=Blog")), 400, "bad-parameter"),
        (get(&format!("{at}?fresh=yes")), 400, "bad-parameter"),
        (get(&format!("{at}?frehs=true")), 400, "bad-parameter"),
        (
            get(&at).header("Accept", "text/html"),
            406,
            "not-acceptable",
        ),
        (get("/v1/status?x=1"), 400, "bad-parameter"),
        (get("/v1/nothing"), 404, "no-such-path"),
        (get("/"), 404, "no-such-path"),
        (
            Ask::put(&at, &record).header("If-Match", "*"),
            400,
            "bad-condition",
        ),
        (
            Ask::put(&at, &record).header("Accept", "text/html"),
            406,
            "not-acceptable",
        ),
        (
            Ask::put(&format!("{at}?fresh=true"), &record),
            400,
            "bad-parameter",
        ),
        (
            Ask::put(&at, &record).header("Content-Encoding", "gzip"),
            415,
            "wrong-type",
        ),
        (put().body(&record), 415, "wrong-type"),
        (
            put().header("Content-Type", "text/plain").body(&record),
            415,
            "wrong-type",
        ),
        (Ask::put(&at, &long), 413, "too-large"),
    ];
    for (ask, status, code) in cases {
        let answer = ask.of(world.address()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{ask:?}"
        );
    }
}

#[tokio::test]
async fn other_methods_are_told_which_there_are() {
    let world = World::new(Mood::Honest).await;
    let at = path(&Draft::default().sign());
    for (method, path, allowed) in [
        ("DELETE", at.as_str(), &["GET", "HEAD", "PUT"][..]),
        ("POST", "/v1/status", &["GET", "HEAD"]),
        ("TRACE", "/metrics", &["GET", "HEAD"]),
        ("GET", "/v1/backups", &["POST"]),
        ("OPTIONS", "/v1/events", &["GET", "HEAD"]),
    ] {
        let answer = Ask::new(method, path).of(world.address()).await;
        check(&answer, 405, "method-not-allowed");
        let mut allow: Vec<&str> = answer.header("allow").expect("Allow").split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow, allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn a_record_of_64_kib_fits_and_a_byte_more_does_not() {
    let world = World::new(Mood::Honest).await;
    let most = Draft::default().sign_to_size(65_536);
    assert_eq!(
        Ask::put(&path(&most), &most)
            .of(world.address())
            .await
            .status,
        200
    );
    assert_eq!(Ask::get(&path(&most)).of(world.address()).await.body, most);

    let chunked = |bytes: usize| {
        let ask = Ask::new("PUT", &path(&most))
            .header("Content-Type", "application/cbor")
            .header("Transfer-Encoding", "chunked");
        let mut text = ask.bytes();
        text.extend(format!("{bytes:x}\r\n").as_bytes());
        text.extend(&most[..bytes.min(most.len())]);
        text.extend(vec![0; bytes - bytes.min(most.len())]);
        text.extend(b"\r\n0\r\n\r\n");
        text
    };
    for (bytes, expected) in [(65_536, "200"), (65_537, "413")] {
        let mut stream = tokio::net::TcpStream::connect(world.address())
            .await
            .expect("it listens");
        let sent = chunked(bytes);
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, &sent).await;
        let seen = crate::client::read_until(&mut stream, "\r\n\r\n").await;
        assert!(
            seen.contains(&format!("HTTP/1.1 {expected}")),
            "{bytes}: {seen}"
        );
    }
}

#[tokio::test]
async fn a_node_in_trouble_says_so() {
    let record = Draft::default().sign();
    let (get, put) = (Ask::get(&path(&record)), Ask::put(&path(&record), &record));
    for (mood, ask, status, code) in [
        (Mood::FewNodes, &put, 503, "too-few-nodes"),
        (Mood::Busy, &get, 503, "overloaded"),
        (Mood::Silent, &get, 504, "timed-out"),
        (Mood::Silent, &put, 504, "timed-out"),
        (Mood::Stopped, &get, 503, "stopping"),
    ] {
        let world = World::with(mood, |config| {
            config.limits.node_wait = std::time::Duration::from_millis(50);
        });
        let world = world.await;
        let answer = ask.of(world.address()).await;
        check(&answer, status, code);
        assert_eq!(
            answer.header("retry-after").is_some(),
            status == 503,
            "{mood:?}"
        );
        if mood == Mood::FewNodes {
            let json = answer.json();
            assert_eq!((&json["stored"], &json["of"]), (&6.into(), &20.into()));
            assert_eq!(
                json["refused"],
                serde_json::json!([{ "reason": "full", "nodes": 2 }])
            );
        }
    }
}

#[tokio::test]
async fn a_put_tells_how_it_goes_to_who_asks() {
    let (old, new) = (
        Draft::default().sign(),
        Draft {
            sequence: 8,
            ..Draft::default()
        }
        .sign(),
    );
    let world = World::new(Mood::Honest).await;
    let watch =
        |record: &[u8]| Ask::put(&path(record), record).header("Accept", "text/event-stream");
    let answer = watch(&new).of(world.address()).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/event-stream"))
    );
    let text = answer.text();
    let (progress, done) = (text.find("event: progress"), text.find("event: done"));
    assert!(progress.is_some() && progress < done, "{text}");
    assert!(text.contains(r#"data: {"of":20,"stored":20}"#), "{text}");
    assert!(
        text.contains(r#""sequence":8"#) && text.contains(r#""took_ms":12"#),
        "{text}"
    );

    let text = watch(&old).of(world.address()).await.text();
    assert!(
        text.contains("event: problem") && text.contains("urn:dotkey:problem:older"),
        "{text}"
    );
    // What is wrong with the request itself is no stream.
    check(
        &watch(&old)
            .header("If-Match", "x")
            .of(world.address())
            .await,
        400,
        "bad-condition",
    );
}
