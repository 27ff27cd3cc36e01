//! The shards of one name, kept up with its record, and connections to them.
//!
//! [`map`] decides which shard and which providers; this file follows the record and connects. Epochs are remembered across all records
//! of the name, and kept over restarts (`kept.rs`).

pub(super) mod kept;
pub mod known;
pub mod map;
pub mod postgres;
pub mod redis;

use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::zone::{Provider, Shard};
use dotkey_resolver::{Ask, Resolution, Resolver};
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use self::kept::{Kept, KeptError};
use self::known::Known;
use self::map::{Change, Map, Wish, candidates};
use super::counters::count;
use super::dial::{DialError, Opening, Reached, dial};
use super::events::{Event, Observer};
use super::listener::Shared;

/// Between two looks that somebody asks for, however many ask.
const LOOK_PAUSE: Duration = Duration::from_millis(200);
/// Between two tries to resolve what cannot be resolved.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How far ahead a record's end is looked at: timers do not reach further.
const HOLDS_MAX: Duration = Duration::from_secs(86_400);
/// Between two tries to reach a shard of which nobody was reached.
const REACH_PAUSE: Duration = Duration::from_millis(100);

/// The shards of a name.
#[derive(Debug)]
pub(super) struct Shards {
    name: String,
    view: watch::Receiver<View>,
    look: Arc<Notify>,
}

/// What is known of them.
#[derive(Clone, Debug)]
pub(super) struct View {
    known: Result<Arc<Map>, String>,
    until: Instant,
}

impl View {
    /// The map, or why there is none.
    pub(super) fn map(&self) -> Result<&Arc<Map>, String> {
        match &self.known {
            Ok(_) if self.until <= Instant::now() => Err("its record has expired".to_owned()),
            Ok(map) => Ok(map),
            Err(why) => Err(why.clone()),
        }
    }

    /// Whether a connection made for this wish may go on. Nothing ends while nothing is known.
    pub(super) fn allows(&self, place: &Place) -> bool {
        let map = self.known.as_ref();
        map.map_or(true, |map| {
            map.allows(&place.shard, place.wish, &place.provider)
        })
    }
}

/// Where a connection goes.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) shard: Box<str>,
    pub(super) wish: Wish,
    pub(super) provider: Provider,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    /// The shard that has a key, or the only one.
    Key(Option<&'a [u8]>),
    /// The shard of this id.
    Shard(&'a str),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unplaced {
    #[error("{name} cannot be resolved: {why}")]
    Unresolved { name: String, why: String },
    #[error("{name} has {shards} shards, and no shard key was named (its key is {words})")]
    NoKey {
        name: String,
        shards: usize,
        words: String,
    },
    #[error("{name} has no shard {shard} any more")]
    NoShard { name: String, shard: String },
    #[error("nobody of the shard {shard} was reached ({tried})")]
    Unreached { shard: String, tried: String },
}

impl Shards {
    /// Follows a name's record from now on, until the handle ends it.
    ///
    /// # Errors
    /// Which of its primaries were replaced before cannot be read.
    pub(super) fn follow(
        shared: &Arc<Shared>,
        name: &str,
    ) -> Result<(Self, AbortHandle), KeptError> {
        let folder = shared.config.epochs.as_deref();
        let kept = folder.map(|folder| Kept::new(folder, name));
        let known = match &kept {
            Some(kept) => kept.read(name)?,
            None => None,
        };
        let view = View {
            known: Err("it was not resolved yet".to_owned()),
            until: Instant::now(),
        };
        let (sender, view) = watch::channel(view);
        let look = Arc::new(Notify::new());
        let follower = Follower {
            name: name.to_owned(),
            shared: Arc::clone(shared),
            view: sender,
            look: Arc::clone(&look),
            map: None,
            kept,
            known,
        };
        let handle = tokio::spawn(follower.run()).abort_handle();
        let name = name.to_owned();
        Ok((Self { name, view, look }, handle))
    }

    /// Whose they are.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is known, as it changes.
    pub(super) fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    /// The map, waited for while there is none.
    pub(super) async fn map(&self, within: Duration) -> Result<Arc<Map>, String> {
        let mut view = self.view.clone();
        let until = Instant::now() + within;
        loop {
            let why = match view.borrow_and_update().map() {
                Ok(map) => return Ok(Arc::clone(map)),
                Err(why) => why,
            };
            self.look.notify_one();
            let Ok(Ok(())) = timeout_at(until, view.changed()).await else {
                return Err(why);
            };
        }
    }

    /// Connects to who may have this wish, waiting for a record with somebody who can be reached.
    pub(super) async fn reach(
        &self,
        shared: &Arc<Shared>,
        target: Target<'_>,
        wish: Wish,
        opening: Opening,
    ) -> Result<(Reached, Place), Unplaced> {
        let mut view = self.view.clone();
        let until = Instant::now() + shared.config.bounds.reach;
        loop {
            let known = view.borrow_and_update().clone();
            let error = match self.shard(&known, target) {
                Ok(shard) => match self.connect(shared, &shard, wish, opening).await {
                    Ok((reached, place)) if self.view.borrow().allows(&place) => {
                        return Ok((reached, place));
                    }
                    Ok((_, place)) => Unplaced::Unreached {
                        shard: place.shard.into(),
                        tried: "it was replaced meanwhile".to_owned(),
                    },
                    Err(error) => error,
                },
                Err(error @ (Unplaced::NoKey { .. } | Unplaced::NoShard { .. })) => {
                    return Err(error);
                }
                Err(error) => error,
            };
            if Instant::now() + REACH_PAUSE >= until {
                return Err(error);
            }
            // Perhaps the record has changed, and nobody told us yet.
            self.look.notify_one();
            sleep(REACH_PAUSE).await;
            let _ = timeout(LOOK_PAUSE, view.changed()).await;
        }
    }

    fn shard(&self, view: &View, target: Target<'_>) -> Result<Shard, Unplaced> {
        let name = || self.name.clone();
        let map = view
            .map()
            .map_err(|why| Unplaced::Unresolved { name: name(), why })?;
        let shard = match target {
            Target::Key(key) => map.shard_of(key).ok_or_else(|| Unplaced::NoKey {
                name: name(),
                shards: map.shards().len(),
                words: map.key_words().unwrap_or("its owner's to say").to_owned(),
            }),
            Target::Shard(id) => map.shard(id).ok_or_else(|| Unplaced::NoShard {
                name: name(),
                shard: id.to_owned(),
            }),
        };
        shard.cloned()
    }

    /// One try with each provider that may be tried.
    async fn connect(
        &self,
        shared: &Arc<Shared>,
        shard: &Shard,
        wish: Wish,
        opening: Opening,
    ) -> Result<(Reached, Place), Unplaced> {
        let candidates = candidates(shard, wish);
        let order = {
            let (now, region) = (shared.since_start(), shared.config.region.as_deref());
            let standings = shared.standings();
            let mut order = standings.order(now, region, candidates.first);
            order.extend(standings.order(now, region, candidates.then));
            order
        };
        let mut tried = Vec::new();
        for provider in &order {
            match dial(shared, &self.name, provider, opening).await {
                Ok(reached) => {
                    let place = Place {
                        shard: shard.id.clone(),
                        wish,
                        provider: (*provider).clone(),
                    };
                    return Ok((reached, place));
                }
                Err(
                    error @ (DialError::Full | DialError::Unreachable(_) | DialError::OtherKey(_)),
                ) => {
                    tried.push(format!("{}: {error}", provider.id));
                }
            }
        }
        if order.is_empty() {
            tried.push("who is left presented a key which the record does not pin".to_owned());
        }
        Err(Unplaced::Unreached {
            shard: shard.id.to_string(),
            tried: tried.join("; "),
        })
    }
}

/// Ends when a connection may not go on, because its provider has the place no more.
pub(super) async fn displaced(mut view: watch::Receiver<View>, place: &Place) {
    loop {
        if !view.borrow_and_update().allows(place) {
            return;
        }
        if view.changed().await.is_err() {
            core::future::pending::<()>().await;
        }
    }
}

struct Follower {
    name: String,
    shared: Arc<Shared>,
    view: watch::Sender<View>,
    look: Arc<Notify>,
    map: Option<Map>,
    kept: Option<Kept>,
    /// What was kept last.
    known: Option<Known>,
}

impl Follower {
    async fn run(mut self) {
        let resolver = self.shared.resolver.clone();
        let mut watch = loop {
            match resolver.watch(&self.name).await {
                Ok(watch) => break watch,
                Err(error) => self.unresolved(&error.to_string()),
            }
            let _ = timeout(RETRY_PAUSE, self.look.notified()).await;
            sleep(LOOK_PAUSE).await;
        };
        self.apply(watch.now()).await;
        let look = Arc::clone(&self.look);
        loop {
            let until = self.view.borrow().until;
            tokio::select! {
                resolution = watch.changed() => {
                    self.apply(resolution).await;
                    continue;
                }
                () = look.notified() => {}
                () = sleep_until(until) => {}
            }
            self.look(&resolver).await;
            // From what is known now on: what it noticed before may have been interrupted.
            if let Ok(anew) = resolver.watch(&self.name).await {
                watch = anew;
            }
        }
    }

    /// Asks everybody now: somebody could not be reached, or what is known holds no more.
    async fn look(&mut self, resolver: &Resolver) {
        match resolver.resolve_with(&self.name, Ask { fresh: true }).await {
            Ok(resolution) => self.apply(&resolution).await,
            Err(error) => self.unresolved(&error.to_string()),
        }
        sleep(LOOK_PAUSE).await;
    }

    async fn apply(&mut self, resolution: &Resolution) {
        let set = resolution
            .resource("/")
            .and_then(|resource| resource.shards.as_ref());
        let Some(set) = set else {
            // The owner's word, not a failure: what was known before is not used any more, and its epochs stay known.
            self.view.send_modify(|view| view.until = Instant::now());
            return self.unresolved("its record has no shards at `/`");
        };
        let owner = resolution.record().key_id();
        let (map, changes) = match (self.map.take(), &self.known) {
            (Some(mut map), _) => {
                let changes = map.update(owner, set);
                (map, changes)
            }
            (None, Some(known)) => Map::after(known.clone(), owner, set),
            (None, None) => (Map::new(owner, set), Vec::new()),
        };
        self.map = Some(map.clone());
        changes.into_iter().for_each(|change| self.tell(change));
        // Before anybody is sent to a new primary: who was killed after that must not forget it.
        self.keep(&map).await;
        let holds = Duration::from_secs(resolution.holds_secs()).min(HOLDS_MAX);
        self.view.send_replace(View {
            known: Ok(Arc::new(map)),
            // Never at once, so that what holds for no more than a second is not asked for without a pause.
            until: Instant::now() + holds.max(RETRY_PAUSE),
        });
    }

    /// A disk that does not write is told of, and keeps nobody from the new primary; the next record tries again.
    async fn keep(&mut self, map: &Map) {
        let Some(kept) = self.kept.clone() else {
            return;
        };
        if self.known.as_ref() == Some(map.known()) {
            return;
        }
        let (known, shards) = (map.known().clone(), map.shards().to_vec());
        let written = tokio::task::spawn_blocking(move || {
            kept.write(known, |id| shards.iter().any(|shard| &*shard.id == id))
        });
        match written.await.map_err(std::io::Error::other) {
            Ok(Ok(())) => self.known = Some(map.known().clone()),
            Ok(Err(error)) | Err(error) => self.shared.observer.notice(&Event::EpochsNotKept {
                name: self.name.clone(),
                reason: error.to_string(),
            }),
        }
    }

    /// What was known is used as long as it holds.
    fn unresolved(&mut self, why: &str) {
        self.shared.observer.notice(&Event::Unresolved {
            name: self.name.clone(),
            reason: why.to_owned(),
        });
        self.view.send_modify(|view| {
            if view.until <= Instant::now() {
                view.known = Err(why.to_owned());
                view.until = Instant::now() + RETRY_PAUSE;
            }
        });
    }

    fn tell(&self, change: Change) {
        let name = self.name.clone();
        let fenced_off = |shard: Box<str>, epoch, highest| {
            count(&self.shared.counters.fenced_off);
            Event::FencedOff {
                name: self.name.clone(),
                shard: shard.into(),
                epoch,
                highest,
            }
        };
        let event = match change {
            Change::Replaced {
                shard,
                epoch,
                from,
                to,
            } => Event::PrimaryReplaced {
                name,
                shard: shard.into(),
                epoch,
                from: from.into(),
                to: to.into(),
            },
            Change::FencedOff {
                shard,
                epoch,
                highest,
            } => fenced_off(shard, epoch, highest),
            Change::EpochNotRaised { shard, epoch } => fenced_off(shard, epoch, epoch),
        };
        let observer: &dyn Observer = &*self.shared.observer;
        observer.notice(&event);
    }
}
