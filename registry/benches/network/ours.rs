//! Our nodes, whole: libp2p's driver, the core and a store on disk each, over channels in this process instead of sockets.

use std::path::Path;
use std::time::{Duration, Instant};

use dotkey_proto::identity::{Policy, key_id_of};
use dotkey_proto::record::{Claims, Record, SignedRecord, Verified};
use dotkey_proto::signature::{PublicKey, SecretKey};
use dotkey_registry::dht::core::Effort;
use dotkey_registry::dht::message::Expected;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::node::{Node, NodeConfig, Transport, start};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::Times;
use crate::quiet::{LOOK_AGAIN, quieten};
use crate::watch::{Watchers, hex, now};

/// Where these nodes listen in memory.
const FIRST_PORT: u64 = 5_000_000;

/// Connections of each node: as many as the program has if it is told nothing else.
const CONNECTIONS_MAX: u32 = 256;

/// Connections of each node where very many share one machine.
const CONNECTIONS_MAX_OF_A_CROWD: u32 = 48;

/// Nodes by which the others join, as a network's bootstrap list has them.
const DOORS: usize = 8;

/// A network that has not settled by then does not.
const SETTLED_WITHIN: Duration = Duration::from_secs(900);

/// Changes that are watched until every node has seen them, or too long.
const CHANGES_WATCHED: usize = 20;

/// Each node knows at least so many others when the network has settled.
const KNOWN_MIN: usize = 20;

/// What is measured of a network, each sorted.
pub(crate) struct Measured {
    pub(crate) times: Times,
    /// How many requests each get took.
    pub(crate) requests: Vec<usize>,
    /// How long after it was begun to be put a change came out of the API of each node.
    pub(crate) seen: Vec<Duration>,
}

pub(crate) async fn measure(nodes: usize, samples: usize, bytes: usize) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let network = join(nodes, CONNECTIONS_MAX, folder.path()).await;
    let mut watchers = Watchers::of(&network).await;
    let (mut put, mut get, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = Vec::new();
    let records: Vec<_> = (0..samples).map(|sample| record(sample, bytes)).collect();
    for (sample, record) in records.iter().enumerate() {
        let writer = &network[sample * 37 % nodes];
        let begun = Instant::now();
        let placement = writer.put(record.clone(), Expected::Older, None).await;
        put.push(begun.elapsed());
        let placement = placement.expect("the node runs");
        assert!(placement.succeeded(), "{placement:?}");
        if sample < CHANGES_WATCHED {
            let digest = hex(&record.digest());
            let after = watchers.seen(&digest, begun).await;
            let last = after.last().expect("somebody watches");
            eprintln!(
                "change {sample} was stored after {:.0?}, seen everywhere after {last:.1?}",
                put[sample]
            );
            seen.extend(after);
        }
    }
    // Each change was announced, and every node fetches and verifies it: that is no part of what a get takes.
    quieten().await;
    for (sample, record) in records.iter().enumerate() {
        let reader = &network[(sample * 61 + 11) % nodes];
        let at = Position::of_record(record);
        let begun = Instant::now();
        let got = reader.get(at, Effort::Usual).await.expect("the node runs");
        get.push(begun.elapsed());
        requests.push(got.effort.requests);
        assert_eq!(got.record.expect("found").digest(), record.digest());
    }
    put.sort_unstable();
    get.sort_unstable();
    requests.sort_unstable();
    seen.sort_unstable();
    Measured {
        times: Times { put, get },
        requests,
        seen,
    }
}

/// How long many nodes with few connections take to find each other, and the bytes that this process has resident then.
pub(crate) async fn crowd(nodes: usize) -> (Duration, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let _network = join(nodes, CONNECTIONS_MAX_OF_A_CROWD, folder.path()).await;
    (begun.elapsed(), resident())
}

/// Each joins by one of the first few, and all are given the time to find each other.
async fn join(nodes: usize, connections_max: u32, folder: &Path) -> Vec<Node> {
    let address = |index: usize| Multiaddr::from(Protocol::Memory(FIRST_PORT + index as u64));
    let mut network = Vec::new();
    let mut doors: Vec<Multiaddr> = Vec::new();
    for index in 0..nodes {
        let mut config = NodeConfig::new(folder.join(index.to_string()));
        config.transport = Transport::Memory;
        config.local_addresses = true;
        config.connections_max = connections_max;
        config.follow_all = true;
        config.listen = vec![address(index)];
        config.bootstrap = match index {
            0 => Vec::new(),
            _ => vec![doors[index % doors.len()].clone()],
        };
        let (node, _running) = start(config).await.expect("a node");
        if doors.len() < DOORS {
            let status = node.status().await.expect("the node runs");
            let peer = status.peer_id.parse().expect("a peer id");
            doors.push(address(index).with(Protocol::P2p(peer)));
        }
        network.push(node);
    }
    eprintln!("{nodes} nodes started");
    let begun = Instant::now();
    loop {
        let mut all = Vec::new();
        for node in &network {
            all.push(node.status().await.expect("the node runs"));
        }
        all.sort_unstable_by_key(|status| status.known_peers);
        let settled = KNOWN_MIN.min(nodes - 1);
        let lonely = all.partition_point(|status| status.known_peers < settled);
        let connected = all.iter().map(|status| status.connected_peers).max();
        eprintln!(
            "after {:.0?}: each knows {} to {} others (median {}; {lonely} know fewer than {settled}), at most {} connections",
            begun.elapsed(),
            all[0].known_peers,
            all[nodes - 1].known_peers,
            all[nodes / 2].known_peers,
            connected.unwrap_or_default(),
        );
        if lonely == 0 {
            break;
        }
        assert!(
            begun.elapsed() < SETTLED_WITHIN,
            "the network does not settle: {:?}",
            all[0]
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    quieten().await;
    network
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.and_then(|it| it.parse().ok()).expect("a number");
    1024 * kibibytes
}

/// A record of about so many bytes, of an identity of its own, that holds now.
fn record(number: usize, bytes: usize) -> Verified<Record> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
    let secret = SecretKey::from_seed(&seed);
    let policy = Policy::bare(PublicKey::Ed25519(secret.public()));
    let policy = policy.encode().expect("sound");
    let now = now();
    let claims = Claims {
        key_id: key_id_of(&policy),
        sequence: 1,
        not_before: now.saturating_sub(600),
        expires: now.saturating_add(86_400),
        branch: None,
        chain: vec![policy],
        body: vec![0; bytes],
    };
    let mut draft = claims.draft().expect("sound");
    draft.sign(&secret);
    SignedRecord::new(draft.encode())
        .verify(now, None)
        .expect("valid")
}
