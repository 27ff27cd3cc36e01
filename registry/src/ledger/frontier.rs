//! Whether the leaves of a chunk, after those of all chunks before it, lead to the state root. Section 10.13.
//!
//! Of what came before, only what stands to the left of the last leaf's path is kept: the frontier. With it, the new leaves and
//! what the chunk says of everything to the right, the root can be put together, from the bottom up and each hash once; the nodes that are
//! whole by then come out beside it ([`growth`](super::growth)). Nothing that was not proved is handed on. The frontier is small enough to be written
//! with each chunk, and is all that it takes to go on after a crash.

use borsh::BorshDeserialize;
use dotkey_proto::cbor::{CborError, Reader, Writer};
use dotkey_proto::limits::COUNT_MAX;

use super::chunk::Chunk;
use super::growth::{
    BITS, Child, DEPTH_MAX, Growth, Leaf, Level, Node, WIDTH, WrittenNode, bit, hash_inner,
    hash_leaf,
};

/// A sibling as jmt writes it, with the two parts that it is hashed from: so its kind cannot be lied about.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize)]
pub(super) enum Sibling {
    Nothing,
    Internal([u8; 64]),
    Leaf([u8; 64]),
}

impl Sibling {
    pub(super) fn node(&self) -> Node {
        match self {
            Self::Nothing => Node::Nothing,
            Self::Internal(parts) => Node::Many(hash_inner(parts)),
            Self::Leaf(parts) => Node::Leaf(hash_leaf(parts)),
        }
    }
}

/// What is kept of the leaves so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Frontier {
    last: Option<Leaf>,
    /// What stands left of the last leaf's path, from the root on: of the nodes that more leaves may come into, the children that are whole.
    levels: Vec<Level>,
    /// Whether nothing stands to the right of the last leaf.
    whole: bool,
}

/// What a chunk makes of a frontier.
#[derive(Debug)]
pub(super) struct Grown {
    pub(super) frontier: Frontier,
    /// The nodes that are whole with it and were not before.
    pub(super) nodes: Vec<WrittenNode>,
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
    /// Where the next chunk begins: behind the last leaf.
    pub(super) fn next(&self) -> [u8; 32] {
        let Some(Leaf { mut place, .. }) = self.last else {
            return [0; 32];
        };
        for byte in place.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        place
    }

    /// Whether the last chunk was the state's last.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The frontier after a chunk, if that and all before it belong to this root; and nodes of this version.
    pub(super) fn after(
        &self,
        chunk: &Chunk,
        (root, version): ([u8; 32], u64),
    ) -> Result<Grown, Mismatch> {
        let mut leaves: Vec<Leaf> = Vec::with_capacity(chunk.leaves.len() + 1);
        leaves.extend(self.last);
        for (place, value) in &chunk.leaves {
            if leaves.last().is_some_and(|before| before.place >= *place) {
                return Err(Mismatch::Order);
            }
            leaves.push(Leaf::new(*place, value));
        }
        let last = *leaves.last().ok_or(Mismatch::Order)?;
        if Some(last) == self.last {
            return Err(Mismatch::Order);
        }
        let right = Vec::<Sibling>::try_from_slice(&chunk.proof).map_err(|_| Mismatch::Proof)?;
        let whole = right.iter().all(|sibling| *sibling == Sibling::Nothing);
        let right = by_depth(&last.place, &right)?;
        let growth = Growth::new((&self.levels, right), last.place, whole, version);
        let (found, levels, nodes) = growth.grow(&leaves);
        if found != root {
            return Err(Mismatch::Root);
        }
        let frontier = Self {
            last: Some(last),
            levels,
            whole,
        };
        Ok(Grown { frontier, nodes })
    }

    /// As it is kept: one that is whole never is, for then the state is.
    pub(super) fn write(&self, w: &mut Writer) {
        w.array(3);
        for part in [
            self.last.map(|leaf| leaf.place),
            self.last.map(|leaf| leaf.value),
        ] {
            w.bytes(part.as_ref().map_or(&[], |part| &part[..]));
        }
        w.array(self.levels.len());
        for level in &self.levels {
            let there = level.iter().filter(|child| child.leaves > 0);
            w.array(there.count());
            for (nibble, child) in (0..).zip(level) {
                if child.leaves > 0 {
                    let hash = child.node.hash();
                    w.array(3).uint(nibble).uint(child.leaves).bytes(&hash);
                }
            }
        }
    }

    /// Reads what was kept.
    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array("a frontier", 3, 3)?;
        let mut part = || -> Result<Option<[u8; 32]>, CborError> {
            Ok(r.bytes("a part of a leaf", 0, 32)?.try_into().ok())
        };
        let last = part()?.zip(part()?);
        let count = r.array("the levels of a frontier", 0, DEPTH_MAX)?;
        let levels = (0..count).map(|_| {
            let mut level = Level::default();
            for _ in 0..r.array("a level of a frontier", 0, WIDTH)? {
                r.array("a subtree", 3, 3)?;
                let nibble = r.uint_in("the half byte of a subtree", 0, WIDTH as u64 - 1)?;
                let leaves = r.uint_in("the leaves of a subtree", 1, COUNT_MAX)?;
                let hash = r.array_of("the hash of a subtree")?;
                level[nibble as usize] = Child::new(leaves, hash);
            }
            Ok(level)
        });
        Ok(Self {
            levels: levels.collect::<Result<_, CborError>>()?,
            last: last.map(|(place, value)| Leaf::of_digest(place, value)),
            whole: false,
        })
    }
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
