//! The thread that writes: what waits while one batch is on its way to the disk goes together in the next.
//!
//! A sync of the disk costs the same for one record and for hundreds, so a burst is written at the disk's width and a single record
//! at once.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;

use super::records::RecordStore;
use crate::dht::core::{Writing, Written};
use crate::dht::message::{Expected, Refusal};

/// Records that wait for the disk: 64 MiB if all are as long as can be. More are refused as busy.
pub const WAITING_MAX: usize = 1024;

/// Records of one batch.
const BATCH_RECORDS_MAX: usize = 256;

/// Bytes of one batch, before the record that passes it.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// When who was refused as busy may come again: a disk that syncs in 10 ms has taken several batches by then.
const RETRY_MS: u32 = 200;

struct Job {
    writing: Writing,
    record: Box<Verified<Record>>,
    expected: Expected,
    now: Timestamp,
}

/// A thread that writes to a store. When it is dropped, what waits is written first.
pub struct Writer {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. It calls `on_done` for each write, in the order in which they were given.
    ///
    /// # Panics
    /// When the system gives no thread.
    #[must_use]
    pub fn spawn(store: RecordStore, on_done: impl Fn(Writing, Written) + Send + 'static) -> Self {
        let (jobs, waiting) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || run(&store, &waiting, on_done))
            .expect("the system gives a thread at start-up");
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
        }
    }

    /// Hands over a record; never waits.
    ///
    /// # Errors
    /// [`Refusal::Busy`] when [`WAITING_MAX`] wait already. Then there is no call for it.
    pub fn submit(
        &self,
        writing: Writing,
        record: Box<Verified<Record>>,
        expected: Expected,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let jobs = self.jobs.as_ref().expect("taken by `drop` only");
        let sent = jobs.try_send(Job {
            writing,
            record,
            expected,
            now,
        });
        sent.map_err(|error| match error {
            TrySendError::Full(_) => Refusal::Busy { retry_ms: RETRY_MS },
            TrySendError::Disconnected(_) => Refusal::Disk, // It panicked.
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

fn run(store: &RecordStore, waiting: &Receiver<Job>, on_done: impl Fn(Writing, Written)) {
    while let Ok(first) = waiting.recv() {
        let mut now = first.now;
        let mut bytes = first.record.as_bytes().len();
        let mut writings = vec![first.writing];
        let mut batch = vec![(first.record, first.expected)];
        while batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = waiting.try_recv() else {
                break;
            };
            now = now.max(next.now);
            bytes += next.record.as_bytes().len();
            writings.push(next.writing);
            batch.push((next.record, next.expected));
        }
        for (writing, written) in writings.into_iter().zip(store.write_all(batch, now)) {
            on_done(writing, written);
        }
    }
}
