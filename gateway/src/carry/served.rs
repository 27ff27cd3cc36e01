//! A resource that requests are carried to: its pool, its connections, and one request's way through them.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dotkey_proto::zone::{Provider, Resource};
use http::{Response, StatusCode};
use smallvec::SmallVec;

use super::attempt::{Attempt, is_done};
use super::body::Carried;
use super::connect::Way;
use super::hedge::{one, two};
use super::lines::Lines;
use super::request::Given;
use crate::choose::{Choice, Failure, MemberId, NoProvider, Pool, Wish};

/// Providers that one request is given to, hedges among them.
const TRIES_MAX: usize = 6;

/// The same with those that cannot be connected to, which costs nobody anything while it takes no time. A record may name 64 that are dead.
const CONNECTS_MAX: usize = 16;

/// Whom one request was given to.
pub(super) type Asked = SmallVec<[MemberId; TRIES_MAX]>;

/// A resource that requests are carried to.
pub struct Served {
    pool: Mutex<Pool>,
    lines: Mutex<BTreeMap<MemberId, Arc<Lines>>>,
    began: Instant,
    /// When it was asked for last, in seconds after that.
    used: AtomicU64,
    may_be_private: bool,
}

/// One try of a request, for logs, pages and explanations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Who was asked.
    pub provider: Arc<Provider>,
    /// How long that took.
    pub took: Duration,
    /// What it came to.
    pub came_to: CameTo,
    /// Whether another one was being asked already.
    pub hedge: bool,
}

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameTo {
    /// An answer with this status.
    Status(StatusCode),
    /// None, and why.
    Nothing(Failure, Box<str>),
}

impl fmt::Display for CameTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            Self::Nothing(_, why) => f.write_str(why),
        }
    }
}

/// What one request was given to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// In the order of their ends.
    pub tries: Vec<Try>,
}

/// Why no provider's answer goes to the visitor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undone {
    /// Nobody could be asked.
    #[error(transparent)]
    Nobody(#[from] NoProvider),
    /// Those that were asked failed.
    #[error("no provider answered")]
    Failed,
    /// One that may have acted on it failed, and it must not be done twice.
    #[error(
        "the provider failed after it may have acted on the request, which is not safe to repeat"
    )]
    Unrepeatable,
    /// The visitor's request broke off, or its body is no HTTP.
    #[error("the request's body broke off, or is framed wrongly")]
    Visitor,
    /// The visitor's body did not come.
    #[error("nothing more of the request's body came for a minute")]
    Stalled,
    /// It took longer than the record allows.
    #[error("that took longer than the record's `timeouts.whole` allows")]
    TooLate,
    /// Another try would have been one too many for providers that are struggling.
    #[error("the budget of retries is used up")]
    Budget,
}

impl Spent {
    /// Whether another provider may be asked, `after` the request began: those that could not be connected to count while that was quick.
    pub(super) fn may_go_on(&self, after: Duration, quick: Duration) -> bool {
        let unconnected = |one: &&Try| matches!(one.came_to, CameTo::Nothing(Failure::Connect, _));
        let unconnected = self.tries.iter().filter(unconnected).count();
        let max = match after < quick {
            true => CONNECTS_MAX,
            false => TRIES_MAX,
        };
        self.tries.len() < max && self.tries.len() - unconnected < TRIES_MAX
    }
}

impl Served {
    /// The resource, seen from `region`.
    #[must_use]
    pub fn new(resource: &Resource, region: Option<&str>, may_be_private: bool, seed: u64) -> Self {
        let pool = Pool::new(Duration::ZERO, resource, region, seed);
        Self {
            pool: Mutex::new(pool),
            lines: Mutex::default(),
            began: Instant::now(),
            used: AtomicU64::new(0),
            may_be_private,
        }
    }

    /// The record has changed. Connections to providers that stay as they are stay too.
    pub fn update(&self, resource: &Resource) {
        let (before, wanted, members) = {
            let mut pool = self.pool();
            let before = pool.terms().pins_required;
            pool.update(self.now(), resource);
            (before, pool.terms().pins_required, pool.members())
        };
        let members: BTreeMap<_, _> = members.into_iter().collect();
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|id, lines| {
            let now = members.get(id);
            before == wanted && now.is_some_and(|now| is_spoken_to_alike(&lines.way.provider, now))
        });
    }

    /// Its providers and budgets.
    pub fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool's clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// How long a connection, and the first byte of an answer, may take, where all has to be done by `deadline`.
    pub(super) fn patience(&self, deadline: Option<Instant>) -> (Duration, Duration) {
        let left = deadline.map_or(Duration::MAX, |at| {
            at.saturating_duration_since(Instant::now())
        });
        let pool = self.pool();
        let terms = pool.terms();
        (terms.connect.min(left), terms.first_byte.min(left))
    }

    pub(super) fn lines(&self, choice: &Choice) -> Arc<Lines> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let made = || {
            let way = Way::new(
                choice.provider.clone(),
                self.may_be_private,
                self.pool().terms().pins_required,
            );
            Arc::new(Lines::new(way))
        };
        let lines = lines.entry(choice.member).or_insert_with(made);
        // A record may have changed between the choice and now, in either order.
        if !is_spoken_to_alike(&lines.way.provider, &choice.provider) {
            *lines = made();
        }
        lines.clone()
    }

    /// Closes connections that have waited too long.
    pub(super) fn sweep(&self) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.values().for_each(|lines| lines.sweep());
    }

    /// When a second provider is asked; never where there is no other.
    pub(super) fn hedge_after(&self) -> Option<Duration> {
        let mut pool = self.pool();
        (pool.len() > 1).then(|| pool.hedge_after())
    }

    /// A second provider for a request whose first is slow, or has as good as failed.
    pub(super) fn second(
        &self,
        wish: Wish<'_>,
        tried: &[MemberId],
        failed: bool,
    ) -> Option<Choice> {
        let now = self.now();
        let mut pool = self.pool();
        // A sticky client's second is anyone: its own is the slow one.
        let choice = pool.choose(now, Wish { tried, ..wish }).ok()?;
        if pool.may_hedge() || (failed && pool.may_retry()) {
            return Some(choice);
        }
        pool.take_back(choice.member);
        None
    }

    /// Carries a request to a provider, and to another where that is safe and one fails.
    ///
    /// # Errors
    /// No provider's answer can be given. `spent` says who was asked, either way.
    pub async fn carry(
        &self,
        mut given: Given,
        wish: Wish<'_>,
        spent: &mut Spent,
    ) -> Result<Response<Carried>, Undone> {
        let begun = Instant::now();
        let deadline = self.begin().map(|whole| begun + whole);
        given.end_by(deadline);
        let mut tried = Asked::new();
        // One that says that its provider is not there: it is passed on when nobody else says more.
        let mut kept = None;
        loop {
            let choice = match (self.next(wish, &tried), kept.take()) {
                (Ok(choice), before) => {
                    kept = before;
                    choice
                }
                (Err(_), Some(answer)) => return Ok(answer),
                (Err(undone), None) => return Err(undone),
            };
            tried.push(choice.member);
            let last = if given.may_be_hedged() {
                two(self, choice, &given, wish, &mut tried, spent).await
            } else {
                let body = given.take_body();
                let first = Attempt::new(self, choice, &given, false);
                one(first, &given, body, false, spent).await
            };
            let may_try = spent.may_go_on(begun.elapsed(), self.patience(None).0);
            let is_late = deadline.is_some_and(|at| at <= Instant::now());
            match last {
                Ok(mut answer) if is_done(&answer) || !may_try || !self.may_repeat(&given) => {
                    answer.body_mut().end_by(deadline);
                    return Ok(answer);
                }
                Ok(mut answer) => {
                    answer.body_mut().end_by(deadline);
                    kept = Some(answer);
                }
                Err(mut failed) => {
                    if let Some(undone) = failed.visitor.take() {
                        return Err(undone);
                    }
                    if let Some(body) = failed.body {
                        given.give_back(body);
                    }
                    self.may_go_on(&given, failed.sent)?;
                    match kept.take() {
                        Some(answer) if is_late || !may_try => return Ok(answer),
                        None if is_late => return Err(Undone::TooLate),
                        None if !may_try => return Err(Undone::Failed),
                        before => kept = before,
                    }
                }
            }
        }
    }

    /// Whom a request is given to, now that those that were tried have failed.
    pub(super) fn next(&self, wish: Wish<'_>, tried: &[MemberId]) -> Result<Choice, Undone> {
        let chosen = self.pool().choose(self.now(), Wish { tried, ..wish });
        chosen.map_err(|error| match tried {
            [] => error.into(),
            _ => Undone::Failed,
        })
    }

    /// For how long nobody has asked for it.
    pub(super) fn unused(&self) -> Duration {
        let used = Duration::from_secs(self.used.load(Relaxed));
        self.now().saturating_sub(used)
    }

    pub(super) fn begin(&self) -> Option<Duration> {
        self.used.store(self.now().as_secs(), Relaxed);
        let mut pool = self.pool();
        pool.earn();
        pool.terms().whole
    }

    /// Whether a request that a provider answered badly may be given to another.
    fn may_repeat(&self, given: &Given) -> bool {
        given.can_be_sent() && given.is_idempotent() && self.pool().may_retry()
    }

    pub(super) fn may_go_on(&self, given: &Given, sent: bool) -> Result<(), Undone> {
        if !sent && given.can_be_sent() {
            return Ok(()); // Nobody has done anything yet: it is no second request.
        }
        if !given.can_be_sent() || !given.is_idempotent() {
            return Err(Undone::Unrepeatable);
        }
        if self.pool().may_retry() {
            Ok(())
        } else {
            Err(Undone::Budget)
        }
    }
}

/// Whether connections to a provider, as one record has it, serve for it as another has it.
fn is_spoken_to_alike(one: &Provider, other: &Provider) -> bool {
    one.pins == other.pins && one.protocol == other.protocol
}
