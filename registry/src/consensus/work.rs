//! Transactions on their way from the validator that took them to the others, so that whoever leads next can propose them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use commonware_runtime::Clock;
use dotkey_proto::limits::TRANSACTION_BYTES_MAX;
use p2p::{Receiver, Recipients, Sender};
use tokio::sync::mpsc;

use super::conductor::stopped;
use super::desk::Desk;
use super::error::ConsensusError;
use super::library::p2p;

/// Transactions that wait to be sent. More are dropped: this node proposes them when it leads.
pub(super) const OUTGOING_MAX: usize = 4096;

/// Transactions travel together: this many bytes, with the length of each, or fewer.
const BATCH_BYTES_MAX: usize = 64 * 1024;

/// Between batches, in which the next one gathers: a message costs its sender and each receiver as much as a transaction's other half. The first after
/// a pause waits for nothing.
const REST: Duration = Duration::from_millis(5);

const _: () = assert!(TRANSACTION_BYTES_MAX + 2 <= BATCH_BYTES_MAX);

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

/// A batch that begins with `first`, and what did not fit it.
fn gather(first: Bytes, mut next: impl FnMut() -> Option<Bytes>) -> (Vec<u8>, Option<Bytes>) {
    let mut batch = Vec::new();
    let mut transaction = Some(first);
    while let Some(one) = transaction {
        // Whoever shares something longer than a transaction shares it with nobody.
        let len = u16::try_from(one.len())
            .ok()
            .filter(|len| usize::from(*len) <= TRANSACTION_BYTES_MAX);
        if let Some(len) = len {
            if batch.len() + 2 + one.len() > BATCH_BYTES_MAX {
                return (batch, Some(one));
            }
            batch.extend_from_slice(&len.to_be_bytes());
            batch.extend_from_slice(&one);
        }
        transaction = next();
    }
    (batch, None)
}

/// The transactions of a batch, as far as it can be read.
fn scatter(mut batch: &[u8]) -> impl Iterator<Item = &[u8]> {
    batch = if batch.len() > BATCH_BYTES_MAX {
        &[]
    } else {
        batch
    };
    std::iter::from_fn(move || {
        let (len, rest) = batch.split_first_chunk::<2>()?;
        let (transaction, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        batch = rest;
        (transaction.len() <= TRANSACTION_BYTES_MAX).then_some(transaction)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_gathered_is_scattered(lens in prop::collection::vec(0..=TRANSACTION_BYTES_MAX, 1..40)) {
            let mut sent: Vec<Bytes> = lens.iter().map(|len| vec![*len as u8; *len].into()).collect();
            let expected = sent.clone();
            let (mut found, mut left) = (Vec::new(), None);
            sent.reverse();
            while let Some(first) = left.take().or_else(|| sent.pop()) {
                let (batch, rest) = gather(first, || sent.pop());
                prop_assert!(batch.len() <= BATCH_BYTES_MAX);
                found.extend(scatter(&batch).map(Bytes::copy_from_slice));
                left = rest;
            }
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_batch_panics(batch in prop::collection::vec(any::<u8>(), 0..500)) {
            prop_assert!(scatter(&batch).count() <= 250);
        }
    }
}
