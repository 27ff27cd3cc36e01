//! Removes what a state that was taken over leaves behind: what lies below the base once it is the chain's, and what is there of one that is given up.
//!
//! Below the base nothing is read any more but by who began before: it goes with the blocks that come, after the usual window. What was given up goes at once,
//! before a block is written: values of a version to come would be found from that version on.

use std::ops::ControlFlow;

use super::Inner;
use crate::ledger::disk::{Disk, Write, unreadable};
use crate::ledger::state::StateError;
use crate::store::Column;

/// The cell of [`Column::Node`] that says how far the removal below the base is: 0 for nodes or 1 for values, and the key from which on it goes on.
const SWEEP_CELL: &[u8] = b"ledger-sweep";

/// The cell that is there while what was given up is removed.
const CLEAR_CELL: &[u8] = b"ledger-clear";

/// Keys that one block looks at: some 10 ms. A million names are gone within 200 blocks.
const SWEPT_AT_A_TIME: usize = 16_384;

const COLUMNS: [Column; 2] = [Column::StateNodes, Column::StateValues];

/// Has the next blocks remove what lies below the base.
pub(super) fn begin() -> Write {
    Write::put(Column::Node, SWEEP_CELL, [0])
}

impl Inner {
    /// What a block removes below the base, once the window of those that may still read there has passed.
    pub(super) fn sweep(&mut self, disk: &Disk, window: u64) -> Result<Vec<Write>, StateError> {
        if self.is_swept || window <= self.base {
            return Ok(Vec::new());
        }
        let writes = step(disk, self.base)?;
        self.is_swept = writes.is_empty();
        Ok(writes)
    }
}

/// What one block removes; nothing when all is gone.
fn step(disk: &Disk, base: u64) -> Result<Vec<Write>, StateError> {
    let cell = disk.store.get(Column::Node, SWEEP_CELL);
    let Some(cell) = cell.map_err(unreadable)? else {
        return Ok(Vec::new());
    };
    let damaged = || unreadable("how far old leaves are removed does not read");
    let (at, from) = cell.split_first().ok_or_else(damaged)?;
    let column = *COLUMNS.get(usize::from(*at)).ok_or_else(damaged)?;
    let (mut writes, next) = piece(disk, column, from, |version| version < base)?;
    let cell = match next {
        Some(next) => Some([&[*at], &next[..]].concat()),
        None if usize::from(*at) + 1 < COLUMNS.len() => Some(vec![at + 1]),
        None => None,
    };
    writes.push(match cell {
        Some(cell) => Write::put(Column::Node, SWEEP_CELL, cell),
        None => Write::delete(Column::Node, SWEEP_CELL),
    });
    Ok(writes)
}

/// Removes all versions above one, and `cell` with the first of them. Killed meanwhile, [`finish`] goes on.
pub(super) fn clear(disk: &Disk, above: u64, cell: &[u8]) -> Result<(), StateError> {
    let begin = [
        Write::delete(Column::Node, cell),
        Write::put(Column::Node, CLEAR_CELL, []),
    ];
    disk.write(&begin).map_err(unreadable)?;
    for column in COLUMNS {
        let mut from = Vec::new();
        loop {
            let (writes, next) = piece(disk, column, &from, |version| version > above)?;
            disk.write_later(&writes).map_err(unreadable)?;
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
    }
    let end = [Write::delete(Column::Node, CLEAR_CELL)];
    disk.write(&end).map_err(unreadable)
}

/// Goes on where [`clear`] was cut short.
pub(super) fn finish(disk: &Disk, above: u64) -> Result<(), StateError> {
    let cell = disk.store.get(Column::Node, CLEAR_CELL);
    match cell.map_err(unreadable)? {
        Some(_) => clear(disk, above, CLEAR_CELL),
        None => Ok(()),
    }
}

/// Removals of some versions among so many keys of a column, and from where on there are more keys.
fn piece(
    disk: &Disk,
    column: Column,
    from: &[u8],
    goes: impl Fn(u64) -> bool,
) -> Result<(Vec<Write>, Option<Vec<u8>>), StateError> {
    let (mut writes, mut seen, mut next) = (Vec::new(), 0, None);
    let visit = |key: &[u8], _: &[u8]| {
        if seen == SWEPT_AT_A_TIME {
            next = Some(key.to_vec());
            return ControlFlow::Break(());
        }
        seen += 1;
        if version_of(column, key).is_some_and(&goes) {
            writes.push(Write::delete(column, key));
        }
        ControlFlow::Continue(())
    };
    disk.store.scan(column, from, visit).map_err(unreadable)?;
    Ok((writes, next))
}

/// Both kinds of keys end with the version, that of values counted down.
fn version_of(column: Column, key: &[u8]) -> Option<u64> {
    let version = key.last_chunk().copied().map(u64::from_be_bytes)?;
    Some(match column {
        Column::StateValues => u64::MAX - version,
        _ => version,
    })
}
