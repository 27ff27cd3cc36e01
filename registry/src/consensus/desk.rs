//! What the engine's tasks share: the application, the rules of the network, and what is told to the outside.

use std::sync::{Arc, Mutex, PoisonError};

use dotkey_proto::ledger::Header;
use dotkey_proto::time::Timestamp;
use tokio::sync::watch;

use super::keeper::EVIDENCE_MAX;
use super::library::{Epocher, FixedEpocher, Height, Runtime};
use super::{Application, Block, Evidence, Pacing, Tip};

/// How the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The last final block.
    pub tip: Tip,
    /// The epoch that the next block belongs to.
    pub epoch: u64,
    /// Whether this node votes in it.
    pub votes: bool,
    /// What is wrong with this machine's clock, or with a proposer's: it costs votes.
    pub clock: Option<String>,
    /// Why it signs nothing for now, and what to do: it goes on by itself.
    pub waits: Option<String>,
    /// Why the engine stopped for good, and what to do.
    pub halted: Option<String>,
}

pub(super) struct Desk {
    pub(super) application: Arc<dyn Application>,
    pub(super) network: [u8; 32],
    pub(super) epocher: FixedEpocher,
    pub(super) pacing: Pacing,
    /// Counts the times that work arrived.
    pub(super) work: watch::Sender<u64>,
    pub(super) status: watch::Sender<Status>,
    pub(super) evidence: Mutex<Vec<Evidence>>,
    /// Until when what was said of a clock stands.
    pub(super) complaint_ends: Mutex<Option<Timestamp>>,
    /// How far this validator's calendar is ahead of the runtime's.
    #[cfg(test)]
    pub(super) ahead_secs: i64,
}

/// What is wrong with a clock is said for so long after it was seen: others' blocks, which are right, follow within a view.
const COMPLAINT_SECS: u64 = 60;

impl Desk {
    /// The epoch that a block of this height belongs to.
    pub(super) fn epoch(&self, height: u64) -> u64 {
        let info = self.epocher.containing(Height::new(height));
        info.expect("epochs of one length hold every height")
            .epoch()
            .get()
    }

    /// Whether the height is the last of its epoch.
    pub(super) fn is_border(&self, height: u64) -> bool {
        self.epoch(height) != self.epoch(height + 1)
    }

    /// Wakes the proposer that waits for work.
    pub(super) fn work_arrived(&self) {
        self.work
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Stops the engine for good: nothing is signed any more. The first reason stays.
    pub(super) fn halt(&self, reason: String) {
        self.status.send_modify(|status| {
            if status.halted.is_none() {
                tracing::error!(%reason, "the engine halts: halting beats forking");
                status.halted = Some(reason);
            }
        });
    }

    /// Says why nothing goes on for now, or that it does.
    pub(super) fn waits(&self, why: Option<String>) {
        self.status.send_if_modified(|status| {
            let differs = status.waits.is_some() != why.is_some();
            match &why {
                Some(why) if differs => tracing::warn!("{why}"),
                None if differs => tracing::info!("there is space again: the ledger goes on"),
                _ => {}
            }
            status.waits = why;
            differs
        });
    }

    /// Returns when the engine has to stop for good.
    pub(super) async fn halted(&self) -> String {
        let mut status = self.status.subscribe();
        let halted = status.wait_for(|status| status.halted.is_some()).await;
        let reason = halted.ok().and_then(|status| status.halted.clone());
        reason.unwrap_or_else(|| "the engine is gone; start the node again".to_owned())
    }

    /// What the calendar says.
    pub(super) fn now<E: Runtime>(&self, context: &E) -> Timestamp {
        let since = context.current().duration_since(std::time::UNIX_EPOCH);
        let secs = since.unwrap_or_default().as_secs();
        #[cfg(test)]
        let secs = secs.saturating_add_signed(self.ahead_secs);
        Timestamp::from_secs(secs).unwrap_or(Timestamp::MAX)
    }

    /// Says what is wrong with the time, or that nothing has been for a while.
    pub(super) fn clock(&self, complaint: Option<String>, now: Timestamp) {
        let ends = &self.complaint_ends;
        let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
        match &complaint {
            Some(_) => *ends = Some(now.saturating_add(COMPLAINT_SECS)),
            None if ends.is_some_and(|ends| now < ends) => return,
            None => {}
        }
        drop(ends);
        self.status.send_if_modified(|status| {
            let differs = status.clock != complaint;
            if let (true, Some(complaint)) = (differs, &complaint) {
                tracing::warn!("{complaint}");
            }
            status.clock = complaint;
            differs
        });
    }

    /// What a block must say of itself on this parent, whatever it does to the state.
    pub(super) fn shape(&self, block: &Block, parent: &Header) -> Result<(), &'static str> {
        let header = block.header();
        if header.network != self.network {
            Err("it is of another network")
        } else if header.height != parent.height + 1 || header.parent != parent.digest() {
            Err("it does not follow its parent")
        } else if header.epoch != self.epoch(header.height) {
            Err("it names another epoch than its height's")
        } else {
            Ok(())
        }
    }

    /// Keeps evidence in memory; whether it is the first of its validator and epoch, and there is room.
    pub(super) fn note(&self, evidence: &Evidence) -> bool {
        let mut kept = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        let same =
            |one: &Evidence| one.validator == evidence.validator && one.epoch == evidence.epoch;
        let is_new = kept.len() < EVIDENCE_MAX && !kept.iter().any(same);
        if is_new {
            kept.push(evidence.clone());
        }
        is_new
    }

    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        evidence.clone()
    }
}
