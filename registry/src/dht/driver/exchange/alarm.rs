//! The one timer of a connection.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Goes off no later than it was asked to, and perhaps for nothing: who has a deadline asks for it and need not take that back. So it is set anew when it went off,
/// and hardly ever for a request.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
    at: Option<Instant>,
}

impl Alarm {
    /// Goes off by then.
    pub(super) fn by(&mut self, deadline: Instant) {
        if self.at.is_some_and(|at| at <= deadline) {
            return;
        }
        self.at = Some(deadline);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(sleep_until(deadline))),
        }
    }

    /// Whether it went off. Then it is not set any more.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let (Some(_), Some(sleep)) = (self.at, &mut self.sleep) else {
            return false;
        };
        let rings = matches!(sleep.as_mut().poll(context), Poll::Ready(()));
        if rings {
            self.at = None;
        }
        rings
    }
}
