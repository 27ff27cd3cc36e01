//! Whose turn it is while a visitor's body goes to a provider: who lets the other wait is to blame when time is up.

use core::task::Poll;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// A visitor that sends nothing for so long while a body is due has gone, or never meant to send it.
pub(super) const STALLED: Duration = Duration::from_secs(60);

/// How far a body is, for who waits for the answer.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<Mutex<Turn>>);

/// Who has to do something, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// More of the body has to come.
    Visitor(Instant),
    /// What has come has to be taken, or answered.
    Provider(Instant),
}

impl Progress {
    pub(super) fn begin() -> Self {
        Self(Arc::new(Mutex::new(Turn::Provider(Instant::now()))))
    }

    /// The body was asked for more.
    pub(super) fn note<T>(&self, polled: &Poll<T>) {
        let mut turn = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *turn = match (*turn, polled.is_pending()) {
            (Turn::Visitor(since), true) => Turn::Visitor(since),
            (Turn::Provider(_), true) => Turn::Visitor(Instant::now()),
            (_, false) => Turn::Provider(Instant::now()),
        };
    }

    /// Whose turn it is now.
    pub(super) fn turn(&self) -> Turn {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// When the waiting ends, where a provider may take `first_byte`.
    pub(super) fn ends(self, first_byte: Duration) -> Option<Instant> {
        match self {
            Self::Visitor(since) => since.checked_add(STALLED),
            Self::Provider(since) => since.checked_add(first_byte),
        }
    }
}
