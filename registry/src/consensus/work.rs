//! Transactions on their way from the validator that took them to the others, so that whoever leads next can propose them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use commonware_runtime::Clock;
use p2p::{Receiver, Recipients, Sender};
use tokio::sync::mpsc;

use super::batch::{gather, scatter};
use super::conductor::stopped;
use super::desk::Desk;
use super::error::ConsensusError;
use super::library::p2p;

/// Transactions that wait to be sent. More are dropped: this node proposes them when it leads.
pub(super) const OUTGOING_MAX: usize = 4096;

/// Between batches, in which the next one gathers: a message costs its sender and each receiver as much as a transaction's other half. The first after
/// a pause waits for nothing.
const REST: Duration = Duration::from_millis(5);

/// Passes transactions on until the channel closes.
pub(super) async fn run<E: Clock, S: Sender, R: Receiver>(
    context: E,
    desk: Arc<Desk>,
    mut outgoing: mpsc::Receiver<Bytes>,
    (mut sender, mut receiver): (S, R),
) -> Result<(), ConsensusError> {
    let closed = || stopped("the channel for transactions is closed");
    let mut left = None;
    let mut rest = pin!(context.sleep(Duration::ZERO));
    let mut is_resting = false;
    loop {
        let next = async {
            match left.take() {
                Some(left) => Some(left),
                None => outgoing.recv().await,
            }
        };
        tokio::select! {
            biased;
            () = rest.as_mut(), if is_resting => is_resting = false,
            first = next, if !is_resting => {
                let first = first.ok_or_else(closed)?;
                let (batch, surplus) = gather(first, || outgoing.try_recv().ok());
                left = surplus;
                sender.send(Recipients::All, Bytes::from(batch), false);
                rest.set(context.sleep(REST));
                is_resting = true;
            }
            batch = receiver.recv() => {
                let (_, batch) = batch.map_err(|_| closed())?;
                let mut took = false;
                for transaction in scatter(batch.as_ref()) {
                    took |= desk.application.receive(transaction);
                }
                if took {
                    desk.work_arrived();
                }
            }
        }
    }
}
