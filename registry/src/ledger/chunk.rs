//! A piece of the state as it travels: leaves in the order of their places, and what shows that they belong to a header. Section 10.13.

use dotkey_proto::cbor::{CborError, Reader, Writer};

/// What a chunk gathers before it ends: a few round trips' worth.
pub const CHUNK_BYTES: usize = 256 << 10;

/// The longest chunk: one leaf over the edge, the largest of which is the list of validators, and a proof.
pub const CHUNK_BYTES_MAX: usize = CHUNK_BYTES + (768 << 10);

/// Leaves of a chunk: the smallest has 40 bytes.
const CHUNK_LEAVES_MAX: usize = CHUNK_BYTES / 40;

/// The longest proof: a sibling a bit of a place.
const PROOF_BYTES_MAX: usize = 256 * 65 + 16;

/// Leaves that follow each other, and what shows that none is left out before or between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Places and what stands there, ascending.
    pub leaves: Vec<([u8; 32], Vec<u8>)>,
    /// What stands to the right of the last leaf, as jmt 0.12 writes it.
    pub proof: Vec<u8>,
}

impl Chunk {
    /// Reads a chunk.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        if bytes.len() > CHUNK_BYTES_MAX {
            let (what, len, max) = ("a chunk of a snapshot", bytes.len(), CHUNK_BYTES_MAX);
            return Err(CborError::TooLarge { what, len, max });
        }
        let mut r = Reader::new(bytes)?;
        r.array("a chunk of a snapshot", 2, 2)?;
        let count = r.array("the leaves of a chunk", 1, CHUNK_LEAVES_MAX)?;
        let leaves = (0..count).map(|_| {
            r.array("a leaf", 2, 2)?;
            let place = r.array_of("the place of a leaf")?;
            Ok((
                place,
                r.bytes("what a leaf holds", 0, CHUNK_BYTES_MAX)?.to_vec(),
            ))
        });
        let leaves = leaves.collect::<Result<_, CborError>>()?;
        let proof = r
            .bytes("the proof of a chunk", 0, PROOF_BYTES_MAX)?
            .to_vec();
        Ok(Self { leaves, proof })
    }

    /// Whether it says that nothing stands behind it: its proof is a count, and that many empty siblings.
    #[must_use]
    pub fn says_it_is_the_last(&self) -> bool {
        self.proof.iter().skip(4).all(|kind| *kind == 0)
    }

    /// The chunk's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(2).array(self.leaves.len());
        for (place, value) in &self.leaves {
            w.array(2).bytes(place).bytes(value);
        }
        w.bytes(&self.proof);
        w.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn any_chunk() -> impl Strategy<Value = Chunk> {
        let leaf = (any::<[u8; 32]>(), vec(any::<u8>(), 0..80));
        (vec(leaf, 1..20), vec(any::<u8>(), 0..200))
            .prop_map(|(leaves, proof)| Chunk { leaves, proof })
    }

    proptest! {
        #[test]
        fn a_chunk_is_read_as_it_was_written(chunk in any_chunk()) {
            prop_assert_eq!(Chunk::decode(&chunk.encode()), Ok(chunk));
        }

        #[test]
        fn a_changed_chunk_is_another_or_none(chunk in any_chunk(), at: prop::sample::Index, by in 1u8..) {
            let mut bytes = chunk.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(read) = Chunk::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
                prop_assert_ne!(read, chunk);
            }
        }

        #[test]
        fn any_bytes_get_a_verdict(bytes in vec(any::<u8>(), 0..400)) {
            if let Ok(chunk) = Chunk::decode(&bytes) {
                prop_assert_eq!(chunk.encode(), bytes);
            }
        }
    }

    #[test]
    fn what_is_too_long_is_refused_before_it_is_read() {
        let refused = Chunk::decode(&vec![0x82; CHUNK_BYTES_MAX + 1]).expect_err("too long");
        assert_eq!(refused.code(), "too-large");
    }
}
