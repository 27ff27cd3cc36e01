//! Validators whose secrets come from seeds, what they certify, and the tree that their headers speak of: sections 8.5 to 8.8.

use blst::min_sig::{AggregateSignature, SecretKey};

use super::encode::{Fields, array, bytes, hash, text, uint};
use super::sign::Signer;

/// Votes, and proofs that a key's secret is known: the two tags of draft-irtf-cfrg-bls-signature-05's third scheme.
const VOTE: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const POSSESSION: &[u8] = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";

/// One that votes: the seed of its keys.
#[derive(Clone, Copy)]
pub(crate) struct Validator(u8);

/// Validators in ascending order of their identities.
#[derive(Clone)]
pub(crate) struct Committee(Vec<Validator>);

impl Validator {
    fn secret(self) -> SecretKey {
        SecretKey::key_gen(&[self.0; 32], &[]).expect("32 bytes are enough")
    }

    pub(crate) fn identity(self) -> Vec<u8> {
        Signer::Ed(self.0).public()
    }

    pub(crate) fn key(self) -> [u8; 96] {
        self.secret().sk_to_pk().compress()
    }

    /// Shows that the secret of its key is known to this identity.
    pub(crate) fn possession_for(self, identity: &[u8]) -> [u8; 48] {
        let namespace = [&b"dotkey validator possession v1"[..], identity].concat();
        let message = [&[62], &namespace[..], &self.key()].concat();
        self.secret().sign(&message, POSSESSION, &[]).compress()
    }

    /// As a genesis has it.
    pub(crate) fn candidate(self) -> Vec<u8> {
        let identity = self.identity();
        let possession = self.possession_for(&identity);
        array([
            bytes(&identity),
            bytes(self.key()),
            bytes(possession),
            text("192.0.2.1:4381"),
        ])
    }

    /// As a set has it.
    pub(crate) fn pair(self) -> Vec<u8> {
        array([bytes(self.identity()), bytes(self.key())])
    }
}

impl Committee {
    pub(crate) fn new(seeds: impl IntoIterator<Item = u8>) -> Self {
        let mut all: Vec<_> = seeds.into_iter().map(Validator).collect();
        all.sort_by_key(|one| one.identity());
        Self(all)
    }

    pub(crate) fn validators(&self) -> &[Validator] {
        &self.0
    }

    pub(crate) fn set(&self) -> Vec<u8> {
        array(self.0.iter().map(|one| one.pair()))
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        hash("dotkey validators v1", &self.set())
    }

    /// A certificate of a header by the validators with these places.
    pub(crate) fn certify(&self, header: &Fields, signers: &[usize]) -> Fields {
        let (view, parent_view) = (300, 299);
        let mut bits = vec![0; self.0.len().div_ceil(8)];
        for at in signers {
            bits[at / 8] |= 1 << (at % 8);
        }
        let network = &header.get(2)[2..];
        let namespace = [&b"dotkey consensus v1"[..], network, b"_FINALIZE"].concat();
        let mut message = vec![60];
        message.extend(namespace);
        for number in [header.number(8), view, parent_view] {
            message.extend(varint(number));
        }
        message.extend(hash("dotkey header v1", &header.encode()));
        let votes: Vec<_> = signers
            .iter()
            .map(|at| self.0[*at].secret().sign(&message, VOTE, &[]))
            .collect();
        let sum = AggregateSignature::aggregate(&votes.iter().collect::<Vec<_>>(), false)
            .expect("someone signs");
        let sum = sum.to_signature().compress();
        Fields::new([
            (1, uint(view)),
            (2, uint(parent_view)),
            (3, bytes(bits)),
            (4, bytes(sum)),
        ])
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// What stands for a subtree with nothing in it.
pub(crate) const EMPTY: [u8; 32] = *b"SPARSE_MERKLE_PLACEHOLDER_HASH__";

/// A leaf's key and value.
pub(crate) type Leaf = ([u8; 32], Vec<u8>);

fn node(domain: &str, left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    *blake3::hash(&[domain.as_bytes(), &left, &right].concat()).as_bytes()
}

fn bit(key: &[u8; 32], depth: usize) -> bool {
    key[depth / 8] >> (7 - depth % 8) & 1 == 1
}

/// The root of the subtree that these leaves, which agree in `depth` bits, make.
pub(crate) fn root(leaves: &[Leaf], depth: usize) -> [u8; 32] {
    match leaves {
        [] => EMPTY,
        [(key, value)] => node("JMT::LeafNode", *key, *blake3::hash(value).as_bytes()),
        _ => {
            let (right, left): (Vec<_>, Vec<_>) =
                leaves.iter().cloned().partition(|(key, _)| bit(key, depth));
            node(
                "JMT::IntrnalNode",
                root(&left, depth + 1),
                root(&right, depth + 1),
            )
        }
    }
}

/// The siblings of a key's place, the lowest first, and the leaf that stands there.
pub(crate) fn path(leaves: &[Leaf], key: &[u8; 32]) -> (Vec<[u8; 32]>, Option<Leaf>) {
    let (mut siblings, mut inside) = (Vec::new(), leaves.to_vec());
    while inside.len() > 1 {
        let depth = siblings.len();
        let (same, other): (Vec<_>, Vec<_>) = inside
            .into_iter()
            .partition(|(one, _)| bit(one, depth) == bit(key, depth));
        siblings.push(root(&other, depth + 1));
        inside = same;
    }
    siblings.reverse();
    (siblings, inside.pop())
}
