//! Nodes over real sockets on loopback.

use dotkey_registry::dht::message::Expected;
use dotkey_registry::node::{Multiaddr, NodeConfig, StartError, start};

use super::support::{Running, address, record, until};

fn on_loopback(bootstrap: &[Multiaddr]) -> NodeConfig {
    NodeConfig {
        listen: vec![
            address("/ip4/127.0.0.1/udp/0/quic-v1"),
            address("/ip4/127.0.0.1/tcp/0"),
        ],
        bootstrap: bootstrap.to_vec(),
        local_addresses: true,
        ..NodeConfig::new("")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_meet_over_quic_and_tcp() {
    let first = Running::start(on_loopback(&[])).await;
    let (quic, tcp): (Vec<_>, Vec<_>) = first
        .addresses()
        .await
        .into_iter()
        .partition(|address| address.to_string().contains("/quic-v1"));
    let by_quic = Running::start(on_loopback(&quic)).await;
    let by_tcp = Running::start(on_loopback(&tcp)).await;
    for node in [&first, &by_quic, &by_tcp] {
        until("all three know each other", async || {
            (node.known_peers().await == 2).then_some(())
        })
        .await;
    }
    let published = record(1, 1);
    let put = by_quic.node.put(published.clone(), Expected::Older, None);
    let placement = put.await.expect("it runs");
    assert_eq!((placement.stored, placement.of), (3, 3));
    let got = by_tcp.get(1).await.expect("it is there");
    assert_eq!(got.as_bytes(), published.as_bytes());

    let peers = by_tcp.node.peers().await.expect("it runs");
    assert!(peers.iter().all(|peer| peer.in_table), "{peers:?}");
    let agent = |agent: &String| agent.starts_with("dotkey/");
    assert!(
        peers
            .iter()
            .all(|peer| peer.agent.as_ref().is_some_and(agent))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let first = Running::start(on_loopback(&[])).await;
    for taken in first.addresses().await {
        let folder = tempfile::tempdir().expect("a folder");
        let config = NodeConfig {
            listen: vec![
                taken
                    .iter()
                    .take_while(|part| part.tag() != "p2p")
                    .collect(),
            ],
            ..NodeConfig::new(folder.path())
        };
        let listen = config.listen[0].to_string();
        let error = start(config).await.expect_err("it is taken");
        assert!(matches!(error, StartError::Listen { .. }), "{error}");
        assert!(error.to_string().contains(&listen), "{error}");
    }
}
