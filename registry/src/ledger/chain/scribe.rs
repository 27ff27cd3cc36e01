//! Writes batches one after the other on a thread of its own, so that the next is put together meanwhile.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::ChainError;
use crate::ledger::disk::{Disk, Write, unreadable};
use crate::ledger::state::StateError;
use crate::store::StoreError;

/// Batches that wait while one is written: enough that neither side stands still, little that a crash loses.
const WAITING_MAX: usize = 1;

/// See the module. Dropped, it writes what it was given before.
pub(super) struct Scribe {
    batches: Option<SyncSender<Vec<Write>>>,
    thread: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Scribe {
    pub(super) fn start(disk: Disk) -> Result<Self, ChainError> {
        let (batches, given) = sync_channel::<Vec<Write>>(WAITING_MAX);
        let thread = Builder::new().name("ledger-import".to_owned());
        // A crash of the machine may lose the last of them, in their order, and never one before another.
        let writing = move || given.iter().try_for_each(|batch| disk.write_later(&batch));
        let thread = thread.spawn(writing).map_err(unreadable)?;
        Ok(Self {
            batches: Some(batches),
            thread: Some(thread),
        })
    }

    /// Has a batch written after those before it. Where one of them could not be, that is said here or by [`Scribe::finish`].
    pub(super) fn write(&mut self, batch: Vec<Write>) -> Result<(), ChainError> {
        let batches = self.batches.as_ref();
        match batches.is_some_and(|batches| batches.send(batch).is_ok()) {
            true => Ok(()),
            false => Err(self.end().err().unwrap_or_else(stopped)),
        }
    }

    /// Returns when all is written.
    pub(super) fn finish(mut self) -> Result<(), ChainError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ChainError> {
        self.batches = None;
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(written)) => Ok(written?),
            Some(Err(_)) => Err(stopped()),
        }
    }
}

impl Drop for Scribe {
    fn drop(&mut self) {
        // Whoever drops it has no more use for what it says.
        let _ = self.end();
    }
}

fn stopped() -> ChainError {
    let why = "what was taken over could not be written; the log says why".to_owned();
    StateError::Unreadable(why).into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::{Column, Store};

    #[test]
    fn all_is_written_when_it_is_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Arc::new(Store::open(folder.path()).expect("a store"));
        let mut scribe = Scribe::start(Disk::new(Arc::clone(&store))).expect("a thread");
        for number in 0..100_u8 {
            let batch = vec![Write::put(Column::Node, [number], [number])];
            scribe.write(batch).expect("it is taken");
        }
        drop(scribe);
        for number in 0..100_u8 {
            let found = store.get(Column::Node, &[number]).expect("it reads");
            assert_eq!(found, Some(vec![number]));
        }
    }
}
