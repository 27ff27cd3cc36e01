//! A network of one machine, which needs no set-up.

use std::path::Path;

use dotkey_proto::ledger::{Genesis, Parameters, Terms};
use dotkey_proto::time::Timestamp;

use super::ValidatorKey;
use crate::consensus::timing;
use crate::node::StartError;

/// What a network is called that nobody has named.
pub const SOLO_NAME: &str = "solo";

/// The work of a stamp where nobody else wants a name: a twentieth of a second.
const SOLO_STAMP_BITS: u64 = 18;

/// The numbers of a network whose validators are near each other: as fast as the engine goes.
#[must_use]
pub fn near_parameters(stamp_bits: u64) -> Parameters {
    let ms = |duration: core::time::Duration| duration.as_millis() as u64;
    Parameters {
        stamp_bits,
        block_interval_ms: ms(timing::BLOCK_INTERVAL),
        heartbeat_ms: ms(timing::HEARTBEAT),
        ..Parameters::default()
    }
}

/// Founds a network of one validator, whose secrets are in the data folder from then on.
///
/// # Errors
/// Secrets that cannot be kept or read.
pub fn found_solo(data: &Path, now: Timestamp) -> Result<Genesis, StartError> {
    let key = ValidatorKey::make(data)?;
    let terms = Terms {
        name: SOLO_NAME.to_owned(),
        began: now,
        // Nobody else has to reach it.
        validators: vec![key.candidate("")],
        parameters: near_parameters(SOLO_STAMP_BITS),
        reserved: Vec::new(),
    };
    Ok(Genesis::new(&terms).expect("its own key and numbers are in order"))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn the_engine_takes_what_networks_are_founded_with() {
        for parameters in [near_parameters(8), Parameters::default()] {
            let heartbeat = Duration::from_millis(parameters.heartbeat_ms);
            assert!(heartbeat <= timing::HEARTBEAT_MAX, "{heartbeat:?}");
        }
    }
}
