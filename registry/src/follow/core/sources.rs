//! The peers that the ledger can be had from: what they claim, what is asked of them, and how often they failed.

use std::collections::BTreeMap;

use super::Asked;
use crate::dht::peer::Peer;

/// Peers whose tips are watched: enough that one of them is honest and new, few enough that a block costs four headers.
pub(super) const WATCHED_MAX: usize = 4;

/// Peers that are remembered; connections are fewer.
const SOURCES_MAX: usize = 512;

/// So long who failed is not asked, doubled with each failure in a row.
const REST_MS: u64 = 5_000;
const REST_MS_MAX: u64 = 5 * 60_000;

/// So often one of the watched makes room for another, so that nobody keeps this node from the others for long.
const TURN_MS: u64 = 60_000;

/// One peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// The height of its tip, and that after which it has all blocks, as it says.
    pub(super) claim: Option<(u64, u64)>,
    pub(super) watched: bool,
    /// When its tip may be asked for again.
    pub(super) tip_due_ms: u64,
    pub(super) tip_asked: Option<Asked>,
    /// What else is asked of it.
    pub(super) asked: Option<Asked>,
    /// Until then it said that it lacks what is being taken over.
    pub(super) lacks_until_ms: u64,
    rest_until_ms: u64,
    failures: u32,
    used_ms: u64,
}

impl Source {
    fn rests(&self, now_ms: u64) -> bool {
        self.rest_until_ms > now_ms
    }
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    all: BTreeMap<Peer, Source>,
    turn_ms: u64,
    seed: u64,
}

impl Sources {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            all: BTreeMap::new(),
            turn_ms: TURN_MS,
            seed,
        }
    }

    pub(super) fn join(&mut self, peer: Peer) {
        if self.all.len() < SOURCES_MAX {
            self.all.entry(peer).or_default();
        }
    }

    pub(super) fn leave(&mut self, peer: &Peer) {
        self.all.remove(peer);
    }

    pub(super) fn get(&mut self, peer: &Peer) -> Option<&mut Source> {
        self.all.get_mut(peer)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The highest tip that anyone claims who can be asked.
    pub(super) fn highest(&self, now_ms: u64) -> u64 {
        let claims = self.all.values().filter(|source| !source.rests(now_ms));
        let heights = claims.filter_map(|source| source.claim.map(|(height, _)| height));
        heights.max().unwrap_or(0)
    }

    /// Whether all of the watched have said what they have.
    pub(super) fn have_spoken(&self, now_ms: u64) -> bool {
        let mut watched = self
            .all
            .values()
            .filter(|one| one.watched && !one.rests(now_ms));
        watched.all(|source| source.claim.is_some())
    }

    /// A peer failed us: it is not asked for a while.
    pub(super) fn failed(&mut self, now_ms: u64, peer: &Peer, least_ms: u64) {
        if let Some(source) = self.all.get_mut(peer) {
            let rest = REST_MS << source.failures.min(10);
            source.failures = source.failures.saturating_add(1);
            source.rest_until_ms = now_ms + rest.min(REST_MS_MAX).max(least_ms);
            source.watched = false;
            source.claim = None;
        }
    }

    /// A peer is busy.
    pub(super) fn busy(&mut self, now_ms: u64, peer: &Peer, retry_ms: u32) {
        if let Some(source) = self.all.get_mut(peer) {
            let wait = u64::from(retry_ms).clamp(250, REST_MS);
            source.rest_until_ms = source.rest_until_ms.max(now_ms + wait);
        }
    }

    /// What a peer gave was right.
    pub(super) fn proved(&mut self, peer: &Peer) {
        if let Some(source) = self.all.get_mut(peer) {
            source.failures = 0;
        }
    }

    /// This node stands at a height: those that claimed no more than that are asked for news at once.
    pub(super) fn caught_up(&mut self, now_ms: u64, height: u64) {
        for source in self.all.values_mut() {
            let news = source.claim.is_some_and(|(claimed, _)| claimed <= height);
            if news {
                source.tip_due_ms = source.tip_due_ms.min(now_ms);
            }
        }
    }

    /// A state is being taken over: anyone may have it.
    pub(super) fn may_hold(&mut self) {
        for source in self.all.values_mut() {
            source.lacks_until_ms = 0;
        }
    }

    /// Chooses who is watched, and says whose tips to ask for.
    pub(super) fn watch(&mut self, now_ms: u64) -> Vec<Peer> {
        if now_ms >= self.turn_ms {
            self.turn_ms = now_ms + TURN_MS;
            self.turn(now_ms);
        }
        while self.all.values().filter(|source| source.watched).count() < WATCHED_MAX {
            let Some(peer) = self.another(now_ms) else {
                break;
            };
            if let Some(source) = self.all.get_mut(&peer) {
                source.watched = true;
            }
        }
        let due = self.all.iter().filter(|(_, source)| {
            let free = source.tip_asked.is_none() && !source.rests(now_ms);
            source.watched && free && source.tip_due_ms <= now_ms
        });
        due.map(|(peer, _)| *peer).collect()
    }

    /// Lets one of the watched go, if there is another: who claims least.
    fn turn(&mut self, now_ms: u64) {
        let watched = self.all.iter().filter(|(_, source)| source.watched);
        let full = watched.clone().count() >= WATCHED_MAX;
        let least = watched
            .min_by_key(|(_, source)| source.claim)
            .map(|(peer, _)| *peer);
        if full
            && self.another(now_ms).is_some()
            && let Some(source) = least.and_then(|peer| self.all.get_mut(&peer))
        {
            source.watched = false;
            source.used_ms = now_ms;
        }
    }

    /// One that is not watched, among those that failed least and were let go longest ago: any, so that nobody can be sure to be it.
    fn another(&mut self, now_ms: u64) -> Option<Peer> {
        let free = |source: &Source| !source.watched && !source.rests(now_ms);
        let rank = |source: &Source| (source.failures, source.used_ms);
        let best = self
            .all
            .values()
            .filter(|source| free(source))
            .map(rank)
            .min()?;
        let equal: Vec<Peer> = self
            .all
            .iter()
            .filter(|(_, source)| free(source) && rank(source) == best)
            .map(|(peer, _)| *peer)
            .collect();
        let at = self.random() % equal.len() as u64;
        equal.get(at as usize).copied()
    }

    /// Whom to ask for something that a peer has by its claim: who failed least, then who was not asked for longest.
    pub(super) fn choose(
        &mut self,
        now_ms: u64,
        mut has: impl FnMut(&Source) -> bool,
    ) -> Option<Peer> {
        let able = self
            .all
            .iter()
            .filter(|(_, source)| source.asked.is_none() && !source.rests(now_ms) && has(source));
        let best = able.min_by_key(|(peer, source)| (source.failures, source.used_ms, **peer));
        let peer = *best?.0;
        self.all.get_mut(&peer)?.used_ms = now_ms;
        Some(peer)
    }

    /// Whether anyone could be asked for this, now or when it is free.
    pub(super) fn any(&self, now_ms: u64, has: impl Fn(&Source) -> bool) -> bool {
        self.all
            .values()
            .any(|source| !source.rests(now_ms) && has(source))
    }

    /// Splitmix64.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
