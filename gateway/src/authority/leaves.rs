//! Leaves, made when a name is first asked for and kept: within bounds, and only for names that resolve.

use core::future::Future;
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use dotkey_proto::name::{Name, Suffix};
use dotkey_proto::time::Timestamp;
use dotkey_resolver::flight::Flights;
use rustls::sign::CertifiedKey;
use tokio::sync::Semaphore;

use super::pace::{Pace, UsedUp};
use super::refused::Refused;
use super::{Authority, Leaf};

/// Some 4 KiB each, so 16 MiB: more hosts than visitors use of one gateway in a week, most of the time.
pub(super) const KEPT_MAX: usize = 4_096;

/// A leaf that ends within two days is made anew, so that no visitor meets one that ends while it is shown.
pub(super) const RENEWED_BEFORE_SECS: u64 = 2 * 86_400;

/// Names that are being looked up at once, however many visitors wait for each.
pub(super) const ASKED_MAX: usize = 512;

const _: () = assert!(RENEWED_BEFORE_SECS < super::issue::LEAF_SECS);

/// Whether something stands behind a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its record was found and holds.
    Resolves,
    /// It is known that there is none.
    Nothing,
    /// Nobody who should know has answered; the reason is for people.
    Unknown(String),
}

/// The ask rule: only a name that resolves gets a certificate. It is asked when a leaf is made, not each time it is shown.
pub trait Ask {
    /// Whether the name resolves. It is dropped when the visitor's time is over.
    fn ask(&self, name: &Name) -> impl Future<Output = Answer> + Send;
}

impl<F, A> Ask for F
where
    F: Fn(Name) -> A + Sync,
    A: Future<Output = Answer> + Send,
{
    fn ask(&self, name: &Name) -> impl Future<Output = Answer> + Send {
        self(name.clone())
    }
}

/// What time it is: by the calendar, for what certificates say; and since start, for how fast they are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) date: Timestamp,
    pub(super) since_start: Duration,
}

/// The leaves of an authority.
#[derive(Debug)]
pub struct Leaves {
    authority: Authority,
    started: Instant,
    kept: Mutex<Kept>,
    flights: Flights<Name, Result<Arc<CertifiedKey>, Refused>>,
    asked: Semaphore,
}

#[derive(Debug)]
struct Kept {
    leaves: HashMap<Name, Used>,
    /// Counts up with each use: the leaf that was used longest ago goes first.
    uses: u64,
    made: u64,
    pace: Pace,
}

#[derive(Debug)]
struct Used {
    leaf: Leaf,
    last: u64,
}

impl Leaves {
    /// None yet.
    #[must_use]
    pub fn new(authority: Authority) -> Self {
        let kept = Kept {
            leaves: HashMap::new(),
            uses: 0,
            made: 0,
            pace: Pace::new(Duration::ZERO),
        };
        Self {
            authority,
            started: Instant::now(),
            kept: Mutex::new(kept),
            flights: Flights::new(),
            asked: Semaphore::new(ASKED_MAX),
        }
    }

    /// What the names end with.
    #[must_use]
    pub fn suffix(&self) -> &Suffix {
        self.authority.suffix()
    }

    /// How many are kept, and how many were made since start.
    #[must_use]
    pub fn counts(&self) -> (usize, u64) {
        let kept = self.lock();
        (kept.leaves.len(), kept.made)
    }

    /// The leaf of a name: one that is kept, or one that is made now if the name resolves.
    pub(super) async fn of(
        &self,
        name: &Name,
        ask: &impl Ask,
    ) -> Result<Arc<CertifiedKey>, Refused> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let date = Timestamp::from_secs(since_1970.unwrap_or_default().as_secs());
        let now = Moment {
            date: date.unwrap_or(Timestamp::MAX),
            since_start: self.started.elapsed(),
        };
        self.of_at(name, ask, now).await
    }

    pub(super) async fn of_at(
        &self,
        name: &Name,
        ask: &impl Ask,
        now: Moment,
    ) -> Result<Arc<CertifiedKey>, Refused> {
        let ends_soon = match self.kept(name, now.date) {
            Some((leaf, false)) => return Ok(leaf),
            Some((leaf, true)) => Some(leaf),
            None => None,
        };
        // Who waits for the same name waits for the same leaf.
        let made = self.flights.join(name.clone(), self.made(name, ask, now));
        let made = made.await;
        // One that ends soon is better than none.
        made.or_else(|refused| ends_soon.ok_or(refused))
    }

    /// What is kept of a name and holds, and whether it should be made anew.
    fn kept(&self, name: &Name, now: Timestamp) -> Option<(Arc<CertifiedKey>, bool)> {
        let mut kept = self.lock();
        kept.uses += 1;
        let last = kept.uses;
        let used = kept.leaves.get_mut(name)?;
        let validity = used.leaf.validity;
        if !validity.holds(now) {
            kept.leaves.remove(name);
            return None;
        }
        used.last = last;
        // The last leaf of an authority is as long as it can be.
        let soon = now.saturating_add(RENEWED_BEFORE_SECS);
        let is_last = validity.ends == self.authority.validity().ends;
        Some((
            Arc::clone(&used.leaf.certified),
            !is_last && !validity.holds(soon),
        ))
    }

    async fn made(
        &self,
        name: &Name,
        ask: &impl Ask,
        now: Moment,
    ) -> Result<Arc<CertifiedKey>, Refused> {
        // The flight before this one may have landed just now.
        if let Some((leaf, false)) = self.kept(name, now.date) {
            return Ok(leaf);
        }
        let validity = self.authority.validity();
        if !validity.holds(now.date) {
            return Err(Refused::AuthorityOver {
                begins: validity.begins.to_string(),
                ends: validity.ends.to_string(),
                file: self.authority.file().display().to_string(),
            });
        }
        let _place = self.asked.try_acquire().map_err(|_| Refused::Busy)?;
        let name_text = name.to_string();
        match ask.ask(name).await {
            Answer::Resolves => {}
            Answer::Nothing => return Err(Refused::Unresolved { name: name_text }),
            Answer::Unknown(reason) => {
                let name = name_text;
                return Err(Refused::Unknown { name, reason });
            }
        }
        let apex = name.apex().as_ascii().to_owned();
        let taken = self.lock().pace.take(&apex, now.since_start);
        taken.map_err(|used_up| match used_up {
            UsedUp::All => Refused::TooFast,
            UsedUp::Apex => Refused::ApexTooFast { apex },
        })?;
        let leaf = self.authority.leaf(name, now.date);
        let leaf = leaf.map_err(|error| Refused::NotMade {
            reason: error.to_string(),
        })?;
        self.lock().keep(name.clone(), leaf.clone());
        Ok(leaf.certified)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// One look at all of them makes room for one: [`super::pace::ALL`] bounds how often that is.
    fn keep(&mut self, name: Name, leaf: Leaf) {
        if self.leaves.len() >= KEPT_MAX && !self.leaves.contains_key(&name) {
            let oldest = self.leaves.iter().min_by_key(|(_, used)| used.last);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.map(|name| self.leaves.remove(&name));
        }
        self.uses += 1;
        self.made += 1;
        let last = self.uses;
        self.leaves.insert(name, Used { leaf, last });
        assert!(self.leaves.len() <= KEPT_MAX, "one goes for one that comes");
    }
}
