//! The proof of a name, with the record of its holder where that is asked for.

use std::time::Duration;

use dotkey_proto::ledger::Bundle;

use crate::client::{Answer, Ask};
use crate::node::World;

/// Asks until the network, which has just begun, has something to prove with.
async fn certified(world: &World, path: &str) -> Answer {
    loop {
        let answer = Ask::get(path).of(world.address()).await;
        if answer.status != 503 {
            return answer;
        }
        assert_eq!(answer.code(), "uncertified");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_free_name_has_no_record_and_both_are_in_one_answer() {
    let world = World::with_ledger(|_| {}).await;
    let check = async |path: &str, cache: &str| {
        let answer = certified(&world, path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some("application/cbor"));
        let found = answer.header("cache-control").expect("it is said");
        assert!(found.starts_with(cache), "{path}: {found}");
        let bundle = Bundle::decode(&answer.body).expect("a bundle");
        assert_eq!(bundle.record, None);
        let tag = answer.header("etag").expect("it has one");
        let again = Ask::get(path).header("If-None-Match", tag);
        // The next block may have come between.
        let again = again.of(world.address()).await.status;
        assert!([200, 304].contains(&again), "{path}: {again}");
    };
    check("/v1/names/mysite.key", "public, max-age=").await;
    check("/v1/names/mysite.key?with=record", "no-cache").await;
    check("/v1/names/mysite.key?with=record&epoch=0", "no-cache").await;
}

#[tokio::test]
async fn what_cannot_come_with_a_proof_is_refused() {
    let world = World::with_ledger(|_| {}).await;
    let check = async |path: &str, accept: &str, status: u16, code: &str| {
        let ask = Ask::get(path).header("Accept", accept);
        let answer = ask.of(world.address()).await;
        let found = (answer.status, answer.code());
        assert_eq!(found, (status, code.to_owned()), "{path}");
    };
    let (name, identity) = (
        "/v1/names/mysite.key",
        format!("/v1/identities/{}", "07".repeat(32)),
    );
    let any = "*/*";
    check(&format!("{name}?with=all"), any, 400, "bad-parameter").await;
    check(&format!("{name}?with="), any, 400, "bad-parameter").await;
    check(
        &format!("{identity}?with=record"),
        any,
        400,
        "bad-parameter",
    )
    .await;
    let json = "application/json";
    check(&format!("{name}?with=record"), json, 406, "not-acceptable").await;
}
