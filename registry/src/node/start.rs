//! Starting a node: its settings, its key, and what can go wrong before it runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, noise};
use tokio::task::JoinHandle;

use super::handle::Node;
use super::ledger::{Ledger, LedgerConfig};
use super::secret_file;
use crate::consensus::ConsensusError;
use crate::dht::driver::Actor;
use crate::ledger::ChainError;
use crate::private;
use crate::store::{Store, StoreError};

/// Peers that a node may be told to join by. More is a mistake in a script.
pub const BOOTSTRAP_MAX: usize = 64;

/// The store's bound where nothing else is said: a million records of a kilobyte.
const STORE_BYTES_MAX: u64 = 1 << 30;

/// Connections where nothing else is said: what a home router's table bears beside everything else.
const CONNECTIONS_MAX: u32 = 256;

/// The fewest connections a node can do its work with: a lookup's, its neighbours', and what comes in.
const CONNECTIONS_MIN: u32 = 16;

/// How a node is to run.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Where it keeps its key, its store and the peers that it met.
    pub folder: PathBuf,
    /// Where it listens.
    pub listen: Vec<Multiaddr>,
    /// Addresses under which others reach it, where it cannot find that out: behind a forwarded port.
    pub announce: Vec<Multiaddr>,
    /// Peers to join by, at most [`BOOTSTRAP_MAX`]. None starts a network of one.
    pub bootstrap: Vec<Multiaddr>,
    /// Whether to look for peers on the local network, and be found there.
    pub mdns: bool,
    /// Bytes of records past which the expired and the farthest leave.
    pub store_bytes_max: u64,
    /// Connections at once, in and out.
    pub connections_max: u32,
    /// Whether strangers' addresses on loopback and in private networks are believed, and many peers there may be: for a network that
    /// lives there. A node that listens on loopback alone lives there.
    pub local_addresses: bool,
    /// Whether to fetch every change that is announced, not only what this node keeps.
    pub follow_all: bool,
    /// What carries its bytes.
    pub transport: Transport,
    /// The ledger that it follows; without one it keeps records alone.
    pub ledger: Option<LedgerConfig>,
}

impl NodeConfig {
    /// A node of its own in `folder`, on every address of this machine at the port that `dotkey` has for peers.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            listen: ["/ip4/0.0.0.0/udp/4380/quic-v1", "/ip4/0.0.0.0/tcp/4380"]
                .map(|address| address.parse().expect("an address"))
                .to_vec(),
            announce: Vec::new(),
            bootstrap: Vec::new(),
            mdns: false,
            store_bytes_max: STORE_BYTES_MAX,
            connections_max: CONNECTIONS_MAX,
            local_addresses: false,
            follow_all: true,
            transport: Transport::Network,
            ledger: None,
        }
    }
}

/// What carries a node's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// QUIC and TCP.
    #[default]
    Network,
    /// Channels inside this process, without encryption: for tests of many nodes.
    Memory,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting makes no sense.
    #[error("`{setting}` is {value}; {rule}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        rule: &'static str,
    },
    /// The key file is not a key.
    #[error(
        "{file} is not a node's key (32 bytes): restore it, or remove it and the node starts as another one"
    )]
    Key {
        /// Which file.
        file: PathBuf,
    },
    /// Others can read the key file, and pass for this node.
    #[error(
        "{file} is open to others (mode {mode:03o}): whoever has read it can pass for this node"
    )]
    KeyReadable {
        /// Which file.
        file: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file could not be read or written.
    #[error("{file}: {source}")]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Which.
        address: Multiaddr,
        /// Why.
        reason: String,
    },
    /// The local network does not let us look for peers.
    #[error("cannot look for peers on the local network: {0}; start without `mdns`")]
    Mdns(io::Error),
    /// Noise does not take the node's key.
    #[error("the node's key does not make a certificate: {0}")]
    Noise(noise::Error),
    /// Gossip does not take its settings.
    #[error("gossip does not start: {0}")]
    Gossip(&'static str),
    /// The secrets of a validator are not.
    #[error(
        "{file} does not have a validator's secrets (64 bytes): restore it; made anew, it would be another validator, which has no vote"
    )]
    ValidatorKey {
        /// Which file.
        file: PathBuf,
    },
    /// The folder has another network's ledger.
    #[error(transparent)]
    OtherNetwork(ChainError),
    /// The folder's network is not to be read.
    #[error("the ledger: {0}")]
    Ledger(ChainError),
    /// The engine does not take its settings.
    #[error("the ledger does not start: {0}")]
    Consensus(ConsensusError),
    /// The machine gives no random bytes.
    #[error("the machine gives no random bytes: {0}")]
    Random(getrandom::Error),
}

/// Starts a node: opens its store and its ledger, listens, and runs it as a task. When this returns it listens and takes commands; the task ends when it was
/// told to leave, or when all its handles are gone, and the ledger with it. A ledger that is damaged halts, and the node runs all the same.
///
/// # Errors
/// [`StartError`] names what is wrong with the folder, the addresses or the settings.
pub async fn start(mut config: NodeConfig) -> Result<(Node, JoinHandle<()>), StartError> {
    check(&config)?;
    config.local_addresses |= is_on_loopback(&config.listen);
    create_folder(&config.folder)?;
    let key = key(&config.folder.join("node.key"))?;
    let store = Arc::new(Store::open(&config.folder.join("store"))?);
    let ledger = match config.ledger.take() {
        Some(ledger) => Some(Ledger::open(Arc::clone(&store), &config.folder, ledger)?),
        None => None,
    };
    let (mut actor, node) = Actor::new(config, &key, store)?;
    actor.listen().await?;
    if let Some(ledger) = &ledger {
        actor.carry(ledger.clone())?;
    }
    let node = match &ledger {
        Some(ledger) => node.with_ledger(ledger.clone()),
        None => node,
    };
    Ok((node, tokio::spawn(run(actor, ledger))))
}

/// Who waits for the task waits for the ledger as well.
async fn run(actor: Actor, ledger: Option<Ledger>) {
    actor.run().await;
    if let Some(ledger) = ledger {
        ledger.stop().await;
    }
}

/// The peer id of the node of a folder. Its key is made if there is none.
///
/// # Errors
/// A key that cannot be read or made.
pub fn peer_id(folder: &Path) -> Result<String, StartError> {
    create_folder(folder)?;
    let key = key(&folder.join("node.key"))?;
    Ok(key.public().to_peer_id().to_string())
}

fn check(config: &NodeConfig) -> Result<(), StartError> {
    if config.connections_max < CONNECTIONS_MIN {
        return Err(StartError::Setting {
            setting: "connections_max",
            value: config.connections_max.to_string(),
            rule: "a node needs at least 16",
        });
    }
    if config.bootstrap.len() > BOOTSTRAP_MAX {
        return Err(StartError::Setting {
            setting: "bootstrap",
            value: format!("a list of {}", config.bootstrap.len()),
            rule: "at most 64 peers, of which one is enough",
        });
    }
    Ok(())
}

fn is_on_loopback(listen: &[Multiaddr]) -> bool {
    let loopback = |address: &Multiaddr| match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback(),
        _ => false,
    };
    !listen.is_empty() && listen.iter().all(loopback)
}

fn failed(file: &Path) -> impl FnOnce(io::Error) -> StartError {
    let file = file.to_owned();
    move |source| StartError::File { file, source }
}

fn create_folder(folder: &Path) -> Result<(), StartError> {
    // Of one that is there its owner decides.
    match folder.is_dir() {
        true => Ok(()),
        false => private::make_folder(folder).map_err(failed(folder)),
    }
}

/// The node's key from `file`, which is made if there is none.
fn key(file: &Path) -> Result<Keypair, StartError> {
    let seed = match secret_file::read(file)? {
        Some(seed) => seed,
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(StartError::Random)?;
            secret_file::write(file, &seed)?;
            seed
        }
    };
    let file = file.to_owned();
    Keypair::ed25519_from_bytes(seed).map_err(|_| StartError::Key { file })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_nobody_else_reads_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("node.key");
        let first = key(&file).expect("made").public();
        assert_eq!(key(&file).expect("read").public(), first);
        #[cfg(unix)]
        {
            let metadata = fs::metadata(&file).expect("it is there");
            let mode = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
            assert_eq!(mode & 0o777, 0o600);
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o604);
            fs::set_permissions(&file, open).expect("set");
            let error = key(&file).expect_err("others can read it").to_string();
            assert!(error.contains("mode 604"), "{error}");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(&file, private).expect("set");
        }
        for bad in [0, 31, 33] {
            fs::write(&file, vec![1; bad]).expect("written");
            let error = key(&file).expect_err("no key").to_string();
            assert!(error.contains("node.key"), "{error}");
        }
    }
}
