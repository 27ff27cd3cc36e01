//! The engine as a node has it: on threads of its own, with its journal in the data folder.

use std::any::Any;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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
use super::{Application, Evidence, Pacing, network, room, seal, timing, work};

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

/// Where transactions for the other validators go: to the engine that runs now, which may be another one after a full disk.
type Outgoing = Arc<Mutex<mpsc::Sender<Bytes>>>;

/// An engine that runs. Dropping it stops it.
pub struct Engine {
    desk: Arc<Desk>,
    outgoing: Outgoing,
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
                waits: None,
                halted: None,
            }),
            evidence: Mutex::default(),
            complaint_ends: Mutex::default(),
            #[cfg(test)]
            ahead_secs: 0,
            application,
        };
        let epoch = desk.epoch(tip.height + 1);
        desk.status.send_modify(|status| status.epoch = epoch);
        let desk = Arc::new(desk);
        let outgoing: Outgoing = Arc::new(Mutex::new(mpsc::channel(1).0));
        let (stop, stopping) = watch::channel(false);
        let thread = thread::Builder::new().name("consensus".to_owned()).spawn({
            let desk = Arc::clone(&desk);
            let outgoing = Arc::clone(&outgoing);
            let (listen, identity) = (settings.listen, Arc::new(settings.identity));
            move || {
                attend(&desk, &folder, &stopping, || {
                    let (sender, transactions) = mpsc::channel(work::OUTGOING_MAX);
                    *outgoing.lock().unwrap_or_else(PoisonError::into_inner) = sender;
                    let place = (folder.as_path(), listen, Arc::clone(&identity));
                    work_until_stopped(&desk, place, transactions, stopping.clone())
                });
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
        let outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = outgoing.try_send(transaction);
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

/// Runs the engine, says why it ended, and seals the folder where it ended well. One that ended because the disk is full is started again when there is
/// room, as after a crash: it signs nothing that its journal does not hold.
fn attend(
    desk: &Desk,
    folder: &Path,
    stopping: &watch::Receiver<bool>,
    mut run: impl FnMut() -> Result<(), ConsensusError>,
) {
    loop {
        let error = match catch_unwind(AssertUnwindSafe(&mut run)) {
            Ok(Ok(())) => {
                if let Err(error) = seal::close(folder) {
                    tracing::warn!(%error, "the votes are not sealed");
                }
                return;
            }
            Ok(Err(error)) => error,
            Err(panic) => ConsensusError::Stopped(words(panic.as_ref())),
        };
        let halted = desk.status.borrow().halted.is_some();
        if halted || !room::is_short(folder) {
            return desk.halt(error.to_string());
        }
        desk.waits(Some(format!(
            "no space is left for {}; free some, then it votes again by itself",
            folder.display()
        )));
        desk.status.send_modify(|status| status.votes = false);
        tracing::info!(%error, "the engine ended for want of space");
        if !room::wait(folder, timing::NO_SPACE_PAUSE, || *stopping.borrow()) {
            return;
        }
        desk.waits(None);
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a part of it panicked").to_owned()
}

fn work_until_stopped(
    desk: &Arc<Desk>,
    (folder, listen, identity): (&Path, SocketAddr, Arc<Identity>),
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
            &desk.network,
            &identity,
            listen,
            room,
        );
        let parts = Parts {
            desk: Arc::clone(desk),
            identity,
            peers: oracle.clone(),
            blocker: oracle,
            outgoing,
            room,
            partitions: String::new(),
        };
        let engine = assembly::run(context.child("engine"), parts, channels);
        let unreachable = || {
            ConsensusError::Stopped(format!("it cannot listen on {}: another program does, or the address is not this machine's", listen))
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
