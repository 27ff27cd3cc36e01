//! The engine as a node has it: on threads of its own, with its journal in the data folder.

use std::any::Any;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, tokio as runtime};
use tokio::sync::{mpsc, watch};

use super::assembly::{self, Parts};
use super::committee::Identity;
use super::desk::{Desk, Status};
use super::error::ConsensusError;
use super::library::FixedEpocher;
use super::{Application, Evidence, Pacing, network, seal, timing, work};

/// The folder of the engine's journal and blocks, in the data folder.
const FOLDER: &str = "consensus";

/// Threads that wait for messages and disks; executing has others.
const THREADS: usize = 2;

/// How long stopping may take before it is done the hard way, which a restart mends.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// An epoch is at least so long: shorter ones would change validators faster than they can be told of it.
pub const EPOCH_LENGTH_MIN: u64 = 8;

/// What an engine needs to know.
#[derive(Debug)]
pub struct Settings {
    /// The network's id.
    pub network: [u8; 32],
    /// Blocks an epoch: the network's, by its genesis.
    pub epoch_length: NonZeroU64,
    /// When blocks are made.
    pub pacing: Pacing,
    /// This validator's secrets. Of a node that does not vote, any.
    pub identity: Identity,
    /// Where the other validators connect to.
    pub listen: SocketAddr,
    /// The data folder.
    pub data: PathBuf,
}

impl Settings {
    pub(super) fn epocher(&self) -> Result<FixedEpocher, ConsensusError> {
        if self.epoch_length.get() < EPOCH_LENGTH_MIN {
            return Err(ConsensusError::Setting(
                "the epochs of the network's genesis are shorter than 8 blocks; make a genesis with longer ones",
            ));
        }
        if self.pacing.heartbeat > timing::HEARTBEAT_MAX {
            return Err(ConsensusError::Setting(
                "the heartbeat of the network's genesis is longer than 3 s, which looks like a dead validator; make it shorter",
            ));
        }
        Ok(FixedEpocher::new(self.epoch_length))
    }
}

/// An engine that runs. Dropping it stops it.
pub struct Engine {
    desk: Arc<Desk>,
    outgoing: mpsc::Sender<Bytes>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts an engine on threads of its own. What goes wrong later is in its [`Status`].
    ///
    /// # Errors
    /// Settings out of their bounds, and a folder that lost or changed what it held.
    pub fn start(
        settings: Settings,
        application: Arc<dyn Application>,
    ) -> Result<Self, ConsensusError> {
        let folder = settings.data.join(FOLDER);
        seal::open(&folder)?;
        let tip = application.tip();
        let desk = Desk {
            network: settings.network,
            epocher: settings.epocher()?,
            pacing: settings.pacing,
            work: watch::Sender::new(0),
            status: watch::Sender::new(Status {
                tip,
                epoch: 0,
                votes: false,
                clock: None,
                halted: None,
            }),
            evidence: Mutex::default(),
            application,
        };
        let epoch = desk.epoch(tip.height + 1);
        desk.status.send_modify(|status| status.epoch = epoch);
        let desk = Arc::new(desk);
        let (outgoing, transactions) = mpsc::channel(work::OUTGOING_MAX);
        let (stop, stopping) = watch::channel(false);
        let thread = thread::Builder::new().name("consensus".to_owned()).spawn({
            let desk = Arc::clone(&desk);
            move || {
                attend(&desk, &folder, || {
                    work_until_stopped(&desk, &folder, settings, transactions, stopping)
                })
            }
        });
        let thread = thread.map_err(|error| ConsensusError::Stopped(error.to_string()))?;
        Ok(Self {
            desk,
            outgoing,
            stop,
            thread: Some(thread),
        })
    }

    /// How the engine is, from now on.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.desk.status.subscribe()
    }

    /// Who was shown to have signed two things.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        self.desk.evidence()
    }

    /// Tells the engine that the application has work, and the other validators what it is: a transaction that the application took.
    pub fn share(&self, transaction: Bytes) {
        self.desk.work_arrived();
        // Too many at once: this node proposes them itself when it leads.
        let _ = self.outgoing.try_send(transaction);
    }

    /// Stops the engine and waits for it. Blocks the thread, at most a few seconds.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It caught its panics, and said so in its status.
            let _ = thread.join();
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs the engine, says why it ended, and seals the folder where it ended well.
fn attend(desk: &Desk, folder: &Path, run: impl FnOnce() -> Result<(), ConsensusError>) {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => {
            if let Err(error) = seal::close(folder) {
                tracing::warn!(%error, "the votes are not sealed");
            }
        }
        Ok(Err(error)) => desk.halt(error.to_string()),
        Err(panic) => desk.halt(ConsensusError::Stopped(words(panic.as_ref())).to_string()),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a part of it panicked").to_owned()
}

fn work_until_stopped(
    desk: &Arc<Desk>,
    folder: &Path,
    settings: Settings,
    outgoing: mpsc::Receiver<Bytes>,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ConsensusError> {
    let config = runtime::Config::new()
        .with_worker_threads(THREADS)
        .with_storage_directory(folder);
    let application = &desk.application;
    let validators = application.validators(desk.epoch(application.tip().height + 1));
    let room = network::room(validators.map_or(0, |all| all.len()) + application.observers().len());
    runtime::Runner::new(config).start(|context| async move {
        let (channels, oracle, connecting) = network::open(
            context.child("network"),
            &settings.network,
            &settings.identity,
            settings.listen,
            room,
        );
        let parts = Parts {
            desk: Arc::clone(desk),
            identity: Arc::new(settings.identity),
            peers: oracle.clone(),
            blocker: oracle,
            outgoing,
            room,
            partitions: String::new(),
        };
        let engine = assembly::run(context.child("engine"), parts, channels);
        let unreachable = || {
            ConsensusError::Stopped(format!("it cannot listen on {}: another program does, or the address is not this machine's", settings.listen))
        };
        let ended = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => Ok(()),
            ended = engine => ended,
            _ = connecting => Err(unreachable()),
        };
        // Journals that are being written are written to their end.
        if let Err(error) = context.stop(0, Some(STOP_TIMEOUT)).await {
            tracing::debug!(%error, "the engine took long to stop");
        }
        ended
    })
}
