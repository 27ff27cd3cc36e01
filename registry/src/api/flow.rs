//! What a connection does now: whether it waits for its client, or its client for the node.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

/// The requests of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// Whose head is complete and whose answer is not all handed over.
    under_way: usize,
    /// Of these, those whose body is still to come.
    arriving: usize,
    /// When the last one began or ended.
    changed_at: Instant,
}

impl Flow {
    /// Since when nothing goes on before its client sends or takes something; none where the node has something to do.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        (self.under_way <= self.arriving).then_some(self.changed_at)
    }
}

/// Where the requests of one connection are counted.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    flow: watch::Sender<Flow>,
    /// Told when the connection may have begun to wait.
    waits: Arc<Notify>,
}

impl Activity {
    pub(crate) fn new(waits: Arc<Notify>) -> Self {
        let flow = Flow {
            under_way: 0,
            arriving: 0,
            changed_at: Instant::now(),
        };
        let flow = watch::Sender::new(flow);
        Self { flow, waits }
    }

    pub(crate) fn flow(&self) -> Flow {
        *self.flow.borrow()
    }

    /// A request whose head is complete, until this is dropped.
    pub(crate) fn request(&self) -> Counted {
        Counted::new(self, |flow| &mut flow.under_way)
    }

    /// A body that is still to come, until this is dropped.
    pub(crate) fn body(&self) -> Counted {
        Counted::new(self, |flow| &mut flow.arriving)
    }

    /// Waits until no request is under way for so long.
    pub(crate) async fn idle(&self, wait: Duration) {
        let mut flow = self.flow.subscribe();
        loop {
            let busy = flow.borrow_and_update().under_way > 0;
            if busy {
                if flow.changed().await.is_err() {
                    return;
                }
            } else {
                match timeout(wait, flow.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => return,
                }
            }
        }
    }
}

/// Counts while it lives.
pub(crate) struct Counted {
    activity: Activity,
    count: fn(&mut Flow) -> &mut usize,
}

impl Counted {
    fn new(activity: &Activity, count: fn(&mut Flow) -> &mut usize) -> Self {
        activity.flow.send_modify(|flow| {
            *count(flow) += 1;
            flow.changed_at = Instant::now();
        });
        let activity = activity.clone();
        Self { activity, count }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.activity.flow.send_modify(|flow| {
            *(self.count)(flow) -= 1;
            flow.changed_at = Instant::now();
        });
        self.activity.waits.notify_one();
    }
}

/// A body that counts as long as it is not done with.
pub(crate) struct CountedBody<B>(
    pub(crate) B,
    #[expect(dead_code, reason = "it counts by being there")] pub(crate) Counted,
);

impl<B: Body<Data = Bytes> + Unpin> Body for CountedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
