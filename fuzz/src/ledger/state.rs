//! The state's own leaves. The registry reads them from its disk alone, and from states that were verified.

#[path = "../../../registry/src/ledger/state/beacons.rs"]
#[allow(dead_code, reason = "the rules use the rest")]
mod beacons;
#[path = "../../../registry/src/ledger/state/seats.rs"]
#[allow(dead_code, reason = "the rules use the rest")]
mod seats;

use dotkey_proto::ledger::LedgerError;

/// Reads beacons, and gives back what they are written as.
///
/// # Errors
/// As the registry's.
pub fn beacons(bytes: &[u8]) -> Result<Vec<u8>, LedgerError> {
    beacons::Beacons::decode(bytes).map(|read| read.encode())
}

/// Reads the validators, and gives back what they are written as.
///
/// # Errors
/// As the registry's.
pub fn seats(bytes: &[u8]) -> Result<Vec<u8>, LedgerError> {
    seats::Seats::decode(bytes).map(|read| read.encode())
}
