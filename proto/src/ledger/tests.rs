use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::identity::{KeyId, Policy, PublicKey};
use crate::limits::PROOF_BYTES_MAX;
use crate::signature::{Envelope, SecretKey};
use crate::time::Timestamp;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

fn actions() -> Vec<Action> {
    let label = || "mysite".into();
    Vec::from([
        Action::Commit {
            commitment: [1; 32],
        },
        Action::Claim {
            label: label(),
            salt: [2; 16],
            stamp: [3; 40].into(),
        },
        Action::Renew {
            label: label(),
            stamp: Vec::new(),
        },
        Action::Transfer {
            label: label(),
            to: KeyId::from_bytes([4; 32]),
        },
        Action::Release {
            label: "xn--bcher-kva".into(),
        },
        Action::SetPolicy,
        Action::Checkpoint { sequence: 7 },
        Action::ValidatorChange {
            validator: [5; 48].into(),
            weight: 0,
        },
    ])
}

fn transaction(action: Action) -> Transaction {
    let key = PublicKey::Ed25519(SecretKey::from_seed(&[7; 32]).public());
    let chain = Vec::from([Policy::bare(key).encode().expect("sound")]);
    Transaction {
        network: [9; 32],
        key_id: Policy::bare_key_id(key),
        nonce: 3,
        chain,
        action,
    }
}

#[test]
fn every_action_comes_back() {
    for action in actions() {
        let transaction = transaction(action);
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&SecretKey::from_seed(&[7; 32]));
        assert_eq!(Transaction::decode(&draft.encode()), Ok(transaction));
    }
}

#[test]
fn labels_stand_in_their_one_form() {
    for (label, expected) in [
        ("mysite", Ok(())),
        ("MySite", Err("label")),
        ("bücher", Err("label")),
        ("a.b", Err("label")),
        ("-a", Err("label")),
        ("0xabc", Err("label")),
        ("", Err("out-of-range")),
    ] {
        let action = Action::Release {
            label: label.into(),
        };
        let found = transaction(action)
            .draft()
            .map(drop)
            .map_err(|error| error.code());
        assert_eq!(found, expected, "{label}");
    }
}

#[test]
fn a_transaction_is_bound_to_its_network() {
    let ours = transaction(Action::SetPolicy);
    let theirs = Transaction {
        network: [8; 32],
        ..ours.clone()
    };
    let mut draft = ours.draft().expect("sound");
    draft.sign(&SecretKey::from_seed(&[7; 32]));
    let bytes = draft.encode();
    let envelope = Envelope::decode(&bytes).expect("sound");
    let key = PublicKey::Ed25519(SecretKey::from_seed(&[7; 32]).public());
    let mut buffer = Vec::new();
    let mut verify = |draft: &crate::signature::Draft| {
        envelope.signatures[0].verify(&key, draft.subject(), envelope.payload, &mut buffer)
    };
    assert_eq!(verify(&draft), Ok(()));
    let foreign = theirs.draft().expect("sound");
    assert_eq!(
        verify(&foreign).map_err(|error| error.code()),
        Err("bad-signature")
    );
}

fn header() -> Header {
    Header {
        network: [1; 32],
        height: 12,
        time: time(1_795_223_554),
        parent: [2; 32],
        state_root: [3; 32],
        transactions: [4; 32],
        epoch: 1,
        validators: [5; 32],
    }
}

fn proof(finding: Finding) -> Proof {
    let header = header();
    let certificate = Certificate {
        epoch: 1,
        view: 40,
        header: header.digest(),
        signers: [0b111].into(),
        signature: [6; 96].into(),
    };
    // The depth of a path among a million names.
    let siblings = Vec::from([[7; 32]; 21]);
    Proof {
        label: "mysite".into(),
        header,
        certificate,
        siblings,
        finding,
    }
}

#[test]
fn proofs_come_back_and_fit_their_bound() {
    let pin = Pin {
        number: 2,
        digest: [8; 32],
        least_sequence: Some(99),
    };
    let (claimed, lease_ends) = (time(1_000), time(2_000));
    let entry = Entry {
        key_id: KeyId::from_bytes([9; 32]),
        claimed,
        lease_ends,
        pin: Some(pin),
    };
    let other = Finding::OtherLeaf {
        key: [1; 32],
        value: [2; 32],
    };
    for finding in [Finding::Held(entry), Finding::Empty, other] {
        let proof = proof(finding);
        let bytes = proof.encode();
        assert!(bytes.len() <= PROOF_BYTES_MAX, "{} bytes", bytes.len());
        assert_eq!(Proof::decode(&bytes), Ok(proof));
    }
}

#[test]
fn a_certificate_is_for_its_header() {
    let mut proof = proof(Finding::Empty);
    proof.header.height += 1;
    assert_eq!(
        Proof::decode(&proof.encode()),
        Err(LedgerError::HeaderDigest)
    );
}

#[test]
fn a_lease_ends_after_it_began() {
    let entry = |ends| Entry {
        key_id: KeyId::from_bytes([9; 32]),
        claimed: time(5),
        lease_ends: time(ends),
        pin: None,
    };
    assert_eq!(Entry::decode(&entry(6).encode()), Ok(entry(6)));
    assert_eq!(
        Entry::decode(&entry(5).encode()).map_err(|error| error.code()),
        Err("out-of-range")
    );
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        // What is accepted is written back as it was.
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode(), bytes.clone());
        }
        let _ = (Header::decode(&bytes), Certificate::decode(&bytes), Proof::decode(&bytes), Transaction::decode(&bytes));
    }
}
