//! Which provider a request goes to, and what its answer says of the provider.
//!
//! Pure: the time since start, what was measured and the seed of chance come in as arguments, so a simulation replays it. A [`Pool`] holds
//! the providers of one resource. It owns whether each is well, how much it is asked, and the budgets of retries and hedges; it
//! promises that a provider that is ejected or down gets nothing, that never more than [`ejected_max`] are ejected at once, and
//! that what was seen of a provider survives a change of the record that keeps it. Connections and clocks are for `carry`.

mod budget;
mod dice;
mod explain;
mod health;
mod latency;
mod member;
mod pick;
mod quantile;
mod sticky;
mod terms;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::zone::{Balance, Provider, Resource, StickyBy};

pub use budget::{Budget, SAVED_MAX};
pub use dice::Dice;
pub use explain::{Explained, Standing};
pub use health::{EJECTED_FIRST, EJECTED_MAX, Failure, POINTS_MAX};
pub use latency::{DECAY, FAILURE_PENALTY, LATENCY_UNKNOWN};
pub use member::{Counts, MemberId, PENDING_MAX, SLOW_START};
pub use sticky::token;
pub use terms::{Check, Terms};

use health::Conduct;
use member::Member;
use pick::{Pick, Places};
use quantile::Durations;

/// Before the slowest twentieth is known, a second provider is asked after this.
const HEDGE_AFTER_UNKNOWN: Duration = Duration::from_millis(500);

/// Sooner is never worth a second request.
const HEDGE_AFTER_MIN: Duration = Duration::from_millis(2);

/// How many of `count` providers may be ejected at once: four fifths, and never all.
#[must_use]
pub const fn ejected_max(count: usize) -> usize {
    let fifths = count * 4 / 5;
    if fifths == 0 && count > 1 { 1 } else { fifths }
}

/// What a request wants of a provider.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// What keeps its client's requests together, as the resource's terms say.
    pub sticky: Option<&'a [u8]>,
    /// The token of the provider that its cookie names.
    pub token: Option<&'a str>,
    /// Whom it has been given to already.
    pub tried: &'a [MemberId],
}

/// A provider for a request, which counts as begun.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Whom the ending is told of.
    pub member: MemberId,
    /// The provider.
    pub provider: Arc<Provider>,
    /// Whether health was ignored, because too few are well.
    pub panicked: bool,
}

/// How a request that was given to a provider ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The answer began.
    Answered,
    /// It failed.
    Failed(Failure),
    /// Nobody wanted the answer any more: the visitor went away, or another provider was sooner.
    Abandoned,
}

/// Why no provider may have a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoProvider {
    /// All were tried.
    #[error("every provider was tried")]
    Tried,
    /// All have as much to do as they may.
    #[error("every provider has {PENDING_MAX} requests in flight")]
    Full,
}

/// The providers of one resource.
#[derive(Clone, Debug)]
pub struct Pool {
    members: Vec<Member>,
    terms: Terms,
    region: Option<Box<str>>,
    retries: Budget,
    hedges: Budget,
    durations: Durations,
    dice: Dice,
    next_id: u32,
    warned: bool,
}

impl Pool {
    /// The providers of `resource`, seen from `region`.
    #[must_use]
    pub fn new(now: Duration, resource: &Resource, region: Option<&str>, seed: u64) -> Self {
        let terms = Terms::of(resource);
        let pins = terms.pins_required;
        let mut pool = Self {
            members: Vec::new(),
            retries: Budget::new(terms.retry_percent),
            hedges: Budget::new(terms.hedge_percent),
            terms,
            region: region.map(Into::into),
            durations: Durations::new(now),
            dice: Dice::new(seed),
            next_id: 0,
            warned: false,
        };
        // The first ones are there from the beginning: nobody has a share to keep.
        pool.set(now, resource, None, pins);
        pool
    }

    /// The record has changed. What was seen of the providers that stay is kept; new ones start slowly.
    pub fn update(&mut self, now: Duration, resource: &Resource) {
        let pins_were = self.terms.pins_required;
        self.terms = Terms::of(resource);
        self.retries.set_percent(self.terms.retry_percent);
        self.hedges.set_percent(self.terms.hedge_percent);
        self.set(now, resource, Some(now), pins_were);
    }

    fn set(
        &mut self,
        now: Duration,
        resource: &Resource,
        since: Option<Duration>,
        pins_were: bool,
    ) {
        let pins = self.terms.pins_required;
        let mut before = core::mem::take(&mut self.members);
        for provider in &resource.providers {
            let known = before.iter().position(|member| member.is(provider));
            let mut member = match known {
                Some(place) => before.swap_remove(place),
                None => {
                    self.next_id += 1;
                    Member::new(
                        MemberId(self.next_id),
                        Arc::new(provider.clone()),
                        since,
                        now,
                    )
                }
            };
            // What was thought of its key was of other pins: the next request finds out.
            let other_pins = pins_were != pins || member.provider.pins != provider.pins;
            if other_pins && member.conduct.last_failure() == Some(Failure::WrongKey) {
                member.conduct = Conduct::default();
            }
            member.provider = Arc::new(provider.clone());
            member.distance = self.distance(provider);
            self.members.push(member);
        }
        self.pardon(now);
    }

    /// A record with fewer providers may leave too few: those whose time ends first come back at once.
    fn pardon(&mut self, now: Duration) {
        let max = ejected_max(self.members.len());
        let until = |member: &Member| member.conduct.ejected_until(now);
        while self.members.iter().filter_map(until).count() > max {
            let ejected = self
                .members
                .iter_mut()
                .filter(|member| until(member).is_some());
            let first = ejected.min_by_key(|member| until(member));
            first.expect("some are ejected").conduct.pardon(now);
        }
    }

    /// How many regions are preferred to the provider's own.
    fn distance(&self, provider: &Provider) -> u8 {
        let ours = self.region.iter().map(AsRef::as_ref);
        let theirs = self.terms.regions.iter().map(AsRef::as_ref);
        let mut preferred = ours.chain(theirs);
        let place = preferred.position(|region: &str| Some(region) == provider.region.as_deref());
        place.map_or(u8::MAX, |place| place as u8)
    }

    /// How its requests are spread, retried and given up.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// An ordinary request begins: it earns a part of a retry and of a hedge.
    pub fn earn(&mut self) {
        self.retries.earn();
        self.hedges.earn();
    }

    /// Whether a request may be made again.
    pub fn may_retry(&mut self) -> bool {
        self.retries.spend()
    }

    /// Whether a second provider may be asked while the first has not answered.
    pub fn may_hedge(&mut self) -> bool {
        self.hedges.spend()
    }

    /// The budgets of retries and of hedges.
    #[must_use]
    pub const fn budgets(&self) -> [&Budget; 2] {
        [&self.retries, &self.hedges]
    }

    /// How many providers there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no record names none")]
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// When a second provider is asked while the first has not answered.
    pub fn hedge_after(&mut self) -> Duration {
        let slow = || self.durations.slowest().unwrap_or(HEDGE_AFTER_UNKNOWN);
        let after = self.terms.hedge_after.unwrap_or_else(slow);
        after.max(HEDGE_AFTER_MIN)
    }

    /// A provider for a request.
    ///
    /// # Errors
    /// There is none left, or none with room.
    pub fn choose(&mut self, now: Duration, wish: Wish<'_>) -> Result<Choice, NoProvider> {
        let untried = |member: &Member| !wish.tried.contains(&member.id);
        let places = |may: &dyn Fn(&Member) -> bool| -> Places {
            let all = self.members.iter().enumerate();
            all.filter(|(_, member)| may(member))
                .map(|(place, _)| place)
                .collect()
        };
        if places(&untried).is_empty() {
            return Err(NoProvider::Tried);
        }
        let panicked = self.panics(now);
        let mut candidates = places(&|member| {
            untried(member) && member.has_room() && (panicked || member.is_available(now))
        });
        if candidates.is_empty() {
            // The well ones were tried or are full. What is thought of the others may be wrong: a try is better than a refusal.
            candidates = places(&|member| untried(member) && member.has_room());
        }
        let first = candidates
            .iter()
            .map(|place| self.members[*place].priority())
            .min();
        let first = first.ok_or(NoProvider::Full)?;
        candidates.retain(|place| self.members[*place].priority() == first);
        let place = self.named(&candidates, wish.token).unwrap_or_else(|| {
            let pick = Pick {
                now,
                balance: self.terms.balance,
                sticky: wish.sticky,
            };
            pick.among(&mut self.members, &candidates, &mut self.dice)
        });
        let member = &mut self.members[place];
        member.latency.begin();
        member.counts.requests += 1;
        Ok(Choice {
            member: member.id,
            provider: member.provider.clone(),
            panicked,
        })
    }

    fn named(&self, candidates: &Places, wanted: Option<&str>) -> Option<usize> {
        let wanted = wanted?;
        let named = |place: &&usize| token(&self.members[**place].provider.id) == wanted;
        candidates.iter().find(named).copied()
    }

    /// Whether so few are well that health says more about us than about them.
    #[must_use]
    pub fn panics(&self, now: Duration) -> bool {
        let well = self
            .members
            .iter()
            .filter(|member| member.is_available(now))
            .count();
        well + ejected_max(self.members.len()) < self.members.len()
    }

    /// What a request that began has come to, after `took`. True when its provider was ejected for it.
    pub fn end(&mut self, now: Duration, id: MemberId, took: Duration, ending: Ending) -> bool {
        let Some(place) = self.members.iter().position(|member| member.id == id) else {
            return false; // The record no longer names it.
        };
        let may_eject = self.may_eject(now, place);
        let member = &mut self.members[place];
        match ending {
            Ending::Answered => {
                member.latency.succeed(now, took);
                member.conduct.good();
                self.durations.note(now, took);
            }
            Ending::Abandoned => member.latency.abandon(now, took),
            Ending::Failed(failure) => {
                member.latency.fail(now, took);
                if member.fail(failure) && member.conduct.ejected_until(now).is_none() {
                    if may_eject {
                        member.conduct.eject(now);
                        member.counts.ejections += 1;
                        return true;
                    } else {
                        member.counts.spared += 1;
                    }
                }
            }
        }
        false
    }

    /// A request that was to begin does not.
    pub fn take_back(&mut self, id: MemberId) {
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.latency.abandon(Duration::ZERO, Duration::ZERO);
            member.counts.requests -= 1;
        }
    }

    /// Another protocol has taken a connection to it over: it has a place there until it is let go.
    pub fn take_over(&mut self, id: MemberId) {
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.taken_over += 1;
        }
    }

    /// Such a connection has ended.
    pub fn let_go(&mut self, id: MemberId) {
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id) {
            member.taken_over = member.taken_over.saturating_sub(1);
        }
    }

    fn may_eject(&self, now: Duration, place: usize) -> bool {
        let ejected = |member: &&Member| member.conduct.ejected_until(now).is_some();
        let others = self
            .members
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != place);
        let ejected = others.map(|(_, member)| member).filter(ejected).count();
        ejected < ejected_max(self.members.len())
    }

    /// A check of our own has ended.
    pub fn checked(&mut self, now: Duration, id: MemberId, good: bool) {
        let check = &self.terms.check;
        if let Some(member) = self.members.iter_mut().find(|member| member.id == id)
            && member.checks.note(good, check.rise, check.fall)
        {
            member.since = Some(now);
        }
    }

    /// Whom to check.
    #[must_use]
    pub fn members(&self) -> Vec<(MemberId, Arc<Provider>)> {
        let pair = |member: &Member| (member.id, member.provider.clone());
        self.members.iter().map(pair).collect()
    }

    /// How many are well, when that is fewer than the owner wants and was not said yet.
    pub fn too_few(&mut self, now: Duration) -> Option<usize> {
        let well = self
            .members
            .iter()
            .filter(|member| member.is_available(now))
            .count();
        let few = well < usize::from(self.terms.least_healthy).min(self.members.len());
        let news = few && !self.warned;
        self.warned = few;
        news.then_some(well)
    }

    /// Whether the gateway keeps a client at its provider by a cookie of its own, and which.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        let sticky = self.terms.sticky.as_ref()?;
        let ours = sticky.by == StickyBy::Cookie && self.terms.balance != Balance::Hash;
        ours.then_some(sticky.name.as_deref()).flatten()
    }

    /// Each provider, explained, in the record's order.
    #[must_use]
    pub fn explain(&self, now: Duration) -> Vec<Explained> {
        self.members
            .iter()
            .map(|member| Explained::of(member, now))
            .collect()
    }
}
