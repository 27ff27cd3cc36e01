//! What leaves in ascending order add to the tree: its nodes, as jmt 0.12 writes them, and the hashes up to the root. Section 8.6.
//!
//! From the bottom up: each node is made once, when all below it is known, and each hash is computed once. The path to the last leaf stays
//! open, for more leaves may come into it; what stands left of it is what the next leaves are added to.

use jmt::proof::{INTERNAL_DOMAIN_SEPARATOR, LEAF_DOMAIN_SEPARATOR};

/// Bits of a place, and the longest path.
pub(super) const BITS: usize = 256;

/// Half bytes of a place: nodes are four bits apart.
pub(super) const DEPTH_MAX: usize = BITS / 4;

/// Children of a node.
pub(super) const WIDTH: usize = 16;

/// The hash of a subtree in which nothing stands. Section 8.6.
const NOTHING: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// A subtree, by what stands in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Node {
    #[default]
    Nothing,
    /// One leaf, whose hash is that of each subtree that holds nothing else.
    Leaf([u8; 32]),
    Many([u8; 32]),
}

impl Node {
    pub(super) fn over(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Nothing, only @ (Self::Nothing | Self::Leaf(_)))
            | (only @ Self::Leaf(_), Self::Nothing) => only,
            _ => {
                let mut parts = [0; 64];
                parts[..32].copy_from_slice(&left.hash());
                parts[32..].copy_from_slice(&right.hash());
                Self::Many(hash_inner(&parts))
            }
        }
    }

    pub(super) fn hash(self) -> [u8; 32] {
        match self {
            Self::Nothing => NOTHING,
            Self::Leaf(hash) | Self::Many(hash) => hash,
        }
    }
}

/// The hash of a subtree, of the hashes of its halves.
pub(super) fn hash_inner(parts: &[u8; 64]) -> [u8; 32] {
    hash(INTERNAL_DOMAIN_SEPARATOR, parts)
}

/// The hash of a leaf, of its place and the digest of what it holds.
pub(super) fn hash_leaf(parts: &[u8; 64]) -> [u8; 32] {
    hash(LEAF_DOMAIN_SEPARATOR, parts)
}

fn hash(domain: &[u8], parts: &[u8; 64]) -> [u8; 32] {
    // In one piece: a hasher that takes pieces is 2 KB, and clearing it costs as much as the hash.
    let mut bytes = [0; 96];
    bytes[..domain.len()].copy_from_slice(domain);
    bytes[domain.len()..][..64].copy_from_slice(parts);
    *blake3::hash(&bytes[..domain.len() + 64]).as_bytes()
}

/// A leaf on its way into the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) place: [u8; 32],
    /// The digest of what it holds.
    pub(super) value: [u8; 32],
    hash: [u8; 32],
}

impl Leaf {
    pub(super) fn new(place: [u8; 32], value: &[u8]) -> Self {
        Self::of_digest(place, *blake3::hash(value).as_bytes())
    }

    pub(super) fn of_digest(place: [u8; 32], value: [u8; 32]) -> Self {
        let mut parts = [0; 64];
        parts[..32].copy_from_slice(&place);
        parts[32..].copy_from_slice(&value);
        let hash = hash_leaf(&parts);
        Self { place, value, hash }
    }

    /// The subtree in which it stands alone.
    pub(super) fn node(self) -> Node {
        Node::Leaf(self.hash)
    }
}

/// A child of a node: the subtree four bits further down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) node: Node,
    pub(super) leaves: u64,
}

impl Child {
    /// One in which something stands.
    pub(super) fn new(leaves: u64, hash: [u8; 32]) -> Self {
        let node = match leaves {
            1 => Node::Leaf(hash),
            _ => Node::Many(hash),
        };
        Self { node, leaves }
    }
}

/// The children of a node.
pub(super) type Level = [Child; WIDTH];

/// A node's key and its bytes, as the column of nodes has them.
pub(super) type WrittenNode = (Vec<u8>, Vec<u8>);

/// A tree that is growing.
pub(super) struct Growth<'a> {
    /// What stands left of the first leaf's path.
    known: &'a [Level],
    /// What stands right of the last leaf's path, by its depth in bits: ascending.
    right: Vec<(usize, Node)>,
    last: [u8; 32],
    /// Whether nothing comes after the last leaf.
    whole: bool,
    version: u64,
    /// What is found to stand left of the last leaf's path, the deepest first.
    levels: Vec<Level>,
    nodes: Vec<WrittenNode>,
}

impl<'a> Growth<'a> {
    pub(super) fn new(
        (known, right): (&'a [Level], Vec<(usize, Node)>),
        last: [u8; 32],
        whole: bool,
        version: u64,
    ) -> Self {
        Self {
            known,
            right,
            last,
            whole,
            version,
            levels: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// The root over these leaves and what is known beside them, what then stands left of the last leaf's path, and the nodes that are whole. The first
    /// of the leaves is the last of before.
    pub(super) fn grow(mut self, leaves: &[Leaf]) -> ([u8; 32], Vec<Level>, Vec<WrittenNode>) {
        let root = self.subtree(0, leaves, (true, true));
        if let ([only], true) = (leaves, self.whole && root.leaves == 1) {
            self.write_leaf(0, only);
        }
        self.levels.reverse();
        let is_empty = |level: &Level| level.iter().all(|child| child.leaves == 0);
        while self.levels.last().is_some_and(is_empty) {
            self.levels.pop();
        }
        (root.node.hash(), self.levels, self.nodes)
    }

    /// The subtree at a depth of so many half bytes. Whether the path of the first, and that of the last, of all leaves leads through it.
    fn subtree(
        &mut self,
        depth: usize,
        leaves: &[Leaf],
        (on_left, on_right): (bool, bool),
    ) -> Child {
        let on_left = on_left && depth < self.known.len();
        let beside = on_right && self.stands_right(4 * depth);
        match leaves {
            [] => Child::default(),
            [only] if !on_left && !beside => Child::new(1, only.hash),
            _ => self.node(depth, leaves, (on_left, on_right)),
        }
    }

    fn node(&mut self, depth: usize, leaves: &[Leaf], (on_left, on_right): (bool, bool)) -> Child {
        let mut children = match on_left {
            true => self.known[depth],
            false => Level::default(),
        };
        let (mut rest, mut on_left) = (leaves, on_left);
        while let [first, ..] = rest {
            let nibble = nibble(&first.place, depth);
            let same = rest.partition_point(|leaf| self::nibble(&leaf.place, depth) == nibble);
            let (own, others) = rest.split_at(same);
            let is_open = on_right && others.is_empty();
            let child = self.subtree(depth + 1, own, (on_left, is_open));
            if let ([only], Node::Leaf(_)) = (own, child.node)
                && (!is_open || self.whole)
            {
                self.write_leaf(depth + 1, only);
            }
            children[nibble] = child;
            (rest, on_left) = (others, false);
        }
        let node = self.fold(&children, 4 * depth, on_right);
        let leaves_below = children.iter().map(|child| child.leaves).sum();
        if !on_right || self.whole {
            self.write_node(depth, &leaves[0].place, &children);
        }
        if on_right {
            children[nibble(&self.last, depth)..].fill(Child::default());
            self.levels.push(children);
        }
        Child {
            node,
            leaves: leaves_below,
        }
    }

    /// The subtree of some children of a node, at a depth in bits.
    fn fold(&self, children: &[Child], depth: usize, on_right: bool) -> Node {
        if let [only] = children {
            return only.node;
        }
        let (low, high) = children.split_at(children.len() / 2);
        let (low_open, high_open) = match bit(&self.last, depth) {
            true => (false, on_right),
            false => (on_right, false),
        };
        let left = self.fold(low, depth + 1, low_open);
        let right = match low_open {
            true => self.right_of(depth),
            false => self.fold(high, depth + 1, high_open),
        };
        Node::over(left, right)
    }

    fn right_of(&self, depth: usize) -> Node {
        let found = self.right.binary_search_by_key(&depth, |(depth, _)| *depth);
        found.map_or(Node::Nothing, |index| self.right[index].1)
    }

    /// Whether anything stands right of the last leaf's path from a depth in bits on.
    fn stands_right(&self, depth: usize) -> bool {
        let deepest = self.right.iter().rev();
        deepest
            .take_while(|(at, _)| *at >= depth)
            .any(|(_, node)| *node != Node::Nothing)
    }

    /// As jmt writes it in borsh: its kind, the place, the digest of what it holds.
    fn write_leaf(&mut self, depth: usize, leaf: &Leaf) {
        let bytes = [&[2], &leaf.place[..], &leaf.value].concat();
        let key = node_key(&leaf.place, depth, self.version);
        self.nodes.push((key, bytes));
    }

    /// As jmt writes it in borsh: its kind, its children, how many they are, how many leaves are below them.
    fn write_node(&mut self, depth: usize, place: &[u8; 32], children: &Level) {
        let mut bytes = Vec::with_capacity(17 + WIDTH * 51);
        bytes.push(1);
        let (mut count, mut leaves) = (0_u64, 0);
        for child in children {
            if child.leaves == 0 {
                bytes.push(0);
                continue;
            }
            count += 1;
            leaves += child.leaves;
            bytes.push(1);
            bytes.extend(child.node.hash());
            bytes.extend(self.version.to_le_bytes());
            if child.leaves == 1 {
                bytes.push(0);
            } else {
                bytes.push(1);
                bytes.extend(child.leaves.to_le_bytes());
            }
        }
        bytes.extend(count.to_le_bytes());
        bytes.extend(leaves.to_le_bytes());
        let key = node_key(place, depth, self.version);
        self.nodes.push((key, bytes));
    }
}

/// The key of a node on the way to a place: so many half bytes, these, the version.
pub(super) fn node_key(place: &[u8; 32], depth: usize, version: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + depth.div_ceil(2));
    key.push(depth as u8);
    key.extend(&place[..depth.div_ceil(2)]);
    if let (1, Some(last)) = (depth % 2, key.last_mut()) {
        *last &= 0xf0;
    }
    key.extend(version.to_be_bytes());
    key
}

pub(super) fn nibble(place: &[u8; 32], depth: usize) -> usize {
    usize::from(place[depth / 2] >> (4 * (1 - depth % 2)) & 0x0f)
}

pub(super) fn bit(place: &[u8; 32], depth: usize) -> bool {
    place[depth / 8] >> (7 - depth % 8) & 1 == 1
}

#[cfg(test)]
mod tests {
    use dotkey_proto::cbor::{Reader, Writer};
    use jmt::KeyHash;
    use jmt::mock::MockTreeStore;
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::ledger::chunk::Chunk;
    use crate::ledger::disk::node_key as disk_key;
    use crate::ledger::frontier::Frontier;
    use crate::ledger::tree::StateTree;

    const VERSION: u64 = 7;

    /// Places that share their first bytes more often than chance has it, so that paths are long.
    fn any_place() -> impl Strategy<Value = [u8; 32]> {
        let head = vec(
            prop_oneof![Just(0_u8), Just(0x0f), Just(0xff), any::<u8>()],
            3,
        );
        let tail = prop_oneof![Just(0_u8), any::<u8>()];
        (head, tail).prop_map(|(head, tail)| {
            let mut place = [tail; 32];
            place[..3].copy_from_slice(&head);
            place
        })
    }

    proptest! {
        #[test]
        fn the_nodes_are_those_that_the_tree_makes(
            leaves in btree_map(any_place(), vec(any::<u8>(), 0..40), 1..60),
            lens in vec(1..20_usize, 1..60),
        ) {
            let store = MockTreeStore::default();
            let tree = StateTree::new(&store);
            let all = leaves.iter().map(|(place, value)| (KeyHash(*place), Some(value.clone())));
            let (root, update) = tree.put_value_set(all, VERSION).expect("it grows");
            let nodes = update.node_batch.nodes().iter();
            let mut expected: Vec<WrittenNode> = nodes
                .map(|(key, node)| (disk_key(key), borsh::to_vec(node).expect("memory")))
                .collect();
            expected.sort();
            store.write_tree_update_batch(update).expect("written");

            let mut frontier = Frontier::default();
            let mut found = Vec::new();
            let mut rest: Vec<_> = leaves.clone().into_iter().collect();
            for len in lens.iter().cycle() {
                let others = rest.split_off((*len).min(rest.len()));
                let last = KeyHash(rest.last().expect("not empty").0);
                let proof = tree.get_range_proof(last, VERSION).expect("a proof");
                let proof = borsh::to_vec(&proof).expect("memory");
                let chunk = Chunk { leaves: rest, proof };
                let grown = frontier.after(&chunk, (root.0, VERSION)).expect("it is sound");
                found.extend(grown.nodes);
                frontier = grown.frontier;
                prop_assert_eq!(frontier.is_whole(), others.is_empty());
                if others.is_empty() {
                    break;
                }
                // As after a restart.
                let mut kept = Writer::new();
                frontier.write(&mut kept);
                let kept = kept.into_bytes();
                let mut reader = Reader::new(&kept).expect("it is CBOR");
                prop_assert_eq!(Frontier::read(&mut reader), Ok(frontier.clone()));
                rest = others;
            }
            found.sort();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_a_frontier_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(mut reader) = Reader::new(&bytes)
                && let Ok(frontier) = Frontier::read(&mut reader)
            {
                prop_assert!(!frontier.is_whole());
            }
        }
    }
}
