//! The path from a leaf of the state's tree to its root: section 8.6. The tree is that of `jmt` 0.12 with BLAKE3.

/// What stands for a subtree with nothing in it.
pub(super) const EMPTY: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// A leaf is as deep as it shares bits with another.
pub(super) const LEVELS_MAX: usize = 256;

/// The key of a leaf, and the digest of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) key: [u8; 32],
    pub(super) value: [u8; 32],
}

/// The digest of a leaf's value.
pub(super) fn value_digest(value: &[u8]) -> [u8; 32] {
    *blake3::hash(value).as_bytes()
}

/// The root over the place of `key`, where `leaf` stands or nothing; the siblings from the leaf's, `None` for empty ones.
///
/// # Panics
/// When there are more siblings than the key has bits.
pub(super) fn root(key: &[u8; 32], leaf: Option<Leaf>, siblings: &[Option<[u8; 32]>]) -> [u8; 32] {
    assert!(siblings.len() <= LEVELS_MAX, "a key has 256 bits");
    let bottom = leaf.map_or(EMPTY, |leaf| node(b"JMT::LeafNode", &leaf.key, &leaf.value));
    let upwards = (0..siblings.len()).rev();
    siblings
        .iter()
        .zip(upwards)
        .fold(bottom, |below, (sibling, depth)| {
            let sibling = sibling.as_ref().unwrap_or(&EMPTY);
            let (left, right) = match bit(key, depth) {
                false => (&below, sibling),
                true => (sibling, &below),
            };
            node(b"JMT::IntrnalNode", left, right) // Sic: the library chops a vowel.
        })
}

/// How many bits two keys have in common before they part.
pub(super) fn common_bits(left: &[u8; 32], right: &[u8; 32]) -> usize {
    (0..LEVELS_MAX)
        .find(|depth| bit(left, *depth) != bit(right, *depth))
        .unwrap_or(LEVELS_MAX)
}

/// The highest bit of the first byte is the one below the root.
fn bit(key: &[u8; 32], depth: usize) -> bool {
    key[depth / 8] >> (7 - depth % 8) & 1 == 1
}

fn node(domain: &[u8], left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain).update(left).update(right);
    *hasher.finalize().as_bytes()
}
