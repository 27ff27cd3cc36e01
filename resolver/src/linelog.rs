//! A log with a line of JSON for each of many events, in a file or on standard output.
//!
//! Whoever tells it never waits: an event goes to a thread of its own through a queue that is bounded, is put into words there, and is left
//! out and counted where the queue is full. A log is opened once and never again; whoever moves its file away opens another in its
//! place, and this one ends with the last that holds it.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use dotkey_proto::time::Timestamp;

/// Events that wait for the disk: some megabytes, and what a busy server answers in a tenth of a second.
const EVENTS_MAX: usize = 16_384;

/// Written at once where lines come fast.
const BATCH_BYTES: usize = 64 * 1024;

/// How long the end of a process waits for what was told before.
pub const END_WAIT: Duration = Duration::from_secs(1);

/// For its owner alone: it says who asked what.
#[cfg(unix)]
const MODE: u32 = 0o600;

/// What a log has a line of.
pub trait Event: Send + 'static {
    /// What the thread that writes is called: of a kind of log there may be several.
    const THREAD: &'static str;

    /// Its line.
    fn json(&self) -> serde_json::Value;
}

/// A log that is open.
#[derive(Debug)]
pub struct LineLog<E> {
    events: SyncSender<Told<E>>,
    written: Arc<Written>,
    /// Says that all is written: by its end.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug)]
enum Told<E> {
    Event(Box<E>),
    End,
}

/// What became of the events.
#[derive(Debug, Default)]
struct Written {
    written: AtomicU64,
    /// There was no room in the queue.
    dropped: AtomicU64,
    /// The system did not take them.
    failed: AtomicU64,
    /// Whether it did not take the last ones.
    failing: AtomicBool,
}

impl<E: Event> LineLog<E> {
    /// Appends to a file, which is made where there is none.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        let mut open = OpenOptions::new();
        open.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut open, MODE);
        Self::begin(open.open(path)?)
    }

    /// Writes to standard output.
    ///
    /// # Errors
    /// No thread can be made.
    pub fn to_stdout() -> io::Result<Self> {
        Self::begin(io::stdout())
    }

    fn begin(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (events, waiting) = mpsc::sync_channel(EVENTS_MAX);
        let (ending, ended) = mpsc::channel();
        let written = Arc::<Written>::default();
        let counts = Arc::clone(&written);
        thread::Builder::new()
            .name(E::THREAD.to_owned())
            .spawn(move || {
                write_all::<E>(&waiting, to, &counts);
                drop(ending);
            })?;
        Ok(Self {
            events,
            written,
            ended: Mutex::new(ended),
        })
    }

    /// Notes an event, unless the queue is full.
    pub fn note(&self, event: E) {
        match self.events.try_send(Told::Event(Box::new(event))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.written.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What became of the events since it was opened, for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            written: self.written.written.load(Ordering::Relaxed),
            dropped: self.written.dropped.load(Ordering::Relaxed),
            failed: self.written.failed.load(Ordering::Relaxed),
        }
    }

    /// Whether the last lines were not taken: a full disk, say.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.written.failing.load(Ordering::Relaxed)
    }

    /// Writes what waits, and no more; for the end of the process. `true` where all was written in that time.
    pub fn end(&self, wait: Duration) -> bool {
        // A queue that is full is being written; its end does not fit in yet.
        let begun = std::time::Instant::now();
        while let Err(TrySendError::Full(_)) = self.events.try_send(Told::End) {
            if begun.elapsed() > wait {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(
            ended.recv_timeout(wait.saturating_sub(begun.elapsed())),
            Err(RecvTimeoutError::Disconnected)
        )
    }
}

/// What became of a log's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The system has them.
    pub written: u64,
    /// There was no room in the queue.
    pub dropped: u64,
    /// The system did not take them.
    pub failed: u64,
}

impl Counts {
    /// Each with its word, as metrics have it.
    #[must_use]
    pub const fn by_result(&self) -> [(&'static str, u64); 3] {
        [
            ("written", self.written),
            ("dropped", self.dropped),
            ("failed", self.failed),
        ]
    }
}

/// Until all that could send are gone, or the end is told.
fn write_all<E: Event>(waiting: &Receiver<Told<E>>, mut to: impl Write, counts: &Written) {
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    while let Ok(Told::Event(event)) = waiting.recv() {
        let mut lines = 0;
        let mut next = Some(event);
        let mut ends = false;
        // What a failure cut off is no line of its own.
        if counts.failing.load(Ordering::Relaxed) {
            batch.push(b'\n');
        }
        while let Some(event) = next.take() {
            lines += 1;
            batch.extend(event.json().to_string().bytes());
            batch.push(b'\n');
            if batch.len() < BATCH_BYTES {
                match waiting.try_recv() {
                    Ok(Told::Event(event)) => next = Some(event),
                    Ok(Told::End) => ends = true,
                    Err(_) => {}
                }
            }
        }
        let done = to.write_all(&batch).and_then(|()| to.flush());
        let (counter, failing) = match done {
            Ok(()) => (&counts.written, false),
            Err(_) => (&counts.failed, true),
        };
        counter.fetch_add(lines, Ordering::Relaxed);
        counts.failing.store(failing, Ordering::Relaxed);
        batch.clear();
        if ends {
            return;
        }
    }
}

/// RFC 3339 in UTC, with milliseconds.
#[must_use]
pub fn time(at: SystemTime) -> String {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let secs = Timestamp::from_secs(since.as_secs()).unwrap_or(Timestamp::MAX);
    let whole = secs.to_string();
    format!(
        "{}.{:03}Z",
        whole.trim_end_matches('Z'),
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    struct Number(u64);

    impl Event for Number {
        const THREAD: &'static str = "numbers";

        fn json(&self) -> serde_json::Value {
            json!({ "number": self.0, "at": time(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_223_554_007)) })
        }
    }

    #[test]
    fn an_event_is_a_line_in_a_file_of_its_owners_and_no_line_before_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("numbers");
        let log = LineLog::to_file(&path).expect("it opens");
        (0..1000).for_each(|number| log.note(Number(number)));
        assert!(log.end(Duration::from_secs(60)));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).expect("it is there").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        // It is appended to.
        let log = LineLog::to_file(&path).expect("it opens");
        log.note(Number(1000));
        assert!(log.end(Duration::from_secs(60)));
        let text = std::fs::read_to_string(&path).expect("text");
        let numbers = text.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!(line["at"], "2026-11-21T01:12:34.007Z");
            line["number"].as_u64().expect("a number")
        });
        assert!(numbers.eq(0..=1000));
    }

    /// Takes nothing until it may, and then fails as often as it should.
    struct Slow(Receiver<()>, usize, Arc<Mutex<Vec<u8>>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            if self.1 > 0 {
                self.1 -= 1;
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.2.lock().expect("whole").extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_is_slow_or_full_keeps_nobody_waiting_and_each_line_is_counted() {
        let (go, may) = mpsc::channel();
        let out = Arc::<Mutex<Vec<u8>>>::default();
        // So long that the failure does not take them all at once.
        let log = LineLog::begin(Slow(may, 1, Arc::clone(&out))).expect("a thread");
        let told = EVENTS_MAX as u64 + 10_000;
        for number in 0..told {
            log.note(Number(number));
        }
        assert!(log.counts().dropped > 0, "the queue is bounded");
        drop(go);
        assert!(log.end(Duration::from_secs(60)));
        let Counts {
            written,
            dropped,
            failed,
        } = log.counts();
        assert!(failed > 0 && written > 0);
        assert_eq!(written + failed + dropped, told);
        assert!(!log.is_failing());
        let out = out.lock().expect("whole");
        assert_eq!(out[0], b'\n', "what a failure cut off is ended");
        let lines = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        assert_eq!(lines.count() as u64, written);
    }
}
