//! Stamps: that work was done, for this and nothing else, and lately.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Transaction;
use dotkey_proto::stamp::{Purpose, Puzzle, Stamp};

use super::{Session, Setback};
use crate::ledger::state::{self, BeaconHour};
use crate::ledger::{Charter, Price, Refusal};

/// Identities cost nothing to make, and each that acts is kept for ever: the first transaction pays for that.
pub(super) fn check_opening(
    session: &Session<'_>,
    transaction: &Transaction,
) -> Result<(), Setback> {
    let Some(stamp) = &transaction.opening else {
        // Validators are few and chosen. They have to act when the network is in trouble.
        let seats = state::seats(&session.desk)?;
        return match seats.acting(transaction.key_id) {
            Some(_) => Ok(()),
            None => Err(Refusal::OpeningMissing.into()),
        };
    };
    let key_id = transaction.key_id;
    check(
        session,
        ("opening", Purpose::Opening),
        key_id,
        stamp,
        |charter, _| charter.opening_price(),
    )
}

/// That a stamp is worth its price at the beacon that it was made for. The price is that hour's, so that nobody who began to
/// work finds that it was in vain.
pub(super) fn check(
    session: &Session<'_>,
    (what, purpose): (&'static str, Purpose<'_>),
    key_id: KeyId,
    stamp: &[u8],
    price: impl Fn(&Charter, &BeaconHour) -> Price,
) -> Result<(), Setback> {
    let refused = |error| Setback::from(Refusal::Stamp { what, error });
    let decoded = Stamp::decode(stamp).map_err(|error| refused(error.into()))?;
    let beacons = &session.beacons;
    let Some(hour) = beacons.of(decoded.hour) else {
        let newest = beacons.newest().beacon.hour;
        let hour = decoded.hour;
        return Err(Refusal::Beacon { what, hour, newest }.into());
    };
    let charter = session.bench.charter;
    let Price { grid, solutions } = price(charter, &hour);
    let terms = (grid, solutions);
    let puzzle = Puzzle::new(&charter.network, key_id, purpose, &hour.beacon, terms);
    // All that the puzzle is made of is in what it asks.
    let facts: [&[u8]; 2] = [&puzzle.digest(), stamp];
    let memo = session.bench.memo;
    memo.is_good("dotkey memo of stamps v1", &facts, || {
        puzzle.check(&decoded)
    })
    .map_err(refused)
}
