//! Spans on their way: a queue, a task that empties it in batches, and counts of what became of them.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::collector::{Collector, Line, Untaken};
use super::span::{RequestSpan, export};

/// Requests that wait for the collector: some four megabytes, with a few tries each.
const REQUESTS_MAX: usize = 2048;

/// Requests of a batch; some 400 spans, or 300 KiB of JSON.
const BATCH_MAX: usize = 128;

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// The first of a batch waits so long for the others.
    gather: Duration,
    /// After a batch was not taken; then twice as long each time.
    pause: Duration,
}

const PACE: Pace = Pace {
    gather: Duration::from_secs(1),
    pause: Duration::from_secs(1),
};

/// A batch that is not taken is offered so often, with a pause that doubles, and then left out: newer ones matter more.
const OFFERS_MAX: u32 = 5;

/// What waits when the gateway stops has so long, after the last request.
pub(crate) const DRAIN_MAX: Duration = Duration::from_millis(400);

/// What became of the spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The collector has taken them.
    pub(crate) sent: u64,
    /// The queue was full.
    pub(crate) dropped: u64,
    /// The collector could not be reached, or wanted to be left alone for too long.
    pub(crate) failed: u64,
    /// The collector did not want them.
    pub(crate) refused: u64,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

/// What takes spans to a collector. Its task ends when this is dropped and all is sent.
#[derive(Debug)]
pub(super) struct Exporter {
    queue: mpsc::Sender<RequestSpan>,
    counts: Arc<Counts>,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Exporter {
    pub(super) fn start(collector: Collector) -> Self {
        Self::start_at(PACE, collector)
    }

    fn start_at(pace: Pace, collector: Collector) -> Self {
        let (queue, waiting) = mpsc::channel(REQUESTS_MAX);
        let counts = Arc::<Counts>::default();
        let (stop, stopped) = watch::channel(false);
        let task = Task {
            waiting,
            line: Line::new(collector),
            counts: counts.clone(),
            stopped,
            failing: false,
            pace,
        };
        Self {
            queue,
            counts,
            stop,
            task: Mutex::new(Some(tokio::spawn(task.run()))),
        }
    }

    /// Takes what is told of a request, unless too much waits. Never waits itself.
    pub(super) fn take(&self, span: RequestSpan) {
        let count = span.count();
        if self.queue.try_send(span).is_err() {
            self.counts.dropped.fetch_add(count, Relaxed);
        }
    }

    pub(super) fn counted(&self) -> Counted {
        let Counts {
            sent,
            dropped,
            failed,
            refused,
        } = &*self.counts;
        Counted {
            sent: sent.load(Relaxed),
            dropped: dropped.load(Relaxed),
            failed: failed.load(Relaxed),
            refused: refused.load(Relaxed),
        }
    }

    /// Sends what waits, each batch once, for a bounded time.
    pub(super) async fn drain(&self) {
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        self.stop.send_replace(true);
        if let Some(mut task) = task
            && timeout(DRAIN_MAX, &mut task).await.is_err()
        {
            task.abort();
            tracing::warn!(
                "the last spans were left behind: their collector did not take them in time"
            );
        }
    }
}

struct Task {
    waiting: mpsc::Receiver<RequestSpan>,
    line: Line,
    counts: Arc<Counts>,
    stopped: watch::Receiver<bool>,
    failing: bool,
    pace: Pace,
}

impl Task {
    async fn run(mut self) {
        loop {
            let mut batch = Vec::with_capacity(BATCH_MAX);
            self.gather(&mut batch).await;
            if batch.is_empty() {
                return; // Nobody is left who could send more.
            }
            self.deliver(&batch).await;
        }
    }

    /// Waits for a first one, and a little for others.
    async fn gather(&mut self, batch: &mut Vec<RequestSpan>) {
        let until = tokio::select! {
            _ = self.waiting.recv_many(batch, BATCH_MAX) => Instant::now() + self.pace.gather,
            () = stop(&mut self.stopped) => Instant::now(),
        };
        while batch.len() < BATCH_MAX && !*self.stopped.borrow() {
            let room = BATCH_MAX - batch.len();
            let more = self.waiting.recv_many(batch, room);
            tokio::select! {
                more = timeout_at(until, more) => if !matches!(more, Ok(1..)) { return },
                () = stop(&mut self.stopped) => {}
            }
        }
        if *self.stopped.borrow() {
            self.waiting.close();
            let room = BATCH_MAX - batch.len();
            if room > 0 {
                self.waiting.recv_many(batch, room).await;
            }
        }
    }

    /// Offers a batch until it is taken or refused, a few times.
    async fn deliver(&mut self, batch: &[RequestSpan]) {
        let count = batch.iter().map(RequestSpan::count).sum::<u64>();
        let written = bytes::Bytes::from(export(batch));
        let mut wait = self.pace.pause;
        for offer in 1.. {
            let untaken = match self.line.post(written.clone()).await {
                Ok(unwanted) => {
                    self.tell_taken();
                    let unwanted = unwanted.min(count);
                    self.counts.refused.fetch_add(unwanted, Relaxed);
                    self.counts.sent.fetch_add(count - unwanted, Relaxed);
                    return;
                }
                Err(untaken) => untaken,
            };
            self.tell_untaken(&untaken);
            let pause = match untaken {
                Untaken::Never(_) => {
                    self.counts.refused.fetch_add(count, Relaxed);
                    return;
                }
                Untaken::Later { pause, .. } => pause.unwrap_or(wait),
            };
            if offer >= OFFERS_MAX || *self.stopped.borrow() {
                break;
            }
            wait *= 2;
            tokio::select! {
                () = sleep(pause) => {}
                () = stop(&mut self.stopped) => {} // Once more, at once.
            }
        }
        self.counts.failed.fetch_add(count, Relaxed);
    }

    fn tell_taken(&mut self) {
        if core::mem::take(&mut self.failing) {
            tracing::info!(collector = %self.line.collector, "spans are taken again");
        }
    }

    /// Once, until it is well again.
    fn tell_untaken(&mut self, why: &Untaken) {
        if !core::mem::replace(&mut self.failing, true) {
            tracing::warn!(
                collector = %self.line.collector,
                %why,
                "spans are not taken: see that a collector of OTLP over HTTP listens there, or correct `traces` under [gateway]"
            );
        }
    }
}

/// Ends when the gateway stops.
async fn stop(stopped: &mut watch::Receiver<bool>) {
    if stopped.wait_for(|stopped| *stopped).await.is_err() {
        // Its exporter was dropped, and with it the queue's other end: that ends the task.
        core::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::context::{Numbers, Ratio, Trace};
    use super::super::span::{CameTo, TrySpan};
    use super::*;

    /// A request with one try: two spans.
    fn request() -> RequestSpan {
        let numbers = Numbers::new();
        let trace = Trace::of(&HeaderMap::new(), &numbers, Ratio::ALL);
        RequestSpan {
            trace,
            begun: 1,
            ended: 2,
            method: "GET",
            name: None,
            resource: None,
            status: Some(200),
            problem: None,
            cut_short: false,
            tries: vec![TrySpan {
                span: numbers.next(),
                begun: 1,
                ended: 2,
                provider: "a".into(),
                hedge: false,
                came_to: CameTo::Status(200),
            }],
        }
    }

    #[tokio::test]
    async fn what_cannot_wait_is_counted_and_what_waits_is_given_up_one_day() {
        // Nobody listens there: it was bound, and is free again.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        drop(listener);
        let pause = Duration::from_millis(1);
        let pace = Pace {
            gather: pause,
            pause,
        };
        let exporter = Exporter::start_at(pace, Collector::parse(&url).expect("a URL"));
        for _ in 0..REQUESTS_MAX + 10 {
            exporter.take(request());
        }
        let counted = exporter.counted();
        assert_eq!(counted.dropped, 20, "no more than that waits");
        assert_eq!(counted.failed, 0);
        let batch = 2 * BATCH_MAX as u64;
        while exporter.counted().failed < batch {
            sleep(pause).await;
        }
        assert_eq!(exporter.counted().sent, 0);
        // There is room again.
        exporter.take(request());
        assert_eq!(exporter.counted().dropped, 20);
        exporter.drain().await;
        exporter.take(request());
        assert_eq!(exporter.counted().dropped, 22, "it is closed");
    }
}
