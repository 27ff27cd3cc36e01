//! A node of the tree as it lies on disk, which is as jmt 0.12 writes it in borsh: sixteen children, with their hashes, or one leaf.

use borsh::{BorshDeserialize, BorshSerialize};

use super::growth::{Node, WIDTH};
use super::state::StateError;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, taken apart where it was read"
)]
pub(super) enum Stored {
    /// The root of a tree in which nothing stands.
    Nothing,
    Inner(Inner),
    Leaf {
        place: [u8; 32],
        /// The digest of what it holds.
        value: [u8; 32],
    },
}

/// What at least two leaves stand below.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub(super) struct Inner {
    pub(super) children: [Option<Child>; WIDTH],
    count: u64,
    leaves: u64,
}

/// A child, by the half byte that leads to it.
#[derive(Clone, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub(super) struct Child {
    pub(super) hash: [u8; 32],
    /// That of its key.
    pub(super) version: u64,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshDeserialize, BorshSerialize)]
pub(super) enum Kind {
    Leaf,
    Inner { leaves: u64 },
}

impl Stored {
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        Self::try_from_slice(bytes)
            .map_err(|error| StateError::Unreadable(format!("a node of the tree is none: {error}")))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // As much as it takes: by itself the library asks for a kilobyte, which a leaf of 65 bytes would keep.
        let mut bytes = Vec::with_capacity(self.len());
        self.serialize(&mut bytes)
            .expect("memory takes what is written to it");
        bytes
    }

    /// Bytes of its encoding.
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 1,
            Self::Leaf { .. } => 1 + 32 + 32,
            Self::Inner(inner) => {
                let there = inner.children.iter().flatten();
                let child = |child: &Child| match child.kind {
                    Kind::Leaf => 32 + 8 + 1,
                    Kind::Inner { .. } => 32 + 8 + 1 + 8,
                };
                1 + WIDTH + 8 + 8 + there.map(child).sum::<usize>()
            }
        }
    }
}

impl Inner {
    pub(super) fn new(children: [Option<Child>; WIDTH]) -> Self {
        let there = children.iter().flatten();
        let (count, leaves) = (there.clone().count() as u64, there.map(Child::leaves).sum());
        Self {
            children,
            count,
            leaves,
        }
    }

    pub(super) fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The subtree of so many children, a power of two, from one of them on.
    pub(super) fn fold(&self, first: usize, width: usize) -> Node {
        if width > 1 {
            let half = width / 2;
            return Node::over(self.fold(first, half), self.fold(first + half, half));
        }
        self.children[first]
            .as_ref()
            .map_or(Node::Nothing, Child::node)
    }
}

impl Child {
    fn node(&self) -> Node {
        match self.kind {
            Kind::Leaf => Node::Leaf(self.hash),
            Kind::Inner { .. } => Node::Many(self.hash),
        }
    }

    fn leaves(&self) -> u64 {
        match self.kind {
            Kind::Leaf => 1,
            Kind::Inner { leaves } => leaves,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_child() -> impl Strategy<Value = Child> {
        let kind = prop_oneof![
            Just(Kind::Leaf),
            (2..1_000_u64).prop_map(|leaves| Kind::Inner { leaves })
        ];
        (any::<[u8; 32]>(), any::<u64>(), kind).prop_map(|(hash, version, kind)| Child {
            hash,
            version,
            kind,
        })
    }

    proptest! {
        #[test]
        fn a_node_takes_the_room_that_it_asks_for(children in prop::array::uniform16(prop::option::of(any_child()))) {
            for node in [
                Stored::Nothing,
                Stored::Leaf { place: [1; 32], value: [2; 32] },
                Stored::Inner(Inner::new(children)),
            ] {
                let bytes = node.encode();
                prop_assert_eq!(node.len(), bytes.len());
                prop_assert_eq!(Stored::decode(&bytes), Ok(node));
            }
        }
    }
}
