//! How long a name is held, and what is due when. Pure: the time is handed in.

use dotkey_proto::ledger::{Entry, Phase};
use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;
use dotkey_registry::ledger::Charter;
use dotkey_registry::ledger::rules::free_at;

/// How long before its end a lease is near it: time enough for who looks once a week.
const NEAR_SECS_MAX: u64 = 30 * DAY_SECS;

const DAY_SECS: u64 = 86_400;

/// The lease of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) claimed: Timestamp,
    pub(crate) ends: Timestamp,
    /// From then on it can be renewed.
    pub(crate) renewable: Timestamp,
    /// From then on people are warned.
    pub(crate) near: Timestamp,
    /// From then on anybody may claim the name.
    pub(crate) free: Timestamp,
}

impl Lease {
    pub(crate) fn of(entry: &Entry, charter: &Charter) -> Self {
        let ends = entry.lease_ends;
        Self {
            claimed: entry.claimed,
            ends,
            renewable: ends.saturating_sub(charter.renewal_secs),
            // A warning that nothing can be done about yet would only be in the way.
            near: ends.saturating_sub(charter.renewal_secs.min(NEAR_SECS_MAX)),
            free: free_at(charter, entry),
        }
    }

    pub(crate) fn phase(&self, now: Timestamp) -> Phase {
        Phase::at(self.ends, self.free, now)
    }

    /// Whether it can be renewed.
    pub(crate) fn is_renewable(&self, now: Timestamp) -> bool {
        (self.renewable..self.free).contains(&now)
    }

    /// What a person should hear who sees or uses the name, which is `name`; nothing while its end is far.
    pub(crate) fn warning(&self, name: &str, now: Timestamp) -> Option<String> {
        let (ends, free) = (self.ends, self.free);
        Some(match self.phase(now) {
            Phase::Held if now < self.near => return None,
            Phase::Held => format!(
                "the lease of {name} ends {} ({ends}); its holder renews it with `dotkey name renew {name}`",
                distance(ends, now)
            ),
            Phase::Grace => format!(
                "the lease of {name} ended {} ({ends}); only its holder can renew it, with `dotkey name renew {name}`, until {free}",
                distance(ends, now)
            ),
            Phase::Free => format!(
                "the lease of {name} ended {} ({ends}), and so did its grace: anybody may claim it",
                distance(ends, now)
            ),
        })
    }
}

/// `in 12 days`, `3 hours ago`.
pub(crate) fn distance(time: Timestamp, now: Timestamp) -> String {
    if time >= now {
        format!("in {}", span(time.secs_since(now)))
    } else {
        format!("{} ago", span(now.secs_since(time)))
    }
}

/// A number of seconds in the largest unit of which there are two or more.
pub(crate) fn span(secs: u64) -> String {
    let units = [(DAY_SECS, "day"), (3600, "hour"), (60, "minute")];
    let unit = units.into_iter().find(|(unit, _)| secs >= 2 * unit);
    let (unit, noun) = unit.unwrap_or((1, "second"));
    counted(secs / unit, noun).to_string()
}

#[cfg(test)]
mod tests {
    use dotkey_proto::identity::KeyId;

    use super::*;

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).expect("in range")
    }

    fn lease(lease_secs: u64, renewal_secs: u64) -> Lease {
        let charter = Charter {
            network: [0; 32],
            stamp_bits: 2,
            claims_per_day: 1,
            lease_secs,
            renewal_secs,
            grace_secs: 10,
            epoch_blocks: 2,
            reserved: Vec::new(),
        };
        let entry = Entry {
            key_id: KeyId::from_bytes([1; 32]),
            claimed: at(0),
            lease_ends: at(lease_secs),
            pin: None,
        };
        Lease::of(&entry, &charter)
    }

    #[test]
    fn each_time_of_a_lease_has_its_first_second() {
        let year = 365 * DAY_SECS;
        let one = lease(year, 95 * DAY_SECS);
        let check = |now: u64, phase, renewable, warning: Option<&str>| {
            let now = at(now);
            assert_eq!(
                (one.phase(now), one.is_renewable(now)),
                (phase, renewable),
                "{now}"
            );
            let found = one.warning("mysite.key", now);
            let matches = match (&found, warning) {
                (Some(found), Some(part)) => found.contains(part),
                (found, part) => found.is_none() && part.is_none(),
            };
            assert!(matches, "{now}: {found:?}");
        };
        check(0, Phase::Held, false, None);
        check(270 * DAY_SECS - 1, Phase::Held, false, None);
        check(270 * DAY_SECS, Phase::Held, true, None);
        check(335 * DAY_SECS - 1, Phase::Held, true, None);
        check(335 * DAY_SECS, Phase::Held, true, Some("ends in 30 days"));
        check(year - 1, Phase::Held, true, Some("ends in 1 second ("));
        check(year, Phase::Grace, true, Some("until 1971-01-01T00:00:10Z"));
        check(year + 9, Phase::Grace, true, Some("ended 9 seconds ago"));
        check(year + 10, Phase::Free, false, Some("anybody may claim it"));
    }

    #[test]
    fn nobody_is_warned_before_a_renewal_is_possible() {
        let short = lease(100, 20);
        assert_eq!(short.warning("mysite.key", at(79)), None);
        assert!(short.warning("mysite.key", at(80)).is_some());
    }

    #[test]
    fn spans_have_two_of_their_unit_at_least() {
        for (secs, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7199, "119 minutes"),
            (7200, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
        ] {
            assert_eq!(span(secs), words);
        }
    }
}
