//! What all requests share, and how they ask the node.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::ApiConfig;
use super::events::Ring;
use super::metrics::HttpMetrics;
use super::problem::{self, Problem};
use super::shares::Shares;
use crate::node::{Node, NodeError};
use crate::store::StoreError;

/// What every request passes, whatever is behind: one for each server.
pub(crate) struct Door {
    pub(crate) config: ApiConfig,
    pub(crate) metrics: HttpMetrics,
    /// True from when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Door {
    pub(crate) fn new(config: ApiConfig, stop: watch::Receiver<bool>) -> Arc<Self> {
        let metrics = HttpMetrics::new();
        Arc::new(Self {
            config,
            metrics,
            stop,
        })
    }
}

/// What the paths of a node share.
pub(crate) struct Shared {
    pub(crate) door: Arc<Door>,
    pub(crate) node: Node,
    pub(crate) events: Arc<Ring>,
    pub(crate) bodies: Arc<Shares>,
    pub(crate) puts: Arc<Shares>,
    pub(crate) ledger: Arc<Semaphore>,
    pub(crate) subscribers: Arc<Shares>,
}

impl Shared {
    /// What the node answers, if it does so in time.
    pub(crate) async fn ask<T>(
        &self,
        question: impl Future<Output = Result<T, NodeError>>,
    ) -> Result<T, Problem> {
        self.ask_within(self.door.config.limits.node_wait, question)
            .await
    }

    /// As [`Shared::ask`], for who cannot wait that long.
    pub(crate) async fn ask_within<T>(
        &self,
        wait: Duration,
        question: impl Future<Output = Result<T, NodeError>>,
    ) -> Result<T, Problem> {
        match tokio::time::timeout(wait, question).await {
            Ok(answer) => answer.map_err(|error| problem_of(&error)),
            Err(_) => Err(Problem::new(
                problem::TIMED_OUT,
                format!("no answer came within {} ms", wait.as_millis()),
                "see at /v1/status whether the node has peers, then ask again",
            )),
        }
    }
}

/// One of the places that `semaphore` has left.
pub(crate) fn place(
    semaphore: &Arc<Semaphore>,
    what: &str,
) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(semaphore).try_acquire_owned().map_err(|_| {
        Problem::new(
            problem::OVERLOADED,
            format!("as many {what} are under way as this node allows"),
            "ask again in a few seconds, or ask another node",
        )
    })
}

pub(crate) fn problem_of(error: &NodeError) -> Problem {
    let (kind, next) = match error {
        NodeError::Stopping => (
            problem::STOPPING,
            "ask another node, or this one when it is back",
        ),
        NodeError::Overloaded => (
            problem::OVERLOADED,
            "ask again in a few seconds, or ask another node",
        ),
        NodeError::Store(StoreError::Inside { .. }) => {
            (problem::BAD_BODY, "name a folder outside the node's store")
        }
        NodeError::Store(_) => (
            problem::STORE_FAILED,
            "look at the space left on the node's disk; `dotkey node repair` mends a damaged store",
        ),
    };
    Problem::new(kind, error.to_string(), next)
}
