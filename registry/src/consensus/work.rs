//! Transactions on their way from the validator that took them to the others, so that whoever leads next can propose them.

use std::sync::Arc;

use bytes::Bytes;
use p2p::{Receiver, Recipients, Sender};
use tokio::sync::mpsc;

use super::batch::{gather, scatter};
use super::conductor::stopped;
use super::desk::Desk;
use super::error::ConsensusError;
use super::library::p2p;

/// Transactions that wait to be sent. More are dropped: this node proposes them when it leads.
pub(super) const OUTGOING_MAX: usize = 4096;

/// Passes transactions on until the channel closes.
pub(super) async fn run<S: Sender, R: Receiver>(
    desk: Arc<Desk>,
    mut outgoing: mpsc::Receiver<Bytes>,
    (mut sender, mut receiver): (S, R),
) -> Result<(), ConsensusError> {
    let closed = || stopped("the channel for transactions is closed");
    let mut left = None;
    loop {
        let next = async {
            match left.take() {
                Some(left) => Some(left),
                None => outgoing.recv().await,
            }
        };
        tokio::select! {
            biased;
            first = next => {
                let first = first.ok_or_else(closed)?;
                let (batch, rest) = gather(first, || outgoing.try_recv().ok());
                left = rest;
                sender.send(Recipients::All, Bytes::from(batch), false);
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
