//! One of the providers that may have a request: by quality, in turn, by chance or by hash.

use core::time::Duration;

use dotkey_proto::zone::Balance;
use smallvec::SmallVec;

use super::dice::Dice;
use super::member::Member;
use super::sticky::wish;

/// A request in this many may go to a provider that nobody has measured for a while.
const EXPLORE_ONE_IN: u64 = 20;

/// What was not measured for so long may have changed.
const EXPLORE_AFTER: Duration = Duration::from_secs(10);

/// A far provider gets a request when the near one would take this many times as long.
const SPILL: f64 = 3.0;

/// The candidates of one request, as places in the pool's list. At most as many as a resource has providers; few have more than this.
pub(super) type Places = SmallVec<[usize; 8]>;

/// What a pick depends on.
pub(super) struct Pick<'a> {
    pub(super) now: Duration,
    pub(super) balance: Balance,
    pub(super) sticky: Option<&'a [u8]>,
}

impl Pick<'_> {
    /// One of `places`, which are not empty.
    pub(super) fn among(&self, members: &mut [Member], places: &Places, dice: &mut Dice) -> usize {
        assert!(!places.is_empty(), "there is something to pick from");
        match (self.balance, self.sticky) {
            (_, Some(key)) => self.hashed(members, places, key),
            (Balance::Quality | Balance::Hash, None) => self.best(members, places, dice),
            (Balance::RoundRobin, None) => self.in_turn(members, places),
            (Balance::WeightedRandom, None) => self.drawn(members, places, dice),
        }
    }

    fn hashed(&self, members: &[Member], places: &Places, key: &[u8]) -> usize {
        // The owner's weight alone: one that grew with time would move clients about.
        let wish = |place: usize| {
            let provider = &members[place].provider;
            let weight = provider
                .weight
                .unwrap_or(dotkey_proto::zone::Provider::WEIGHT_DEFAULT);
            wish(&provider.id, f64::from(weight), key)
        };
        let best = places
            .iter()
            .max_by(|one, other| wish(**one).total_cmp(&wish(**other)));
        *best.expect("there is one")
    }

    /// The near of two at random; a far one when that is so much better.
    fn best(&self, members: &[Member], places: &Places, dice: &mut Dice) -> usize {
        if dice.one_in(EXPLORE_ONE_IN)
            && let Some(place) = self.forgotten(members, places)
        {
            return place;
        }
        let nearest = places.iter().map(|place| members[*place].distance).min();
        let (near, far): (Places, Places) = places
            .iter()
            .copied()
            .partition(|place: &usize| Some(members[*place].distance) == nearest);
        let near = self.of_two(members, &near, dice);
        if far.is_empty() {
            return near;
        }
        let far = self.of_two(members, &far, dice);
        let cost = |place: usize| members[place].latency.cost();
        if cost(far) * SPILL < cost(near) {
            far
        } else {
            near
        }
    }

    /// Two candidates by weight, and of them the one with the lower cost.
    fn of_two(&self, members: &[Member], places: &Places, dice: &mut Dice) -> usize {
        let first = self.drawn(members, places, dice);
        let others: Places = places
            .iter()
            .copied()
            .filter(|place| *place != first)
            .collect();
        if others.is_empty() {
            return first;
        }
        let second = self.drawn(members, &others, dice);
        let cost = |place: usize| members[place].latency.cost();
        if cost(second) < cost(first) {
            second
        } else {
            first
        }
    }

    /// One that was not measured yet, or not for a while, and has nothing to do: one request finds out what it has become.
    fn forgotten(&self, members: &[Member], places: &Places) -> Option<usize> {
        let idle = |place: &&usize| {
            let latency = &members[**place].latency;
            latency.pending() == 0
                && (!latency.is_measured() || latency.age(self.now) >= EXPLORE_AFTER)
        };
        let oldest = places
            .iter()
            .filter(idle)
            .max_by_key(|place| members[**place].latency.age(self.now));
        oldest.copied()
    }

    fn drawn(&self, members: &[Member], places: &Places, dice: &mut Dice) -> usize {
        let weight = |place: &usize| members[*place].weight(self.now);
        let total: f64 = places.iter().map(weight).sum();
        let mut left = dice.part() * total;
        for place in places {
            left -= weight(place);
            if left < 0.0 {
                return *place;
            }
        }
        *places.last().expect("there is one")
    }

    /// Smooth weighted round robin: each is owed its weight, the one that is owed most pays back all that was given out.
    fn in_turn(&self, members: &mut [Member], places: &Places) -> usize {
        let mut total = 0.0;
        for place in places {
            let weight = members[*place].weight(self.now);
            members[*place].owed += weight;
            total += weight;
        }
        let owed = |place: &usize| members[*place].owed;
        let most = places
            .iter()
            .max_by(|one, other| owed(one).total_cmp(&owed(other)));
        let most = *most.expect("there is one");
        members[most].owed -= total;
        most
    }
}
