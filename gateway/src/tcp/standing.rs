//! How providers have done lately, and in which order they are tried for a connection.
//!
//! Pure: the time since start comes in as an argument. A TCP connection may live for days, so what counts here is not latency
//! but who is reachable and how many connections each has by its weight. Who cannot be reached is set aside for a time that
//! doubles; of those set aside the one that comes back first is tried when there is nobody else. Who presented a key
//! that the record does not name is not tried at all until its time is over.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::BTreeMap;

use dotkey_proto::zone::{Provider, Url};

/// After the first failure: a restart takes about this long.
const ASIDE_FIRST: Duration = Duration::from_secs(1);
/// However often it fails: somebody must find out that it is back.
const ASIDE_MAX: Duration = Duration::from_secs(30);
/// A key does not change by itself; the owner has to publish another pin, which makes another [`Who`].
const OTHER_KEY_ASIDE: Duration = Duration::from_secs(30);
/// Providers that are remembered. Records have 64 a resource; a gateway carries some hundred names over TCP.
const KNOWN_MAX: usize = 16_384;

/// A provider as it can be reached: with other pins or at another address it has a fresh start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// Where.
    pub url: Url,
    /// The keys that it may present.
    pub pins: Vec<[u8; 32]>,
}

impl Who {
    /// What of a provider matters for reaching it.
    #[must_use]
    pub fn of(provider: &Provider) -> Self {
        Self {
            url: provider.url.clone(),
            pins: provider.pins.clone(),
        }
    }
}

/// How a connection did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not reached, or not in time.
    Unreachable,
    /// It presented a key that the record does not name, or none.
    OtherKey,
}

/// How all providers have done.
#[derive(Clone, Debug, Default)]
pub struct Standings(BTreeMap<Who, Standing>);

#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    open: usize,
    failures: u32,
    aside: Option<(Duration, Fault)>,
}

impl Standing {
    fn aside(&self, now: Duration) -> Option<(Duration, Fault)> {
        self.aside.filter(|(until, _)| now < *until)
    }
}

impl Standings {
    /// Whom to try, one after the other: first who is well, by priority, region and then connections by weight; then who is set aside
    /// because it could not be reached. Nobody who presented another key.
    #[must_use]
    pub fn order<'a>(
        &self,
        now: Duration,
        region: Option<&str>,
        candidates: impl IntoIterator<Item = &'a Provider>,
    ) -> Vec<&'a Provider> {
        let standing = |provider| self.0.get(&Who::of(provider)).copied().unwrap_or_default();
        let mut order: Vec<(&Provider, Standing)> = candidates
            .into_iter()
            .map(|provider| (provider, standing(provider)))
            .filter(|(_, it)| !matches!(it.aside(now), Some((_, Fault::OtherKey))))
            .collect();
        order.sort_by_key(|(provider, standing)| {
            let weight = u64::from(provider.weight.unwrap_or(Provider::WEIGHT_DEFAULT));
            (
                standing.aside(now).map(|(until, _)| until),
                provider.priority.unwrap_or(Provider::PRIORITY_DEFAULT),
                region.is_some() && provider.region.as_deref() != region,
                // As if the connection to come were there: of two without any the heavier one goes first.
                (standing.open as u64 + 1) * u64::from(u16::MAX) / weight,
                Reverse(weight),
            )
        });
        order.into_iter().map(|(provider, _)| provider).collect()
    }

    /// For how long it is set aside, and why, if it is.
    #[must_use]
    pub fn aside(&self, who: &Who, now: Duration) -> Option<(Duration, Fault)> {
        let (until, fault) = self.0.get(who)?.aside(now)?;
        Some((until - now, fault))
    }

    /// How many connections it has.
    #[must_use]
    pub fn open(&self, who: &Who) -> usize {
        self.0.get(who).map_or(0, |standing| standing.open)
    }

    /// A connection to it is to be: false when it has `most` already, and then nothing changes.
    pub fn begin(&mut self, who: &Who, most: usize) -> bool {
        self.make_room();
        let standing = self.0.entry(who.clone()).or_default();
        let is_free = standing.open < most;
        standing.open += usize::from(is_free);
        is_free
    }

    /// A connection that was begun stands.
    pub fn succeed(&mut self, who: &Who) {
        let standing = self.0.entry(who.clone()).or_default();
        (standing.failures, standing.aside) = (0, None);
    }

    /// A connection that was begun did not come about; until when it is set aside.
    pub fn fail(&mut self, who: &Who, now: Duration, fault: Fault) -> Duration {
        let standing = self.0.entry(who.clone()).or_default();
        let for_so_long = match fault {
            Fault::OtherKey => OTHER_KEY_ASIDE,
            // Several connections that began together fail together, which is one failure.
            Fault::Unreachable if standing.aside(now).is_some() => Duration::ZERO,
            Fault::Unreachable => {
                let doubled = ASIDE_FIRST * (1 << standing.failures.min(5));
                standing.failures += 1;
                doubled.min(ASIDE_MAX)
            }
        };
        match standing.aside(now) {
            Some((until, _)) if until >= now + for_so_long => until,
            _ => {
                standing.aside = Some((now + for_so_long, fault));
                now + for_so_long
            }
        }
    }

    /// A connection that was begun is over, whether it ever stood or not.
    ///
    /// # Panics
    /// None was begun.
    pub fn end(&mut self, who: &Who) {
        let standing = self.0.get_mut(who).expect("it was begun");
        assert!(standing.open > 0, "each connection ends once");
        standing.open -= 1;
    }

    /// Forgets those that nobody is connected with, when there are too many.
    fn make_room(&mut self) {
        if self.0.len() >= KNOWN_MAX {
            self.0.retain(|_, standing| standing.open > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn provider(id: &str, region: &str, priority: u16, weight: u16) -> Provider {
        let url = format!("tls://{id}.example.net:443")
            .parse()
            .expect("a URL");
        let mut provider = Provider::new(id, url);
        provider.region = Some(region.into());
        (provider.priority, provider.weight) = (Some(priority), Some(weight));
        provider
    }

    fn ids(order: &[&Provider]) -> String {
        order.iter().map(|it| &*it.id).collect::<Vec<_>>().join(" ")
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_is_well_and_near_and_has_room_goes_first() {
        let all = [
            provider("spare", "eu", 1, 900),
            provider("us", "us", 0, 100),
            provider("eu", "eu", 0, 100),
            provider("big", "eu", 0, 300),
        ];
        let mut standings = Standings::default();
        let order = |it: &Standings, region| ids(&it.order(SECOND, region, &all));
        assert_eq!(order(&standings, None), "big us eu spare");
        assert_eq!(order(&standings, Some("eu")), "big eu us spare");
        let who = Who::of(&all[3]);
        for _ in 0..3 {
            assert!(standings.begin(&who, 3));
        }
        assert!(!standings.begin(&who, 3));
        assert_eq!(standings.open(&who), 3);
        assert_eq!(order(&standings, Some("eu")), "eu big us spare");
        let aside = standings.fail(&who, SECOND, Fault::Unreachable);
        assert_eq!(aside, 2 * SECOND);
        assert_eq!(order(&standings, Some("eu")), "eu us spare big");
        let _ = standings.fail(&Who::of(&all[2]), SECOND, Fault::OtherKey);
        assert_eq!(order(&standings, None), "us spare big");
        standings.succeed(&who);
        assert_eq!(order(&standings, Some("eu")), "big us spare");
    }

    #[test]
    fn the_time_aside_doubles_up_to_its_bound() {
        let (mut standings, who) = (Standings::default(), Who::of(&provider("a", "eu", 0, 1)));
        let mut now = Duration::ZERO;
        for expected in [1, 2, 4, 8, 16, 30, 30] {
            let until = standings.fail(&who, now, Fault::Unreachable);
            assert_eq!(until - now, Duration::from_secs(expected));
            // What fails while it is aside is the same failure.
            assert_eq!(standings.fail(&who, now, Fault::Unreachable), until);
            now = until;
        }
        assert_eq!(
            standings.fail(&who, now, Fault::OtherKey) - now,
            OTHER_KEY_ASIDE
        );
    }

    proptest! {
        #[test]
        fn who_has_another_key_gets_nothing_and_others_are_all_tried_once(
            faults in proptest::collection::vec((0_usize..6, any::<bool>(), 0_u64..60), 0..40),
            later in 0_u64..40,
        ) {
            let all: Vec<Provider> = (0..6).map(|it| provider(&format!("p{it}"), "eu", it % 2, 100)).collect();
            let mut standings = Standings::default();
            let mut other_key_until = [Duration::ZERO; 6];
            let mut now = Duration::ZERO;
            for (at, is_key, after) in faults {
                now += Duration::from_secs(after);
                let fault = if is_key { Fault::OtherKey } else { Fault::Unreachable };
                let until = standings.fail(&Who::of(&all[at]), now, fault);
                if is_key {
                    other_key_until[at] = until;
                }
            }
            now += Duration::from_secs(later);
            let order = standings.order(now, None, &all);
            for (provider, until) in all.iter().zip(other_key_until) {
                let times = order.iter().filter(|it| it.id == provider.id).count();
                prop_assert_eq!(times, usize::from(now >= until));
            }
        }

        #[test]
        fn connections_spread_by_weight(weights in proptest::collection::vec(1_u16..20, 2..6)) {
            let all: Vec<Provider> = weights.iter().enumerate()
                .map(|(at, weight)| provider(&format!("p{at}"), "eu", 0, *weight)).collect();
            let total: usize = weights.iter().map(|it| usize::from(*it)).sum();
            let mut standings = Standings::default();
            for _ in 0..total * 10 {
                let who = Who::of(standings.order(SECOND, None, &all)[0]);
                prop_assert!(standings.begin(&who, usize::MAX));
            }
            for (provider, weight) in all.iter().zip(&weights) {
                let open = standings.open(&Who::of(provider));
                let ideal = usize::from(*weight) * 10;
                prop_assert!(open.abs_diff(ideal) <= all.len(), "{} of {}", open, ideal);
            }
        }
    }
}
