//! Many nodes in one process.

use dotkey_registry::dht::message::Expected;
use dotkey_registry::node::NodeError;

use super::support::{Running, in_memory, network, record, record_by_many, until};

const NODES: usize = 50;
const OWNER: u8 = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_nodes_keep_a_record_although_a_third_vanishes() {
    let mut nodes = network(NODES).await;
    let newest = record(OWNER, 7);
    let mut listeners: Vec<_> = nodes.iter().map(|node| node.node.changes()).collect();

    // Again where fifty nodes that are still meeting each other keep the machine too busy to answer in time.
    until("all of its keepers have it", async || {
        let put = nodes[0].node.put(newest.clone(), Expected::Older, None);
        let placement = put.await.expect("it runs");
        (placement.of == 20 && placement.stored == 20).then(|| assert!(placement.succeeded()))
    })
    .await;

    for node in &nodes {
        let got = node.get(OWNER).await.expect("it is there");
        assert_eq!(got.as_bytes(), newest.as_bytes());
    }
    // Also where nobody asked for it.
    for listener in &mut listeners {
        let changed = until("a change comes to everyone", async || {
            listener.try_recv().ok()
        });
        assert_eq!(changed.await.as_bytes(), newest.as_bytes());
    }

    // Every third, but not the first.
    let mut left = Vec::new();
    for (index, node) in nodes.drain(..).enumerate() {
        if index % 3 == 1 {
            node.kill().await;
        } else {
            left.push(node);
        }
    }
    for node in &left {
        let got = node.get(OWNER).await.expect("it is still there");
        assert_eq!(got.as_bytes(), newest.as_bytes());
    }

    let older = record(OWNER, 6);
    let put = left[1].node.put(older, Expected::Older, None);
    let placement = put.await.expect("it runs");
    assert!(!placement.succeeded(), "{placement:?}");
    let conflict = placement.conflict.expect("the newer is shown");
    assert_eq!(conflict.as_bytes(), newest.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_catches_up() {
    let mut nodes = network(5).await;
    let first = nodes.remove(0);
    let publish = async |owner| {
        let put = first.node.put(record(owner, 1), Expected::Older, None);
        let placement = put.await.expect("it runs");
        assert!(placement.succeeded(), "{placement:?}");
    };
    publish(1).await;
    let away = nodes.remove(0);
    until("everyone has the first", async || {
        (away.records().await == 1).then_some(())
    })
    .await;
    let away = away.kill().await;
    for owner in 2..=4 {
        publish(owner).await;
    }
    let back = away.restart().await;
    assert!(back.records().await >= 1, "what it had is still there");
    until("what it missed has come", async || {
        (back.records().await == 4).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_finds_its_network_again_without_being_told() {
    let mut nodes = network(3).await;
    let away = nodes.remove(2).leave().await.join_by(&[]);
    let met = std::fs::read_to_string(away.path().join("peers.json")).expect("it wrote it");
    assert!(met.contains("/memory/"), "{met}");
    let back = away.restart().await;
    until("it knows the others again", async || {
        (back.known_peers().await == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alone_a_node_keeps_what_it_is_given_and_says_so() {
    let alone = Running::start(in_memory(&[])).await;
    assert!(alone.get(OWNER).await.is_none());
    let put = alone.node.put(record(OWNER, 1), Expected::Older, None);
    let placement = put.await.expect("it runs");
    assert_eq!((placement.stored, placement.of), (1, 1));
    assert!(alone.get(OWNER).await.is_some());
    let metrics = alone.node.metrics().await.expect("it runs");
    assert!(metrics.contains("\ndotkey_records_stored 1\n"), "{metrics}");

    let node = alone.node.clone();
    let back = alone.leave().await;
    let error = node.status().await.expect_err("it has left");
    assert!(matches!(error, NodeError::Stopping), "{error}");
    let back = back.restart().await;
    assert!(back.get(OWNER).await.is_some(), "it has its records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_list_of_peers_is_a_warning() {
    let first = Running::start(in_memory(&[])).await.leave().await;
    std::fs::write(first.path().join("peers.json"), "{").expect("written");
    let first = first.restart().await;
    let status = first.node.status().await.expect("it runs");
    let warned = |text: &String| text.contains("peers.json");
    assert!(status.warnings.iter().any(warned), "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_many_signatures_is_verified_and_kept_by_others() {
    let nodes = network(3).await;
    let record = record_by_many(OWNER, 32);
    let put = nodes[0].node.put(record.clone(), Expected::Older, None);
    let placement = put.await.expect("it runs");
    assert_eq!((placement.stored, placement.of), (3, 3), "{placement:?}");
    for node in &nodes {
        assert_eq!(node.records().await, 1);
    }
}
