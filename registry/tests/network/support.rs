//! Nodes in temporary folders, signed records, and waiting for what must come.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dotkey_proto::identity::{Key, Policy, PublicKey, key_id_of};
use dotkey_proto::record::{Claims, Record, SignedRecord, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;
use dotkey_registry::dht::core::Effort;
use dotkey_registry::dht::peer::Position;
use dotkey_registry::node::{Multiaddr, Node, NodeConfig, Transport, start};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Only a failure takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for a condition, and fails when it never comes.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came that {what}");
        sleep(PAUSE).await;
    }
}

/// A running node and its folder.
pub(crate) struct Running {
    pub(crate) node: Node,
    config: NodeConfig,
    task: JoinHandle<()>,
    folder: TempDir,
}

/// The folder of a node that was killed.
pub(crate) struct Killed {
    config: NodeConfig,
    folder: TempDir,
}

/// A node inside this process.
pub(crate) fn in_memory(bootstrap: &[Multiaddr]) -> NodeConfig {
    NodeConfig {
        listen: vec![address("/memory/0")],
        bootstrap: bootstrap.to_vec(),
        transport: Transport::Memory,
        ..NodeConfig::new("")
    }
}

/// In memory where the system has such a place: fifty stores that sync to one disk would measure the disk.
fn folder() -> TempDir {
    let made = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    made.expect("a folder")
}

pub(crate) fn address(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

impl Running {
    pub(crate) async fn start(config: NodeConfig) -> Self {
        let folder = folder();
        Killed { config, folder }.restart().await
    }

    /// Where it listens.
    pub(crate) async fn addresses(&self) -> Vec<Multiaddr> {
        let status = self.node.status().await.expect("it runs");
        status.listening.iter().map(|text| address(text)).collect()
    }

    /// Ends it without a word, as a power cut does.
    pub(crate) async fn kill(self) -> Killed {
        self.task.abort();
        let ended = self.task.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()), "it ran");
        Killed {
            config: self.config,
            folder: self.folder,
        }
    }

    /// Lets it leave.
    pub(crate) async fn leave(self) -> Killed {
        self.node.leave().await;
        self.task.await.expect("it ended without a panic");
        Killed {
            config: self.config,
            folder: self.folder,
        }
    }

    /// The record of `owner` that a get brings.
    pub(crate) async fn get(&self, owner: u8) -> Option<Box<Verified<Record>>> {
        let at = position(owner);
        let got = self.node.get(at, Effort::Usual).await.expect("it runs");
        got.record
    }

    pub(crate) async fn known_peers(&self) -> usize {
        self.node.status().await.expect("it runs").known_peers
    }

    pub(crate) async fn records(&self) -> u64 {
        self.node.status().await.expect("it runs").records.count
    }
}

impl Killed {
    /// Starts it again, on the same folder.
    pub(crate) async fn restart(self) -> Running {
        let Self { mut config, folder } = self;
        config.folder = folder.path().to_owned();
        let started = start(config.clone()).await;
        let (node, task) = started.unwrap_or_else(|error| panic!("it starts: {error}"));
        Running {
            node,
            config,
            task,
            folder,
        }
    }

    pub(crate) fn join_by(mut self, bootstrap: &[Multiaddr]) -> Self {
        self.config.bootstrap = bootstrap.to_vec();
        self
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// A network of `count` nodes that all joined by the first.
pub(crate) async fn network(count: usize) -> Vec<Running> {
    let first = Running::start(in_memory(&[])).await;
    let joined_by = first.addresses().await;
    let mut nodes = vec![first];
    for before in 1..count {
        let node = Running::start(in_memory(&joined_by)).await;
        // One after the other: all at once would measure how two cores bear a thousand handshakes.
        knows(&node, before.min(10)).await;
        nodes.push(node);
    }
    for node in &nodes {
        // More may be in full buckets.
        knows(node, (count - 1).min(20)).await;
    }
    nodes
}

async fn knows(node: &Running, count: usize) {
    until("a node knows its network", async || {
        (node.known_peers().await >= count).then_some(())
    })
    .await;
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

fn secret(owner: u8) -> SecretKey {
    SecretKey::from_seed(&[owner; 32])
}

/// Where the record of `owner` is.
pub(crate) fn position(owner: u8) -> Position {
    Position::of_record(&record(owner, 1))
}

/// A record of `owner`'s.
pub(crate) fn record(owner: u8, sequence: u64) -> Verified<Record> {
    let secret = secret(owner);
    let policy = Policy::bare(PublicKey::Ed25519(secret.public()));
    signed(&policy, &[secret], sequence)
}

/// A record that all of `keys` keys have to sign, the first of them `owner`'s.
pub(crate) fn record_by_many(owner: u8, keys: u8) -> Verified<Record> {
    let secrets: Vec<_> = (0..keys).map(|number| secret(owner + number)).collect();
    let mut policy = Policy::bare(PublicKey::Ed25519(secrets[0].public()));
    let first = policy.keys[0].clone();
    let key = |secret: &SecretKey| Key {
        public: PublicKey::Ed25519(secret.public()),
        ..first.clone()
    };
    policy.keys = secrets.iter().map(key).collect();
    for needed in policy.thresholds.values_mut() {
        *needed = u32::from(keys);
    }
    signed(&policy, &secrets, 1)
}

fn signed(policy: &Policy, secrets: &[SecretKey], sequence: u64) -> Verified<Record> {
    let policy = policy.encode().expect("sound");
    let time = |secs| Timestamp::from_secs(secs).expect("in range");
    let claims = Claims {
        key_id: key_id_of(&policy),
        sequence,
        not_before: time(now() - 3_600),
        expires: time(now() + 86_400),
        branch: None,
        chain: vec![policy],
        body: vec![0x55; 300],
    };
    let mut draft = claims.draft().expect("sound");
    for secret in secrets {
        draft.sign(secret);
    }
    let verified = SignedRecord::new(draft.encode()).verify(time(now()), None);
    verified.expect("valid")
}
