//! What the node tells about itself.

use dotkey_proto::limits::TRANSACTION_BYTES_MAX;

use crate::client::Ask;
use crate::node::{Draft, Mood, World, path};

#[tokio::test]
async fn the_node_tells_about_itself() {
    let record = Draft::default().sign();
    let world = World::new(Mood::Honest).await;
    let put = Ask::put(&path(&record), &record);
    assert_eq!(put.of(world.address()).await.status, 200);
    let status = Ask::get("/v1/status").of(world.address()).await.json();
    assert_eq!(
        (
            &status["records"]["count"],
            &status["replication"]["health"]
        ),
        (&1.into(), &"thin".into())
    );
    let peers = Ask::get("/v1/peers").of(world.address()).await.json();
    assert_eq!(peers["peers"][0]["peer_id"], "12D3KooX");
    let health = Ask::get("/v1/health").of(world.address()).await;
    assert_eq!(
        (health.status, health.json()["status"].as_str()),
        (200, Some("ok"))
    );
    let file = Ask::get("/v1/openapi.yaml").of(world.address()).await;
    assert!(file.text().starts_with("openapi: 3.1"), "{file:?}");

    let gone = World::new(Mood::Stopped).await;
    let health = Ask::get("/v1/health").of(gone.address()).await;
    assert_eq!(
        (health.status, health.json()["status"].as_str()),
        (503, Some("failing"))
    );
    assert_eq!(health.json()["reasons"][0], "the node is stopping");
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let record = Draft::default().sign();
    let world = World::new(Mood::Honest).await;
    for ask in [
        Ask::put(&path(&record), &record),
        Ask::get("/none/of/it"),
        Ask::new("PURGE", "/"),
    ] {
        ask.of(world.address()).await;
    }
    let page = Ask::get("/metrics").of(world.address()).await;
    let kind = page.header("content-type").expect("a type");
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = page.text();
    assert!(text.contains("\ndotkey_records 1\n"), "{text}");
    for line in [
        r#"dotkey_http_requests_total{method="PUT",route="/v1/records/{key_id}",status="200"} 1"#,
        r#"dotkey_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"dotkey_http_requests_total{method="other",route="none",status="404"} 1"#,
        r#"dotkey_http_request_duration_seconds_count{method="PUT",route="/v1/records/{key_id}"} 1"#,
        "dotkey_http_requests_in_flight 1",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(
        text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1,
        "{text}"
    );
}

#[tokio::test]
async fn what_is_too_long_is_told_what_it_is() {
    let world = World::with_ledger(|_| {}).await;
    let transaction = vec![0; TRANSACTION_BYTES_MAX + 1];
    let ask = Ask::new("POST", "/v1/transactions").header("Content-Type", "application/cbor");
    let answer = ask.body(&transaction).of(world.address()).await;
    assert_eq!((answer.status, &*answer.code()), (413, "too-large"));
    let told = answer.json();
    let text = |field: &str| told[field].as_str().expect("a text").to_owned();
    let detail = "the body is longer than a transaction may be: 8192 bytes";
    assert_eq!(text("detail"), detail);
    let next = text("next");
    assert!(next.contains("keys") && !next.contains("zone"), "{next}");
}
