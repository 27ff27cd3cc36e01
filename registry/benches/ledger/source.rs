//! The state of a network with many names, as a node that has it gives it away: its leaves in order, and what proves a piece of them.
//!
//! It is put together here from the leaves alone, bottom-up and without a tree, so that ten million names fit in memory, and so that what the follower
//! builds is held against hashes that another program made.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use dotkey_proto::ledger::name_leaf;
use dotkey_registry::ledger::{CHUNK_BYTES, Chunk};

use super::{entry, label};

/// Hashes of subtrees down to this depth are kept, since every chunk needs some of them.
const KEPT_DEPTH: usize = 12;

/// The hash of a subtree in which nothing stands.
const NOTHING: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

pub(super) struct Source {
    /// In the order of their places.
    leaves: Vec<Leaf>,
    /// What stands beside the names.
    others: Vec<Vec<u8>>,
    /// Of subtrees near the root: by their depth and their first leaf.
    kept: HashMap<(usize, usize), [u8; 32]>,
    pub(super) root: [u8; 32],
}

struct Leaf {
    place: [u8; 32],
    hash: [u8; 32],
    holds: Holds,
}

#[derive(Clone, Copy)]
enum Holds {
    Name(u32),
    Other(u32),
}

impl Source {
    pub(super) fn new(names: u64, others: BTreeMap<[u8; 32], Vec<u8>>) -> Self {
        let names = u32::try_from(names).expect("fewer than that");
        let named =
            (0..names).map(|number| (name_leaf(&label(number.into())), Holds::Name(number)));
        let (places, others): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        let beside = (0..).map(Holds::Other);
        let mut leaves: Vec<_> = named
            .chain(places.into_iter().zip(beside))
            .map(|(place, holds)| Leaf {
                place,
                hash: hash_leaf(&place, &value(&others, holds)),
                holds,
            })
            .collect();
        leaves.sort_unstable_by_key(|leaf| leaf.place);
        let mut source = Self {
            leaves,
            others,
            kept: HashMap::new(),
            root: NOTHING,
        };
        source.root = source.keep(0, 0..source.leaves.len());
        source
    }

    /// The chunk that begins with this leaf, and how many leaves it has.
    pub(super) fn chunk(&self, first: usize) -> (Chunk, usize) {
        let (mut leaves, mut bytes) = (Vec::new(), 0);
        for leaf in &self.leaves[first..] {
            let value = value(&self.others, leaf.holds);
            bytes += 40 + value.len();
            leaves.push((leaf.place, value));
            if bytes >= CHUNK_BYTES {
                break;
            }
        }
        let count = leaves.len();
        let proof = self.right_of(first + count - 1);
        (Chunk { leaves, proof }, count)
    }

    /// What stands right of a leaf's path, as jmt writes it: how many, and each with its kind and its two parts, the deepest first.
    fn right_of(&self, at: usize) -> Vec<u8> {
        let mut siblings = Vec::new();
        let (mut depth, mut range) = (0, 0..self.leaves.len());
        while range.len() > 1 {
            let middle = self.middle(depth, &range);
            let is_right = at >= middle;
            let (low, high) = (range.start..middle, middle..range.end);
            if !is_right {
                siblings.push(self.sibling(depth + 1, high));
            }
            range = if is_right { middle..range.end } else { low };
            depth += 1;
        }
        let mut bytes = (siblings.len() as u32).to_le_bytes().to_vec();
        siblings
            .iter()
            .rev()
            .for_each(|sibling| bytes.extend(sibling));
        bytes
    }

    fn sibling(&self, depth: usize, range: Range<usize>) -> Vec<u8> {
        match range.len() {
            0 => vec![0],
            1 => {
                let leaf = &self.leaves[range.start];
                let digest = blake3::hash(&value(&self.others, leaf.holds));
                [&[2], &leaf.place[..], digest.as_bytes()].concat()
            }
            _ => {
                let middle = self.middle(depth, &range);
                let low = self.hash(depth + 1, range.start..middle);
                let high = self.hash(depth + 1, middle..range.end);
                [&[1], &low[..], &high].concat()
            }
        }
    }

    fn middle(&self, depth: usize, range: &Range<usize>) -> usize {
        let leaves = &self.leaves[range.clone()];
        let is_low = |leaf: &Leaf| leaf.place[depth / 8] >> (7 - depth % 8) & 1 == 0;
        range.start + leaves.partition_point(is_low)
    }

    fn hash(&self, depth: usize, range: Range<usize>) -> [u8; 32] {
        match range.len() {
            0 => return NOTHING,
            1 => return self.leaves[range.start].hash,
            _ => {}
        }
        if let Some(kept) = self.kept.get(&(depth, range.start)) {
            return *kept;
        }
        let middle = self.middle(depth, &range);
        let low = self.hash(depth + 1, range.start..middle);
        let high = self.hash(depth + 1, middle..range.end);
        hash_inner(&low, &high)
    }

    fn keep(&mut self, depth: usize, range: Range<usize>) -> [u8; 32] {
        if depth == KEPT_DEPTH || range.len() < 2 {
            let hash = self.hash(depth, range.clone());
            if range.len() > 1 {
                self.kept.insert((depth, range.start), hash);
            }
            return hash;
        }
        let middle = self.middle(depth, &range);
        let low = self.keep(depth + 1, range.start..middle);
        let high = self.keep(depth + 1, middle..range.end);
        let hash = hash_inner(&low, &high);
        self.kept.insert((depth, range.start), hash);
        hash
    }
}

fn value(others: &[Vec<u8>], holds: Holds) -> Vec<u8> {
    match holds {
        Holds::Name(number) => entry(number.into()).encode(),
        Holds::Other(at) => others[at as usize].clone(),
    }
}

fn hash_leaf(place: &[u8; 32], value: &[u8]) -> [u8; 32] {
    let value = blake3::hash(value);
    let parts = [b"JMT::LeafNode", &place[..], value.as_bytes()].concat();
    *blake3::hash(&parts).as_bytes()
}

fn hash_inner(low: &[u8; 32], high: &[u8; 32]) -> [u8; 32] {
    let parts = [b"JMT::IntrnalNode", &low[..], &high[..]].concat();
    *blake3::hash(&parts).as_bytes()
}
