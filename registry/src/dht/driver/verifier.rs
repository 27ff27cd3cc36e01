//! The thread that verifies the records of many signatures that peers put or answer with, so that the loop goes on meanwhile.
//!
//! One thread and one queue: what one peer puts is verified in the order in which it came. Nobody has more than a few in the queue, which the core sees to, so nobody waits
//! for more than a few of each.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use dotkey_proto::time::Timestamp;

use crate::dht::core::{Checked, VERIFYING_MAX, Verifying, check};

struct Job {
    verifying: Verifying,
    bytes: Arc<[u8]>,
    now: Timestamp,
}

/// Verifies on a thread of its own. When it is dropped, what waits is verified for nobody, and the thread ends.
#[derive(Debug)]
pub(crate) struct Verifier {
    jobs: SyncSender<Job>,
}

impl Verifier {
    /// Starts the thread. It calls `on_done` for each record, in the order in which they were given.
    ///
    /// # Panics
    /// When the system gives no thread.
    pub(crate) fn spawn(on_done: impl Fn(Verifying, Checked) + Send + 'static) -> Self {
        let (jobs, waiting) = sync_channel(VERIFYING_MAX);
        std::thread::Builder::new()
            .name("verifier".to_owned())
            .spawn(move || run(&waiting, on_done))
            .expect("the system gives a thread at start-up");
        Self { jobs }
    }

    /// Hands over a record. The core hands over no more than there is room for.
    pub(crate) fn submit(&self, verifying: Verifying, bytes: Arc<[u8]>, now: Timestamp) {
        let job = Job {
            verifying,
            bytes,
            now,
        };
        if let Err(error) = self.jobs.try_send(job) {
            tracing::error!(%error, "a record is not verified");
        }
    }
}

fn run(waiting: &Receiver<Job>, on_done: impl Fn(Verifying, Checked)) {
    while let Ok(job) = waiting.recv() {
        on_done(job.verifying, check(&job.bytes, None, job.now));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn all_that_may_wait_is_verified_in_order() {
        let (sender, done) = mpsc::channel();
        let verifier = Verifier::spawn(move |verifying, checked| {
            sender.send((verifying, checked)).expect("the test listens");
        });
        for number in 0..VERIFYING_MAX as u64 {
            let bytes = vec![0xff; 1_000].into();
            verifier.submit(Verifying(number), bytes, Timestamp::MAX);
        }
        drop(verifier);
        for number in 0..VERIFYING_MAX as u64 {
            let (verifying, checked) = done.recv().expect("each is answered");
            assert_eq!(verifying, Verifying(number));
            assert!(matches!(checked, Checked::Invalid(_)));
        }
        assert!(done.recv().is_err(), "the thread ends");
    }
}
