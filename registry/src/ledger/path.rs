//! The way from a place to the root, as the tree's nodes tell it: what stands there, or beside it, and the siblings. Section 8.6.
//!
//! A node has the hashes of its children, so that a way is read from the nodes on it alone. (jmt's own proofs name what each sibling is hashed from, for which it
//! reads every sibling's node as well: twice as many, and those that no cache has.)

use super::growth::{DEPTH_MAX, Leaf, Node, WIDTH, bit, hash_inner, nibble, node_key};
use super::node::{Child, Inner, Kind, Stored};
use super::state::StateError;
use super::update::with_nibble;

/// The way from a place to the root: what stands there, and the siblings, the leaf's first, `None` where nothing does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathProof {
    /// What the leaf holds; `None` when nothing stands there.
    pub value: Option<Vec<u8>>,
    /// With nothing there: the place, and the digest of the value, of the leaf that is alone where it would stand.
    pub other: Option<([u8; 32], [u8; 32])>,
    /// The siblings.
    pub siblings: Vec<Option<[u8; 32]>>,
}

/// A way that was read, and not held against a root yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The leaf at its end, which may be another's than the one that was looked for.
    pub(super) leaf: Option<Leaf>,
    /// From the leaf's on.
    pub(super) siblings: Vec<Node>,
}

impl Way {
    /// Reads the way to a place in the tree of a version. `read` gives a node's bytes by its key.
    pub(super) fn find(
        place: &[u8; 32],
        version: u64,
        read: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StateError>,
    ) -> Result<Self, StateError> {
        let (mut at, mut version, mut siblings) = (*place, version, Vec::new());
        let mut leaf = None;
        for depth in 0..=DEPTH_MAX {
            let bytes = read(&node_key(&at, depth, version))?;
            let bytes = bytes.ok_or(StateError::Missing("a node of the tree"))?;
            match Stored::decode(&bytes)? {
                Stored::Leaf { place, value } => leaf = Some(Leaf::of_digest(place, value)),
                Stored::Nothing if depth == 0 => {}
                Stored::Inner(inner) if depth < DEPTH_MAX => {
                    let below = pass(&inner, nibble(place, depth), &mut siblings);
                    if let Some((found, child)) = below {
                        version = child.version;
                        at = with_nibble(&at, depth, found);
                        continue;
                    }
                }
                _ => {
                    let why = format!("a node of the tree is none, at a depth of {depth}");
                    return Err(StateError::Unreadable(why));
                }
            }
            break;
        }
        siblings.reverse();
        Ok(Self { leaf, siblings })
    }

    /// The root that it leads to from a place, as a light client finds it.
    pub(super) fn root(&self, place: &[u8; 32]) -> [u8; 32] {
        let bottom = self.leaf.map_or(Node::Nothing, Leaf::node).hash();
        let upwards = (0..self.siblings.len()).rev();
        let beside = self.siblings.iter().zip(upwards);
        beside.fold(bottom, |below, (sibling, depth)| {
            let (left, right) = match bit(place, depth) {
                false => (below, sibling.hash()),
                true => (sibling.hash(), below),
            };
            let mut parts = [0; 64];
            parts[..32].copy_from_slice(&left);
            parts[32..].copy_from_slice(&right);
            hash_inner(&parts)
        })
    }
}

/// Goes down to where a half byte leads, or where a leaf is alone on the way there; the siblings on the way come behind those from further up. `None` where
/// nothing stands.
fn pass<'a>(
    inner: &'a Inner,
    nibble: usize,
    siblings: &mut Vec<Node>,
) -> Option<(usize, &'a Child)> {
    let (mut first, mut width) = (0, WIDTH);
    while width > 1 {
        width /= 2;
        let (low, high) = (first, first + width);
        let (own, beside) = match nibble < high {
            true => (low, high),
            false => (high, low),
        };
        siblings.push(inner.fold(beside, width));
        first = own;
        let mut there = inner.children[own..own + width].iter().flatten();
        match (there.next(), there.next()) {
            (None, _) => return None,
            (Some(only), None) if matches!(only.kind, Kind::Leaf) => break,
            _ => {}
        }
    }
    let mut there = (first..).zip(&inner.children[first..first + width]);
    there.find_map(|(at, child)| Some((at, child.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use borsh::BorshDeserialize;
    use jmt::mock::MockTreeStore;
    use jmt::{KeyHash, RootHash};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::disk::node_key as disk_key;
    use crate::ledger::frontier::Sibling;
    use crate::ledger::tree::StateTree;

    const VERSION: u64 = 3;

    /// Places that share their first bytes more often than chance has it, so that paths are long.
    fn any_place() -> impl Strategy<Value = [u8; 32]> {
        let head = vec(prop_oneof![Just(0_u8), Just(0x0f), any::<u8>()], 2);
        (head, any::<u8>()).prop_map(|(head, tail)| {
            let mut place = [tail; 32];
            place[..2].copy_from_slice(&head);
            place
        })
    }

    type Nodes = BTreeMap<Vec<u8>, Vec<u8>>;

    /// The nodes of a tree with these leaves, by their keys on disk.
    fn plant(store: &MockTreeStore, leaves: &BTreeMap<[u8; 32], Vec<u8>>) -> (RootHash, Nodes) {
        let all = leaves
            .iter()
            .map(|(place, value)| (KeyHash(*place), Some(value.clone())));
        let tree = StateTree::new(store);
        let (root, update) = tree.put_value_set(all, VERSION).expect("it grows");
        let nodes = update.node_batch.nodes().iter();
        let nodes = nodes.map(|(key, node)| (disk_key(key), borsh::to_vec(node).expect("memory")));
        let nodes = nodes.collect();
        store.write_tree_update_batch(update).expect("written");
        (root, nodes)
    }

    proptest! {
        #[test]
        fn it_is_the_way_that_the_tree_proves(
            leaves in btree_map(any_place(), vec(any::<u8>(), 0..4), 1..60),
            others in vec(any_place(), 1..20),
        ) {
            let store = MockTreeStore::default();
            let (root, nodes) = plant(&store, &leaves);
            for place in leaves.keys().chain(&others) {
                let read = Cell::new(0);
                let found = Way::find(place, VERSION, |key| {
                    read.set(read.get() + 1);
                    Ok(nodes.get(key).cloned())
                });
                let found = found.expect("it reads");
                prop_assert_eq!(found.root(place), root.0);
                // One node on the way for each four siblings, and the leaf's.
                prop_assert!(read.get() <= found.siblings.len().div_ceil(4) + 1);

                let tree = StateTree::new(&store);
                let (value, proof) = tree.get_with_proof(KeyHash(*place), VERSION).expect("it reads");
                let bytes = borsh::to_vec(&proof).expect("memory");
                let parts = <(Option<[[u8; 32]; 2]>, Vec<Sibling>)>::try_from_slice(&bytes);
                let (leaf, siblings) = parts.expect("as jmt writes it");
                let leaf = leaf.map(|[place, value]| Leaf::of_digest(place, value));
                prop_assert_eq!(found.leaf, leaf);
                let siblings: Vec<_> = siblings.iter().map(Sibling::node).collect();
                prop_assert_eq!(&found.siblings, &siblings);
                prop_assert_eq!(value.is_some(), leaf.is_some_and(|leaf| leaf.place == *place));
            }
        }

        #[test]
        fn a_changed_node_leads_elsewhere_or_nowhere(
            leaves in btree_map(any_place(), vec(any::<u8>(), 0..4), 1..40),
            (node, byte, bit) in any::<(prop::sample::Index, prop::sample::Index, u8)>(),
        ) {
            let (root, mut nodes) = plant(&MockTreeStore::default(), &leaves);
            let keys: Vec<_> = nodes.keys().cloned().collect();
            let changed = nodes.get_mut(node.get(&keys)).expect("it is one of them");
            let at = byte.index(changed.len());
            changed[at] ^= 1 << (bit % 8);
            for (place, value) in &leaves {
                if let Ok(found) = Way::find(place, VERSION, |key| Ok(nodes.get(key).cloned()))
                    && found.root(place) == root.0
                {
                    // What is counted in a node is in no hash.
                    prop_assert_eq!(found.leaf, Some(Leaf::new(*place, value)));
                }
            }
        }

        #[test]
        fn any_bytes_are_a_way_or_none(bytes: Vec<u8>, place: [u8; 32]) {
            if let Ok(way) = Way::find(&place, VERSION, |_| Ok(Some(bytes.clone()))) {
                prop_assert!(way.siblings.len() <= 4 * DEPTH_MAX);
            }
        }
    }
}
