//! Making a stamp: the search of [`dotkey_proto::stamp`] on this machine's cores, with progress.
//!
//! A search has no memory: what was tried brings nobody nearer, so that one which is interrupted loses nothing by beginning anew,
//! and what is left is always the same on average.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use dotkey_proto::stamp::{Memory, Puzzle, Stamp};

use crate::exit::{CliError, Result};

/// The largest grid takes 180 MB for each.
const THREADS_MAX: usize = 4;

/// Often enough for who watches.
const PROGRESS: Duration = Duration::from_millis(100);

/// Cells of the bar.
const BAR: usize = 20;

/// Makes a stamp. `show` gets a line for a person, again and again.
pub(crate) fn make(puzzle: &Puzzle, show: &mut dyn FnMut(&str)) -> Result<Stamp> {
    let first = getrandom::u64().map_err(|error| {
        CliError::failed(
            "no-randomness",
            format!("the system gives no random numbers: {error}"),
            "try again; if it stays so, the system is at fault",
        )
    })?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    // Each tries numbers of its own, from a place that nobody else begins at.
    let (next, tries, over) = (
        AtomicU64::new(first),
        AtomicU64::new(0),
        AtomicBool::new(false),
    );
    let search = || {
        let mut memory = Memory::default();
        while !over.load(Ordering::Relaxed) {
            let nonce = next.fetch_add(1, Ordering::Relaxed);
            let found = puzzle.attempt(nonce, &mut memory);
            tries.fetch_add(1, Ordering::Relaxed);
            if found.is_some() {
                over.store(true, Ordering::Relaxed);
                return found;
            }
        }
        None
    };
    let begin = Instant::now();
    thread::scope(|scope| {
        let (found, stamps) = mpsc::channel();
        for _ in 0..cores.min(THREADS_MAX) {
            let found = found.clone();
            scope.spawn(move || found.send(search()));
        }
        drop(found);
        loop {
            match stamps.recv_timeout(PROGRESS) {
                Ok(Some(stamp)) => return Ok(stamp),
                // Another has found one.
                Ok(None) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let tried = tries.load(Ordering::Relaxed);
                    show(&line(tried, begin.elapsed().as_secs_f64(), puzzle.odds()));
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("one of them finds a stamp"),
            }
        }
    })
}

/// How far it is: the bar is the chance that it would have been over by now.
fn line(tries: u64, secs: f64, odds: f64) -> String {
    let over = 1.0 - (1.0 - odds).powf(tries as f64);
    let filled = (over * BAR as f64 + 1e-6) as usize;
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
    let left = match tries {
        0 => "measuring".to_owned(),
        tries => format!("about {} left", span(secs / tries as f64 / odds)),
    };
    format!(
        "working for the stamp  {bar}  {} so far, {left}",
        span(secs)
    )
}

fn span(secs: f64) -> String {
    super::lease::span(secs.ceil() as u64)
}

#[cfg(test)]
mod tests {
    use dotkey_proto::identity::KeyId;
    use dotkey_proto::stamp::{Beacon, Grid, Purpose};

    use super::*;

    #[test]
    fn a_stamp_is_made_that_is_good() {
        let beacon = Beacon {
            hour: 7,
            digest: [1; 32],
        };
        let key_id = KeyId::from_bytes([2; 32]);
        let terms = (Grid::Tiny, 16);
        let puzzle = Puzzle::new(&[3; 32], key_id, Purpose::Claim("mysite"), &beacon, terms);
        let stamp = make(&puzzle, &mut |_| {}).expect("a stamp");
        assert_eq!(puzzle.check(&stamp), Ok(()));
        assert_eq!(stamp.hour, 7);
    }

    #[test]
    fn what_is_left_does_not_depend_on_what_was_tried() {
        let check = |tries, secs, odds, expected: &str| {
            let line = line(tries, secs, odds);
            assert!(line.contains(expected), "{line}");
        };
        check(
            0,
            0.2,
            0.1,
            "░░░░░░░░░░░░░░░░░░░░  1 second so far, measuring",
        );
        check(
            1,
            1.0,
            0.1,
            "██░░░░░░░░░░░░░░░░░░  1 second so far, about 10 seconds left",
        );
        check(
            50,
            50.0,
            0.1,
            "███████████████████░  50 seconds so far, about 10 seconds left",
        );
        check(1, 1.0, 1.0 / 8192.0, "about 2 hours left");
        check(
            u64::MAX,
            9e9,
            0.5,
            "████████████████████  104166 days so far",
        );
    }
}
