//! Whether a store is sound: it opens as a node opens it, every block reads, and its columns agree on records that verify.

use std::ops::ControlFlow;

use dotkey_proto::record::SignedRecord;

use super::column::Column;
use super::database::Store;
use super::error::StoreError;
use super::format::{Header, decode_summary_value, expiry_key, position};
use crate::dht::peer::Position;

/// What a sound store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) records: u64,
    /// Cells of the columns that are not of the records.
    pub(super) cells: u64,
}

/// What the store holds, or nothing where it is not sound.
///
/// # Errors
/// When a block cannot be read.
pub(super) fn examine(store: &Store) -> Result<Option<Holding>, StoreError> {
    let mut holding = Holding::default();
    // Entries of the columns that say where records are: as many as there are records, and each record has its own.
    let (mut summaries, mut expiries) = (0, 0);
    let mut sound = Ok(true);
    for column in Column::ALL {
        store.scan(column, &[], |key, value| {
            match column {
                Column::Records => {
                    holding.records += 1;
                    sound = is_whole(store, key, value);
                }
                Column::RecordSummaries => summaries += 1,
                Column::RecordExpiries => expiries += 1,
                _ => holding.cells += 1,
            }
            match sound {
                Ok(true) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })?;
        if !matches!(sound, Ok(true)) {
            break;
        }
    }
    let agreed = summaries == holding.records && expiries == holding.records;
    Ok((sound? && agreed).then_some(holding))
}

/// Whether a record verifies, is where it belongs, and is found by its summary and its expiry.
fn is_whole(store: &Store, key: &[u8], value: &[u8]) -> Result<bool, StoreError> {
    let Ok(at) = position(key) else {
        return Ok(false);
    };
    let Ok((header, bytes)) = Header::decode_with_record(value) else {
        return Ok(false);
    };
    // At the begin of its time, whatever the time is: the expired leave later, by themselves.
    let Ok(record) = SignedRecord::new(bytes).verify(header.not_before, None) else {
        return Ok(false);
    };
    let header = Header::of(&record);
    let expiry = expiry_key(record.expires(), &at);
    let summary = store.get(Column::RecordSummaries, key)?;
    let summary = summary.and_then(|value| decode_summary_value(&value).ok());
    Ok(Position::of_record(&record) == at
        && value.starts_with(&header.encode())
        && summary.is_some_and(|(it, _)| it == header)
        && store.get(Column::RecordExpiries, &expiry)?.is_some())
}
