//! Verifying the proof of a name, from bytes to holder, and that of a name's absence, and what each costs beside the BLS verification that nobody can
//! leave out.

mod support;

use std::hint::black_box;

use blst::min_sig::{AggregatePublicKey, AggregateSignature, PublicKey, SecretKey, Signature};
use blst::{BLST_ERROR, Pairing, blst_p1_affine, blst_p2_affine};
use criterion::{Criterion, criterion_group};
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{
    Certificate, Entry, Finding, Freshness, Header, Pin, Proof, Subject, Trusted, Validator,
    ValidatorSet, VotingKey, name_leaf, quorum,
};
use dotkey_proto::signature::SecretKey as Identity;
use dotkey_proto::time::Timestamp;

const NOW: u64 = 1_795_000_000;
const TAG: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_";
const VALIDATORS: usize = 100;
/// The depth of a leaf among a million names and as many identities.
const SIBLINGS: usize = 22;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

/// A proof as the network serves it, who is trusted, and the signature's own parts.
struct Case {
    bytes: Vec<u8>,
    trusted: Trusted,
    freshness: Freshness,
    subject: Subject,
    sum: PublicKey,
    message: Vec<u8>,
    signature: [u8; 48],
}

/// Validators and their secrets, in ascending order of the identities.
fn members() -> Vec<(Validator, SecretKey)> {
    let member = |number: u8| {
        let secret = SecretKey::key_gen(&[number; 32], &[]).expect("32 bytes");
        let validator = Validator {
            identity: Identity::from_seed(&[number; 32]).public(),
            key: VotingKey::from_bytes(&secret.sk_to_pk().compress()).expect("a key"),
        };
        (validator, secret)
    };
    let mut members: Vec<_> = (0..VALIDATORS as u8).map(member).collect();
    members.sort_by_key(|(validator, _)| validator.identity);
    members
}

fn entry() -> Entry {
    Entry {
        key_id: KeyId::from_bytes([7; 32]),
        claimed: time(NOW - 1000),
        lease_ends: time(NOW + 1000),
        pin: Some(Pin {
            number: 3,
            digest: [8; 32],
            least_sequence: Some(1 << 40),
        }),
    }
}

/// A proof of a name's holder, or that it has none: then another leaf is alone where it would stand.
fn case(is_held: bool) -> Case {
    let members = members();
    let validators = members.iter().map(|(validator, _)| *validator).collect();
    let validators = ValidatorSet::new(validators).expect("sound");
    let entry = entry();
    let siblings: Vec<_> = (0..SIBLINGS).map(|at| [at as u8; 32]).collect();
    let mut key = name_leaf("mysite");
    key[31] ^= u8::from(!is_held);
    let value = *blake3::hash(&entry.encode()).as_bytes();
    let finding = match is_held {
        true => Finding::Held(entry.encode()),
        false => Finding::OtherLeaf { key, value },
    };
    let header = Header {
        network: [1; 32],
        height: 1 << 30,
        time: time(NOW),
        parent: [2; 32],
        state_root: root(&key, &value, &siblings),
        transactions: [4; 32],
        epoch: 4000,
        validators: validators.digest(),
        next_validators: None,
    };
    let needed = quorum(VALIDATORS);
    let mut certificate = Certificate {
        view: 1 << 31,
        parent_view: (1 << 31) - 1,
        signers: vec![0; VALIDATORS.div_ceil(8)],
        signature: [0; 48],
    };
    (0..needed).for_each(|at| certificate.signers[at / 8] |= 1 << (at % 8));
    let message = certificate.signed_bytes(&header);
    let signing = members.iter().take(needed);
    let votes: Vec<_> = signing
        .clone()
        .map(|(_, secret)| secret.sign(&message, TAG, &[]))
        .collect();
    let votes = AggregateSignature::aggregate(&votes.iter().collect::<Vec<_>>(), false);
    certificate.signature = votes.expect("someone signs").to_signature().compress();
    let keys: Vec<_> = signing.map(|(_, secret)| secret.sk_to_pk()).collect();
    let sum = AggregatePublicKey::aggregate(&keys.iter().collect::<Vec<_>>(), false);
    let signature = certificate.signature;
    let subject = Subject::Name("mysite".into());
    let proof = Proof {
        subject: subject.clone(),
        header,
        certificate,
        siblings: siblings.into_iter().map(Some).collect(),
        finding,
    };
    Case {
        bytes: proof.encode(),
        trusted: Trusted {
            network: [1; 32],
            epoch: 0,
            since: time(NOW - 10_000),
            validators,
        },
        freshness: Freshness::usual(time(NOW + 5)),
        subject,
        sum: sum.expect("someone signs").to_public_key(),
        message,
        signature,
    }
}

/// The root that this path leads to, from a leaf with a value of this digest.
fn root(key: &[u8; 32], value: &[u8; 32], siblings: &[[u8; 32]]) -> [u8; 32] {
    let hash = |parts: &[&[u8]]| *blake3::hash(&parts.concat()).as_bytes();
    let leaf = hash(&[b"JMT::LeafNode", key, value]);
    let depths = (0..siblings.len()).rev();
    siblings
        .iter()
        .zip(depths)
        .fold(leaf, |below, (sibling, depth)| {
            match key[depth / 8] >> (7 - depth % 8) & 1 {
                0 => hash(&[b"JMT::IntrnalNode", &below, sibling]),
                _ => hash(&[b"JMT::IntrnalNode", sibling, &below]),
            }
        })
}

fn prove(case: &Case) -> bool {
    let proof = Proof::decode(black_box(&case.bytes)).expect("sound");
    proof
        .verify(&case.subject, &case.trusted, case.freshness)
        .is_ok()
}

/// The signature alone, under the sum of the keys, which stands ready.
fn bare(case: &Case) -> bool {
    let signature = Signature::sig_validate(black_box(&case.signature), true).expect("a point");
    let (key, signature): (&blst_p2_affine, &blst_p1_affine) =
        ((&case.sum).into(), (&signature).into());
    let mut pairing = Pairing::new(true, TAG);
    let added = pairing.aggregate(key, false, signature, false, &case.message, &[]);
    pairing.commit();
    added == BLST_ERROR::BLST_SUCCESS && pairing.finalverify(None)
}

fn proof(criterion: &mut Criterion) {
    let case = case(true);
    assert!(prove(&case) && bare(&case));
    criterion.bench_function("proof of a name, 67 of 100 signed", |bencher| {
        bencher.iter(|| prove(&case));
    });
}

criterion_group!(benches, proof);

fn main() {
    benches();
    for (what, is_held) in [("a name", true), ("a name's absence", false)] {
        let case = case(is_held);
        assert!(prove(&case) && bare(&case));
        println!(
            "a proof of {what} among a million, with 100 validators: {} bytes",
            case.bytes.len()
        );
        support::ratio(
            &format!("verify the proof of {what}, 67 of 100 signed / its BLS verification"),
            2.0,
            || prove(&case),
            || bare(&case),
        );
    }
}
