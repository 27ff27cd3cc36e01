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
use dotkey_proto::words::counted;

use crate::exit::{CliError, Result};

/// The largest grid takes 180 MB for each.
const THREADS_MAX: usize = 4;

/// Often enough for who watches.
const PROGRESS: Duration = Duration::from_millis(100);

/// Cells of the bar.
const BAR: usize = 20;

/// A search that takes longer is spoken of: by then it is known how fast this machine is.
const MEASURED_SECS: f64 = 1.0;

/// Between two lines where no bar is shown, as in a log.
const SAID_EVERY_SECS: f64 = 30.0;

/// Makes a stamp. `show` hears how far the search is, again and again.
pub(crate) fn make(puzzle: &Puzzle, show: &mut dyn FnMut(&Search)) -> Result<Stamp> {
    let first = getrandom::u64().map_err(|error| {
        CliError::failed(
            "no-randomness",
            format!("the system gives no random numbers: {error}"),
            "try again; if it stays so, the system is at fault",
        )
    })?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(THREADS_MAX);
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
        for _ in 0..threads {
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
                    show(&Search {
                        bits: puzzle.bits(),
                        odds: puzzle.odds(),
                        threads,
                        tries: tries.load(Ordering::Relaxed),
                        secs: begin.elapsed().as_secs_f64(),
                    });
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("one of them finds a stamp"),
            }
        }
    })
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Search {
    /// What the stamp costs.
    bits: u32,
    /// The chance of each try.
    odds: f64,
    threads: usize,
    tries: u64,
    secs: f64,
}

impl Search {
    /// What is left on average, at any moment; unknown before the first try is over.
    fn left(&self) -> Option<String> {
        let tries = (self.tries > 0).then_some(self.tries as f64)?;
        Some(span(self.secs / tries / self.odds))
    }

    /// The bar is the chance that it would have been over by now.
    fn bar(&self) -> String {
        let over = 1.0 - (1.0 - self.odds).powf(self.tries as f64);
        let filled = (over * BAR as f64 + 1e-6) as usize;
        let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR - filled));
        let left = match self.left() {
            None => "measuring".to_owned(),
            Some(left) => format!("about {left} left"),
        };
        let so_far = span(self.secs);
        format!("working for the stamp  {bar}  {so_far} so far, {left}")
    }
}

/// What people are told of a search, with somebody who watches or without: what it costs as soon as that is measured, and then how far it is.
/// Of one that is over before, nothing.
#[derive(Debug)]
pub(crate) struct Teller {
    /// What the stamp is for.
    what: String,
    /// Whether a bar is shown.
    watched: bool,
    said_secs: Option<f64>,
}

/// One thing that they are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A line that stays.
    Line(String),
    /// A line in the place of the last bar.
    Bar(String),
}

impl Teller {
    pub(crate) fn new(what: String, watched: bool) -> Self {
        Self {
            what,
            watched,
            said_secs: None,
        }
    }

    /// What is due to be said.
    pub(crate) fn hear(&mut self, search: &Search) -> Option<Said> {
        let Search {
            bits,
            threads,
            secs,
            ..
        } = *search;
        let left = search.left().filter(|_| secs >= MEASURED_SECS);
        let line = match (self.said_secs, left) {
            (None, Some(left)) => format!(
                "{}: a stamp of {}, about {left} of work for {} of this machine",
                self.what,
                counted(bits, "bit"),
                counted(threads, "core"),
            ),
            (Some(said), Some(left)) if !self.watched && secs >= said + SAID_EVERY_SECS => format!(
                "{}: {} of work so far, about {left} left",
                self.what,
                span(secs)
            ),
            _ => return self.watched.then(|| Said::Bar(search.bar())),
        };
        self.said_secs = Some(secs);
        Some(Said::Line(line))
    }
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
        assert_eq!(puzzle.bits(), 12);
        let stamp = make(&puzzle, &mut |_| {}).expect("a stamp");
        assert_eq!(puzzle.check(&stamp), Ok(()));
        assert_eq!(stamp.hour, 7);
    }

    fn search(tries: u64, secs: f64, odds: f64) -> Search {
        Search {
            bits: 24,
            odds,
            threads: 2,
            tries,
            secs,
        }
    }

    #[test]
    fn the_price_is_said_once_and_then_now_and_then() {
        let mut teller = Teller::new("a claim".to_owned(), false);
        let mut check = |tries, secs, expected: Option<&str>| {
            let said = teller.hear(&search(tries, secs, 0.1));
            let expected = expected.map(|line| Said::Line(line.to_owned()));
            assert_eq!(said, expected, "{secs}");
        };
        check(5, 0.9, None);
        // A machine that is so slow has measured nothing yet.
        check(0, 1.0, None);
        let price =
            "a claim: a stamp of 24 bits, about 20 seconds of work for 2 cores of this machine";
        check(1, 2.0, Some(price));
        check(2, 4.0, None);
        check(15, 31.9, None);
        check(
            16,
            32.0,
            Some("a claim: 32 seconds of work so far, about 20 seconds left"),
        );
        check(17, 34.0, None);
    }

    #[test]
    fn who_watches_sees_the_price_and_a_bar() {
        let mut teller = Teller::new("a claim".to_owned(), true);
        let mut hear = |tries, secs| teller.hear(&search(tries, secs, 0.1));
        assert!(matches!(hear(0, 0.1), Some(Said::Bar(_))));
        assert!(matches!(hear(1, 1.0), Some(Said::Line(_))));
        assert!(matches!(hear(99, 99.0), Some(Said::Bar(_))));
    }

    #[test]
    fn what_is_left_does_not_depend_on_what_was_tried() {
        let check = |tries, secs, odds, expected: &str| {
            let line = search(tries, secs, odds).bar();
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
