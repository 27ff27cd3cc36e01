//! Whether the leaves of a chunk, after those of all chunks before it, lead to the state root. Section 10.13.
//!
//! Of what came before, a tree keeps only the hashes to the left of the last leaf's path: the frontier. With them, the new leaves and
//! what the chunk says of everything to the right, the root can be put together. A chunk is held against it before anything else sees the chunk, so that
//! nothing unproved is written, and what builds the tree on disk meets only what is true. The frontier is small enough to be written with each
//! chunk, and is all that it takes to go on after a crash.

use borsh::BorshDeserialize;
use dotkey_proto::cbor::{CborError, Reader, Writer};
use jmt::proof::{INTERNAL_DOMAIN_SEPARATOR, LEAF_DOMAIN_SEPARATOR};

use super::chunk::Chunk;

/// Bits of a place, and the longest path.
const BITS: usize = 256;

/// The hash of a subtree in which nothing stands. Section 8.6.
const NOTHING: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// A sibling as jmt writes it, with the two parts that it is hashed from: so its kind cannot be lied about.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize)]
pub(super) enum Sibling {
    Nothing,
    Internal([u8; 64]),
    Leaf([u8; 64]),
}

impl Sibling {
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        match self.node() {
            Node::Nothing => None,
            Node::Leaf(hash) | Node::Many(hash) => Some(hash),
        }
    }

    fn node(&self) -> Node {
        match self {
            Self::Nothing => Node::Nothing,
            Self::Internal(parts) => Node::Many(hash(INTERNAL_DOMAIN_SEPARATOR, parts)),
            Self::Leaf(parts) => Node::Leaf(hash(LEAF_DOMAIN_SEPARATOR, parts)),
        }
    }
}

fn hash(domain: &[u8], parts: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain).update(parts);
    *hasher.finalize().as_bytes()
}

/// A subtree, by what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Nothing,
    /// One leaf, whose hash is that of each subtree that holds nothing else.
    Leaf([u8; 32]),
    Many([u8; 32]),
}

impl Node {
    fn over(left: Self, right: Self) -> Self {
        match (left, right) {
            (Self::Nothing, only @ (Self::Nothing | Self::Leaf(_)))
            | (only @ Self::Leaf(_), Self::Nothing) => only,
            _ => {
                let parts = [left.hash(), right.hash()].concat();
                Self::Many(hash(INTERNAL_DOMAIN_SEPARATOR, &parts))
            }
        }
    }

    fn hash(self) -> [u8; 32] {
        match self {
            Self::Nothing => NOTHING,
            Self::Leaf(hash) | Self::Many(hash) => hash,
        }
    }
}

/// A leaf: its place, and its hash in the tree.
type Leaf = ([u8; 32], [u8; 32]);

/// What is kept of the leaves so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frontier {
    last: Option<Leaf>,
    /// The place of the leaf before the last.
    before: Option<[u8; 32]>,
    /// Depths at which something stands left of the last leaf's path, and what: ascending.
    left: Vec<(usize, Node)>,
    /// Whether nothing stands to the right of the last leaf.
    whole: bool,
    /// Whether it was read from disk: then the next chunk has to begin with the last leaf once more, which the tree there lacks.
    resumed: bool,
}

/// Why a chunk is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Mismatch {
    #[error("its leaves do not ascend from where the last chunk ended")]
    Order,
    #[error("its proof does not read")]
    Proof,
    #[error("it does not lead to the state root of its header")]
    Root,
}

impl Frontier {
    /// Where the next chunk begins: behind the last leaf, or with it.
    pub(super) fn next(&self) -> [u8; 32] {
        let Some((mut place, _)) = self.last else {
            return [0; 32];
        };
        if !self.resumed {
            for byte in place.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }
        place
    }

    /// The place of the leaf before that.
    pub(super) fn before(&self) -> Option<[u8; 32]> {
        self.before
    }

    /// Whether the last chunk was the state's last.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The frontier after a chunk, if that and all before it belong to this root.
    pub(super) fn after(&self, chunk: &Chunk, root: [u8; 32]) -> Result<Self, Mismatch> {
        let mut leaves: Vec<Leaf> = Vec::with_capacity(chunk.leaves.len() + 1);
        leaves.extend(self.last.filter(|_| !self.resumed));
        for (place, value) in &chunk.leaves {
            if leaves.last().is_some_and(|(before, _)| before >= place) {
                return Err(Mismatch::Order);
            }
            leaves.push((*place, leaf_hash(place, value)));
        }
        let last = *leaves.last().ok_or(Mismatch::Order)?;
        if self.last.is_some() && self.last.as_ref() != leaves.first() {
            return Err(Mismatch::Order);
        }
        let right = Vec::<Sibling>::try_from_slice(&chunk.proof).map_err(|_| Mismatch::Proof)?;
        let whole = right.iter().all(|sibling| *sibling == Sibling::Nothing);
        if !whole && Some(last) == self.last {
            return Err(Mismatch::Order);
        }
        let mut sum = Sum {
            first: self.last.map(|(place, _)| place),
            last: last.0,
            known: &self.left,
            right: by_depth(&last.0, &right)?,
            left: Vec::new(),
        };
        let on_left = self.last.is_some();
        if sum.subtree(0, &leaves, on_left, true).hash() != root {
            return Err(Mismatch::Root);
        }
        sum.left.sort_unstable_by_key(|(depth, _)| *depth);
        let before = leaves.len().checked_sub(2).map(|at| leaves[at].0);
        Ok(Self {
            last: Some(last),
            before: before.or(self.before),
            left: sum.left,
            whole,
            resumed: false,
        })
    }

    /// As it is kept.
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(4);
        for place in [
            self.last.map(|(place, _)| place),
            self.last.map(|(_, hash)| hash),
            self.before,
        ] {
            w.bytes(place.as_ref().map_or(&[], |place| &place[..]));
        }
        w.array(self.left.len());
        for (depth, node) in &self.left {
            let is_leaf = matches!(node, Node::Leaf(_));
            w.array(3)
                .uint(*depth as u64)
                .uint(is_leaf.into())
                .bytes(&node.hash());
        }
    }

    /// Reads what was kept.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array("a frontier", 4, 4)?;
        let mut place = || -> Result<Option<[u8; 32]>, CborError> {
            Ok(r.bytes("a place", 0, 32)?.try_into().ok())
        };
        let (last, hash, before) = (place()?, place()?, place()?);
        let count = r.array("the left of a frontier", 0, BITS)?;
        let left = (0..count).map(|_| {
            r.array("a subtree", 3, 3)?;
            let depth = r.uint_in("a depth", 0, BITS as u64 - 1)? as usize;
            let is_leaf = r.uint_in("whether it is a leaf", 0, 1)? == 1;
            let hash = r.array_of("the hash of a subtree")?;
            Ok((
                depth,
                if is_leaf {
                    Node::Leaf(hash)
                } else {
                    Node::Many(hash)
                },
            ))
        });
        Ok(Self {
            left: left.collect::<Result<_, CborError>>()?,
            last: last.zip(hash),
            before,
            whole: false,
            resumed: true,
        })
    }
}

fn leaf_hash(place: &[u8; 32], value: &[u8]) -> [u8; 32] {
    let value = blake3::hash(value);
    let parts = [&place[..], value.as_bytes()].concat();
    hash(LEAF_DOMAIN_SEPARATOR, &parts)
}

fn bit(place: &[u8; 32], depth: usize) -> bool {
    place[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// The siblings to the right of a path come with the deepest first, one for each of its first bits that are zero.
fn by_depth(last: &[u8; 32], right: &[Sibling]) -> Result<Vec<(usize, Node)>, Mismatch> {
    let depths: Vec<usize> = (0..BITS).filter(|depth| !bit(last, *depth)).collect();
    if right.len() > depths.len() {
        return Err(Mismatch::Proof);
    }
    let nodes = right.iter().rev().map(Sibling::node);
    Ok(depths.into_iter().zip(nodes).collect())
}

fn at(nodes: &[(usize, Node)], depth: usize) -> Node {
    let found = nodes.binary_search_by_key(&depth, |(depth, _)| *depth);
    found.map_or(Node::Nothing, |index| nodes[index].1)
}

/// A root being put together.
struct Sum<'a> {
    /// The last leaf of before, the first of the leaves, left of which `known` stands.
    first: Option<[u8; 32]>,
    /// The last of the leaves, right of which `right` stands.
    last: [u8; 32],
    known: &'a [(usize, Node)],
    right: Vec<(usize, Node)>,
    /// What is found to stand left of the last leaf's path.
    left: Vec<(usize, Node)>,
}

impl Sum<'_> {
    /// The subtree at a depth that holds these leaves, and what is known beside them if the first or the last leaf's path goes through it.
    fn subtree(&mut self, depth: usize, leaves: &[Leaf], on_left: bool, on_right: bool) -> Node {
        if depth == BITS || (!on_left && !on_right && leaves.len() < 2) {
            return match leaves {
                [] => Node::Nothing,
                [(_, hash), ..] => Node::Leaf(*hash),
            };
        }
        let first_right = on_left && self.first.is_some_and(|first| bit(&first, depth));
        let last_left = on_right && !bit(&self.last, depth);
        let middle = leaves.partition_point(|(place, _)| !bit(place, depth));
        let (low, high) = leaves.split_at(middle);
        let left = match first_right {
            true => at(self.known, depth),
            false => self.subtree(depth + 1, low, on_left, last_left),
        };
        if on_right && !last_left && left != Node::Nothing {
            self.left.push((depth, left));
        }
        let right = match last_left {
            true => at(&self.right, depth),
            false => self.subtree(depth + 1, high, first_right, on_right),
        };
        Node::over(left, right)
    }
}
