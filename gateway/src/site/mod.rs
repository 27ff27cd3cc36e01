//! Names that requests were for: what each leads to, kept up to date while it is asked for.
//!
//! A [`Site`] is a name whose record was resolved and whose resources have pools. It owns when a new record takes effect; it
//! promises that a request that is under way is not disturbed by that, that nothing is served of a record that has expired,
//! and that as many names as anyone can think of cost a bounded amount of memory. Resolving is for `dotkey-resolver`.

mod private;
mod resource;

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Instant;

use dotkey_proto::identity::KeyId;
use dotkey_resolver::{Resolution, ResolveError, Resolver};
use http::HeaderValue;
use tokio::sync::Semaphore;

pub use private::PrivateNames;
pub use resource::{Entry, Target};

use resource::entries;

/// Names that are kept ready. Another one takes the place of the one that was not asked for the longest.
pub const SITES_MAX: usize = 4096;

/// Providers of all names that are ready. Each may have connections and checks.
pub const PROVIDERS_MAX: usize = 16_384;

/// Those of the names of one record, which may have as many names as it likes.
pub const PROVIDERS_OF_ONE_MAX: usize = PROVIDERS_MAX / 8;

/// Names that are being resolved at once; who comes then waits.
const RESOLVING_MAX: usize = 64;

/// A name that nobody asks for so long is let go, with its checks and connections.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// How often a record is looked at again when no source gives a hint.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// After a hint: a change is often followed by another, and a node that hints without end must not keep us busy.
const HINT_PAUSE: Duration = Duration::from_millis(200);

/// A name that is ready.
pub struct Site {
    /// The name, in lower case and without a final dot.
    pub name: Box<str>,
    /// The same as providers are told it.
    pub host: HeaderValue,
    state: RwLock<Arc<State>>,
    used: AtomicU64,
    began: Instant,
}

/// What a record says, and until when it holds.
pub struct State {
    /// The record and how it was come by.
    pub resolution: Resolution,
    /// Its resources, the longest path first.
    pub entries: Vec<Entry>,
    until: Instant,
}

/// The names that are ready.
pub struct Sites {
    resolver: Resolver,
    private_names: RwLock<PrivateNames>,
    region: Option<Box<str>>,
    sites: Mutex<HashMap<Box<str>, Arc<Site>>>,
    resolving: Semaphore,
    seeds: AtomicU64,
}

impl Site {
    /// What its record says now.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whose record it is of, and how many providers it names.
    fn holds(&self) -> (KeyId, usize) {
        let state = self.state();
        let count = |entry: &Entry| match &entry.target {
            Target::Providers(served) => served.pool().len(),
            Target::Shards | Target::Content => 0,
        };
        let providers = state.entries.iter().map(count).sum();
        (state.resolution.record().key_id(), providers)
    }

    fn touch(&self) {
        self.used.store(self.began.elapsed().as_secs(), Relaxed);
    }

    fn idle(&self) -> Duration {
        let used = Duration::from_secs(self.used.load(Relaxed));
        self.began.elapsed().saturating_sub(used)
    }
}

impl State {
    /// The resource that a path is for: the one with the longest prefix of it.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.covers(path))
    }
}

impl Sites {
    /// Names that `resolver` finds, seen from `region`.
    #[must_use]
    pub fn new(resolver: Resolver, private_names: PrivateNames, region: Option<&str>) -> Self {
        Self {
            resolver,
            private_names: RwLock::new(private_names),
            region: region.map(Into::into),
            sites: Mutex::default(),
            resolving: Semaphore::new(RESOLVING_MAX),
            seeds: AtomicU64::new(seed()),
        }
    }

    /// A name, ready to be asked.
    ///
    /// # Errors
    /// It cannot be resolved.
    pub async fn find(self: &Arc<Self>, name: &str) -> Result<Arc<Site>, ResolveError> {
        if let Some(site) = self.ready(name) {
            return Ok(site);
        }
        let _turn = self.resolving.acquire().await.expect("never closed");
        if let Some(site) = self.ready(name) {
            return Ok(site); // While we waited, another request found it.
        }
        let resolution = resource::resolve(&self.resolver, name).await?;
        Ok(self.enter(name, resolution))
    }

    fn ready(&self, name: &str) -> Option<Arc<Site>> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let site = sites.get(name)?.clone();
        if site.state().until <= Instant::now() {
            sites.remove(name); // Nothing is served of a record that has expired.
            return None;
        }
        site.touch();
        Some(site)
    }

    fn enter(self: &Arc<Self>, name: &str, resolution: Resolution) -> Arc<Site> {
        let site = Arc::new(Site {
            name: name.into(),
            host: HeaderValue::from_bytes(name.as_bytes()).expect("a name that resolves is text"),
            state: RwLock::new(Arc::new(self.state(name, resolution, &[]))),
            used: AtomicU64::new(0),
            began: Instant::now(),
        });
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut sites, &site);
        sites.insert(name.into(), site.clone());
        drop(sites);
        tokio::spawn(keep_up(Arc::downgrade(self), Arc::downgrade(&site)));
        site
    }

    fn state(&self, name: &str, resolution: Resolution, before: &[Entry]) -> State {
        let private = self
            .private_names
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .cover(name);
        let until = Instant::now() + Duration::from_secs(resolution.holds_secs());
        let seed = || self.seeds.fetch_add(1, Relaxed);
        let entries = entries(&resolution, before, self.region.as_deref(), private, seed);
        State {
            resolution,
            entries,
            until,
        }
    }

    /// Looks again at what a name leads to. False when nobody asks for it any more.
    async fn look_again(&self, site: &Site) -> bool {
        if site.idle() >= IDLE_MAX {
            let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
            sites.remove(&site.name);
            return false;
        }
        let before = site.state();
        // That it cannot be resolved for a while is no change: what was verified holds until it expires.
        let Ok(resolution) = resource::resolve(&self.resolver, &site.name).await else {
            return true;
        };
        let until = Instant::now() + Duration::from_secs(resolution.holds_secs());
        let changed = resolution.record().digest() != before.resolution.record().digest();
        if changed || until > before.until + LOOK_INTERVAL {
            let state = self.state(&site.name, resolution, &before.entries);
            *site.state.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        }
        true
    }

    /// The names that are ready, in their order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Site>> {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Site>> = sites.values().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Other names may lead to private addresses from now on. Where that is a change, what is ready is made ready anew.
    pub fn set_private_names(&self, names: PrivateNames) {
        let mut now = self
            .private_names
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if *now != names {
            *now = names;
            self.sites
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
        }
    }

    /// The resolver behind it.
    #[must_use]
    pub const fn resolver(&self) -> &Resolver {
        &self.resolver
    }
}

/// Lets names go, those first that nobody has asked for the longest, until there is room for another: of its record's own where that
/// has more than its share.
fn make_room(sites: &mut HashMap<Box<str>, Arc<Site>>, another: &Site) {
    let (owner, providers) = another.holds();
    let mut held: Vec<_> = sites
        .values()
        .map(|site| (site.idle(), site.clone(), site.holds()))
        .collect();
    let mut in_all = providers + held.iter().map(|(.., holds)| holds.1).sum::<usize>();
    let of_owner = held.iter().filter(|(.., holds)| holds.0 == owner);
    let mut of_owner = providers + of_owner.map(|(.., holds)| holds.1).sum::<usize>();
    let is_full = |names: usize, in_all: usize| names >= SITES_MAX || in_all > PROVIDERS_MAX;
    if of_owner <= PROVIDERS_OF_ONE_MAX && !is_full(sites.len(), in_all) {
        return;
    }
    held.sort_by_key(|(idle, ..)| core::cmp::Reverse(*idle));
    for (_, site, (its_owner, its)) in held {
        let is_its = its_owner == owner;
        if is_full(sites.len(), in_all) || is_its && of_owner > PROVIDERS_OF_ONE_MAX {
            sites.remove(&site.name);
            in_all -= its;
            of_owner -= if is_its { its } else { 0 };
        }
    }
}

/// Follows a name for as long as somebody asks for it: told by a source's hint, or by looking again.
async fn keep_up(sites: Weak<Sites>, site: Weak<Site>) {
    loop {
        let Some((resolver, key_id)) = sites.upgrade().zip(site.upgrade()).map(|(sites, site)| {
            (
                sites.resolver.clone(),
                site.state().resolution.record().key_id(),
            )
        }) else {
            return;
        };
        let hint = resolver.hinted(&key_id);
        if tokio::time::timeout(LOOK_INTERVAL, hint).await.is_ok() {
            tokio::time::sleep(HINT_PAUSE).await;
        }
        resolver.forget(&key_id);
        let Some((sites, site)) = sites.upgrade().zip(site.upgrade()) else {
            return;
        };
        if !sites.look_again(&site).await {
            return;
        }
    }
}

fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}
