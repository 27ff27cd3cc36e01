//! From one set of validators to the next, for those who walk: section 8.8. Kept when an epoch ends with another set than it began with.

use std::ops::ControlFlow;

use dotkey_proto::ledger::{Certificate, Handover};

use super::layers::Executed;
use super::{Chain, ChainError, Changed, validator_set};
use crate::ledger::disk::{Disk, Write};
use crate::ledger::state::{self, StateError};
use crate::store::Column;

/// The cells of [`Column::Node`] that have them, by the epoch that ended.
const HANDOVER_CELL: &[u8] = b"ledger-handover-";

impl Chain {
    /// The handovers at the ends of this epoch and later ones, the oldest first, at most so many. Where the set stayed the same there is none.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn handovers(&self, epoch: u64, most: usize) -> Result<Vec<Handover>, ChainError> {
        let mut found = Vec::new();
        let mut damaged = None;
        self.disk
            .store
            .scan(Column::Node, &cell(epoch), |key, value| {
                if !key.starts_with(HANDOVER_CELL) || found.len() >= most {
                    return ControlFlow::Break(());
                }
                match Handover::decode(value) {
                    Ok(handover) => found.push(handover),
                    Err(source) => damaged = Some(source),
                }
                ControlFlow::Continue(())
            })?;
        let what = "a handover";
        damaged.map_or(Ok(found), |source| {
            Err(StateError::Damaged { what, source }.into())
        })
    }

    /// Keeps handovers that were verified, so that others can walk by them.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub fn keep_handovers(&self, handovers: &[Handover]) -> Result<(), ChainError> {
        let writes: Vec<Write> = handovers.iter().map(write).collect();
        Ok(self.disk.write(&writes)?)
    }
}

/// What is written with a block that ends an epoch and brings another set.
pub(super) fn handover_write(
    disk: &Disk,
    below: u64,
    block: &Executed,
    certificate: Option<&Certificate>,
) -> Result<Option<Write>, ChainError> {
    let header = &block.header;
    let (Some(next), Some(certificate)) = (header.next_validators, certificate) else {
        return Ok(None);
    };
    if next == header.validators {
        return Ok(None);
    }
    let view = Changed {
        below: &disk.at(below),
        changes: &block.changes,
    };
    let next = validator_set(&state::seats(&view)?.current)?;
    let handover = Handover {
        header: header.clone(),
        certificate: certificate.clone(),
        next,
    };
    Ok(Some(write(&handover)))
}

fn write(handover: &Handover) -> Write {
    Write::put(Column::Node, cell(handover.header.epoch), handover.encode())
}

fn cell(epoch: u64) -> Vec<u8> {
    [HANDOVER_CELL, &epoch.to_be_bytes()].concat()
}
