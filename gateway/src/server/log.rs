//! The access log: for each request a line of JSON. Off unless somebody wants it.
//!
//! Answers never wait for it: a line goes to a thread of its own through a queue that is bounded, and where the queue is full the line is left
//! out and counted.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;

/// Lines that wait for the disk: some four megabytes.
const LINES_MAX: usize = 8192;

/// For its owner alone: it says who asked what.
#[cfg(unix)]
const MODE: u32 = 0o600;

/// A log that is open. It ends, all lines written, with the last that holds it.
#[derive(Debug)]
pub struct AccessLog {
    lines: Option<SyncSender<String>>,
    lost: Arc<AtomicU64>,
    writer: Option<thread::JoinHandle<()>>,
}

impl AccessLog {
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
    /// There is no thread for it.
    pub fn to_stdout() -> io::Result<Self> {
        Self::begin(io::stdout())
    }

    fn begin(to: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(LINES_MAX);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        let writer = thread::Builder::new().name("access-log".to_owned());
        let writer = writer.spawn(move || write(to, &waiting, &counted))?;
        Ok(Self {
            lines: Some(lines),
            lost,
            writer: Some(writer),
        })
    }

    pub(super) fn write(&self, line: String) {
        let lines = self.lines.as_ref().expect("open until it is dropped");
        if lines.try_send(line).is_err() {
            self.lost.fetch_add(1, Relaxed);
        }
    }

    /// Lines that were left out: the queue was full, or the system did not take them.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.lines = None;
        if let Some(writer) = self.writer.take() {
            writer.join().ok();
        }
    }
}

fn write(mut to: impl Write, waiting: &Receiver<String>, lost: &AtomicU64) {
    let mut batch = String::new();
    while let Ok(first) = waiting.recv() {
        batch.push_str(&first);
        let mut count = 1;
        loop {
            match waiting.try_recv() {
                Ok(line) if count < LINES_MAX => {
                    batch.push_str(&line);
                    count += 1;
                }
                Ok(line) => {
                    batch.push_str(&line);
                    count += 1;
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        if to
            .write_all(batch.as_bytes())
            .and_then(|()| to.flush())
            .is_err()
        {
            lost.fetch_add(count as u64, Relaxed);
        }
        batch.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_written_before_the_log_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("access.log");
        let log = AccessLog::to_file(&path).expect("opened");
        (0..1000).for_each(|line| log.write(format!("{line}\n")));
        assert_eq!(log.lost(), 0);
        drop(log);
        let written = std::fs::read_to_string(&path).expect("readable");
        assert_eq!(written.lines().count(), 1000);
    }
}
