//! What is kept of answers: bounded in bytes, in parts of its own for names under our suffix and for all others.
//!
//! Readers on the fast path hold packets by themselves ([`super::udp`]) and see by a packet's marks that it is gone; here is where all
//! of them are found and where they are let go of. Which goes is the clock's second chance: one that was given since the hand passed it
//! last is passed once more.

use core::borrow::Borrow;
use core::hash::{Hash, Hasher};
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::RandomState;
use dotkey_proto::dns::{Labels, WireName};

use super::packet::{Kind, Packet};

/// Locks of one partition: whoever looks for one name waits for few others.
const SHARDS: usize = 16;

/// Kept answers under our suffix, and kept ordinary ones: neither can push out the other.
pub(crate) const BYTES_DEFAULT: usize = 32 << 20;

/// Both partitions.
#[derive(Debug)]
pub(crate) struct Cache {
    ours: Partition,
    ordinary: Partition,
}

/// One kind of names.
#[derive(Debug)]
pub(crate) struct Partition {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    evicted: AtomicU64,
}

#[derive(Debug)]
struct Shard {
    packets: HashSet<Slot, RandomState>,
    /// In the order in which they are looked at; those that are gone are passed over.
    hand: VecDeque<Arc<Packet>>,
    bytes: usize,
    bytes_max: usize,
}

/// A packet, found by its key.
#[derive(Debug)]
struct Slot(Arc<Packet>);

/// How much a partition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Answers.
    pub answers: usize,
    /// The memory that they take.
    pub bytes: usize,
    /// How many were let go of because there was no room.
    pub evicted: u64,
}

impl Cache {
    /// Each partition with so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            ours: Partition::new(bytes_max),
            ordinary: Partition::new(bytes_max),
        }
    }

    pub(crate) fn partition(&self, kind: Kind) -> &Partition {
        match kind {
            Kind::Ours => &self.ours,
            Kind::Ordinary => &self.ordinary,
        }
    }

    /// All packets of a name and those below it, or all there are.
    pub(crate) fn list(&self, under: Option<&WireName>) -> Vec<Arc<Packet>> {
        let mut found = Vec::new();
        for partition in [&self.ours, &self.ordinary] {
            for shard in &partition.shards {
                let shard = lock(shard);
                let packets = shard.packets.iter().map(|slot| &slot.0);
                found.extend(packets.filter(|one| is_under(one, under)).cloned());
            }
        }
        found
    }

    /// Lets go of the same, and says how many they were.
    pub(crate) fn flush(&self, under: Option<&WireName>) -> usize {
        let shards = [&self.ours, &self.ordinary].map(|one| one.shards.iter());
        shards
            .into_iter()
            .flatten()
            .map(|shard| lock(shard).flush(under))
            .sum()
    }
}

impl Partition {
    pub(crate) fn new(bytes_max: usize) -> Self {
        let hasher = RandomState::new();
        let shard = || {
            Mutex::new(Shard {
                packets: HashSet::with_hasher(hasher.clone()),
                hand: VecDeque::new(),
                bytes: 0,
                bytes_max: bytes_max / SHARDS,
            })
        };
        Self {
            shards: (0..SHARDS).map(|_| shard()).collect(),
            evicted: AtomicU64::new(0),
            hasher: hasher.clone(),
        }
    }

    /// The answer that is kept under a key, however old.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Arc<Packet>> {
        let shard = self.shard(key);
        shard.packets.get(key).map(|slot| Arc::clone(&slot.0))
    }

    /// Keeps an answer in place of the one under its key, and lets go of others until there is room. What is larger than all of the
    /// room is not kept.
    pub(crate) fn insert(&self, packet: &Arc<Packet>) {
        let bytes = packet.memory_bytes();
        let mut shard = self.shard(packet.key_bytes());
        shard.remove(packet.key_bytes());
        if bytes > shard.bytes_max {
            return;
        }
        let mut evicted = 0;
        while shard.bytes + bytes > shard.bytes_max {
            evicted += u64::from(shard.evict());
        }
        self.evicted.fetch_add(evicted, Ordering::Relaxed);
        shard.bytes += bytes;
        shard.hand.push_back(Arc::clone(packet));
        shard.packets.insert(Slot(Arc::clone(packet)));
        // Those that were replaced leave their places behind.
        if shard.hand.len() > 2 * shard.packets.len() + 16 {
            shard.hand.retain(|one| !one.is_gone());
        }
    }

    pub(crate) fn size(&self) -> Size {
        let mut size = Size {
            evicted: self.evicted.load(Ordering::Relaxed),
            ..Size::default()
        };
        for shard in &self.shards {
            let shard = lock(shard);
            size.answers += shard.packets.len();
            size.bytes += shard.bytes;
        }
        size
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        // The low bits choose places within a shard.
        let at = (self.hasher.hash_one(key) >> 48) as usize % SHARDS;
        lock(&self.shards[at])
    }
}

impl Shard {
    fn remove(&mut self, key: &[u8]) {
        if let Some(Slot(packet)) = self.packets.take(key) {
            self.bytes -= packet.memory_bytes();
            packet.go();
        }
    }

    /// Passes the hand over one packet, and says whether it had to go.
    fn evict(&mut self) -> bool {
        let Some(packet) = self.hand.pop_front() else {
            assert!(
                self.packets.is_empty(),
                "every packet has a place in the queue"
            );
            return false;
        };
        if packet.is_gone() {
            return false;
        }
        if packet.marks.given.swap(0, Ordering::Relaxed) > 0 {
            self.hand.push_back(packet);
            return false;
        }
        self.remove(packet.key_bytes());
        true
    }

    fn flush(&mut self, under: Option<&WireName>) -> usize {
        let before = self.packets.len();
        let mut freed = 0;
        self.packets.retain(|Slot(packet)| {
            let stays = !is_under(packet, under);
            if !stays {
                freed += packet.memory_bytes();
                packet.go();
            }
            stays
        });
        self.bytes -= freed;
        self.hand.retain(|one| !one.is_gone());
        before - self.packets.len()
    }
}

impl Borrow<[u8]> for Slot {
    fn borrow(&self) -> &[u8] {
        self.0.key_bytes()
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.0.key_bytes() == other.0.key_bytes()
    }
}

impl Eq for Slot {}

impl Hash for Slot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key_bytes().hash(state);
    }
}

fn is_under(packet: &Packet, under: Option<&WireName>) -> bool {
    under.is_none_or(|under| ends_in(packet.name_bytes(), under))
}

/// Whether a name in wire form is another or below it.
pub(super) fn ends_in(name: &[u8], end: &WireName) -> bool {
    let end = end.as_wire();
    let mut labels = Labels::new(name);
    while labels.remainder().len() > end.len() {
        labels.next();
    }
    labels.remainder() == end
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing that panics happens under the lock but a broken promise of the shard's own.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::packet::Made;
    use crate::server::query::Key;
    use crate::server::said::Said;
    use dotkey_proto::dns::RecordType;
    use hickory_proto::op::ResponseCode;
    use proptest::prelude::*;

    fn key(name: &str) -> Key {
        Key {
            name: name.parse().expect(name),
            rtype: RecordType::A,
            dnssec: false,
            unchecked: false,
        }
    }

    fn packet(name: &str, at: u32) -> Arc<Packet> {
        let made = Made {
            kind: Kind::Ordinary,
            at,
            kept_secs: 60,
            as_of: 0,
            told_at: Box::default(),
        };
        let said = Said::only(ResponseCode::NoError, None);
        Arc::new(Packet::new(&key(name), &said, made))
    }

    fn get(partition: &Partition, name: &str) -> Option<u32> {
        let packet = partition.get(key(name).to_bytes().as_bytes())?;
        Some(packet.made_at)
    }

    #[test]
    fn what_is_given_stays() {
        let one = packet("n0000.example.", 0).memory_bytes();
        let partition = Partition::new(SHARDS * 3 * one);
        let mut all = Vec::new();
        for at in 0..200_u32 {
            let packet = packet(&format!("n{at:04}.example."), at);
            partition.insert(&packet);
            all.push(packet);
            // Asked for between any two others.
            if let Some(first) = partition.get(key("n0000.example.").to_bytes().as_bytes()) {
                first.marks.given.store(1, Ordering::Relaxed);
            }
        }
        assert_eq!(get(&partition, "n0000.example."), Some(0));
        let size = partition.size();
        assert!(size.answers <= 3 * SHARDS && size.evicted >= 200 - 3 * SHARDS as u64);
        let gone = all.iter().filter(|one| one.is_gone()).count();
        assert_eq!(gone, 200 - size.answers);
    }

    #[test]
    fn a_flush_takes_a_name_and_what_is_below_it() {
        let cache = Cache::new(1 << 20);
        let names = [
            "example.",
            "a.example.",
            "b.a.example.",
            "notexample.",
            "a.example.net.",
        ];
        for name in names {
            cache.partition(Kind::Ordinary).insert(&packet(name, 0));
        }
        let under: WireName = "a.example.".parse().expect("a name");
        assert_eq!(cache.list(Some(&under)).len(), 2);
        assert_eq!(cache.flush(Some(&under)), 2);
        assert_eq!(get(cache.partition(Kind::Ordinary), "a.example."), None);
        assert_eq!(get(cache.partition(Kind::Ordinary), "example."), Some(0));
        assert_eq!(cache.flush(None), 3);
        assert_eq!(cache.partition(Kind::Ordinary).size(), Size::default());
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bytes_and_gives_the_newest(steps in proptest::collection::vec((0_u32..60, any::<bool>()), 0..300)) {
            let bytes_max = SHARDS * 1000;
            let partition = Partition::new(bytes_max);
            let mut newest = std::collections::HashMap::new();
            for (at, (name, given)) in steps.into_iter().enumerate() {
                let text = format!("n{name:04}.example.");
                let packet = packet(&text, at as u32);
                packet.marks.given.store(u8::from(given), Ordering::Relaxed);
                partition.insert(&packet);
                newest.insert(text.clone(), at as u32);
                prop_assert_eq!(get(&partition, &text), Some(at as u32));
                prop_assert!(partition.size().bytes <= bytes_max);
            }
            let mut bytes = 0;
            for (name, at) in newest {
                if let Some(found) = get(&partition, &name) {
                    prop_assert_eq!(found, at);
                    bytes += packet(&name, at).memory_bytes();
                }
            }
            prop_assert_eq!(partition.size().bytes, bytes);
        }
    }
}
