//! A resolver beside the node, or by itself: who may see what it keeps, and who may not.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dotkey_registry::api::{
    ApiConfig, Beside, BesideGateway, BesideResolver, Server, Token, Way, serve_gateway,
    serve_resolver,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::client::{Answer, Ask};
use crate::node::{Mood, World, now};

/// A resolver that keeps one answer, and counts how often it let go.
#[derive(Default)]
pub(crate) struct Double {
    flushed: AtomicUsize,
}

impl Beside for Double {
    fn word(&self) -> &'static str {
        "resolver"
    }

    fn metrics(&self, _names: bool) -> String {
        "# HELP dotkey_resolver_queries Queries.\n# TYPE dotkey_resolver_queries counter\n\
         dotkey_resolver_queries_total{transport=\"udp\"} 7\n# EOF\n"
            .to_owned()
    }

    fn reasons(&self) -> Vec<String> {
        match self.flushed.load(Ordering::SeqCst) {
            0 => Vec::new(),
            _ => vec!["it was flushed".to_owned()],
        }
    }
}

impl BesideResolver for Double {
    fn status(&self) -> Value {
        json!({
            "suffix": "key",
            "listening": {"dns": "127.0.0.1:5300", "dot": null, "doq": null, "doh": null},
            "uptime_seconds": 1,
            "queries": 7,
            "connections": 0,
            "cache": partitions(),
            "ordinary_names": false,
            "query_log": false,
            "last_reload": null,
            "warnings": [],
        })
    }

    fn kept(&self, name: Option<&str>) -> Result<Value, String> {
        let name = known(name)?;
        let answer = json!({"name": name, "type": "A", "dnssec": false, "partition": "ours", "rcode": "NOERROR", "verified": true, "extended_error": null, "seconds_left": 9, "bytes": 90});
        Ok(json!({"partitions": partitions(), "found": 1, "answers": [answer]}))
    }

    fn flush(&self, name: Option<&str>) -> Result<Value, String> {
        known(name)?;
        self.flushed.fetch_add(1, Ordering::SeqCst);
        Ok(json!({"flushed": 1}))
    }
}

/// A gateway that has one name ready.
pub(crate) struct DoubleGateway;

impl Beside for DoubleGateway {
    fn word(&self) -> &'static str {
        "gateway"
    }

    fn metrics(&self, names: bool) -> String {
        let page = "# HELP dotkey_gateway_connections Connections.\n# TYPE dotkey_gateway_connections gauge\n\
         dotkey_gateway_connections 3\n";
        match names {
            true => format!("{page}dotkey_gateway_of_names{{name=\"site.key\"}} 1\n"),
            false => page.to_owned(),
        }
    }

    fn reasons(&self) -> Vec<String> {
        vec!["its log cannot be written".to_owned()]
    }
}

impl BesideGateway for DoubleGateway {
    fn providers(&self, name: Option<&str>) -> Value {
        let is_wanted = name.is_none_or(|name| name == "site.key");
        let ready = json!({"name": "site.key", "sequence": 1, "resources": []});
        json!({"names": if is_wanted { vec![ready] } else { Vec::new() }})
    }

    fn route<'a>(&'a self, url: &'a str) -> Way<'a> {
        Box::pin(async move {
            match url.contains("site.key") {
                true => {
                    Ok(json!({"name": "site.key", "path": "/", "record": {}, "resource": null}))
                }
                false => Err("it is no name".to_owned()),
            }
        })
    }
}

fn partitions() -> Value {
    let partition = json!({"answers": 1, "bytes": 400, "bytes_max": 1000, "evicted": 0});
    json!({"ours": partition, "ordinary": partition})
}

fn known(name: Option<&str>) -> Result<&str, String> {
    let name = name.unwrap_or("site.key.");
    match name.is_ascii() && !name.contains("..") {
        true => Ok(name),
        false => Err("it is no name".to_owned()),
    }
}

/// A token as a data folder has it.
pub(crate) fn token() -> Token {
    let folder = tempfile::tempdir().expect("a folder");
    Token::load_or_make(folder.path()).expect("made")
}

async fn alone(resolver: &Arc<Double>, token: &Token) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let mut config = ApiConfig::new(now);
    config.token = Some(token.clone());
    let resolver = Arc::clone(resolver) as Arc<dyn BesideResolver>;
    serve_resolver(listener, &resolver, config).expect("it serves")
}

/// All that is behind the token, with what is asked there.
const CLOSED: [(&str, &str); 2] = [
    ("GET", "/v1/resolver/cache"),
    ("POST", "/v1/resolver/cache/flush"),
];

async fn of(ask: Ask, at: SocketAddr) -> Answer {
    ask.of(at).await
}

#[tokio::test]
async fn with_a_node_and_without_it_is_looked_after_by_the_same_paths() {
    let (resolver, token) = (Arc::new(Double::default()), token());
    let lone = alone(&resolver, &token).await;
    let world = World::with(Mood::Honest, |config| {
        config.token = Some(token.clone());
        config.resolver = Some(Arc::<Double>::default());
    })
    .await;
    for at in [lone.address(), world.address()] {
        let status = of(Ask::get("/v1/resolver"), at).await;
        assert_eq!((status.status, &status.json()["queries"]), (200, &json!(7)));
        let page = of(Ask::get("/metrics"), at).await.text();
        for name in [
            "dotkey_resolver_queries_total",
            "dotkey_build_info",
            "dotkey_http_connections",
        ] {
            assert!(page.contains(name), "{name}: {page}");
        }
        assert!(page.ends_with("# EOF\n") && page.matches("# EOF").count() == 1);
        assert_eq!(of(Ask::get("/v1/health"), at).await.json()["status"], "ok");
        for (method, path) in CLOSED {
            let ask = Ask::new(method, &format!("{path}?name=www.site.key"));
            let ask = ask.header("Authorization", &token.bearer());
            let answer = of(ask, at).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        let health = of(Ask::get("/v1/health"), at).await.json();
        assert_eq!(health["status"], "degraded");
        assert_eq!(health["reasons"], json!(["it was flushed"]));
        let api = of(Ask::get("/v1/openapi.yaml"), at).await;
        assert!(api.text().contains("/v1/resolver/cache/flush"));
    }
    // What is a node's is not there.
    let peers = of(Ask::get("/v1/peers"), lone.address()).await;
    assert_eq!((peers.status, peers.code().as_str()), (404, "no-such-path"));
    // Nor a resolver's, where none runs.
    let bare = World::new(Mood::Honest).await;
    let none = of(Ask::get("/v1/resolver"), bare.address()).await;
    assert_eq!((none.status, none.code().as_str()), (404, "no-such-path"));
    lone.stop().await;
}

#[tokio::test]
async fn no_page_and_nobody_without_the_token_sees_or_empties_it() {
    let (resolver, token) = (Arc::new(Double::default()), token());
    let server = alone(&resolver, &token).await;
    let at = server.address();
    let bearer = token.bearer();
    for (method, path) in CLOSED {
        let ask = || Ask::new(method, path);
        let with_token = || ask().header("Authorization", &bearer);
        // As another user of the machine, or a page that was given this machine's address, sends it.
        let answer = of(ask(), at).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        let wrong = ask().header("Authorization", &format!("Bearer {}", "0".repeat(64)));
        assert_eq!(of(wrong, at).await.status, 401, "{path}");
        let rebound = with_token().header("Host", "page.example");
        assert_eq!(of(rebound, at).await.status, 421, "{path}");
        // A page may ask whether it may send a token, and may not.
        let preflight = Ask::new("OPTIONS", path)
            .header("Origin", "http://page.example")
            .header("Access-Control-Request-Method", method)
            .header("Access-Control-Request-Headers", "authorization");
        let answer = of(preflight, at).await;
        assert!(answer.status >= 400, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        let answer = of(with_token(), at).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let page = Ask::new("POST", "/v1/resolver/cache/flush")
        .header("Authorization", &bearer)
        .header("Origin", "http://page.example");
    let answer = of(page, at).await;
    assert_eq!(
        (answer.status, answer.code().as_str()),
        (403, "cross-origin")
    );
    for path in ["/v1/resolver", "/metrics"] {
        let rebound = Ask::get(path).header("Host", "page.example");
        assert_eq!(of(rebound, at).await.status, 421, "{path}");
    }
    // The ones with the token.
    assert_eq!(resolver.flushed.load(Ordering::SeqCst), 1);
    for wrong in ["?name=a..b", "?nmae=a", "?name=a&name=b"] {
        let ask = Ask::get(&format!("/v1/resolver/cache{wrong}"));
        let answer = of(ask.header("Authorization", &bearer), at).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "bad-parameter")
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_gateway_is_explained_to_who_has_the_token() {
    let token = token();
    let world = World::with(Mood::Honest, |config| {
        config.token = Some(token.clone());
        config.gateway = Some(Arc::new(DoubleGateway));
    });
    let world = world.await;
    let url = "/v1/gateway/route?url=http%3A%2F%2Fsite.key%2F";
    for path in ["/v1/gateway/providers", url] {
        let stranger = Ask::get(path).of(world.address()).await;
        assert_eq!(stranger.status, 401, "{path}");
    }
    let ask = async |path: &str| {
        let ask = Ask::get(path).header("authorization", &token.bearer());
        let answer = ask.of(world.address()).await;
        (answer.status, answer.json())
    };
    let all = ask("/v1/gateway/providers").await;
    assert_eq!(
        (all.0, &all.1["names"][0]["name"]),
        (200, &json!("site.key"))
    );
    let other = ask("/v1/gateway/providers?name=other.key").await;
    assert_eq!(
        (other.0, other.1["names"].as_array().map(Vec::len)),
        (200, Some(0))
    );
    assert_eq!(ask(url).await.1["name"], "site.key");
    let (status, problem) = ask("/v1/gateway/route?url=http%3A%2F%2Fnobody.key%2F").await;
    assert_eq!((status, &problem["code"]), (404, &json!("no-route")));
    assert_eq!(ask("/v1/gateway/route").await.0, 400);
    let page = Ask::get("/metrics").of(world.address()).await.text();
    assert!(page.contains("\ndotkey_gateway_connections 3\n"), "{page}");
}

#[tokio::test]
async fn a_gateway_by_itself_has_health_and_metrics() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let gateway: Arc<dyn BesideGateway> = Arc::new(DoubleGateway);
    let token = token();
    let mut config = ApiConfig::new(now);
    config.token = Some(token.clone());
    let server = serve_gateway(listener, &gateway, config).expect("it serves");
    let health = Ask::get("/v1/health").of(server.address()).await;
    assert_eq!(
        (health.status, health.json()["status"].as_str()),
        (200, Some("degraded"))
    );
    assert_eq!(
        health.json()["reasons"],
        json!(["its log cannot be written"])
    );
    let page = Ask::get("/metrics").of(server.address()).await.text();
    assert!(page.contains("dotkey_gateway_connections 3"), "{page}");
    assert!(
        !page.contains("site.key"),
        "whose names are asked for is for who runs it: {page}"
    );
    let shown = Ask::get("/metrics").header("Authorization", &token.bearer());
    let page = shown.of(server.address()).await.text();
    assert!(page.contains("site.key"), "{page}");
    assert_eq!(
        Ask::get("/v1/status").of(server.address()).await.status,
        404
    );
    server.stop().await;
}
