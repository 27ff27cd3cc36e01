//! Peers that speak our gossip protocol and nothing else, to say what is of no use.

use std::time::Duration;

use dotkey_registry::dht::message::{Announcement, Expected, Summary, TOPICS};
use dotkey_registry::dht::peer::Position;
use libp2p::futures::StreamExt;
use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, Event, IdentTopic, MessageAuthenticity, MessageId, ValidationMode,
};
use libp2p::request_response::{self as exchange, ProtocolSupport};
use libp2p::swarm::SwarmEvent;
use libp2p::{StreamProtocol, Swarm};
use tokio::time::{interval, timeout};

use super::strangers::{Garbage, address_of, stranger};
use super::support::{Running, network, record};

/// Only a failure takes so long.
const DEADLINE: Duration = Duration::from_secs(30);

/// gossipsub, as anyone has it, under our name.
fn gossiper() -> Swarm<Behaviour> {
    stranger(|_| {
        let config = ConfigBuilder::default()
            .protocol_id_prefix("/dotkey/meshsub")
            .validation_mode(ValidationMode::Anonymous)
            .message_id_fn(|message| MessageId::new(&message.data))
            .build()
            .expect("its settings fit");
        Behaviour::new(MessageAuthenticity::Anonymous, config).expect("its settings fit")
    })
}

/// The others, after all that was done to the first of them: what changes is still told within the network.
async fn are_well(nodes: &[Running], owner: u8) {
    let mut changes = nodes[0].node.changes();
    let published = record(owner, 1);
    let put = nodes[1].node.put(published.clone(), Expected::Older, None);
    let placement = put.await.expect("it runs");
    assert_eq!((placement.stored, placement.of), (nodes.len(), nodes.len()));
    let told = async {
        while changes.recv().await.expect("it runs").as_bytes() != published.as_bytes() {}
    };
    timeout(DEADLINE, told).await.expect("it is told");
    for node in nodes {
        let got = node.get(owner).await.expect("it is there");
        assert_eq!(got.as_bytes(), published.as_bytes());
    }
    let status = nodes[1].node.status().await.expect("it runs");
    assert_eq!(status.cut_off_peers, 0, "nobody else is blamed: {status:?}");
}

/// Publishes what `message` makes until it is cut off.
async fn is_cut_off(nodes: &[Running], message: impl Fn(u64) -> (&'static str, Vec<u8>)) {
    let (ours, address) = address_of(&nodes[0]).await;
    let mut gossiper = gossiper();
    gossiper.dial(address).expect("it dials");
    let mut pace = interval(Duration::from_millis(5));
    let (mut heard, mut said) = (false, 0);
    let cut_off = async {
        loop {
            tokio::select! {
                event = gossiper.select_next_some() => match event {
                    SwarmEvent::Behaviour(Event::Subscribed { peer_id, .. }) => heard |= peer_id == ours,
                    SwarmEvent::ConnectionClosed { .. } => break,
                    _ => {}
                },
                _ = pace.tick(), if heard => {
                    let (topic, bytes) = message(said);
                    said += 1;
                    // Its own queue may be full.
                    let _ = gossiper.behaviour_mut().publish(IdentTopic::new(topic), bytes);
                }
            }
        }
    };
    timeout(DEADLINE, cut_off).await.expect("it is cut off");
    let status = nodes[0].node.status().await.expect("it runs");
    assert_eq!(status.cut_off_peers, 1, "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gossips_what_is_no_announcement_is_cut_off() {
    let nodes = network(3).await;
    let garbage = |number: u64| (TOPICS[3], [&[0xff; 40][..], &number.to_be_bytes()].concat());
    is_cut_off(&nodes, garbage).await;
    are_well(&nodes, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gossips_on_the_wrong_topic_is_cut_off() {
    let nodes = network(3).await;
    let elsewhere = |number: u64| {
        let announcement = Announcement {
            key_id: record(1, 1).key_id(),
            at: Position([0x12; 32]),
            summary: Summary {
                policy: 0,
                sequence: number,
                digest: [7; 32],
            },
        };
        assert_eq!(announcement.topic(), TOPICS[1]);
        (TOPICS[2], announcement.encode())
    };
    is_cut_off(&nodes, elsewhere).await;
    are_well(&nodes, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gossips_long_messages_is_cut_off() {
    let nodes = network(3).await;
    let long = |number: u64| (TOPICS[3], [&[0; 4_000][..], &number.to_be_bytes()].concat());
    is_cut_off(&nodes, long).await;
    are_well(&nodes, 1).await;
}

/// A length as protobuf writes it.
fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("seven bits"));
    bytes
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &length(bytes.len()), bytes].concat()
}

/// A frame that publishes one message, as gossipsub's `Rpc` has it.
fn frame(topic: &str, data: &[u8]) -> Vec<u8> {
    let message = [field(2, data), field(4, topic.as_bytes())].concat();
    let rpc = field(2, &message);
    [length(rpc.len()), rpc].concat()
}

/// Writes bytes on streams of the gossip protocol, one stream after the other, until the connection closes or so many are used. Whether it closed.
async fn writes(nodes: &[Running], streams: usize, bytes: Vec<u8>) -> bool {
    let (ours, address) = address_of(&nodes[0]).await;
    let mut writer = stranger(|_| {
        let protocol = StreamProtocol::new("/dotkey/meshsub/1.1.0");
        let protocols = [(protocol, ProtocolSupport::Outbound)];
        exchange::Behaviour::with_codec(Garbage, protocols, exchange::Config::default())
    });
    writer.dial(address).expect("it dials");
    let mut left = streams;
    let written = async {
        loop {
            match writer.select_next_some().await {
                SwarmEvent::ConnectionClosed { .. } => return true,
                SwarmEvent::ConnectionEstablished { .. } | SwarmEvent::Behaviour(_) if left > 0 => {
                    writer.behaviour_mut().send_request(&ours, bytes.clone());
                    left -= 1;
                }
                SwarmEvent::Behaviour(_) => return false,
                _ => {}
            }
        }
    };
    timeout(DEADLINE, written)
        .await
        .expect("it comes to an end")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gossips_on_topics_of_others_is_cut_off() {
    let nodes = network(3).await;
    // One frame an event: what is refused of one frame is one offence.
    let bytes: Vec<_> = (0..10_u8)
        .flat_map(|it| frame("/eth2/blocks", &[it]))
        .collect();
    assert!(writes(&nodes, 10_000, bytes).await);
    let status = nodes[0].node.status().await.expect("it runs");
    assert_eq!(status.cut_off_peers, 1, "{status:?}");
    are_well(&nodes, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_without_end_costs_nobody_anything() {
    let nodes = network(3).await;
    let bytes = frame(TOPICS[0], &vec![0; 1 << 20]);
    writes(&nodes, 20, bytes).await;
    are_well(&nodes, 1).await;
}
