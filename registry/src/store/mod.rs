//! What a node keeps on disk: one RocksDB folder, split into columns by who writes them and how they are read.
//!
//! This module owns the folder (who holds it, its format, its backup and its repair), the columns, and the records in three of
//! them. It promises that what was acknowledged is there after a crash, that what was written together is there together,
//! that the records stay within their bytes, and that a flipped bit on disk is an error, never an answer. What the bytes of the ledger's
//! columns mean is for [`crate::ledger`]; whether a record is valid is for `dotkey-proto`. `docs/architecture/store.md`.

mod backup;
mod column;
mod database;
mod error;
mod examine;
mod format;
mod index;
mod owner;
mod plan;
mod records;
mod repair;
mod salvage;
#[cfg(test)]
mod tests;
mod writer;

pub use backup::restore;
pub use column::Column;
pub use database::{Change, Store};
pub use error::StoreError;
pub use owner::Holder;
pub use records::{Expired, RecordStore, StoreConfig};
pub use repair::{RepairReport, repair};
pub use writer::{WAITING_MAX, Writer};
