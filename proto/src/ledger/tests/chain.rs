//! A network whose validators' secrets are known, and a state on the tree that the ledger uses, so that headers can be
//! certified and proved as a real network does.

use std::collections::BTreeMap;
use std::vec::Vec;

use blst::min_sig::{AggregateSignature, SecretKey, Signature};
use jmt::mock::MockTreeStore;
use jmt::{JellyfishMerkleTree, KeyHash, SimpleHasher};
use serde_json::Value;

use super::super::*;
use crate::signature::SecretKey as Identity;
use crate::time::Timestamp;

pub(super) const BEGAN: u64 = 1_795_000_000;

/// Validators and their voting secrets, in ascending order of the identities.
pub(super) struct Committee {
    pub(super) candidates: Vec<Candidate>,
    pub(super) secrets: Vec<SecretKey>,
}

impl Committee {
    /// `count` validators whose keys come from `seed` and their number.
    pub(super) fn new(seed: u8, count: usize) -> Self {
        let mut members: Vec<_> = (0..count).map(|number| member(seed, number)).collect();
        members.sort_by_key(|(candidate, _)| candidate.validator.identity);
        let (candidates, secrets) = members.into_iter().unzip();
        Self {
            candidates,
            secrets,
        }
    }

    pub(super) fn set(&self) -> ValidatorSet {
        ValidatorSet::admit(&self.candidates).expect("sound")
    }

    /// A certificate by validators with these places.
    pub(super) fn certify(&self, header: &Header, signers: &[usize]) -> Certificate {
        let mut certificate = Certificate {
            view: 300,
            parent_view: 299,
            signers: std::vec![0; self.secrets.len().div_ceil(8)],
            signature: [0; 48],
        };
        for at in signers {
            certificate.signers[at / 8] |= 1 << (at % 8);
        }
        let message = certificate.signed_bytes(header);
        let tag = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
        let votes: Vec<Signature> = signers
            .iter()
            .map(|at| self.secrets[*at].sign(&message, tag, &[]))
            .collect();
        let votes: Vec<_> = votes.iter().collect();
        let sum = AggregateSignature::aggregate(&votes, false).expect("someone signs");
        certificate.signature = sum.to_signature().compress();
        certificate
    }

    pub(super) fn terms(&self) -> Terms {
        Terms {
            name: "test".into(),
            began: Timestamp::from_secs(BEGAN).expect("in range"),
            validators: self.candidates.clone(),
            parameters: Parameters::default(),
            reserved: Vec::from(["bank".into(), "mail".into()]),
        }
    }
}

pub(super) fn secret(seed: u8, number: usize) -> SecretKey {
    let mut material = [seed; 32];
    material[..2].copy_from_slice(&(number as u16).to_be_bytes());
    SecretKey::key_gen(&material, &[]).expect("32 bytes")
}

/// Shows that the secret is known, for `identity`.
pub(super) fn possession(secret: &SecretKey, identity: &[u8; 32]) -> [u8; 48] {
    let mut message = Vec::from([62]);
    message.extend_from_slice(&possession_namespace(identity));
    message.extend_from_slice(&secret.sk_to_pk().compress());
    let tag = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
    secret.sign(&message, tag, &[]).compress()
}

fn member(seed: u8, number: usize) -> (Candidate, SecretKey) {
    let secret = secret(seed, number);
    let mut material = [seed; 32];
    material[30..].copy_from_slice(&(number as u16).to_be_bytes());
    let identity = Identity::from_seed(&material).public();
    let candidate = Candidate {
        validator: Validator {
            identity,
            key: VotingKey::from_bytes(&secret.sk_to_pk().compress()).expect("a key"),
        },
        possession: possession(&secret, identity.as_bytes()),
        address: "127.0.0.1:4381".into(),
    };
    (candidate, secret)
}

/// BLAKE3 under the name that the tree asks for.
#[derive(Default)]
pub(super) struct Blake3(blake3::Hasher);

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

/// What the library says of a state.
pub(super) struct State {
    store: MockTreeStore,
    pub(super) root: [u8; 32],
}

impl State {
    pub(super) fn of(values: &BTreeMap<[u8; 32], Vec<u8>>) -> Self {
        let store = MockTreeStore::default();
        let tree = JellyfishMerkleTree::<_, Blake3>::new(&store);
        let values = values
            .iter()
            .map(|(key, value)| (KeyHash(*key), Some(value.clone())));
        let (root, update) = tree.put_value_set(values, 0).expect("an update");
        store.write_tree_update_batch(update).expect("written");
        Self {
            root: root.0,
            store,
        }
    }

    /// The siblings and what was found, as a proof carries them. The library keeps both to itself, but writes them out.
    pub(super) fn path(&self, key: [u8; 32]) -> (Vec<Option<[u8; 32]>>, Finding) {
        let tree = JellyfishMerkleTree::<_, Blake3>::new(&self.store);
        let (value, proof) = tree.get_with_proof(KeyHash(key), 0).expect("a proof");
        let proof = serde_json::to_value(&proof).expect("it can be written");
        let siblings = proof["siblings"].as_array().expect("an array");
        let finding = match (value, &proof["leaf"]) {
            (Some(value), _) => Finding::Held(value),
            (None, Value::Null) => Finding::Empty,
            (None, leaf) => Finding::OtherLeaf {
                key: array(&leaf["key_hash"]),
                value: array(&leaf["value_hash"]),
            },
        };
        (siblings.iter().map(sibling).collect(), finding)
    }
}

fn sibling(node: &Value) -> Option<[u8; 32]> {
    let (domain, left, right) = if let Some(node) = node.get("Internal") {
        (
            "JMT::IntrnalNode",
            &node["left_child"],
            &node["right_child"],
        )
    } else {
        let node = node.get("Leaf")?;
        ("JMT::LeafNode", &node["key_hash"], &node["value_hash"])
    };
    let mut hasher = Blake3::new();
    hasher.update(domain.as_bytes());
    hasher.update(&array(left));
    hasher.update(&array(right));
    Some(hasher.finalize())
}

fn array(value: &Value) -> [u8; 32] {
    serde_json::from_value(value.clone()).expect("32 bytes")
}

/// A header of epoch 0, a thousand seconds after the begin.
pub(super) fn header(network: [u8; 32], validators: &ValidatorSet, state_root: [u8; 32]) -> Header {
    Header {
        network,
        height: 200,
        time: Timestamp::from_secs(BEGAN + 1000).expect("in range"),
        parent: [2; 32],
        state_root,
        transactions: [4; 32],
        epoch: 0,
        validators: validators.digest(),
        next_validators: None,
    }
}
