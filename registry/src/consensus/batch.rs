//! Transactions as they travel between validators: each after its length, in two bytes.

use bytes::Bytes;
use dotkey_proto::limits::TRANSACTION_BYTES_MAX;

/// Transactions travel together: this many bytes, with the length of each, or fewer.
pub(super) const BATCH_BYTES_MAX: usize = 64 * 1024;

const _: () = assert!(TRANSACTION_BYTES_MAX + 2 <= BATCH_BYTES_MAX);

/// A batch that begins with `first`, and what did not fit it.
pub(super) fn gather(
    first: Bytes,
    mut next: impl FnMut() -> Option<Bytes>,
) -> (Vec<u8>, Option<Bytes>) {
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
pub(super) fn scatter(mut batch: &[u8]) -> impl Iterator<Item = &[u8]> {
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
