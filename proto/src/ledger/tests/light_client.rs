//! Proofs and bundles, against the tree's own library.

use std::collections::BTreeMap;
use std::format;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::chain::{BEGAN, Committee, State, header};
use super::validators::handover;
use crate::identity::{KeyId, Policy, PublicKey};
use crate::limits::{HEADER_AHEAD_SECS_MAX, PROOF_BYTES_MAX};
use crate::record::Claims;
use crate::signature::SecretKey;
use crate::time::Timestamp;

const NOW: u64 = BEGAN + 1030;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

fn fresh() -> Freshness {
    Freshness {
        now: time(NOW),
        age_secs_max: 60,
    }
}

fn name(label: &str) -> Subject {
    Subject::Name(label.into())
}

fn holder() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn holder_key() -> PublicKey {
    PublicKey::Ed25519(holder().public())
}

fn entry() -> Entry {
    Entry {
        key_id: Policy::bare_key_id(holder_key()),
        claimed: time(BEGAN + 10),
        lease_ends: time(BEGAN + 31_536_010),
        pin: Some(Pin {
            number: 0,
            digest: crate::identity::policy_digest(
                &Policy::bare(holder_key()).encode().expect("sound"),
            ),
            least_sequence: Some(3),
        }),
    }
}

fn account() -> Account {
    Account {
        nonce: 9,
        pin: entry().pin,
        ..Account::default()
    }
}

/// A network that holds `site0` to `siteN`, and one identity's account.
struct World {
    committee: Committee,
    genesis: Genesis,
    state: State,
    header: Header,
}

impl World {
    fn new(names: usize, validators: usize) -> Self {
        let committee = Committee::new(1, validators);
        let genesis = Genesis::new(&committee.terms()).expect("sound");
        let sites =
            (0..names).map(|number| (name_leaf(&format!("site{number}")), entry().encode()));
        let account = (
            identity_leaf(&KeyId::from_bytes([5; 32])),
            account().encode(),
        );
        let values: BTreeMap<_, _> = sites.chain([account]).collect();
        let state = State::of(&values);
        let header = header(genesis.network(), genesis.validator_set(), state.root);
        Self {
            committee,
            genesis,
            state,
            header,
        }
    }

    fn prove(&self, subject: Subject) -> Proof {
        let (siblings, finding) = self.state.path(subject.leaf());
        let needed = quorum(self.committee.secrets.len());
        let signers: Vec<_> = (0..needed).collect();
        Proof {
            subject,
            header: self.header.clone(),
            certificate: self.committee.certify(&self.header, &signers),
            siblings,
            finding,
        }
    }

    fn refusal(&self, proof: &Proof) -> Option<&'static str> {
        let verified = proof.verify(&proof.subject, &self.genesis.trusted(), fresh());
        verified.err().map(|error| error.code())
    }
}

#[test]
fn what_is_held_and_what_is_not_is_proved() {
    for names in [0, 1, 2, 50] {
        let world = World::new(names, 4);
        for number in 0..names + 20 {
            let subject = name(&format!("site{number}"));
            let proof = world.prove(subject.clone());
            let bytes = proof.encode();
            assert_eq!(Proof::decode(&bytes).as_ref(), Ok(&proof));
            let verified = proof.verify(&subject, &world.genesis.trusted(), fresh());
            let verified = verified.unwrap_or_else(|error| panic!("{subject} of {names}: {error}"));
            assert_eq!(verified.entry(), (number < names).then(entry).as_ref());
            assert_eq!(
                (verified.signers(), verified.time()),
                ((3, 4), world.header.time)
            );
        }
        let known = Subject::Identity(KeyId::from_bytes([5; 32]));
        let proof = world.prove(known.clone());
        let verified = proof
            .verify(&known, &world.genesis.trusted(), fresh())
            .expect("it is there");
        assert_eq!(verified.entry(), None);
        assert_eq!(verified.account(), Some(&account()));
        assert_eq!(
            verified.anchor().map(|anchor| anchor.least_sequence),
            Some(Some(3))
        );
    }
}

#[test]
fn each_broken_part_is_refused_with_its_reason() {
    let world = World::new(40, 4);
    let held = world.prove(name("site7"));
    let absent = world.prove(name("nobody"));
    let check = |proof: &Proof, code: &'static str, change: &dyn Fn(&mut Proof)| {
        assert_eq!(world.refusal(proof), None);
        let mut proof = proof.clone();
        change(&mut proof);
        assert_eq!(world.refusal(&proof), Some(code));
    };
    check(&held, "path", &|proof| proof.siblings[0] = Some([1; 32]));
    check(&held, "path", &|proof| proof.siblings.truncate(1));
    check(&held, "path", &|proof| proof.siblings.push(None));
    check(&held, "path", &|proof| proof.finding = Finding::Empty);
    check(&held, "path", &|proof| proof.subject = name("site8"));
    check(&held, "path", &|proof| {
        let mut richer = entry();
        richer.key_id = KeyId::from_bytes([6; 32]);
        proof.finding = Finding::Held(richer.encode());
    });
    check(&held, "other-leaf", &|proof| {
        let leaf = name_leaf("site7");
        proof.finding = Finding::OtherLeaf {
            key: leaf,
            value: [1; 32],
        };
    });
    check(&absent, "path", &|proof| {
        proof.finding = Finding::Held(entry().encode())
    });
    check(&held, "certificate", &|proof| proof.header.height += 1);
    check(&held, "certificate", &|proof| proof.header.epoch += 1);
    check(&held, "path", &|proof| proof.header.state_root[0] ^= 1);
    check(&held, "network", &|proof| proof.header.network[0] ^= 1);
    check(&held, "other-validators", &|proof| {
        proof.header.validators[0] ^= 1
    });
    check(&held, "stale", &|proof| proof.header.time = time(NOW - 61));
    check(&held, "ahead", &|proof| {
        proof.header.time = time(NOW + HEADER_AHEAD_SECS_MAX + 1)
    });
    check(&held, "backwards", &|proof| {
        proof.header.time = time(BEGAN - 1)
    });
    check(&held, "signers", &|proof| {
        proof.certificate.signers[0] |= 0b1_0000
    });
    check(&held, "quorum", &|proof| {
        proof.certificate.signers[0] = 0b11
    });
    check(&held, "certificate", &|proof| {
        proof.certificate.signers[0] = 0b1110
    });
    let other = held.verify(&name("site8"), &world.genesis.trusted(), fresh());
    assert_eq!(other.map_err(|error| error.code()), Err("other-subject"));
}

/// A neighbour's leaf shows absence only where it stands on the way to the place in question.
#[test]
fn a_leaf_from_elsewhere_shows_no_absence() {
    let world = World::new(40, 1);
    let absent = (0..)
        .map(|number| world.prove(name(&format!("absent{number}"))))
        .find(|proof| matches!(proof.finding, Finding::OtherLeaf { .. }))
        .expect("most are");
    let held = world.prove(name("site7"));
    let Finding::OtherLeaf { key, value } = absent.finding else {
        unreachable!("it was looked for");
    };
    let forged = Proof {
        siblings: held.siblings.clone(),
        finding: Finding::OtherLeaf { key, value },
        ..held
    };
    assert!(matches!(
        world.refusal(&forged),
        Some("other-leaf" | "path")
    ));
}

#[test]
fn an_empty_sibling_has_one_form() {
    let world = World::new(2, 1);
    let mut proof = world.prove(name("site0"));
    proof
        .siblings
        .push(Some(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__"));
    assert_eq!(
        Proof::decode(&proof.encode()),
        Err(LedgerError::EmptySibling)
    );
}

#[test]
fn the_largest_proof_fits() {
    let world = World::new(1, 1);
    let mut proof = world.prove(name(&"a".repeat(48)));
    proof.header.next_validators = Some([1; 32]);
    proof.certificate = Certificate {
        view: 9_007_199_254_740_991,
        parent_view: 9_007_199_254_740_991,
        signers: [0xff; 32].into(),
        signature: [1; 48],
    };
    proof.siblings = std::vec![None; 256];
    proof.siblings[..64].fill(Some([1; 32]));
    proof.finding = Finding::Held(entry().encode());
    let bytes = proof.encode();
    assert!(bytes.len() <= PROOF_BYTES_MAX, "{} bytes", bytes.len());
    assert_eq!(Proof::decode(&bytes), Ok(proof));
}

fn record(sequence: u64, secret: &SecretKey) -> Vec<u8> {
    let key = PublicKey::Ed25519(secret.public());
    let claims = Claims {
        key_id: Policy::bare_key_id(key),
        sequence,
        not_before: time(NOW - 600),
        expires: time(NOW + 600),
        branch: None,
        chain: Vec::from([Policy::bare(key).encode().expect("sound")]),
        body: Vec::from([0xa0]),
    };
    let mut draft = claims.draft().expect("sound");
    draft.sign(secret);
    draft.encode()
}

#[test]
fn a_bundle_is_checked_from_the_genesis_to_the_record() {
    let mut world = World::new(20, 4);
    let (second, third) = (Committee::new(2, 5), Committee::new(3, 7));
    let network = world.genesis.network();
    let handovers = Vec::from([
        handover(network, 0, &world.committee, &second),
        handover(network, 1, &second, &third),
    ]);
    world.header.epoch = 2;
    world.header.validators = third.set().digest();
    world.committee = third;
    let bundle = |label: &str, record| Bundle {
        handovers: handovers.clone(),
        proof: world.prove(name(label)),
        record,
    };
    let check = |bundle: &Bundle, expected: Result<Option<u64>, &str>| {
        assert_eq!(Bundle::decode(&bundle.encode()).as_ref(), Ok(bundle));
        let verified = bundle.verify(&bundle.proof.subject, &world.genesis, fresh());
        let found = verified.map(|shown| {
            assert_eq!(shown.walked.len(), 3);
            shown.record.map(|record| record.sequence())
        });
        assert_eq!(found.map_err(|error| error.code()), expected);
    };
    check(&bundle("site3", Some(record(3, &holder()))), Ok(Some(3)));
    check(&bundle("site3", None), Ok(None));
    check(&bundle("nobody", None), Ok(None));
    check(
        &bundle("nobody", Some(record(3, &holder()))),
        Err("nobody-holds"),
    );
    check(
        &bundle("site3", Some(record(2, &holder()))),
        Err("rolled-back"),
    );
    let thief = SecretKey::from_seed(&[8; 32]);
    check(&bundle("site3", Some(record(3, &thief))), Err("key-id"));
    let mut gap = bundle("site3", None);
    gap.handovers.remove(0);
    check(&gap, Err("other-validators"));
    let mut unwalked = bundle("site3", None);
    unwalked.handovers.clear();
    let refused = unwalked.verify(&name("site3"), &world.genesis, fresh());
    assert_eq!(
        refused.map(drop).map_err(|error| error.code()),
        Err("other-validators")
    );
}

/// The root of the subtree of leaves that agree in `depth` bits, as section 8.6 says it.
fn plain_root(leaves: &[(&[u8; 32], &Vec<u8>)], depth: usize) -> [u8; 32] {
    let hash = |parts: &[&[u8]]| *blake3::hash(&parts.concat()).as_bytes();
    match leaves {
        [] => path::EMPTY,
        [(key, value)] => hash(&[b"JMT::LeafNode", &key[..], &hash(&[value])]),
        _ => {
            let is_right =
                |leaf: &&(&[u8; 32], &Vec<u8>)| leaf.0[depth / 8] << (depth % 8) & 0x80 != 0;
            let left: Vec<_> = leaves
                .iter()
                .filter(|leaf| !is_right(leaf))
                .copied()
                .collect();
            let right: Vec<_> = leaves.iter().filter(is_right).copied().collect();
            let [left, right] = [left, right].map(|half| plain_root(&half, depth + 1));
            hash(&[b"JMT::IntrnalNode", &left, &right])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever keys there are, close together or not, our path and the library's lead to the same root.
    #[test]
    fn paths_are_those_of_the_tree(
        keys in proptest::collection::btree_map((0_u8..4, 0_u8..8, any::<u8>()), any::<Vec<u8>>(), 0..40),
        asked in (0_u8..4, 0_u8..8, any::<u8>()),
    ) {
        // Keys that share many bits and part at different depths.
        let spread = |(first, middle, last): (u8, u8, u8)| {
            let mut key = [0xa5; 32];
            (key[0], key[9], key[31]) = (first, 1 << middle, last);
            key
        };
        let values: BTreeMap<_, _> = keys.into_iter().map(|(key, value)| (spread(key), value)).collect();
        prop_assume!(!values.is_empty());
        let state = State::of(&values);
        let leaves: Vec<_> = values.iter().collect();
        prop_assert_eq!(plain_root(&leaves, 0), state.root);
        let key = spread(asked);
        let (siblings, finding) = state.path(key);
        let leaf = match &finding {
            Finding::Held(value) => Some(path::Leaf { key, value: path::value_digest(value) }),
            Finding::Empty => None,
            Finding::OtherLeaf { key: other, value } => {
                prop_assert!(path::common_bits(&key, other) >= siblings.len());
                Some(path::Leaf { key: *other, value: *value })
            }
        };
        prop_assert_eq!(values.get(&key), match &finding { Finding::Held(value) => Some(value), _ => None });
        prop_assert_eq!(path::root(&key, leaf, &siblings), state.root);
        for at in 0..siblings.len() {
            let mut other = siblings.clone();
            other[at] = Some([1; 32]);
            prop_assert_ne!(path::root(&key, leaf, &other), state.root);
        }
    }
}
