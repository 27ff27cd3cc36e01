//! What users of this node ask, and who waits for what.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use super::actor::Actor;
use crate::dht::core::{Input, Job, Outcome, Placement};
use crate::node::{Command, Got, NodeError, Progress};

/// Handing over what this node keeps may take so long. The rest of the five seconds that a stop may take is for closing.
const LEAVE_MS_MAX: u64 = 3_000;

/// Who waits for what. As many as the core takes on.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    waiting: BTreeMap<Job, Waiting>,
    next: u64,
    leaving: Option<Leaving>,
}

#[derive(Debug)]
enum Waiting {
    Get(oneshot::Sender<Result<Got, NodeError>>),
    Put {
        progress: mpsc::Sender<Progress>,
        reply: oneshot::Sender<Result<Placement, NodeError>>,
    },
}

#[derive(Debug)]
struct Leaving {
    job: Job,
    deadline_ms: u64,
    handed_over: bool,
    replies: Vec<oneshot::Sender<()>>,
}

impl Jobs {
    fn number(&mut self) -> Job {
        self.next += 1;
        Job(self.next)
    }

    fn add(&mut self, waiting: Waiting) -> Job {
        let job = self.number();
        self.waiting.insert(job, waiting);
        job
    }

    pub(super) fn progress(&mut self, job: Job, stored: usize, of: usize) {
        if let Some(Waiting::Put { progress, .. }) = self.waiting.get(&job) {
            // Who watches too slowly sees the next.
            let _ = progress.try_send(Progress { stored, of });
        }
    }

    /// Tells who waits. Who does not wait any more is not told.
    pub(super) fn done(&mut self, job: Job, outcome: Outcome) {
        if let Some(leaving) = &mut self.leaving
            && leaving.job == job
        {
            if let Outcome::Left { neighbours } = outcome {
                tracing::info!(neighbours, "what is kept here is with neighbours");
            }
            leaving.handed_over = true;
            return;
        }
        match (self.waiting.remove(&job), outcome) {
            (Some(Waiting::Get(reply)), Outcome::Got { record, effort }) => {
                let _ = reply.send(Ok(Got { record, effort }));
            }
            (Some(Waiting::Put { reply, .. }), Outcome::Put(placement)) => {
                let _ = reply.send(Ok(placement));
            }
            (Some(Waiting::Get(reply)), Outcome::Overloaded) => {
                let _ = reply.send(Err(NodeError::Overloaded));
            }
            (Some(Waiting::Put { reply, .. }), Outcome::Overloaded) => {
                let _ = reply.send(Err(NodeError::Overloaded));
            }
            (waiting, outcome) => {
                // Dropping the sender tells who waits that the node does not answer.
                tracing::error!(?job, ?waiting, ?outcome, "an outcome that nobody asked for");
            }
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// Whether everything is handed over, or there is no more time for it.
    pub(super) fn has_left(&self, now_ms: u64) -> bool {
        let over = |leaving: &Leaving| leaving.handed_over || now_ms >= leaving.deadline_ms;
        self.leaving.as_ref().is_some_and(over)
    }

    pub(super) fn take_leavers(&mut self) -> Vec<oneshot::Sender<()>> {
        let leaving = self.leaving.take();
        leaving.map_or_else(Vec::new, |leaving| leaving.replies)
    }
}

impl Actor {
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Get { at, effort, reply } => {
                let job = self.jobs.add(Waiting::Get(reply));
                self.feed(Input::Get { job, at, effort });
            }
            Command::Put {
                record,
                expected,
                progress,
                reply,
            } => {
                let job = self.jobs.add(Waiting::Put { progress, reply });
                self.feed(Input::Put {
                    job,
                    record,
                    expected,
                });
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Peers(reply) => {
                let _ = reply.send(self.peer_statuses());
            }
            Command::Metrics(reply) => {
                let _ = reply.send(self.metrics.text(self.levels()));
            }
            Command::Backup { to, reply } => self.on_backup(to, reply),
            Command::Leave(reply) => self.on_leave(Some(reply)),
        }
    }

    fn on_backup(&mut self, to: PathBuf, reply: oneshot::Sender<Result<u64, NodeError>>) {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || {
            let _ = reply.send(store.backup(&to).map_err(NodeError::from));
        });
    }

    /// Hands over what this node keeps. Commands that come after this are not taken any more.
    pub(super) fn on_leave(&mut self, reply: Option<oneshot::Sender<()>>) {
        if let Some(leaving) = &mut self.jobs.leaving {
            leaving.replies.extend(reply);
            return;
        }
        let job = self.jobs.number();
        self.jobs.leaving = Some(Leaving {
            job,
            deadline_ms: self.now().ms + LEAVE_MS_MAX,
            handed_over: false,
            replies: reply.into_iter().collect(),
        });
        self.feed(Input::Leave { job });
    }
}
