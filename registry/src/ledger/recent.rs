//! What leaves hold as of the last block that was written, as far as it was read or written lately: each transaction reads the same few, before it
//! waits, when it is proposed and when it is executed, and finding the newest version of a value on disk costs as much as a signature.
//!
//! It is asked for a state by its version and answers only what the disk would: a leaf is remembered with the version since which it holds that.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::update::Update;

/// What is remembered of each of two generations, in bytes of places and values: some 20,000 accounts.
const GENERATION_BYTES_MAX: usize = 4 << 20;

/// Bytes that a leaf takes beside its value.
const LEAF_BYTES: usize = 96;

/// What is remembered of nodes: the upper three levels, and what a few full blocks wrote below them.
const NODES_BYTES_MAX: usize = 16 << 20;

/// Bytes that a node takes beside its own: its key, and its place in the map.
const NODE_BYTES: usize = 80;

/// What a leaf holds, since which version; `None` where nothing stands.
type Since = (u64, Option<Vec<u8>>);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Leaves>);

#[derive(Debug, Default)]
struct Leaves {
    /// The version that was written last: a leaf that is remembered has not changed up to it.
    newest: u64,
    fresh: BTreeMap<[u64; 4], Since>,
    bytes: usize,
    /// The generation before, which is forgotten when this one is full.
    stale: BTreeMap<[u64; 4], Since>,
}

/// The nodes that were written lately. Each block begins at the root, and the upper nodes, which all ways lead through, are of the last few blocks.
#[derive(Debug, Default)]
pub(super) struct RecentNodes(Mutex<Nodes>);

#[derive(Debug, Default)]
struct Nodes {
    /// By the version that wrote them, each as its block left them: so nothing is sorted again.
    versions: BTreeMap<u64, Written>,
    bytes: usize,
}

/// What is left of the nodes of a version.
#[derive(Debug, Default)]
struct Written {
    nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    bytes: usize,
}

impl RecentNodes {
    /// A node by its key. What a key has been given stays: no two versions share one.
    pub(super) fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let nodes = self.nodes();
        let written = nodes.versions.get(&version_of(key)?)?;
        written.nodes.get(key).cloned()
    }

    /// A version was written. The oldest that is remembered makes room for it.
    pub(super) fn pass(&self, version: u64, update: Update) {
        let mut nodes = self.nodes();
        for key in &update.stale {
            nodes.forget(key);
        }
        let rooms = update.nodes.values().map(|node| NODE_BYTES + node.len());
        let bytes = rooms.sum();
        let written = Written {
            nodes: update.nodes,
            bytes,
        };
        nodes.bytes += bytes;
        if let Some(before) = nodes.versions.insert(version, written) {
            nodes.bytes -= before.bytes;
        }
        while nodes.bytes > NODES_BYTES_MAX
            && let Some((_, oldest)) = nodes.versions.pop_first()
        {
            nodes.bytes -= oldest.bytes;
        }
    }

    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        let locked = self.0.lock();
        locked.unwrap_or_else(|poisoned| {
            let mut nodes = PoisonError::into_inner(poisoned);
            *nodes = Nodes::default();
            nodes
        })
    }
}

impl Nodes {
    fn forget(&mut self, key: &[u8]) {
        let Some(version) = version_of(key) else {
            return;
        };
        let Some(written) = self.versions.get_mut(&version) else {
            return;
        };
        if let Some(gone) = written.nodes.remove(key) {
            let bytes = NODE_BYTES + gone.len();
            written.bytes -= bytes;
            self.bytes -= bytes;
        }
        if written.nodes.is_empty() {
            self.versions.remove(&version);
        }
    }
}

/// The version with which a node's key ends.
fn version_of(key: &[u8]) -> Option<u64> {
    key.last_chunk().copied().map(u64::from_be_bytes)
}

impl Recent {
    /// What stands at a place in the state of a version, if that is remembered: then as the disk would say it.
    pub(super) fn get(&self, version: u64, place: &[u8; 32]) -> Option<Since> {
        let mut leaves = self.leaves();
        if version > leaves.newest {
            return None;
        }
        let place = words(place);
        if let Some(found) = leaves.fresh.get(&place) {
            return (found.0 <= version).then(|| found.clone());
        }
        let found = leaves.stale.get(&place)?.clone();
        leaves.put(place, found.clone());
        (found.0 <= version).then_some(found)
    }

    /// Remembers what was read of a version, if nothing was written since.
    pub(super) fn add(&self, version: u64, place: [u8; 32], since: Since) {
        let mut leaves = self.leaves();
        if version == leaves.newest {
            leaves.put(words(&place), since);
        }
    }

    /// A version was written, with these changes to the one before.
    pub(super) fn pass<'a>(
        &self,
        version: u64,
        changes: impl IntoIterator<Item = (&'a [u8; 32], &'a Option<Vec<u8>>)>,
    ) {
        let mut leaves = self.leaves();
        if leaves.newest + 1 != version {
            leaves.forget();
        }
        leaves.newest = version;
        for (place, value) in changes {
            leaves.put(words(place), (version, value.clone()));
        }
    }

    fn leaves(&self) -> MutexGuard<'_, Leaves> {
        let locked = self.0.lock();
        locked.unwrap_or_else(|poisoned| {
            // Whoever panicked may have been in the middle of a version.
            let mut leaves = PoisonError::into_inner(poisoned);
            leaves.forget();
            leaves
        })
    }
}

impl Leaves {
    fn put(&mut self, place: [u64; 4], since: Since) {
        let bytes = LEAF_BYTES + since.1.as_ref().map_or(0, Vec::len);
        if self.bytes + bytes > GENERATION_BYTES_MAX {
            self.stale = std::mem::take(&mut self.fresh);
            self.bytes = 0;
        }
        self.bytes += bytes;
        self.fresh.insert(place, since);
    }

    fn forget(&mut self) {
        let newest = self.newest;
        *self = Self {
            newest,
            ..Self::default()
        };
    }
}

/// A place or a digest as a map compares it in registers; bytes take a call for each comparison.
pub(super) fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Write(Vec<(u8, Option<u16>)>),
        Skip(u8),
        Read(u8, u8),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let changes = prop::collection::vec((0..6_u8, any::<Option<u16>>()), 0..4);
        prop_oneof![
            3 => changes.prop_map(Step::Write),
            1 => (0..3_u8).prop_map(Step::Skip),
            6 => (0..6_u8, 0..4_u8).prop_map(|(place, ago)| Step::Read(place, ago)),
        ]
    }

    /// A value long enough that a few fill a generation.
    fn value(short: u16) -> Vec<u8> {
        short.to_be_bytes().repeat(GENERATION_BYTES_MAX / 8)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_it_says_the_disk_would_say(steps in prop::collection::vec(any_step(), 1..60)) {
            let recent = Recent::default();
            let mut disk: BTreeMap<([u8; 32], u64), Option<Vec<u8>>> = BTreeMap::new();
            let mut newest = 0;
            for step in steps {
                match step {
                    Step::Write(changes) => {
                        newest += 1;
                        let changes: BTreeMap<_, _> = changes
                            .into_iter()
                            .map(|(place, short)| ([place; 32], short.map(value)))
                            .collect();
                        recent.pass(newest, &changes);
                        disk.extend(changes.into_iter().map(|(place, value)| ((place, newest), value)));
                    }
                    // A state is taken over.
                    Step::Skip(by) => {
                        newest += 2 + u64::from(by);
                        disk.insert(([0; 32], newest), Some(vec![by]));
                        recent.pass(newest, []);
                    }
                    Step::Read(place, ago) => {
                        let (place, version) = ([place; 32], newest.saturating_sub(ago.into()));
                        let found = disk.range((place, 0)..=(place, version)).next_back();
                        let there = found.map_or((0, None), |((_, since), value)| (*since, value.clone()));
                        if let Some(said) = recent.get(version, &place) {
                            prop_assert_eq!(said, there);
                        } else {
                            recent.add(version, place, there);
                        }
                    }
                }
            }
        }
    }
    fn any_update() -> impl Strategy<Value = (Vec<(u8, u32)>, Vec<prop::sample::Index>)> {
        let nodes = prop::collection::vec((any::<u8>(), 0..4_000_000_u32), 0..6);
        (
            nodes,
            prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn nodes_are_remembered_as_they_were_written_or_not(updates in prop::collection::vec(any_update(), 1..20)) {
            let recent = RecentNodes::default();
            let mut disk: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for (version, (nodes, stale)) in (0_u64..).zip(updates) {
                let stale = stale.iter().filter(|_| !disk.is_empty());
                let keys: Vec<_> = disk.keys().cloned().collect();
                let stale: Vec<Vec<u8>> = stale.map(|at| at.get(&keys).clone()).collect();
                let nodes: BTreeMap<_, _> = nodes
                    .into_iter()
                    .map(|(path, len)| ([&[path][..], &version.to_be_bytes()].concat(), vec![path; len as usize]))
                    .collect();
                for key in &stale {
                    disk.remove(key);
                }
                disk.extend(nodes.clone());
                recent.pass(version, Update { nodes, stale: stale.clone() });
                for key in &stale {
                    prop_assert_eq!(recent.get(key), None);
                }
                for (key, node) in &disk {
                    if let Some(said) = recent.get(key) {
                        prop_assert_eq!(&said, node);
                    }
                }
                let nodes = recent.nodes();
                let bytes = |written: &Written| written.nodes.values().map(|node| NODE_BYTES + node.len()).sum::<usize>();
                prop_assert!(nodes.versions.values().all(|written| written.bytes == bytes(written)));
                prop_assert_eq!(nodes.bytes, nodes.versions.values().map(|written| written.bytes).sum::<usize>());
                prop_assert!(nodes.bytes <= NODES_BYTES_MAX);
            }
        }
    }
}
