//! The streams of one HTTP/2 connection, carried by the task of the connection itself: an answer leaves in one piece with its head, and
//! together with those that are ready when it is, and no thread waits for another.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{FuturesUnordered, StreamExt};
use hyper::rt::Executor;

/// An executor for hyper's server: the streams that have begun since it was looked last.
#[derive(Clone, Default)]
pub struct Streams(Arc<Mutex<Vec<Stream>>>);

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Streams {
    /// Carries a connection and its streams until it ends, and they with it.
    pub async fn drive<C: Future>(&self, connection: C) -> C::Output {
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn streams_are_driven_with_their_connection_and_end_with_it() {
        let streams = Streams::default();
        let opens = streams.clone();
        let connection = async move {
            let (sender, answered) = oneshot::channel();
            let held = Arc::new(());
            let waits = held.clone();
            opens.execute(async move {
                let _waits = waits;
                core::future::pending::<()>().await;
            });
            opens.execute(async move {
                sender.send("answered").expect("it is waited for");
            });
            let answer = answered.await.expect("it is driven");
            (answer, held)
        };
        let (answer, held) = streams.drive(connection).await;
        assert_eq!(answer, "answered");
        assert_eq!(Arc::strong_count(&held), 1, "who waits is let go");
    }
}
