//! What a block's changes make of the tree: the nodes of its version, and those of earlier ones that it replaces. The tree is jmt's, node for node.
//!
//! All changes go down together, so that each node on their ways is read once, made once and hashed once, whatever the number of changes below it.
//! Nodes are what lies on disk, keys and bytes, from reading to writing.

use std::collections::BTreeMap;

use super::growth::{Leaf, Node, WIDTH, nibble, node_key};
use super::node::{Child, Inner, Kind, Stored};
use super::state::{Changes, StateError};

/// What reads a node's bytes by its key.
pub(super) type ReadNode<'a> = &'a dyn Fn(&[u8]) -> Result<Option<Vec<u8>>, StateError>;

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Update {
    /// The nodes of this version, by their keys.
    pub(super) nodes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The keys of nodes that are of no use from this version on.
    pub(super) stale: Vec<Vec<u8>>,
}

/// A change: what a place holds from now on, where it holds anything.
type Change = ([u8; 32], Option<Leaf>);

/// What a subtree has become.
enum Grown {
    /// Nothing below it has changed.
    Same,
    Nothing,
    /// One leaf, which stands as high as it is alone: whoever is above writes it.
    Leaf(Leaf),
    /// A node, which is written.
    Inner {
        hash: [u8; 32],
        leaves: u64,
    },
}

impl Update {
    /// The root of the tree of a version after these changes to the one before, and what it takes to write it.
    pub(super) fn of(
        changes: &Changes,
        version: u64,
        read: ReadNode<'_>,
    ) -> Result<([u8; 32], Self), StateError> {
        let changes = changes.iter().map(|(place, value)| {
            let leaf = value.as_ref().map(|value| Leaf::new(*place, value));
            (*place, leaf)
        });
        let changes: Vec<Change> = changes.collect();
        let update = Self::default();
        let mut growing = Growing {
            version,
            read,
            update,
        };
        let root = growing.root(&changes)?;
        Ok((root, growing.update))
    }
}

struct Growing<'a> {
    version: u64,
    read: ReadNode<'a>,
    update: Update,
}

impl Growing<'_> {
    fn root(&mut self, changes: &[Change]) -> Result<[u8; 32], StateError> {
        let before = self.version.checked_sub(1);
        let grown = match before {
            // Where nothing changes, the root is still of the new version.
            Some(before) if changes.is_empty() => {
                self.read((&[0; 32], 0), before)?;
                Grown::Same
            }
            _ => self.subtree(0, before, changes)?,
        };
        let anywhere = [0; 32];
        match grown {
            Grown::Same => {
                let before = before.unwrap_or_default();
                let stored = self.read((&anywhere, 0), before)?;
                self.replace((&anywhere, 0), before);
                self.write((&anywhere, 0), &stored);
                Ok(match stored {
                    Stored::Nothing => Node::Nothing.hash(),
                    Stored::Leaf { place, value } => Leaf::of_digest(place, value).node().hash(),
                    Stored::Inner(inner) => inner.fold(0, WIDTH).hash(),
                })
            }
            Grown::Nothing => {
                self.write((&anywhere, 0), &Stored::Nothing);
                Ok(Node::Nothing.hash())
            }
            Grown::Leaf(leaf) => {
                self.write_leaf(0, &leaf);
                Ok(leaf.node().hash())
            }
            Grown::Inner { hash, .. } => Ok(hash),
        }
    }

    /// What some changes, of which there are any, make of the subtree in which they are: at a depth of so many half bytes, of a version where it is not new.
    fn subtree(
        &mut self,
        depth: usize,
        before: Option<u64>,
        changes: &[Change],
    ) -> Result<Grown, StateError> {
        let Some(before) = before else {
            return Ok(self.plant(depth, &leaves(changes)));
        };
        let at = (&changes[0].0, depth);
        match self.read(at, before)? {
            Stored::Inner(inner) => self.inner(at, (before, inner), changes),
            Stored::Nothing => {
                self.replace(at, before);
                Ok(self.plant(depth, &leaves(changes)))
            }
            Stored::Leaf { place, value } => {
                let mut all = leaves(changes);
                let found = changes.binary_search_by_key(&place, |(place, _)| *place);
                if found.is_err() && all.is_empty() {
                    return Ok(Grown::Same);
                }
                if found.is_err() {
                    let after = all.partition_point(|leaf| leaf.place < place);
                    all.insert(after, Leaf::of_digest(place, value));
                }
                self.replace(at, before);
                Ok(self.plant(depth, &all))
            }
        }
    }

    fn inner(
        &mut self,
        at: (&[u8; 32], usize),
        (before, inner): (u64, Inner),
        changes: &[Change],
    ) -> Result<Grown, StateError> {
        let depth = at.1 + 1;
        let mut children = inner.children;
        let mut moving: [Option<Leaf>; WIDTH] = [None; WIDTH];
        let mut is_same = true;
        for (nibble, own) in by_nibble(changes, at.1, |(place, _)| place) {
            let child = children[nibble].as_ref().map(|child| child.version);
            let grown = self.subtree(depth, child, own)?;
            is_same &= matches!(grown, Grown::Same);
            match grown {
                Grown::Same => {}
                Grown::Nothing if child.is_none() => {}
                Grown::Nothing => children[nibble] = None,
                Grown::Leaf(leaf) => {
                    moving[nibble] = Some(leaf);
                    children[nibble] = Some(self.child(leaf.node().hash(), Kind::Leaf));
                }
                Grown::Inner { hash, leaves } => {
                    children[nibble] = Some(self.child(hash, Kind::Inner { leaves }));
                }
            }
        }
        if is_same {
            return Ok(Grown::Same);
        }
        self.replace(at, before);
        let mut there = (0..)
            .zip(&children)
            .filter_map(|(nibble, child)| Some((nibble, child.as_ref()?)));
        match (there.next(), there.next()) {
            (None, _) => return Ok(Grown::Nothing),
            // A leaf that is alone goes up to where it is not.
            (Some((nibble, only)), None) if matches!(only.kind, Kind::Leaf) => {
                let (place, version) = (with_nibble(at.0, at.1, nibble), only.version);
                return match moving[nibble] {
                    Some(leaf) => Ok(Grown::Leaf(leaf)),
                    None => self.take_leaf((&place, depth), version),
                };
            }
            _ => {}
        }
        moving
            .iter()
            .flatten()
            .for_each(|leaf| self.write_leaf(depth, leaf));
        Ok(self.write_inner(at, children))
    }

    /// A subtree of these leaves and no others.
    fn plant(&mut self, depth: usize, leaves: &[Leaf]) -> Grown {
        let first = match leaves {
            [] => return Grown::Nothing,
            [only] => return Grown::Leaf(*only),
            [first, ..] => first.place,
        };
        let mut children = [const { None }; WIDTH];
        for (nibble, own) in by_nibble(leaves, depth, |leaf| &leaf.place) {
            children[nibble] = match self.plant(depth + 1, own) {
                Grown::Leaf(leaf) => {
                    self.write_leaf(depth + 1, &leaf);
                    Some(self.child(leaf.node().hash(), Kind::Leaf))
                }
                Grown::Inner { hash, leaves } => Some(self.child(hash, Kind::Inner { leaves })),
                Grown::Same | Grown::Nothing => None,
            };
        }
        self.write_inner((&first, depth), children)
    }

    fn child(&self, hash: [u8; 32], kind: Kind) -> Child {
        let version = self.version;
        Child {
            hash,
            version,
            kind,
        }
    }

    fn read(&self, (place, depth): (&[u8; 32], usize), version: u64) -> Result<Stored, StateError> {
        let bytes = (self.read)(&node_key(place, depth, version))?;
        Stored::decode(&bytes.ok_or(StateError::Missing("a node of the tree"))?)
    }

    fn take_leaf(&mut self, at: (&[u8; 32], usize), version: u64) -> Result<Grown, StateError> {
        match self.read(at, version)? {
            Stored::Leaf { place, value } => {
                self.replace(at, version);
                Ok(Grown::Leaf(Leaf::of_digest(place, value)))
            }
            _ => Err(StateError::Missing("a leaf of the tree")),
        }
    }

    fn replace(&mut self, (place, depth): (&[u8; 32], usize), version: u64) {
        self.update.stale.push(node_key(place, depth, version));
    }

    fn write(&mut self, (place, depth): (&[u8; 32], usize), stored: &Stored) {
        let key = node_key(place, depth, self.version);
        self.update.nodes.insert(key, stored.encode());
    }

    fn write_leaf(&mut self, depth: usize, leaf: &Leaf) {
        let Leaf { place, value, .. } = *leaf;
        self.write((&place, depth), &Stored::Leaf { place, value });
    }

    fn write_inner(&mut self, at: (&[u8; 32], usize), children: [Option<Child>; WIDTH]) -> Grown {
        let inner = Inner::new(children);
        let (hash, leaves) = (inner.fold(0, WIDTH).hash(), inner.leaves());
        self.write(at, &Stored::Inner(inner));
        Grown::Inner { hash, leaves }
    }
}

fn leaves(changes: &[Change]) -> Vec<Leaf> {
    changes.iter().filter_map(|(_, leaf)| *leaf).collect()
}

/// Parts that share the half byte at a depth, of what ascends.
fn by_nibble<T>(
    mut rest: &[T],
    depth: usize,
    place: impl Fn(&T) -> &[u8; 32],
) -> impl Iterator<Item = (usize, &[T])> {
    std::iter::from_fn(move || {
        let nibble = nibble(place(rest.first()?), depth);
        let same = rest.partition_point(|one| self::nibble(place(one), depth) == nibble);
        let (own, others) = rest.split_at(same);
        rest = others;
        Some((nibble, own))
    })
}

/// A place whose half byte at a depth is this.
pub(super) fn with_nibble(place: &[u8; 32], depth: usize, nibble: usize) -> [u8; 32] {
    let mut place = *place;
    let byte = &mut place[depth / 2];
    *byte = match depth % 2 {
        0 => *byte & 0x0f | (nibble as u8) << 4,
        _ => *byte & 0xf0 | nibble as u8,
    };
    place
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jmt::KeyHash;
    use jmt::mock::MockTreeStore;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::tree::StateTree;

    /// Few enough that blocks meet each other's leaves, and close enough that paths are long.
    fn any_place() -> impl Strategy<Value = [u8; 32]> {
        let head = vec(prop_oneof![Just(0_u8), Just(0x0f), Just(0xf0), 0..3_u8], 2);
        (head, 0..2_u8).prop_map(|(head, tail)| {
            let mut place = [tail; 32];
            place[..2].copy_from_slice(&head);
            place
        })
    }

    /// A block's changes; removals are as many as the rest, so that trees become small again and empty.
    fn any_changes() -> impl Strategy<Value = Changes> {
        btree_map(
            any_place(),
            prop::option::weighted(0.5, vec(any::<u8>(), 0..3)),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn it_is_the_tree_that_the_library_makes(blocks in vec(any_changes(), 1..12)) {
            let store = MockTreeStore::default();
            let mut nodes: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            let mut state = BTreeMap::new();
            for (version, changes) in (0..).zip(&blocks) {
                let read = |key: &[u8]| Ok(nodes.get(key).cloned());
                let (root, update) = Update::of(changes, version, &read).expect("it grows");
                let whole = nodes.keys().all(|key| !update.nodes.contains_key(key));
                prop_assert!(whole, "a version writes no key of another");
                let known = update.stale.iter().all(|key| nodes.remove(key).is_some());
                prop_assert!(known, "what is replaced was there, once");
                nodes.extend(update.nodes);

                let leaves = changes.iter().map(|(place, value)| (KeyHash(*place), value.clone()));
                let tree = StateTree::new(&store);
                let (expected, made) = tree.put_value_set(leaves, version).expect("it grows");
                prop_assert_eq!(root, expected.0);
                store.write_tree_update_batch(made).expect("written");

                state.extend(changes.clone());
                let left: BTreeSet<_> = reached(&nodes, version);
                prop_assert_eq!(left.len(), nodes.len(), "nothing stays that no way leads to");
                let standing = state.values().filter(|value| value.is_some()).count();
                let leaves = nodes.values().filter(|bytes| bytes[0] == 2).count();
                prop_assert_eq!(leaves, standing);
            }
        }
    }

    /// The keys of all nodes of a tree.
    fn reached(nodes: &BTreeMap<Vec<u8>, Vec<u8>>, version: u64) -> BTreeSet<Vec<u8>> {
        let mut found = BTreeSet::new();
        let mut ways = vec![([0; 32], 0, version)];
        while let Some((place, depth, version)) = ways.pop() {
            let key = node_key(&place, depth, version);
            if let Stored::Inner(inner) = Stored::decode(&nodes[&key]).expect("it reads") {
                let children = (0..).zip(&inner.children);
                let children =
                    children.filter_map(|(nibble, child)| Some((nibble, child.as_ref()?)));
                ways.extend(children.map(|(nibble, child)| {
                    (with_nibble(&place, depth, nibble), depth + 1, child.version)
                }));
            }
            found.insert(key);
        }
        found
    }
}
