//! A peer that asks without end.

use std::time::Duration;

use libp2p::StreamProtocol;
use libp2p::futures::StreamExt;
use libp2p::request_response::{self as exchange, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use tokio::time::{Instant, timeout};

use super::strangers::{Garbage, address_of, stranger};
use super::support::{network, position, record, until};
use dotkey_registry::dht::core::Effort;
use dotkey_registry::dht::message::Expected;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::node::NodeError;

/// Requests that wait for an answer at once.
const AT_ONCE: usize = 32;

/// A good request by section 9.3, with its length before it: who is closest to a position of zeros?
fn request() -> Vec<u8> {
    [&[37, 0x83, 1, 0x58, 32][..], &[0; 32], &[0]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_floods_is_cut_off_and_others_are_served() {
    let nodes = network(2).await;
    let put = nodes[1].node.put(record(1, 1), Expected::Older, None).await;
    put.expect("it runs");
    let (ours, address) = address_of(&nodes[0]).await;
    let mut flooder = stranger(|_| {
        let protocol = StreamProtocol::new("/dotkey/records/1");
        let protocols = [(protocol, ProtocolSupport::Full)];
        exchange::Behaviour::with_codec(Garbage, protocols, exchange::Config::default())
    });
    flooder.dial(address).expect("it dials");
    let began = Instant::now();
    let flood = tokio::spawn(async move {
        let mut asked = 0_u64;
        loop {
            let more = match flooder.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => AT_ONCE,
                SwarmEvent::ConnectionClosed { .. } => return asked,
                SwarmEvent::Behaviour(_) => 1,
                _ => 0,
            };
            for _ in 0..more {
                flooder.behaviour_mut().send_request(&ours, request());
                asked += 1;
            }
        }
    });

    let mut served = 0_u64;
    while !flood.is_finished() {
        let got = nodes[1].node.get(position(1), Effort::Usual);
        let got = timeout(Duration::from_secs(30), got).await;
        let got = got.expect("others are served").expect("it runs");
        assert!(got.record.is_some(), "after {served}");
        served += 1;
        assert!(began.elapsed() < Duration::from_secs(60), "it is cut off");
    }
    let asked = flood.await.expect("it ends");
    let took = began.elapsed();
    println!("cut off after {asked} requests in {took:?}; meanwhile {served} gets of others");
    assert!(served > 0);
    until("it is told from others", async || {
        let status = nodes[0].node.status().await.expect("it runs");
        (status.cut_off_peers == 1).then_some(())
    })
    .await;
    let metrics = nodes[0].node.metrics().await.expect("it runs");
    assert!(metrics.contains("offence=\"flood\"} 1"), "{metrics}");
}

/// Four times what a peer allows at once.
const ABSENT_GETS: u64 = 4_000;

/// Somewhere where nothing is.
fn nowhere(number: u64) -> Position {
    let mut at = [0x33; 32];
    at[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Position(at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_ask_without_end_do_not_get_their_node_cut_off() {
    let nodes = network(3).await;
    let mut absent = 0_u64;
    let mut overloaded = 0_u64;
    for round in 0..ABSENT_GETS / AT_ONCE as u64 {
        let numbers = round * AT_ONCE as u64..(round + 1) * AT_ONCE as u64;
        let gets = numbers.map(|number| nodes[0].node.get(nowhere(number), Effort::Usual));
        for got in libp2p::futures::future::join_all(gets).await {
            match got {
                Ok(got) => absent += u64::from(got.record.is_none()),
                Err(NodeError::Overloaded) => overloaded += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
    println!("{absent} are absent, {overloaded} were refused here");
    assert_eq!(absent + overloaded, ABSENT_GETS);
    for node in &nodes {
        let status = node.node.status().await.expect("it runs");
        assert_eq!(status.cut_off_peers, 0, "{status:?}");
        assert_eq!(status.connected_peers, 2, "{status:?}");
    }
    let put = nodes[0].node.put(record(1, 1), Expected::Older, None).await;
    let placement = put.expect("it runs");
    assert!(placement.succeeded(), "{placement:?}");
}
