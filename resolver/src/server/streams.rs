//! The streams of one HTTP/2 connection, carried by the task of the connection itself: an answer leaves in one piece with its head, and
//! together with those that are ready when it is, and no thread waits for another.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;

/// Streams that have begun since it was looked last.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<Stream>>>);

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Streams {
    /// Carries a connection and its streams until it ends.
    pub(super) async fn drive<C: Future>(&self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let mut running = FuturesUnordered::new();
        poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                    return Poll::Ready(ended);
                }
                let begun = self.take();
                let mut goes_on = !begun.is_empty();
                running.extend(begun);
                while let Poll::Ready(Some(())) = running.poll_next_unpin(context) {
                    goes_on = true;
                }
                if !goes_on {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn take(&self) -> Vec<Stream> {
        // Nothing that panics happens under the lock.
        core::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        begun.push(Box::pin(stream));
    }
}
