//! What the engine's tasks share: the application, the rules of the network, and what is told to the outside.

use std::sync::{Arc, Mutex, PoisonError};

use dotkey_proto::ledger::Header;
use tokio::sync::watch;

use super::library::{Epocher, FixedEpocher, Height};
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
}

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

    /// Returns when the engine has to stop for good.
    pub(super) async fn halted(&self) -> String {
        let mut status = self.status.subscribe();
        let halted = status.wait_for(|status| status.halted.is_some()).await;
        let reason = halted.ok().and_then(|status| status.halted.clone());
        reason.unwrap_or_else(|| "the engine is gone; start the node again".to_owned())
    }

    /// Says what is wrong with the time, or that nothing is any more.
    pub(super) fn clock(&self, complaint: Option<String>) {
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

    pub(super) fn evidence(&self) -> Vec<Evidence> {
        let evidence = self.evidence.lock().unwrap_or_else(PoisonError::into_inner);
        evidence.clone()
    }
}
