mod chain;
#[cfg(feature = "text")]
mod genesis_file;
mod light_client;
mod validators;

use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::identity::{KeyId, Policy, PublicKey};
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
        Action::Accuse {
            votes: [6; 300].into(),
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
        opening: None,
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

/// What other implementations must find, as 10.1 writes it. Equal bytes of another kind have another place.
#[test]
fn leaves_stand_where_the_protocol_says() {
    let hex = |leaf: [u8; 32]| data_encoding::HEXLOWER.encode(&leaf);
    let alike = [b'a'; 32];
    let label = core::str::from_utf8(&alike).expect("ASCII");
    assert_ne!(name_leaf(label), identity_leaf(&KeyId::from_bytes(alike)));
    assert_ne!(name_leaf("validators"), ledger_leaf(Singular::Validators));
    for (leaf, expected) in [
        (
            name_leaf("mysite"),
            "abf55baca7150cb0064ae840cc962740ebc4240384f2e810e22181bb5c091f38",
        ),
        (
            identity_leaf(&KeyId::from_bytes([9; 32])),
            "91eaf70a3f34d0b0fe274fae9112ed00086e9d73524a8030da71acb5cb6e4312",
        ),
        (
            ledger_leaf(Singular::Beacons),
            "fda47edac3a04b5d65ae13b07b1e9a1a345409cabd025603273c8d3661e0105d",
        ),
        (
            ledger_leaf(Singular::Validators),
            "0150d77b1c46a7398a1f03d22d48fdce30b1bfd3179e6ebdbd260f0ef2dd46d7",
        ),
    ] {
        assert_eq!(hex(leaf), expected);
    }
}

proptest! {
    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        // What is accepted is written back as it was.
        if let Ok(entry) = Entry::decode(&bytes) {
            prop_assert_eq!(entry.encode(), bytes.clone());
        }
        let _ = (Header::decode(&bytes), Certificate::decode(&bytes), Proof::decode(&bytes), Transaction::decode(&bytes));
        let _ = (ValidatorSet::decode(&bytes), Candidate::decode(&bytes), Handover::decode(&bytes), Trusted::decode(&bytes));
        let _ = (Genesis::decode(&bytes), Bundle::decode(&bytes));
    }
}
