//! Beacons and demand: what a stamp is made for, and what it costs by then. Section 10.7.

use dotkey_proto::cbor::{CborError, Reader, Writer};
use dotkey_proto::ledger::LedgerError;
use dotkey_proto::limits::COUNT_MAX;
use dotkey_proto::stamp::Beacon;
use dotkey_proto::time::Timestamp;

use crate::ledger::charter::{BEACON_HOURS, DEMAND_MAX, HOUR_SECS};

/// The beacons that stamps may be made for, and the claims since the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beacons {
    /// The oldest first; never empty.
    hours: Vec<BeaconHour>,
    /// Claims since the newest.
    pub claims: u64,
}

/// A beacon, and what demand added to the cost when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeaconHour {
    /// The beacon.
    pub beacon: Beacon,
    /// Doublings.
    pub demand: u64,
}

impl Beacons {
    /// Those of a network that begins: its id is the first beacon.
    #[must_use]
    pub fn genesis(network: [u8; 32], began: Timestamp) -> Self {
        let hour = began.as_secs() / HOUR_SECS;
        let beacon = Beacon {
            hour,
            digest: network,
        };
        let hours = vec![BeaconHour { beacon, demand: 0 }];
        Self { hours, claims: 0 }
    }

    /// The newest, which new stamps should be made for.
    #[must_use]
    pub fn newest(&self) -> BeaconHour {
        *self.hours.last().expect("there is always one")
    }

    /// The beacon of an hour, where stamps for it are still good.
    #[must_use]
    pub fn of(&self, hour: u64) -> Option<BeaconHour> {
        self.hours
            .iter()
            .find(|one| one.beacon.hour == hour)
            .copied()
    }

    /// Begins an hour, if this block is the first in it. The block before is what nobody knew in advance.
    pub(in crate::ledger) fn advance(
        &mut self,
        time: Timestamp,
        parent: [u8; 32],
        claims_per_hour: u64,
    ) -> bool {
        let hour = time.as_secs() / HOUR_SECS;
        let newest = self.newest();
        if hour <= newest.beacon.hour {
            return false;
        }
        // An hour without a block had no claims.
        let quiet = hour - newest.beacon.hour - 1;
        let demand = match self.claims {
            many if many > claims_per_hour => (newest.demand + 1).min(DEMAND_MAX),
            few if few < claims_per_hour.div_ceil(2) => newest.demand.saturating_sub(1),
            _ => newest.demand,
        };
        let demand = demand.saturating_sub(quiet);
        let beacon = Beacon {
            hour,
            digest: parent,
        };
        self.hours.push(BeaconHour { beacon, demand });
        self.hours
            .retain(|one| one.beacon.hour + BEACON_HOURS >= hour);
        self.claims = 0;
        true
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut r = Reader::new(bytes)?;
        r.array("the beacons", 2, 2)?;
        let count = r.array("the hours of beacons", 1, BEACON_HOURS as usize + 1)?;
        let hours = (0..count).map(|_| {
            r.array("a beacon", 3, 3)?;
            let beacon = Beacon {
                hour: r.uint_in("the hour of a beacon", 0, COUNT_MAX)?,
                digest: r.array_of("the digest of a beacon")?,
            };
            let demand = r.uint_in("demand", 0, DEMAND_MAX)?;
            Ok(BeaconHour { beacon, demand })
        });
        let hours = hours.collect::<Result<_, CborError>>()?;
        let claims = r.uint_in("claims of an hour", 0, COUNT_MAX)?;
        Ok(Self { hours, claims })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).array(self.hours.len());
        for BeaconHour { beacon, demand } in &self.hours {
            w.array(3)
                .uint(beacon.hour)
                .bytes(&beacon.digest)
                .uint(*demand);
        }
        w.uint(self.claims);
        w.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(hour: u64) -> Timestamp {
        Timestamp::from_secs(hour * HOUR_SECS + 7).expect("in range")
    }

    #[test]
    fn demand_follows_the_claims_of_the_hour_before() {
        let mut beacons = Beacons::genesis([1; 32], time(100));
        let mut check = |hour, claims, expected| {
            beacons.claims = claims;
            assert!(beacons.advance(time(hour), [2; 32], 10));
            assert_eq!(beacons.newest().demand, expected, "at hour {hour}");
            assert_eq!(Beacons::decode(&beacons.encode()).as_ref(), Ok(&beacons));
        };
        check(101, 11, 1);
        check(102, 10, 1);
        check(103, 5, 1);
        check(104, 4, 0);
        for (step, expected) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 6)] {
            check(105 + step, 1000, expected);
        }
        // Two quiet hours between.
        check(114, 1000, 4);
        check(200, 1000, 0);
    }

    #[test]
    fn a_beacon_is_good_for_a_day() {
        let mut beacons = Beacons::genesis([1; 32], time(100));
        assert!(!beacons.advance(time(100), [2; 32], 10), "the same hour");
        for hour in 101..=124 {
            assert!(beacons.advance(time(hour), [2; 32], 10));
        }
        assert!(beacons.of(100).is_some());
        assert!(beacons.advance(time(125), [2; 32], 10));
        assert!(beacons.of(100).is_none());
        assert!(beacons.of(101).is_some());
        assert_eq!(beacons.newest().beacon.digest, [2; 32]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_get_a_verdict(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            if let Ok(beacons) = Beacons::decode(&bytes) {
                proptest::prop_assert_eq!(beacons.encode(), bytes);
            }
        }

        #[test]
        fn a_changed_beacon_is_another_or_none(claims in 0..=COUNT_MAX, at: proptest::sample::Index, by in 1..=255_u8) {
            let mut beacons = Beacons::genesis([1; 32], time(100));
            beacons.claims = claims;
            let mut bytes = beacons.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(read) = Beacons::decode(&bytes) {
                proptest::prop_assert_eq!(read.encode(), bytes);
                proptest::prop_assert_ne!(read, beacons);
            }
        }
    }
}
