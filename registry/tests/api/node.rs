//! A node of one map, in the mood that a test needs, and records to put into it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dotkey_proto::identity::{Branch, Key, KeyId, Policy, PublicKey};
use dotkey_proto::record::{Claims, Record, SignedRecord, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;
use dotkey_registry::api::{ApiConfig, Server, serve};
use dotkey_registry::dht::core::{Effortful, Placement};
use dotkey_registry::dht::message::{Expected, Refusal};
use dotkey_registry::dht::peer::{Peer, Position};
use dotkey_registry::node::ledger::{Ledger, LedgerConfig, Network};
use dotkey_registry::node::{
    Command, Got, Health, Node, NodeError, PeerStatus, Progress, Reachability, RecordStatus,
    Replication, Status,
};
use dotkey_registry::store::Store;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc};

const BEGIN: u64 = 1_795_000_000;
const DAY: u64 = 86_400;

/// The nodes that would be closest.
const NODES: usize = 20;

/// What time it is in these tests.
pub(crate) fn now() -> Timestamp {
    time(BEGIN + DAY)
}

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

/// How the node behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Honest,
    /// A third of the nodes stores anything.
    FewNodes,
    /// It has too much to do.
    Busy,
    /// It never answers.
    Silent,
    /// It is gone.
    Stopped,
}

/// A server and what stands behind it.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) changes: broadcast::Sender<Verified<Record>>,
    pub(crate) ledger: Option<Ledger>,
    /// Where the ledger is.
    _folder: Option<TempDir>,
}

impl World {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) async fn new(mood: Mood) -> Self {
        Self::with(mood, |_| {}).await
    }

    /// With bounds that end the test soon, and what `change` makes of them.
    pub(crate) async fn with(mood: Mood, change: impl FnOnce(&mut ApiConfig)) -> Self {
        Self::made(mood, change, None).await
    }

    /// As [`World::with`], and the node follows the ledger of a network of its own.
    pub(crate) async fn with_ledger(change: impl FnOnce(&mut ApiConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("store")).expect("a store");
        let config = LedgerConfig {
            network: Network::Own,
            listen: None,
            clock: now,
        };
        let ledger = Ledger::open(Arc::new(store), folder.path(), config).expect("a ledger");
        Self::made(Mood::Honest, change, Some((ledger, folder))).await
    }

    async fn made(
        mood: Mood,
        change: impl FnOnce(&mut ApiConfig),
        ledger: Option<(Ledger, TempDir)>,
    ) -> Self {
        let (ledger, folder) = ledger.unzip();
        let (commands, asked) = mpsc::channel(8);
        let (changes, _) = broadcast::channel(64);
        let mut node = Node::new(commands, changes.clone());
        if let Some(ledger) = &ledger {
            node = node.with_ledger(ledger.clone());
        }
        if mood != Mood::Stopped {
            tokio::spawn(run(asked, changes.clone(), mood));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut config = ApiConfig::new(now);
        config.limits.stop_wait = Duration::from_millis(500);
        change(&mut config);
        let server = serve(listener, node, config).expect("it starts");
        Self {
            server,
            changes,
            ledger,
            _folder: folder,
        }
    }
}

/// What is signed in these tests unless one says otherwise.
pub(crate) struct Draft {
    pub(crate) seed: u8,
    pub(crate) sequence: u64,
    pub(crate) branch: Option<&'static str>,
    pub(crate) not_before: u64,
    pub(crate) expires: u64,
    pub(crate) body: usize,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            seed: 1,
            sequence: 7,
            branch: None,
            not_before: 0,
            expires: 30,
            body: 1,
        }
    }
}

impl Draft {
    /// The record's bytes. Times are days from the begin of time in these tests, `now` is day 1.
    pub(crate) fn sign(&self) -> Vec<u8> {
        let secret = SecretKey::from_seed(&[self.seed; 32]);
        let policy = Policy {
            number: 0,
            keys: vec![Key {
                public: PublicKey::Ed25519(secret.public()),
                weight: 1,
                roles: ["admin", "publish"]
                    .map(|role| role.parse().expect("a role"))
                    .into(),
            }],
            thresholds: ["admin", "publish"]
                .map(|role| (role.parse().expect("a role"), 1))
                .into(),
            next: None,
            recovery: None,
            previous: None,
        };
        let policy = policy.encode().expect("sound");
        let claims = Claims {
            key_id: dotkey_proto::identity::key_id_of(&policy),
            sequence: self.sequence,
            not_before: time(BEGIN + self.not_before * DAY),
            expires: time(BEGIN + self.expires * DAY),
            branch: self
                .branch
                .map(|text| text.parse::<Branch>().expect("a branch")),
            chain: vec![policy],
            body: body(self.body),
        };
        let mut draft = claims.draft().expect("sound");
        draft.sign(&secret);
        draft.encode()
    }

    /// A record of exactly so many bytes.
    pub(crate) fn sign_to_size(mut self, bytes: usize) -> Vec<u8> {
        self.body = bytes / 2;
        let less = self.sign().len();
        self.body += bytes - less;
        let signed = self.sign();
        assert_eq!(signed.len(), bytes);
        signed
    }
}

/// An empty map, or a map with one byte string that fills the rest.
fn body(bytes: usize) -> Vec<u8> {
    match bytes {
        1 => vec![0xa0],
        more => {
            let length = more - 5;
            let head = u16::try_from(length).expect("64 KiB").to_be_bytes();
            let mut body = vec![0xa1, 0x00, 0x59, head[0], head[1]];
            body.resize(more, 0);
            body
        }
    }
}

pub(crate) fn verified(bytes: &[u8]) -> Verified<Record> {
    SignedRecord::new(bytes).verify(now(), None).expect("valid")
}

pub(crate) fn key_id(bytes: &[u8]) -> KeyId {
    verified(bytes).key_id()
}

pub(crate) fn path(bytes: &[u8]) -> String {
    format!("/v1/records/{}", key_id(bytes))
}

async fn run(
    mut asked: mpsc::Receiver<Command>,
    changes: broadcast::Sender<Verified<Record>>,
    mood: Mood,
) {
    let mut kept = BTreeMap::<Position, Verified<Record>>::new();
    let mut waiting = Vec::new();
    while let Some(command) = asked.recv().await {
        if mood == Mood::Silent {
            waiting.push(command); // A dropped question would be an answer.
            continue;
        }
        // Who asked may have left.
        match command {
            Command::Get { at, reply, .. } => {
                let record = kept.get(&at).cloned().map(Box::new);
                let effort = Effortful {
                    requests: 6,
                    answers: 6,
                    agreeing: 6,
                    ..Effortful::default()
                };
                let got = Got { record, effort };
                drop(reply.send(if mood == Mood::Busy {
                    Err(NodeError::Overloaded)
                } else {
                    Ok(got)
                }));
            }
            Command::Put {
                record,
                expected,
                progress,
                reply,
            } => {
                let placement = if mood == Mood::FewNodes {
                    placement(NODES / 3, vec![Refusal::Full; 2], None)
                } else {
                    store(&mut kept, &changes, &record, expected)
                };
                for stored in 1..=placement.stored {
                    let _ = progress.try_send(Progress { stored, of: NODES });
                }
                drop(reply.send(Ok(placement)));
            }
            Command::Status(reply) => drop(reply.send(status(kept.len()))),
            Command::Peers(reply) => drop(reply.send(vec![peer()])),
            Command::Metrics(reply) => drop(reply.send("dotkey_records 1\n# EOF\n".to_owned())),
            Command::Backup { to, reply } => {
                let made = std::fs::create_dir(&to).map(|()| 0);
                drop(reply.send(made.map_err(|_| NodeError::Overloaded)));
            }
            Command::Leave(reply) => drop(reply.send(())),
        }
    }
}

fn store(
    kept: &mut BTreeMap<Position, Verified<Record>>,
    changes: &broadcast::Sender<Verified<Record>>,
    record: &Verified<Record>,
    expected: Expected,
) -> Placement {
    let at = Position::of_record(record);
    let there = kept.get(&at);
    let same = there.is_some_and(|there| there.digest() == record.digest());
    let as_expected = match expected {
        Expected::Older => true,
        Expected::Nothing => there.is_none(),
        Expected::Digest(digest) => same || there.is_some_and(|there| there.digest() == digest),
    };
    if !as_expected {
        let refusal = Refusal::Unexpected(there.map(|there| there.as_bytes().into()));
        return placement(0, vec![refusal; NODES], there.cloned());
    }
    if let Some(there) = there
        && there.cmp_age(record).is_gt()
    {
        let refusal = Refusal::Older(there.as_bytes().into());
        return placement(0, vec![refusal; NODES], Some(there.clone()));
    }
    if !same {
        kept.insert(at, record.clone());
        let _ = changes.send(record.clone()); // Nobody may be listening.
    }
    placement(NODES, Vec::new(), None)
}

fn placement(
    stored: usize,
    refused: Vec<Refusal>,
    conflict: Option<Verified<Record>>,
) -> Placement {
    let peers = (0..).map(|number| Peer([number; 32]));
    Placement {
        stored,
        of: NODES,
        refused: peers.zip(refused).collect(),
        conflict: conflict.map(Box::new),
        took_ms: 12,
    }
}

fn status(count: usize) -> Status {
    Status {
        peer_id: "12D3KooW".into(),
        listening: vec!["/ip4/127.0.0.1/tcp/4380".into()],
        connected_peers: 1,
        known_peers: 1,
        cut_off_peers: 0,
        remembered_peers: 2,
        records: RecordStatus {
            count: count as u64,
            bytes: 0,
            bytes_max: 1 << 30,
        },
        replication: Replication {
            health: Health::Thin,
            cell_nodes: 2,
            in_step: 1,
            last_compared_secs: Some(3),
        },
        reachability: Reachability {
            verdict: "local",
            addresses: Vec::new(),
            relays: Vec::new(),
        },
        clock_ahead_secs: Some(-1),
        warnings: Vec::new(),
    }
}

fn peer() -> PeerStatus {
    PeerStatus {
        peer_id: "12D3KooX".into(),
        addresses: vec!["/ip4/127.0.0.1/tcp/4381".into()],
        connected: true,
        in_table: true,
        standing: 0,
        ping_ms: Some(1),
        agent: Some("dotkey/0.1.0".into()),
    }
}
