//! The state tree: a Jellyfish Merkle tree, which proves a key's value or its absence in as many hashes as the logarithm of
//! the entries, and keeps old versions readable until they are pruned.

use jmt::{JellyfishMerkleTree, SimpleHasher};

/// What the tree hashes is this short, but for values: a domain and two hashes.
const SHORT_BYTES_MAX: usize = 96;

/// BLAKE3 under the name that the tree asks for. What is short is gathered and hashed in one piece: a hasher that takes pieces is 2 KB, and clearing it
/// costs as much as the hash.
#[derive(Clone, Debug)]
pub struct Blake3 {
    short: [u8; SHORT_BYTES_MAX],
    len: usize,
    long: Option<Box<blake3::Hasher>>,
}

impl Default for Blake3 {
    fn default() -> Self {
        Self {
            short: [0; SHORT_BYTES_MAX],
            len: 0,
            long: None,
        }
    }
}

impl SimpleHasher for Blake3 {
    fn new() -> Self {
        Self::default()
    }

    fn update(&mut self, data: &[u8]) {
        if let Some(long) = &mut self.long {
            long.update(data);
        } else if let Some(room) = self.short[self.len..].get_mut(..data.len()) {
            room.copy_from_slice(data);
            self.len += data.len();
        } else {
            let mut long = Box::<blake3::Hasher>::default();
            long.update(&self.short[..self.len]).update(data);
            self.long = Some(long);
        }
    }

    fn finalize(self) -> [u8; 32] {
        match self.long {
            None => blake3::hash(&self.short[..self.len]).into(),
            Some(long) => long.finalize().into(),
        }
    }
}

/// The tree over the nodes that `R` reads.
pub type StateTree<'a, R> = JellyfishMerkleTree<'a, R, Blake3>;

#[cfg(test)]
mod tests {
    use super::*;
    use jmt::KeyHash;
    use jmt::mock::MockTreeStore;

    #[test]
    fn pieces_of_any_length_give_the_hash_of_the_whole() {
        let bytes: Vec<u8> = (0..=255).cycle().take(400).collect();
        for len in [0, 1, 95, 96, 97, 400] {
            for piece in [1, 32, 95, 96, 97, 400] {
                let mut hasher = Blake3::new();
                let pieces = bytes[..len].chunks(piece);
                pieces.for_each(|piece| hasher.update(piece));
                let whole: [u8; 32] = blake3::hash(&bytes[..len]).into();
                assert_eq!(hasher.finalize(), whole, "{len} bytes by {piece}");
            }
        }
    }

    #[test]
    fn presence_and_absence_are_proved_per_version() {
        let store = MockTreeStore::default();
        let tree = StateTree::new(&store);
        let key = |name: &str| KeyHash::with::<Blake3>(name);
        let mut roots = Vec::new();
        for (version, name) in ["alice", "bob", "carol"].into_iter().enumerate() {
            let entry = (key(name), Some(name.as_bytes().to_vec()));
            let (root, update) = tree
                .put_value_set([entry], version as u64)
                .expect("an update");
            store.write_tree_update_batch(update).expect("written");
            roots.push(root);
        }

        let (value, proof) = tree.get_with_proof(key("bob"), 1).expect("a proof");
        assert_eq!(value.as_deref(), Some(&b"bob"[..]));
        proof
            .verify_existence(roots[1], key("bob"), b"bob")
            .expect("bob is there");
        proof
            .verify_existence(roots[0], key("bob"), b"bob")
            .expect_err("not at version 0");
        proof
            .verify_existence(roots[1], key("bob"), b"eve")
            .expect_err("not with this value");

        let (value, proof) = tree.get_with_proof(key("carol"), 1).expect("a proof");
        assert_eq!(value, None);
        proof
            .verify_nonexistence(roots[1], key("carol"))
            .expect("not yet there");
        proof
            .verify_nonexistence(roots[2], key("carol"))
            .expect_err("there by then");
    }
}
