//! What the fuzz targets share: a bound on what decoding may allocate, what every refusal owes its reader, and identities,
//! chains and records that are built from arbitrary bytes with keys that really sign, the pure modules of the registry, and a resolver's service.
//!
//! A target in `fuzz_targets/` states properties of one decoder, or of one rule of the protocol; nothing here decides
//! whether something is valid, except [`chain::Built::is_valid`] and
//! [`plain_lookup`], which say from the pages a second time what the program says from its code.

pub mod actor;
pub mod allocation;
pub mod asked;
pub mod chain;
pub mod consensus;
pub mod dht;
pub mod follow;
pub mod ledger;
pub mod plain_lookup;
pub mod refusal;

pub use allocation::within;
pub use refusal::{refused, refused_by_protocol};

/// `text` when the bytes are UTF-8; what reads text has nothing to say about other bytes.
pub fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// `bytes` with one byte changed, and never the same bytes; `None` when there is nothing to change.
pub fn changed(bytes: &[u8], place: u16, difference: u8) -> Option<Vec<u8>> {
    let at = usize::from(place).checked_rem(bytes.len())?;
    let mut changed = bytes.to_vec();
    changed[at] ^= difference.max(1);
    Some(changed)
}
