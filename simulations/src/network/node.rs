//! A node: the core, a disk in memory, a routing table.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dotkey_proto::record::{Record, Verified};
use dotkey_registry::dht::core::reconcile::{Fingerprint, MemoryShelf, Prefix, Shelf};
use dotkey_registry::dht::core::{Action, Asked, Config, Core, Held, Input, Now, View, Written};
use dotkey_registry::dht::message::{Announcement, Expected, Refusal, Summary};
use dotkey_registry::dht::peer::{Contact, Peer, Position};

use super::{Nature, Network};
use crate::world::Random;

/// Entries of a bucket.
const BUCKET: usize = 20;

/// One node.
pub struct Node {
    /// Who.
    pub me: Peer,
    /// Where.
    pub here: Position,
    /// What it is up to.
    pub nature: Nature,
    /// Whether it is up.
    pub alive: bool,
    /// Its core.
    pub core: Core,
    /// When it told its listeners of a change.
    pub changed: BTreeMap<(Position, Summary), u64>,
    /// How many acknowledgements its puts have.
    pub progress: BTreeMap<u64, usize>,
    /// Requests that reached it.
    pub served: u64,
    /// Of these, questions for a record.
    pub asked_for_records: u64,
    pub(super) table: Vec<(Position, Contact)>,
    pub(super) gossip: Vec<usize>,
    pub(super) heard: BTreeSet<Announcement>,
    pub(super) waiting: BTreeSet<Announcement>,
    pub(super) open: BTreeSet<Asked>,
    pub(super) failures: BTreeMap<usize, u32>,
    pub(super) cut: BTreeMap<Peer, u64>,
    shelf: MemoryShelf,
    records: BTreeMap<Position, Held>,
    /// What was here first: what a stale node goes on serving.
    pub(super) first: BTreeMap<Position, Held>,
}

struct Sight<'a> {
    shelf: &'a MemoryShelf,
    records: &'a BTreeMap<Position, Held>,
    table: &'a [(Position, Contact)],
}

impl Shelf for Sight<'_> {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        self.shelf.fingerprint(prefix)
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        self.shelf.list(prefix, most)
    }
}

impl View for Sight<'_> {
    fn closest(&self, position: &Position, count: usize) -> Vec<Contact> {
        let mut all: Vec<_> = self
            .table
            .iter()
            .map(|(at, contact)| (at.distance(position), contact))
            .collect();
        all.sort_unstable_by_key(|(distance, _)| *distance);
        let closest = all.into_iter().take(count);
        closest.map(|(_, contact)| contact.clone()).collect()
    }

    fn record(&self, position: &Position) -> Option<Held> {
        self.records.get(position).cloned()
    }
}

impl Node {
    pub(super) fn new(random: &mut Random, me: Peer, nature: Nature) -> Self {
        let config = Config {
            seed: random.word(),
            ..Config::default()
        };
        Self {
            me,
            here: me.position(),
            nature,
            alive: true,
            core: Core::new(me, config),
            changed: BTreeMap::new(),
            progress: BTreeMap::new(),
            served: 0,
            asked_for_records: 0,
            table: Vec::new(),
            gossip: Vec::new(),
            heard: BTreeSet::new(),
            waiting: BTreeSet::new(),
            open: BTreeSet::new(),
            failures: BTreeMap::new(),
            cut: BTreeMap::new(),
            shelf: MemoryShelf::default(),
            records: BTreeMap::new(),
            first: BTreeMap::new(),
        }
    }

    /// What it keeps at a position.
    #[must_use]
    pub fn has(&self, at: &Position) -> Option<Summary> {
        self.shelf.get(at).copied()
    }

    /// Contacts of its routing table.
    #[must_use]
    pub fn closest(&self, at: &Position, count: usize) -> Vec<Contact> {
        self.sight().closest(at, count)
    }

    pub(super) fn refuses(&self, peer: &Peer, now_ms: u64) -> bool {
        self.cut.get(peer).is_some_and(|until| *until > now_ms)
    }

    pub(super) fn step(&mut self, now: Now, input: Input) -> Vec<Action> {
        let sight = Sight {
            shelf: &self.shelf,
            records: &self.records,
            table: &self.table,
        };
        self.core.step(now, input, &sight)
    }

    /// Stores as the product's store does: newer only, and as expected.
    pub fn store(&mut self, record: &Verified<Record>, expected: Expected) -> Written {
        let (at, summary) = (Position::of_record(record), Summary::of(record));
        let before = self.records.get(&at);
        if let Some(before) = before {
            if before.summary == summary {
                return Written::Known;
            }
            if before.summary > summary {
                return Written::Refused(Refusal::Older(before.bytes.clone()));
            }
        }
        let fits = match expected {
            Expected::Older => true,
            Expected::Nothing => before.is_none(),
            Expected::Digest(digest) => before.is_some_and(|it| it.summary.digest == digest),
        };
        if !fits {
            let there = before.map(|it| it.bytes.clone());
            return Written::Refused(Refusal::Unexpected(there));
        }
        let bytes: Arc<[u8]> = record.as_bytes().into();
        let expires = record.expires();
        let held = Held {
            key_id: record.key_id(),
            summary,
            bytes,
            expires,
        };
        self.first.entry(at).or_insert_with(|| held.clone());
        self.shelf.insert(at, summary);
        self.records.insert(at, held);
        Written::New
    }

    fn sight(&self) -> Sight<'_> {
        Sight {
            shelf: &self.shelf,
            records: &self.records,
            table: &self.table,
        }
    }
}

impl Network {
    /// Fills the buckets of a routing table from those that are up.
    pub(super) fn fill_table(&mut self, node: usize) {
        let here = self.nodes[node].here;
        let mut buckets: BTreeMap<u32, Vec<(Position, Contact)>> = BTreeMap::new();
        for other in self
            .nodes
            .iter()
            .filter(|other| other.alive && other.here != here)
        {
            let addresses = Vec::new().into();
            let contact = Contact {
                peer: other.me,
                addresses,
            };
            let bucket = buckets.entry(other.here.shared_bits(&here)).or_default();
            bucket.push((other.here, contact));
        }
        let mut table = Vec::new();
        for mut bucket in buckets.into_values() {
            while bucket.len() > BUCKET {
                let index = self.random.below(bucket.len() as u64);
                bucket.swap_remove(usize::try_from(index).expect("an index"));
            }
            table.append(&mut bucket);
        }
        self.nodes[node].table = table;
    }

    pub(super) fn refresh(&mut self, node: usize) {
        for _ in 0..super::REFRESHED {
            let count = self.nodes[node].table.len() as u64;
            if count == 0 {
                return;
            }
            let entry = usize::try_from(self.random.below(count)).expect("an index");
            let peer = self.index[&self.nodes[node].table[entry].1.peer];
            self.forget_if_dead(node, peer);
        }
    }

    /// A dial of who does not answer came to an end.
    pub(super) fn looked(&mut self, node: usize, peer: &Peer) {
        if let Some(peer) = self.index.get(peer) {
            self.forget_if_dead(node, *peer);
        }
    }

    fn forget_if_dead(&mut self, node: usize, peer: usize) {
        if !self.nodes[peer].alive {
            self.nodes[node].failures.insert(peer, 1);
            self.miss(node, peer);
        }
    }

    /// A peer did not answer: twice in a row, and another takes its place.
    pub(super) fn miss(&mut self, node: usize, peer: usize) {
        if peer == usize::MAX {
            return;
        }
        let failures = self.nodes[node].failures.entry(peer).or_default();
        *failures += 1;
        if *failures < 2 {
            return;
        }
        let (gone, here) = (self.nodes[peer].me, self.nodes[node].here);
        let bits = self.nodes[peer].here.shared_bits(&here);
        self.nodes[node].table.retain(|(_, it)| it.peer != gone);
        let known: BTreeSet<Position> = self.nodes[node].table.iter().map(|(at, _)| *at).collect();
        let next = self.nodes.iter().find(|it| {
            it.alive
                && it.me != gone
                && it.here.shared_bits(&here) == bits
                && !known.contains(&it.here)
        });
        if let Some(next) = next {
            let (at, peer) = (next.here, next.me);
            let addresses = Vec::new().into();
            self.nodes[node]
                .table
                .push((at, Contact { peer, addresses }));
        }
        self.feed(node, Input::TableChanged);
    }

    /// Everyone passes gossip on to a few, who pass it on to them.
    pub(super) fn link_gossip(&mut self) {
        let count = self.nodes.len();
        if count <= super::GOSSIP_DEGREE {
            for node in 0..count {
                self.nodes[node].gossip = (0..count).filter(|other| *other != node).collect();
            }
            return;
        }
        // Rings through all nodes in a drawn order: each gives two neighbours, and together they are connected.
        for _ in 0..super::GOSSIP_DEGREE / 2 {
            let mut order: Vec<usize> = (0..count).collect();
            for index in (1..count).rev() {
                let other = self.random.below(index as u64 + 1);
                order.swap(index, usize::try_from(other).expect("an index"));
            }
            for index in 0..count {
                let (a, b) = (order[index], order[(index + 1) % count]);
                self.nodes[a].gossip.push(b);
                self.nodes[b].gossip.push(a);
            }
        }
    }
}
