//! The query log: for each query a line of JSON, in a file or on standard output. Off unless somebody wants it.
//!
//! Here, and nowhere else, addresses of clients are kept. Answers never wait for it: a line goes to a thread of its own through a
//! queue that is bounded, and where the queue is full the line is left out and counted. A log is opened once and never again; whoever
//! moves its file away opens another in its place (`Service::reconfigure`), and this one ends with the last that holds it.

use core::net::IpAddr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::SystemTime;

use dotkey_proto::dns::{RecordType, WireName};
use dotkey_proto::time::Timestamp;
use serde_json::json;

use super::metrics::{Page, Provenance, rcode_word, transport_word};
use crate::transport::Transport;

/// Lines that wait for the disk: some two megabytes, and what a busy server answers in a tenth of a second.
const LINES_MAX: usize = 16_384;

/// Written at once where lines come fast.
const BATCH_BYTES: usize = 64 * 1024;

/// For its owner alone: it says who asked what.
#[cfg(unix)]
const MODE: u32 = 0o600;

/// A query and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: SystemTime,
    pub(crate) client: IpAddr,
    pub(crate) transport: Transport,
    pub(crate) name: WireName,
    pub(crate) rtype: RecordType,
    /// None where silence was the answer.
    pub(crate) rcode: Option<u16>,
    pub(crate) from: Provenance,
    pub(crate) took: Duration,
    /// AD.
    pub(crate) verified: bool,
    /// The code of the extended error.
    pub(crate) extended: Option<u16>,
}

/// A log that is open.
#[derive(Debug)]
pub struct QueryLog {
    lines: SyncSender<Told>,
    written: Arc<Written>,
    /// Says that all is written: by its end.
    ended: Mutex<Receiver<()>>,
}

#[derive(Debug)]
enum Told {
    Line(Box<Line>),
    End,
}

/// What became of the lines.
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

impl QueryLog {
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
        let (lines, waiting) = mpsc::sync_channel(LINES_MAX);
        let (ending, ended) = mpsc::channel();
        let written = Arc::<Written>::default();
        let counts = Arc::clone(&written);
        thread::Builder::new()
            .name("query-log".to_owned())
            .spawn(move || {
                write_all(&waiting, to, &counts);
                drop(ending);
            })?;
        Ok(Self {
            lines,
            written,
            ended: Mutex::new(ended),
        })
    }

    /// Notes a query, unless the queue is full.
    pub(crate) fn note(&self, line: Line) {
        match self.lines.try_send(Told::Line(Box::new(line))) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.written.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Adds what became of the lines to a page.
    pub(crate) fn write(&self, page: &mut Page) {
        page.family(
            "query_log_lines",
            "counter",
            "Lines of the query log since it was opened",
        );
        for (result, counter) in [
            ("written", &self.written.written),
            ("dropped", &self.written.dropped),
            ("failed", &self.written.failed),
        ] {
            let count = counter.load(Ordering::Relaxed);
            page.count("query_log_lines", &[("result", result)], count);
        }
    }

    /// Whether the last lines were not taken: a full disk, say.
    pub(crate) fn is_failing(&self) -> bool {
        self.written.failing.load(Ordering::Relaxed)
    }

    /// Writes what waits, and no more; for the end of the process. `true` where all was written in that time.
    pub fn end(&self, wait: Duration) -> bool {
        // A queue that is full is being written; its end does not fit in yet.
        let begun = std::time::Instant::now();
        while let Err(TrySendError::Full(_)) = self.lines.try_send(Told::End) {
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

/// Until all that could send are gone, or the end is told.
fn write_all(waiting: &Receiver<Told>, mut to: impl Write, counts: &Written) {
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    while let Ok(Told::Line(line)) = waiting.recv() {
        let mut lines = 0;
        let mut next = Some(line);
        let mut ends = false;
        // What a failure cut off is no line of its own.
        if counts.failing.load(Ordering::Relaxed) {
            batch.push(b'\n');
        }
        while let Some(line) = next.take() {
            lines += 1;
            batch.extend(json_of(&line).to_string().bytes());
            batch.push(b'\n');
            if batch.len() < BATCH_BYTES {
                match waiting.try_recv() {
                    Ok(Told::Line(line)) => next = Some(line),
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

fn json_of(line: &Line) -> serde_json::Value {
    json!({
        "time": time(line.at),
        "client": line.client.to_canonical().to_string(),
        "transport": transport_word(line.transport),
        "name": line.name.to_string(),
        "type": line.rtype.to_string(),
        "rcode": line.rcode.map(rcode_word),
        "source": line.from.word(),
        "us": u64::try_from(line.took.as_micros()).unwrap_or(u64::MAX),
        "ad": line.verified,
        "ede": line.extended,
    })
}

/// RFC 3339 in UTC, with milliseconds.
fn time(at: SystemTime) -> String {
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
    use super::*;

    fn line(number: u64) -> Line {
        Line {
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_223_554_007),
            client: "::ffff:192.0.2.7".parse().expect("an address"),
            transport: Transport::Https,
            name: format!("n{number}.\\000\\\".example.")
                .parse()
                .expect("a name"),
            rtype: RecordType(65280),
            rcode: Some(3),
            from: Provenance::OrdinaryMiss,
            took: Duration::from_nanos(1_234_567),
            verified: true,
            extended: Some(22),
        }
    }

    impl QueryLog {
        /// For the test that every metric is documented.
        pub(crate) fn count_one_of_each(&self) {
            let Written {
                written,
                dropped,
                failed,
                ..
            } = &*self.written;
            for counter in [written, dropped, failed] {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn a_query_is_an_object_a_line_in_a_file_of_its_owners() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queries");
        let log = QueryLog::to_file(&path).expect("it opens");
        let silent = Line {
            rcode: None,
            extended: None,
            ..line(1)
        };
        log.note(line(0));
        log.note(silent);
        assert!(log.end(Duration::from_secs(60)));
        let text = std::fs::read_to_string(&path).expect("text");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let expected = json!({
            "time": "2026-11-21T01:12:34.007Z", "client": "192.0.2.7", "transport": "https",
            "name": "n0.\\000\\\".example.", "type": "TYPE65280", "rcode": "NXDOMAIN", "source": "ordinary-miss",
            "us": 1234, "ad": true, "ede": 22,
        });
        assert_eq!(lines[0], expected);
        assert_eq!(
            (&lines[1]["rcode"], &lines[1]["ede"]),
            (&json!(null), &json!(null))
        );
        assert_eq!(lines.len(), 2);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&path).expect("it is there").permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        // It is appended to.
        let log = QueryLog::to_file(&path).expect("it opens");
        log.note(line(2));
        assert!(log.end(Duration::from_secs(60)));
        let text = std::fs::read_to_string(&path).expect("text");
        assert_eq!(text.lines().count(), 3);
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
        let log = QueryLog::begin(Slow(may, 1, Arc::clone(&out))).expect("a thread");
        let told = LINES_MAX as u64 + 10_000;
        for number in 0..told {
            log.note(line(number));
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let dropped = count(&log.written.dropped);
        assert!(dropped > 0, "the queue is bounded");
        drop(go);
        assert!(log.end(Duration::from_secs(60)));
        let (written, failed) = (count(&log.written.written), count(&log.written.failed));
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
