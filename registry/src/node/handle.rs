//! The handle: cheap to clone, usable from any task.

use std::path::PathBuf;

use dotkey_proto::record::{Record, Verified};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::ledger::Ledger;
use super::status::{PeerStatus, Status};
use crate::dht::core::{Effort, Effortful, Placement};
use crate::dht::message::Expected;
use crate::dht::peer::Position;

/// What is asked of a node's loop. Every command is answered once, or its sender dropped when the node stops.
#[derive(Debug)]
pub enum Command {
    /// The record at a position, from the network.
    Get {
        /// Where.
        at: Position,
        /// How sure.
        effort: Effort,
        /// The answer.
        reply: oneshot::Sender<Result<Got, NodeError>>,
    },
    /// Publish a record.
    Put {
        /// What.
        record: Box<Verified<Record>>,
        /// On which condition.
        expected: Expected,
        /// How far it is, for who watches; lost when nobody does.
        progress: mpsc::Sender<Progress>,
        /// The answer.
        reply: oneshot::Sender<Result<Placement, NodeError>>,
    },
    /// How the node does.
    Status(oneshot::Sender<Status>),
    /// Who it knows.
    Peers(oneshot::Sender<Vec<PeerStatus>>),
    /// What it counts, as Prometheus reads it.
    Metrics(oneshot::Sender<String>),
    /// Copy the store, while it is in use, into a new folder.
    Backup {
        /// The folder, which must not exist.
        to: PathBuf,
        /// How many bytes it has.
        reply: oneshot::Sender<Result<u64, NodeError>>,
    },
    /// Hand over what it keeps, close the connections, stop.
    Leave(oneshot::Sender<()>),
}

/// What a get brought.
#[derive(Clone, Debug)]
pub struct Got {
    /// The record, unless nobody has one.
    pub record: Option<Box<Verified<Record>>>,
    /// What it took.
    pub effort: Effortful,
}

/// How far a put is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Nodes that have it.
    pub stored: usize,
    /// Of how many.
    pub of: usize,
}

/// Why a node did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It is stopping, or has stopped.
    #[error("the node is stopping")]
    Stopping,
    /// Too much is under way.
    #[error("the node is busy with as much as it may have under way")]
    Overloaded,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// A running node.
#[derive(Clone, Debug)]
pub struct Node {
    commands: mpsc::Sender<Command>,
    changes: broadcast::Sender<Verified<Record>>,
    ledger: Option<Ledger>,
}

/// Progress reports that wait for who watches; more are dropped, the next says as much.
const PROGRESS_MAX: usize = 32;

impl Node {
    /// A handle to the loop that reads `commands` and tells of changes through `changes`.
    #[must_use]
    pub fn new(
        commands: mpsc::Sender<Command>,
        changes: broadcast::Sender<Verified<Record>>,
    ) -> Self {
        Self {
            commands,
            changes,
            ledger: None,
        }
    }

    /// The same node, with the ledger that it follows.
    #[must_use]
    pub fn with_ledger(self, ledger: Ledger) -> Self {
        let ledger = Some(ledger);
        Self { ledger, ..self }
    }

    /// The ledger that it follows, if it follows one.
    #[must_use]
    pub fn ledger(&self) -> Option<&Ledger> {
        self.ledger.as_ref()
    }

    /// The newest record at a position.
    ///
    /// # Errors
    /// When the node stops or has too much to do.
    pub async fn get(&self, at: Position, effort: Effort) -> Result<Got, NodeError> {
        self.ask(|reply| Command::Get { at, effort, reply }).await?
    }

    /// Publishes a record. Progress goes to `watch`, as far as it has room.
    ///
    /// # Errors
    /// When the node stops or has too much to do. A put that too few nodes took is no error here: see [`Placement::succeeded`].
    pub async fn put(
        &self,
        record: Verified<Record>,
        expected: Expected,
        watch: Option<mpsc::Sender<Progress>>,
    ) -> Result<Placement, NodeError> {
        let progress = watch.unwrap_or_else(|| mpsc::channel(PROGRESS_MAX).0);
        let record = Box::new(record);
        self.ask(|reply| Command::Put {
            record,
            expected,
            progress,
            reply,
        })
        .await?
    }

    /// How it does.
    ///
    /// # Errors
    /// When the node stops.
    pub async fn status(&self) -> Result<Status, NodeError> {
        self.ask(Command::Status).await
    }

    /// Who it knows.
    ///
    /// # Errors
    /// When the node stops.
    pub async fn peers(&self) -> Result<Vec<PeerStatus>, NodeError> {
        self.ask(Command::Peers).await
    }

    /// What it counts, in Prometheus' text format.
    ///
    /// # Errors
    /// When the node stops.
    pub async fn metrics(&self) -> Result<String, NodeError> {
        self.ask(Command::Metrics).await
    }

    /// Copies the store into a new folder while it is in use, and says how many bytes the copy has.
    ///
    /// # Errors
    /// When the folder exists or cannot be written.
    pub async fn backup(&self, to: PathBuf) -> Result<u64, NodeError> {
        self.ask(|reply| Command::Backup { to, reply }).await?
    }

    /// Hands over what it keeps and stops, and the ledger with it.
    pub async fn leave(&self) {
        let ledger = async {
            if let Some(ledger) = &self.ledger {
                ledger.stop().await;
            }
        };
        // It may have stopped before.
        let _ = tokio::join!(self.ask(Command::Leave), ledger);
    }

    /// The changes from now on: records that came to the node's notice and are newer than any before. A slow reader loses some.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Verified<Record>> {
        self.changes.subscribe()
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, NodeError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        sent.map_err(|_| NodeError::Stopping)?;
        answer.await.map_err(|_| NodeError::Stopping)
    }
}
