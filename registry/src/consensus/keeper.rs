//! Keeps what shows that a validator signed two things: checked, on disk, and told to the application until the ledger has heard of it.

use std::sync::{Arc, PoisonError};

use tokio::sync::mpsc;

use super::committee::Committees;
use super::desk::Desk;
use super::evidence::Conflict;
use super::journal::{Journal, JournalError};
use super::library::{Activity, Feedback, Reporter, Runtime};

/// Reports that wait to be checked. A quarter of the largest set may be caught in one view.
const REPORTS_MAX: usize = 1024;

/// Proofs that are kept: one for each validator and epoch, until an operator removes them.
pub(super) const EVIDENCE_MAX: usize = 1024;

/// Takes what the engine sees, and keeps what shows a fault.
#[derive(Clone)]
pub(super) struct Witness {
    reports: mpsc::Sender<Conflict>,
}

impl Reporter for Witness {
    type Activity = Activity;

    fn report(&mut self, activity: Activity) -> Feedback {
        let Some(conflict) = Conflict::of(activity) else {
            return Feedback::Ok;
        };
        match self.reports.try_send(conflict) {
            Ok(()) => Feedback::Ok,
            // The first reports are as good as the last.
            Err(mpsc::error::TrySendError::Full(_)) => Feedback::Backoff,
            Err(mpsc::error::TrySendError::Closed(_)) => Feedback::Closed,
        }
    }
}

/// Checks what the witnesses report, and keeps it on disk.
pub(super) struct Keeper<E: Runtime> {
    desk: Arc<Desk>,
    committees: Committees,
    journal: Journal<E>,
    /// The key of the next proof in the journal.
    next: u64,
    reports: mpsc::Receiver<Conflict>,
}

impl<E: Runtime> Keeper<E> {
    /// Reads what was kept.
    pub(super) async fn open(
        context: E,
        partition: &str,
        desk: Arc<Desk>,
        committees: Committees,
    ) -> Result<(Self, Witness), JournalError> {
        let journal = Journal::open(context, partition).await?;
        let kept = journal.values().filter_map(|votes| {
            let conflict = Conflict::decode(&votes)?;
            let committee = committees.of(conflict.epoch())?;
            conflict.verify(&mut commonware_utils::sys_rng(), &committee)
        });
        *desk.evidence.lock().unwrap_or_else(PoisonError::into_inner) = kept.collect();
        let (sender, reports) = mpsc::channel(REPORTS_MAX);
        let next = journal.last().map_or(1, |last| last + 1);
        let keeper = Self {
            desk,
            committees,
            journal,
            next,
            reports,
        };
        Ok((keeper, Witness { reports: sender }))
    }

    /// Works until the engine stops.
    pub(super) async fn run(mut self) -> Result<(), JournalError> {
        let mut epochs = self.desk.status.subscribe();
        let mut accused_in = None;
        loop {
            let epoch = epochs.borrow_and_update().epoch;
            if accused_in != Some(epoch) {
                accused_in = Some(epoch);
                self.accuse_again(epoch);
            }
            let new_epoch = async {
                let turned = epochs.wait_for(|status| status.epoch != epoch).await;
                turned.is_ok()
            };
            tokio::select! {
                biased;
                report = self.reports.recv() => match report {
                    Some(conflict) => self = self.take(conflict).await?,
                    None => return Ok(()),
                },
                true = new_epoch => {}
            }
        }
    }

    /// An accusation that waits for a block is lost where its node stops, and the ledger hears of faults of an epoch in that one and the next.
    fn accuse_again(&self, epoch: u64) {
        for evidence in self.desk.evidence() {
            if evidence.epoch + 1 >= epoch {
                self.desk.application.accuse(&evidence);
            }
        }
    }

    async fn take(mut self, conflict: Conflict) -> Result<Self, JournalError> {
        let Some(committee) = self.committees.of(conflict.epoch()) else {
            return Ok(self);
        };
        let found = conflict.verify(&mut commonware_utils::sys_rng(), &committee);
        let Some(evidence) = found.filter(|evidence| self.desk.note(evidence)) else {
            return Ok(self);
        };
        tracing::error!(epoch = evidence.epoch, view = evidence.view, validator = ?evidence.validator, "a validator signed two things");
        let votes = evidence.votes.to_vec();
        self.journal = self.journal.keep(self.next, votes).await?;
        self.next += 1;
        self.desk.application.accuse(&evidence);
        Ok(self)
    }
}
