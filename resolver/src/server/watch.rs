//! An eye on one HTTP connection: hyper ends one for nothing but an unanswered PING, so that what takes too long is seen here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// A connection over which nothing is asked. A browser opens a new one without anybody's noticing.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// A client that takes nothing of its answers is let go.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// How often it is looked.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Requests that a client gave up before they were answered: a browser gives up some, and mostly takes what it asked for. A client
/// that makes us work for nothing (HTTP/2 rapid reset) does neither.
const GIVEN_UP_MAX: usize = 128;

/// What is under way on one connection.
#[derive(Debug)]
pub(super) struct Watch {
    state: Mutex<State>,
    too_many: Notify,
}

#[derive(Debug)]
struct State {
    next: u64,
    /// Answers that wait to be taken, since when.
    waiting: BTreeMap<u64, Instant>,
    working: usize,
    answered: usize,
    given_up: usize,
    active: Instant,
}

/// Why a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing is asked.
    Idle,
    /// Its answers are not taken.
    Slow,
    /// Its client gives up what it asks.
    GivesUp,
}

/// A request that is being answered; dropped before [`Working::done`] it was given up.
pub(super) struct Working(Arc<Watch>, bool);

/// An answer that waits to be taken, until it is dropped.
pub(super) struct Waiting(Arc<Watch>, u64);

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                next: 0,
                waiting: BTreeMap::new(),
                working: 0,
                answered: 0,
                given_up: 0,
                active: Instant::now(),
            }),
            too_many: Notify::new(),
        })
    }

    /// A request came.
    pub(super) fn work(self: &Arc<Self>) -> Working {
        let mut state = self.lock();
        state.working += 1;
        state.active = Instant::now();
        drop(state);
        Working(Arc::clone(self), false)
    }

    /// Ends when the connection is to end.
    pub(super) async fn over(&self) -> Over {
        loop {
            tokio::select! {
                () = sleep(LOOK_INTERVAL) => {
                    if let Some(over) = self.lock().over(Instant::now()) {
                        return over;
                    }
                }
                () = self.too_many.notified() => return Over::GivesUp,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn over(&self, now: Instant) -> Option<Over> {
        let oldest = self.waiting.values().next();
        if oldest.is_some_and(|since| now.duration_since(*since) > ANSWER_TIME_MAX) {
            return Some(Over::Slow);
        }
        let busy = self.working > 0 || !self.waiting.is_empty();
        (!busy && now.duration_since(self.active) > IDLE_MAX).then_some(Over::Idle)
    }
}

impl Working {
    /// It was answered, and the answer waits.
    pub(super) fn done(mut self) -> Waiting {
        self.1 = true;
        let mut state = self.0.lock();
        state.answered += 1;
        state.next += 1;
        let number = state.next;
        state.waiting.insert(number, Instant::now());
        drop(state);
        Waiting(Arc::clone(&self.0), number)
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.working -= 1;
        if !self.1 {
            state.given_up += 1;
            if state.given_up > GIVEN_UP_MAX.max(state.answered) {
                self.0.too_many.notify_one();
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting.remove(&self.1);
        state.active = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_idle_and_the_slow_are_seen() {
        let watch = Watch::new();
        let check = |after: Duration, expected: Option<Over>| {
            let found = watch.lock().over(Instant::now() + after);
            assert_eq!(found, expected, "{after:?}");
        };
        check(IDLE_MAX - LOOK_INTERVAL, None);
        check(IDLE_MAX + LOOK_INTERVAL, Some(Over::Idle));
        // Work of ours is no fault of the client's, however long.
        let working = watch.work();
        check(2 * IDLE_MAX, None);
        let waiting = working.done();
        check(ANSWER_TIME_MAX - LOOK_INTERVAL, None);
        check(ANSWER_TIME_MAX + LOOK_INTERVAL, Some(Over::Slow));
        let another = watch.work().done();
        drop(waiting);
        check(ANSWER_TIME_MAX + LOOK_INTERVAL, Some(Over::Slow));
        drop(another);
        check(ANSWER_TIME_MAX + LOOK_INTERVAL, None);
        check(IDLE_MAX + LOOK_INTERVAL, Some(Over::Idle));
    }

    #[test]
    fn the_fickle_are_seen_and_who_takes_more_than_he_gives_up_is_not_one() {
        let watch = Watch::new();
        let is_seen = || watch.too_many.notified().now_or_never().is_some();
        for _ in 0..4 * GIVEN_UP_MAX {
            drop(watch.work().done());
            drop(watch.work());
            assert!(!is_seen());
        }
        let watch = Watch::new();
        let is_seen = || watch.too_many.notified().now_or_never().is_some();
        for _ in 0..GIVEN_UP_MAX {
            drop(watch.work());
            assert!(!is_seen());
        }
        drop(watch.work());
        assert!(is_seen());
    }
}
