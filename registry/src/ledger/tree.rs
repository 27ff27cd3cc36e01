//! The state tree: a Jellyfish Merkle tree, which proves a key's value or its absence in as many hashes as the logarithm of
//! the entries, and keeps old versions readable until they are pruned.

use jmt::{JellyfishMerkleTree, SimpleHasher};

/// BLAKE3 under the name that the tree asks for.
#[derive(Clone, Debug, Default)]
pub struct Blake3(blake3::Hasher);

impl SimpleHasher for Blake3 {
    fn new() -> Self {
        Self::default()
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
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
