//! The streams of an HTTP/2 connection, in the task of the connection.
//!
//! hyper hands each of them to an executor, which would make a task of it: a request then hops between threads, and each answer wakes the
//! connection's task again. Streams of one connection share its socket and its tables anyway; connections are what spreads over processors.

use core::future::poll_fn;
use core::pin::{Pin, pin};
use core::task::Poll;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hyper::rt::Executor;

type Stream = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Streams that were opened and are not driven yet.
#[derive(Clone, Default)]
pub(super) struct Streams(Arc<Mutex<Vec<Stream>>>);

impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let mut opened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opened.push(Box::pin(stream));
    }
}

impl Streams {
    /// Drives a connection and its streams, which end with it.
    pub(super) async fn drive<C: Future>(self, connection: C) -> C::Output {
        let mut connection = pin!(connection);
        let mut running = FuturesUnordered::new();
        let both = poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(ended);
                }
                let mut moved = false;
                for opened in self.take() {
                    running.push(opened);
                    moved = true;
                }
                while let Poll::Ready(Some(())) = running.poll_next_unpin(cx) {
                    moved = true;
                }
                // What a stream has written is the connection's to send.
                if !moved {
                    return Poll::Pending;
                }
            }
        });
        both.await
    }

    fn take(&self) -> Vec<Stream> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
