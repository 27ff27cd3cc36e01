//! How many leaves may be made: of all names together, and of each name that has an owner.
//!
//! Pure: the time since start comes in. To make a leaf costs two operations on the curve, which a visitor causes with one packet;
//! and one zone with a wildcard has as many names as a visitor can spell.

use core::time::Duration;
use std::collections::BTreeMap;

/// All names together: at 0.2 ms a leaf, a fiftieth of a core.
pub(super) const ALL: Rate = Rate {
    at_once: 400.0,
    per_sec: 100.0,
};

/// One apex (`mysite.key` with all below it): its owner can waste his own share only. A page that uses 32 hosts opens at once.
pub(super) const APEX: Rate = Rate {
    at_once: 32.0,
    per_sec: 2.0,
};

/// Those who have their whole share need no entry. Others are at most as many as [`ALL`] lets through while a share fills up.
const APEXES_MAX: usize = 2_048;
const _: () = assert!(ALL.at_once + ALL.per_sec * APEX.at_once / APEX.per_sec < APEXES_MAX as f64);

/// So many at once, and then so many a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) at_once: f64,
    pub(super) per_sec: f64,
}

/// What is left of a rate.
#[derive(Clone, Copy, Debug)]
struct Share {
    left: f64,
    at: Duration,
}

impl Share {
    fn full(rate: Rate, now: Duration) -> Self {
        Self {
            left: rate.at_once,
            at: now,
        }
    }

    fn fill(&mut self, rate: Rate, now: Duration) {
        let since = now.saturating_sub(self.at).as_secs_f64();
        self.left = rate.at_once.min(self.left + since * rate.per_sec);
        self.at = self.at.max(now);
    }
}

/// Which of the two is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsedUp {
    /// That of all names.
    All,
    /// That of the one apex.
    Apex,
}

/// What may be made still.
#[derive(Debug)]
pub(super) struct Pace {
    all: Share,
    apexes: BTreeMap<String, Share>,
}

impl Pace {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            all: Share::full(ALL, now),
            apexes: BTreeMap::new(),
        }
    }

    /// Takes one leaf from the share of all and from that of the apex, or neither.
    pub(super) fn take(&mut self, apex: &str, now: Duration) -> Result<(), UsedUp> {
        self.all.fill(ALL, now);
        if self.all.left < 1.0 {
            return Err(UsedUp::All);
        }
        if self.apexes.len() >= APEXES_MAX {
            self.apexes.retain(|_, share| {
                share.fill(APEX, now);
                share.left < APEX.at_once
            });
        }
        let full = Share::full(APEX, now);
        let share = self.apexes.entry(apex.to_owned()).or_insert(full);
        share.fill(APEX, now);
        if share.left < 1.0 {
            return Err(UsedUp::Apex);
        }
        share.left -= 1.0;
        self.all.left -= 1.0;
        assert!(
            self.apexes.len() <= APEXES_MAX,
            "full shares were let go of"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_apex_does_not_use_up_what_others_have() {
        let mut pace = Pace::new(Duration::ZERO);
        let mut take = |apex: &str, secs| pace.take(apex, Duration::from_secs(secs));
        for _ in 0..32 {
            take("flood.key", 0).expect("its share");
        }
        assert_eq!(take("flood.key", 0), Err(UsedUp::Apex));
        assert_eq!(take("mysite.key", 0), Ok(()));
        assert_eq!(take("flood.key", 1), Ok(()));
        assert_eq!(take("flood.key", 1), Ok(()));
        assert_eq!(take("flood.key", 1), Err(UsedUp::Apex));
    }

    proptest! {
        #[test]
        fn no_more_is_made_than_the_rates_say(steps in proptest::collection::vec((0_u16..3_000, 0_u64..40), 0..4_000)) {
            let mut pace = Pace::new(Duration::ZERO);
            let mut now = Duration::ZERO;
            let mut made = BTreeMap::new();
            let mut all = 0.0;
            for (apex, millis) in steps {
                now += Duration::from_millis(millis);
                if pace.take(&apex.to_string(), now).is_ok() {
                    *made.entry(apex).or_insert(0.0) += 1.0;
                    all += 1.0;
                }
                let most = |rate: Rate| rate.at_once + rate.per_sec * now.as_secs_f64() + 1e-6;
                prop_assert!(all <= most(ALL));
                prop_assert!(made.get(&apex).is_none_or(|made| *made <= most(APEX)));
                prop_assert!(pace.apexes.len() <= APEXES_MAX);
            }
        }
    }
}
