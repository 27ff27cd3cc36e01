//! The ledger as a node has it: the chain, what waits for a block, and the engine of a validator, behind one handle.
//!
//! This module owns their life within a node: a damaged state halts the ledger while the node goes on, a folder of another network is
//! refused, a stop waits for the engine and frees the store. What a block does is for [`crate::ledger`], which block is next for
//! [`crate::consensus`]; how others ask is for [`crate::api`]. A node without a validator's secrets has no engine: whoever brings it blocks
//! calls [`Ledger::finalise`].

mod application;
mod changes;
mod key;
mod outcomes;
mod signing;
mod solo;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use dotkey_proto::ledger::{Bundle, Certificate, Genesis, Proof, SignedTransaction, Subject};
use dotkey_proto::time::Timestamp;
use tokio::sync::{broadcast, watch};

use super::StartError;
use crate::consensus::{
    Application, Block, ConsensusError, Engine, Evidence, Objection, Pacing, Settings,
};
use crate::follow::core::Progress;
use crate::hex::hex;
use crate::ledger::{Chain, ChainError};
use crate::private;
use crate::store::Store;
use application::Executor;

pub use application::NotTaken;
pub use changes::{Changes, Proposed};
pub use key::{VALIDATOR_KEY_FILE, ValidatorKey};
pub use outcomes::Outcome;
pub use signing::Signing;
pub use solo::{SOLO_NAME, found_solo, near_parameters};
pub use status::{AGE_SECONDS_MAX, Following, LedgerStatus};

/// What the calendar says.
pub type Clock = fn() -> Timestamp;

/// Which ledger a node follows, and how.
#[derive(Clone, Debug)]
pub struct LedgerConfig {
    /// Its network.
    pub network: Network,
    /// Where other validators reach this one. By default at its address in the ledger, as far as that is one of this machine's.
    pub listen: Option<SocketAddr>,
    /// What the calendar says.
    pub clock: Clock,
}

/// Which network's ledger.
#[derive(Clone, Debug)]
pub enum Network {
    /// This one's.
    Of(Box<Genesis>),
    /// That of the ledger which the folder has; where it has none, a network of its own is founded.
    Own,
}

/// A node's ledger. A clone is the same.
#[derive(Clone)]
pub struct Ledger(Arc<Inner>);

struct Inner {
    genesis: Genesis,
    clock: Clock,
    running: RwLock<Option<Arc<Executor>>>,
    engine: Mutex<Option<Engine>>,
    /// How far this node is, where it follows without a vote.
    following: Mutex<Option<Following>>,
    signing: signing::Newest,
    /// Why it did not begin.
    failed: Option<String>,
    opened: Instant,
}

/// Why the ledger gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// It is damaged.
    #[error("the ledger has halted: {0}")]
    Halted(String),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
    /// What it was read at is gone since.
    #[error("the ledger went on while it was read")]
    Overtaken,
    /// There is nothing to prove with.
    #[error("no block is certified yet")]
    Uncertified,
    /// It does not know all changes of the validators.
    #[error("this node does not have all handovers from epoch {0} on")]
    NoHandovers(u64),
    /// An epoch to come.
    #[error("epoch {asked} has not begun; {newest} is the newest")]
    EpochToCome {
        /// Which.
        asked: u64,
        /// The newest.
        newest: u64,
    },
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens the ledger of a network in a store, and begins it if there is none. With a validator's secrets in `data` its engine starts, on threads of its own and with
    /// its journal there.
    ///
    /// # Errors
    /// Another network's ledger, or settings that cannot be. Damage is no error: the ledger halts, and says so.
    pub fn open(store: Arc<Store>, data: &Path, config: LedgerConfig) -> Result<Self, StartError> {
        let LedgerConfig {
            network,
            listen,
            clock,
        } = config;
        let genesis = match network {
            Network::Of(genesis) => *genesis,
            Network::Own => match Chain::genesis_of(&store).map_err(StartError::Ledger)? {
                Some(genesis) => genesis,
                None => found_solo(data, clock())?,
            },
        };
        let key = ValidatorKey::load(data)?;
        let mut inner = Inner {
            genesis,
            clock,
            running: RwLock::new(None),
            engine: Mutex::new(None),
            following: Mutex::default(),
            signing: signing::Newest::default(),
            failed: None,
            opened: Instant::now(),
        };
        let judge = application::judge(inner.genesis.network());
        let opened = Chain::open(store, &inner.genesis, judge)
            .and_then(|chain| Executor::new(Arc::new(chain), key.clone(), clock));
        match opened {
            Err(error @ ChainError::OtherNetwork { .. }) => {
                return Err(StartError::OtherNetwork(error));
            }
            Err(error) => {
                tracing::error!(%error, "the ledger halts: halting beats forking");
                inner.failed = Some(error.to_string());
            }
            Ok(executor) => {
                let executor = Arc::new(executor);
                if let Some(key) = &key {
                    make_consensus_folder(data)?;
                    let settings = settings(&inner.genesis, &executor, key, listen, data)?;
                    let application: Arc<dyn Application> = executor.clone();
                    match Engine::start(settings, application) {
                        Ok(engine) => inner.engine = Mutex::new(Some(engine)),
                        // The journal is part of what may be damaged; the rest is how it was set up.
                        Err(ConsensusError::Journal(error)) => drop(executor.halt(&error)),
                        Err(error) => return Err(StartError::Consensus(error)),
                    }
                }
                inner.running = RwLock::new(Some(executor));
            }
        }
        Ok(Self(Arc::new(inner)))
    }

    /// What its network began with.
    #[must_use]
    pub fn genesis(&self) -> &Genesis {
        &self.0.genesis
    }

    /// The chain of blocks; `None` when it is damaged, or the node is stopping.
    #[must_use]
    pub fn chain(&self) -> Option<Arc<Chain>> {
        self.executor()
            .map(|executor| Arc::clone(&executor.chain))
            .ok()
    }

    /// Writes a block that is final and was verified: for a node whose blocks come from others.
    ///
    /// # Errors
    /// See [`Application::finalise`].
    pub fn finalise(
        &self,
        block: &Block,
        certificate: Option<&Certificate>,
    ) -> Result<(), Objection> {
        let executor = self.executor();
        let executor = executor.map_err(|error| Objection::Broken(error.to_string()))?;
        executor.finalise(block, certificate)
    }

    /// The height of the last final block, from now on; `None` when it is damaged, or the node is stopping.
    #[must_use]
    pub fn tips(&self) -> Option<watch::Receiver<u64>> {
        self.executor().map(|executor| executor.tips()).ok()
    }

    /// The transactions that come to wait here, from now on, for whoever passes them on to validators.
    #[must_use]
    pub fn taken(&self) -> Option<broadcast::Receiver<Bytes>> {
        self.executor().map(|executor| executor.taken()).ok()
    }

    /// Who was shown to have signed two things, as this node's engine saw it.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        let engine = self.engine();
        engine.as_ref().map(Engine::evidence).unwrap_or_default()
    }

    /// Lets a transaction wait for a block, here and at the other validators. Says whether it is new here.
    ///
    /// # Errors
    /// See [`NotTaken`].
    pub fn take(&self, transaction: SignedTransaction) -> Result<bool, NotTaken> {
        let executor = self.executor();
        let executor = executor.map_err(|error| NotTaken::Broken(error.to_string()))?;
        let bytes = Bytes::copy_from_slice(transaction.as_bytes());
        let is_new = executor.take(Arc::new(transaction))?;
        if let Some(engine) = self.engine().as_ref() {
            engine.share(bytes);
        }
        Ok(is_new)
    }

    /// What became of a transaction. One that is in a block counts as final once a certificate covers it, so that it can be proved.
    ///
    /// # Errors
    /// See [`Unanswered`].
    pub fn outcome(&self, id: &[u8; 32]) -> Result<Outcome, Unanswered> {
        let executor = self.executor()?;
        match executor.outcome(id) {
            Outcome::Final { height } => {
                let certified = executor.chain.certified();
                let certified = certified.map_err(|error| self.unread(&error))?;
                Ok(match certified {
                    Some(newest) if newest >= height => Outcome::Final { height },
                    _ => Outcome::Waiting,
                })
            }
            outcome => Ok(outcome),
        }
    }

    /// The newest proof, with the handovers that lead to its validators from those of an epoch.
    ///
    /// # Errors
    /// See [`Unanswered`].
    pub fn prove(&self, subject: &Subject, epoch: u64) -> Result<Bundle, Unanswered> {
        let executor = self.executor()?;
        let proof = self.prove_alone(subject)?;
        let newest = proof.header.epoch;
        if epoch > newest {
            let asked = epoch;
            return Err(Unanswered::EpochToCome { asked, newest });
        }
        let handovers = executor.chain.handovers(epoch, newest);
        let handovers = handovers.map_err(|error| self.unread(&error))?;
        Ok(Bundle {
            handovers: handovers.ok_or(Unanswered::NoHandovers(epoch))?,
            proof,
            record: None,
        })
    }

    /// The newest proof, for who knows its validators.
    ///
    /// # Errors
    /// See [`Unanswered`].
    pub fn prove_alone(&self, subject: &Subject) -> Result<Proof, Unanswered> {
        let proof = self.read(|chain| chain.prove(subject))?;
        proof.ok_or(Unanswered::Uncertified)
    }

    /// Reads what is final. A state that does not read halts the ledger.
    pub(crate) fn read<T>(
        &self,
        question: impl FnOnce(&Chain) -> Result<T, ChainError>,
    ) -> Result<T, Unanswered> {
        let executor = self.executor()?;
        question(&executor.chain).map_err(|error| self.unread(&error))
    }

    /// How it does.
    #[must_use]
    pub fn status(&self) -> LedgerStatus {
        let executor = self.executor().ok();
        let engine = self.engine();
        let engine_status = engine.as_ref().map(|one| one.status().borrow().clone());
        let evidence = engine.as_ref().map_or(0, |one| one.evidence().len());
        drop(engine);
        let broken = executor.as_ref().and_then(|one| one.broken());
        let halted = engine_status.as_ref().and_then(|one| one.halted.clone());
        let halted = self.0.failed.clone().or(broken).or(halted);
        let waits = executor.as_ref().and_then(|one| one.waits());
        let waits = waits.or_else(|| engine_status.as_ref().and_then(|one| one.waits.clone()));
        let tip = executor.as_ref().map(|one| one.chain.tip());
        let (waiting, waiting_bytes) = executor.as_ref().map_or((0, 0), |one| one.load());
        let changes = self.read(|chain| {
            let (seats, height) = (chain.seats()?, chain.tip().height);
            Ok(Changes::of(&seats, chain.charter().epoch_blocks, height))
        });
        let epoch = executor.as_ref().zip(tip.as_ref());
        LedgerStatus {
            network: hex(&self.0.genesis.network()),
            name: self.0.genesis.name.clone(),
            height: tip.as_ref().map(|tip| tip.height),
            block: tip.as_ref().map(|tip| hex(&tip.digest())),
            time: tip.as_ref().map(|tip| tip.time.as_secs()),
            age_seconds: tip
                .as_ref()
                .map(|tip| (self.0.clock)().secs_since(tip.time)),
            open_seconds: self.0.opened.elapsed().as_secs(),
            epoch: epoch.map(|(one, tip)| one.chain.charter().epoch(tip.height + 1)),
            votes: halted.is_none()
                && waits.is_none()
                && engine_status.as_ref().is_some_and(|one| one.votes),
            signing: executor
                .as_ref()
                .and_then(|one| self.0.signing.of(&one.chain)),
            following: self.following().clone(),
            waiting,
            waiting_bytes,
            evidence,
            changes: changes.ok(),
            clock: engine_status.and_then(|one| one.clock),
            waits: waits.filter(|_| halted.is_none()),
            halted,
        }
    }

    /// Stops the engine and frees the store. A second time does nothing.
    pub async fn stop(&self) {
        let ledger = self.clone();
        // It waits for threads; that one of them panicked is in the log.
        let _ = tokio::task::spawn_blocking(move || {
            let engine = ledger.engine().take();
            if let Some(engine) = engine {
                engine.stop();
            }
            let mut running = ledger
                .0
                .running
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            drop(running.take());
        })
        .await;
    }

    /// What the calendar says.
    pub(crate) fn clock(&self) -> Clock {
        self.0.clock
    }

    /// Whether an engine brings it its blocks.
    pub(crate) fn has_engine(&self) -> bool {
        self.engine().is_some()
    }

    /// How far whoever brings it its blocks is.
    pub(crate) fn note_progress(&self, progress: &Progress) {
        *self.following() = Some(progress.into());
    }

    fn following(&self) -> std::sync::MutexGuard<'_, Option<Following>> {
        let following = self.0.following.lock();
        following.unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing is written: what others certified does not fit what is here.
    pub(crate) fn halt(&self, why: &str) {
        if let Ok(executor) = self.executor() {
            executor.halt(&why);
        }
    }

    fn executor(&self) -> Result<Arc<Executor>, Unanswered> {
        if let Some(why) = &self.0.failed {
            return Err(Unanswered::Halted(why.clone()));
        }
        let running = self
            .0
            .running
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        running.clone().ok_or(Unanswered::Stopping)
    }

    fn engine(&self) -> std::sync::MutexGuard<'_, Option<Engine>> {
        self.0.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a reader finds damaged, the engine must not build on: it halts when it executes or proposes next. A reader that was overtaken, as by a state that is taken
    /// over meanwhile, found no damage.
    fn unread(&self, error: &ChainError) -> Unanswered {
        let Ok(executor) = self.executor() else {
            return Unanswered::Stopping;
        };
        match error {
            ChainError::NotKept { .. } => Unanswered::Overtaken,
            error => Unanswered::Halted(executor.halt(error)),
        }
    }
}

/// Where the engine keeps what it has signed, for the node's owner alone.
fn make_consensus_folder(data: &Path) -> Result<(), StartError> {
    let file = data.join("consensus");
    private::make_folder(&file).map_err(|source| StartError::File { file, source })
}

fn settings(
    genesis: &Genesis,
    executor: &Executor,
    key: &ValidatorKey,
    listen: Option<SocketAddr>,
    data: &Path,
) -> Result<Settings, StartError> {
    let parameters = &genesis.parameters;
    let ms = Duration::from_millis;
    let epoch_length = NonZeroU64::new(parameters.epoch_blocks);
    Ok(Settings {
        network: genesis.network(),
        epoch_length: epoch_length.expect("a genesis has epochs of two blocks at least"),
        pacing: Pacing {
            block_interval: ms(parameters.block_interval_ms),
            heartbeat: ms(parameters.heartbeat_ms),
        },
        identity: key.secrets(),
        listen: listen.unwrap_or_else(|| own_address(executor, &key.identity_key())),
        data: data.to_owned(),
    })
}

/// Where a validator listens that was told nothing: at its own address in the ledger. Behind a name, every address of the machine has to do; one that
/// nobody dials takes any port of loopback.
fn own_address(executor: &Executor, identity: &[u8; 32]) -> SocketAddr {
    let mut voters = executor.validators(executor.epoch()).unwrap_or_default();
    voters.extend(executor.observers());
    let own = voters.into_iter().find(|one| one.identity == *identity);
    let address = own.map(|one| one.address).unwrap_or_default();
    if let Ok(address) = address.parse() {
        return address;
    }
    let port = address
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok());
    match port {
        Some(port) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into(),
        None => (IpAddr::V4(Ipv4Addr::LOCALHOST), 0).into(),
    }
}
