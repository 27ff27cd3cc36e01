//! What web pages may do, and what only who runs the node may.

use dotkey_registry::api::Token;

use crate::client::Ask;
use crate::node::{Draft, Mood, World, path};

#[tokio::test]
async fn pages_read_and_do_not_write() {
    let world = World::new(Mood::Honest).await;
    let record = Draft::default().sign();
    let at = path(&record);
    let page = |ask: Ask| ask.header("Origin", "http://page.example");
    let refused = page(Ask::put(&at, &record)).of(world.address()).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "cross-origin")
    );
    assert_eq!(refused.header("access-control-allow-origin"), None);
    Ask::put(&at, &record).of(world.address()).await;

    let read = page(Ask::get(&at)).of(world.address()).await;
    assert_eq!(
        (read.status, read.header("access-control-allow-origin")),
        (200, Some("*"))
    );
    let shown = read.header("access-control-expose-headers").expect("names");
    assert!(
        shown.contains("etag") && shown.contains("dotkey-sequence"),
        "{shown}"
    );
    let absent = path(
        &Draft {
            seed: 2,
            ..Draft::default()
        }
        .sign(),
    );
    let absent = page(Ask::get(&absent)).of(world.address()).await;
    assert_eq!(
        (absent.status, absent.header("access-control-allow-origin")),
        (404, Some("*"))
    );
    // What tells about this machine is not for pages.
    let status = page(Ask::get("/v1/status")).of(world.address()).await;
    assert_eq!(
        (status.status, status.header("access-control-allow-origin")),
        (200, None)
    );
}

#[tokio::test]
async fn a_preflight_allows_reads_alone() {
    let world = World::new(Mood::Honest).await;
    let preflight = |path: &str, method: &str| {
        Ask::new("OPTIONS", path)
            .header("Origin", "http://page.example")
            .header("Access-Control-Request-Method", method)
    };
    let at = path(&Draft::default().sign());
    for method in ["GET", "PUT"] {
        let answer = preflight(&at, method).of(world.address()).await;
        assert_eq!(answer.status, 204);
        assert_eq!(
            answer.header("access-control-allow-methods"),
            Some("GET, HEAD")
        );
    }
    for closed in ["/v1/backups", "/v1/status", "/metrics"] {
        let answer = preflight(closed, "POST").of(world.address()).await;
        assert_eq!(
            answer.header("access-control-allow-origin"),
            None,
            "{closed}"
        );
        assert!(answer.status >= 400, "{closed}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_name_that_is_not_this_nodes_is_refused() {
    let world = World::with(Mood::Honest, |config| {
        config.hosts = vec!["node.example".into()]
    })
    .await;
    let record = Draft::default().sign();
    for (host, status) in [
        ("rebound.example", 421),
        ("node.example:5380", 200),
        ("localhost", 200),
    ] {
        let put = Ask::put(&path(&record), &record).header("Host", host);
        assert_eq!(
            put.of(world.address()).await.status,
            status,
            "PUT at {host}"
        );
        let metrics = Ask::get("/metrics").header("Host", host);
        assert_eq!(
            metrics.of(world.address()).await.status,
            status,
            "metrics at {host}"
        );
        // Records are for everyone, whatever leads here.
        let get = Ask::get(&path(&record)).header("Host", host);
        assert_ne!(get.of(world.address()).await.status, 421, "GET at {host}");
    }
}

#[tokio::test]
async fn a_backup_takes_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let token = Token::load_or_make(folder.path()).expect("a token");
    let bearer = token.bearer();
    let world = World::with(Mood::Honest, |config| config.token = Some(token)).await;
    let to = folder.path().join("copy");
    let wanted = serde_json::json!({ "to": to }).to_string();
    let ask = |body: &str| {
        Ask::new("POST", "/v1/backups")
            .header("Content-Type", "application/json")
            .body(body.as_bytes())
    };
    for given in [None, Some("Bearer 00"), Some("Basic Og=="), Some("")] {
        let ask = given.map_or(ask(&wanted), |given| {
            ask(&wanted).header("Authorization", given)
        });
        let answer = ask.of(world.address()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "unauthorized"),
            "{given:?}"
        );
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    assert!(!to.exists());
    let with = |body: &str| ask(body).header("Authorization", &bearer);
    for (body, code) in [
        (r#"{"to": "relative"}"#, "bad-body"),
        (r#"{"to": 1}"#, "bad-body"),
        (r#"{"to": "/a", "more": 1}"#, "bad-body"),
        ("", "bad-body"),
    ] {
        let answer = with(body).of(world.address()).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, code),
            "{body}"
        );
    }
    let made = with(&wanted).of(world.address()).await;
    assert_eq!((made.status, made.json()["bytes"].as_u64()), (201, Some(0)));
    assert!(to.is_dir());
    let again = with(&wanted).of(world.address()).await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (409, "folder-exists")
    );
    // The token alone does not make a page welcome.
    let page = with(&wanted)
        .header("Origin", "http://page.example")
        .of(world.address())
        .await;
    assert_eq!((page.status, page.code().as_str()), (403, "cross-origin"));
}

#[tokio::test]
async fn without_a_token_the_path_is_closed() {
    let world = World::new(Mood::Honest).await;
    let ask = Ask::new("POST", "/v1/backups")
        .header("Authorization", "Bearer ")
        .body(b"{}");
    assert_eq!(ask.of(world.address()).await.status, 401);
}
