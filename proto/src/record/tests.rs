use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::identity::{Anchor, Key, Policy, PublicKey, key_id_of, policy_digest, policy_update};
use crate::limits::RECORD_BYTES_MAX;
use crate::signature::SecretKey;
use crate::time::Timestamp;

const BEGIN: u64 = 1_795_000_000;
const DAY: u64 = 86_400;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn key(seed: u8, roles: &[&str]) -> Key {
    let roles = roles
        .iter()
        .map(|role| role.parse().expect("a role"))
        .collect();
    Key {
        public: PublicKey::Ed25519(secret(seed).public()),
        weight: 1,
        roles,
    }
}

/// An organisation: 2 of 3 publish, one more keeps the blog.
fn organisation() -> Policy {
    let both = ["admin", "publish"];
    let keys = [
        key(1, &both),
        key(2, &both),
        key(3, &both),
        key(4, &["publish:blog"]),
    ];
    let thresholds = [("admin", 2), ("publish", 2), ("publish:blog", 1)];
    Policy {
        number: 0,
        keys: keys.into(),
        thresholds: thresholds
            .map(|(role, needed)| (role.parse().expect("a role"), needed))
            .into(),
        next: None,
        recovery: None,
        previous: None,
    }
}

fn claims() -> Claims {
    let policy = organisation().encode().expect("sound");
    Claims {
        key_id: key_id_of(&policy),
        sequence: 7,
        not_before: time(BEGIN),
        expires: time(BEGIN + 30 * DAY),
        branch: None,
        chain: Vec::from([policy]),
        body: Vec::from([0xa0]),
    }
}

fn signed(claims: &Claims, seeds: &[u8]) -> Vec<u8> {
    let mut draft = claims.draft().expect("sound");
    for seed in seeds {
        draft.sign(&secret(*seed));
    }
    draft.encode()
}

fn verify_at(bytes: &[u8], now: u64, anchor: Option<&Anchor>) -> Result<(), &'static str> {
    let verified = SignedRecord::new(bytes).verify(time(now), anchor);
    verified.map(drop).map_err(|error| error.code())
}

fn check(claims: &Claims, seeds: &[u8], expected: Result<(), &'static str>) {
    assert_eq!(
        verify_at(&signed(claims, seeds), BEGIN + DAY, None),
        expected,
        "{seeds:?}"
    );
}

#[test]
fn two_of_three_publish() {
    let zone = claims();
    check(&zone, &[1, 2], Ok(()));
    check(&zone, &[2, 3], Ok(()));
    check(&zone, &[1, 2, 3], Ok(()));
    check(&zone, &[1], Err("threshold"));
    check(&zone, &[1, 2, 4], Err("wrong-role"));
    check(&zone, &[1, 2, 5], Err("unknown-signer"));
}

#[test]
fn a_branch_is_signed_by_its_keeper_or_by_the_publishers() {
    let branch = |text: &str| Claims {
        branch: Some(text.parse().expect("a branch")),
        ..claims()
    };
    check(&branch("blog"), &[4], Ok(()));
    check(&branch("2026.blog"), &[4], Ok(()));
    check(&branch("blog"), &[1, 2], Ok(()));
    check(&branch("shop"), &[4], Err("wrong-role"));
    check(&branch("blog.shop"), &[4], Err("wrong-role"));
    check(&branch("blog"), &[1], Err("threshold"));
}

#[test]
fn an_error_carries_the_facts() {
    let bytes = signed(&claims(), &[1]);
    let error = SignedRecord::new(bytes)
        .verify(time(BEGIN), None)
        .expect_err("one of two");
    let expected = "the record is signed with weight 1 of the 2 that the role `publish` takes";
    assert_eq!(std::format!("{error}"), expected);
}

#[test]
fn time_at_its_edges() {
    let bytes = signed(&claims(), &[1, 2]);
    for (now, expected) in [
        (BEGIN - 1, Err("not-yet-valid")),
        (BEGIN, Ok(())),
        (BEGIN + 30 * DAY - 1, Ok(())),
        (BEGIN + 30 * DAY, Err("expired")),
    ] {
        assert_eq!(verify_at(&bytes, now, None), expected, "{now}");
    }
    let window = |expires: u64| {
        let claims = Claims {
            expires: time(expires),
            ..claims()
        };
        claims.draft().map(drop).map_err(|error| error.code())
    };
    assert_eq!(window(BEGIN + 400 * DAY), Ok(()));
    assert_eq!(window(BEGIN + 400 * DAY + 1), Err("validity-window"));
    assert_eq!(window(BEGIN), Err("validity-window"));
    assert_eq!(window(BEGIN - 1), Err("validity-window"));
}

#[test]
fn sequences_and_sizes_at_their_edges() {
    let draft = |claims: Claims| claims.draft().map(drop).map_err(|error| error.code());
    assert_eq!(
        draft(Claims {
            sequence: 0,
            ..claims()
        }),
        Err("out-of-range")
    );
    assert_eq!(
        draft(Claims {
            sequence: SEQUENCE_MAX,
            ..claims()
        }),
        Ok(())
    );
    assert_eq!(
        draft(Claims {
            sequence: SEQUENCE_MAX + 1,
            ..claims()
        }),
        Err("out-of-range")
    );
    assert_eq!(
        draft(Claims {
            body: Vec::new(),
            ..claims()
        }),
        Err("out-of-range")
    );
    let unsigned = |body: usize| {
        draft(Claims {
            body: std::vec![0; body],
            ..claims()
        })
    };
    assert_eq!(unsigned(RECORD_BYTES_MAX - 100), Err("too-large"));
    let of_size = |body: usize| {
        signed(
            &Claims {
                body: std::vec![0; body],
                ..claims()
            },
            &[1, 2],
        )
    };
    let frame = of_size(60_000).len() - 60_000;
    let fits = of_size(RECORD_BYTES_MAX - frame);
    assert_eq!(fits.len(), RECORD_BYTES_MAX);
    assert_eq!(verify_at(&fits, BEGIN, None), Ok(()));
    assert_eq!(
        verify_at(&of_size(RECORD_BYTES_MAX - frame + 1), BEGIN, None),
        Err("too-large")
    );
}

#[test]
fn a_checkpoint_ends_rollback() {
    let bytes = signed(&claims(), &[1, 2]);
    let digest = policy_digest(&organisation().encode().expect("sound"));
    let anchor = |least| Anchor {
        key_id: claims().key_id,
        number: 0,
        digest,
        least_sequence: Some(least),
    };
    assert_eq!(verify_at(&bytes, BEGIN, Some(&anchor(7))), Ok(()));
    assert_eq!(
        verify_at(&bytes, BEGIN, Some(&anchor(8))),
        Err("rolled-back")
    );
}

/// Who holds a name of their own on the ledger cannot use its anchor to sign for somebody else.
#[test]
fn an_anchor_speaks_for_its_own_identity() {
    let thiefs = Policy::bare(PublicKey::Ed25519(secret(9).public()));
    let thiefs = thiefs.encode().expect("sound");
    let forged = Claims {
        chain: Vec::from([thiefs.clone()]),
        ..claims()
    };
    let bytes = signed(&forged, &[9]);
    let anchor = |key_id| Anchor {
        key_id,
        number: 0,
        digest: policy_digest(&thiefs),
        least_sequence: None,
    };
    let own = anchor(key_id_of(&thiefs));
    assert_eq!(verify_at(&bytes, BEGIN, None), Err("key-id"));
    assert_eq!(verify_at(&bytes, BEGIN, Some(&own)), Err("key-id"));
}

#[test]
fn who_asks_for_one_record_gets_no_other() {
    let blog: crate::identity::Branch = "blog".parse().expect("a branch");
    let ask = |claims: &Claims, key_id, branch| {
        let record = SignedRecord::new(signed(claims, &[1, 2]));
        let found = record.verify_for(key_id, branch, time(BEGIN), None);
        found.map(drop).map_err(|error| error.code())
    };
    let (whole, key_id) = (claims(), claims().key_id);
    let branch = Claims {
        branch: Some(blog.clone()),
        ..claims()
    };
    assert_eq!(ask(&whole, key_id, None), Ok(()));
    assert_eq!(ask(&branch, key_id, Some(&blog)), Ok(()));
    assert_eq!(ask(&branch, key_id, None), Err("other-record"));
    assert_eq!(ask(&whole, key_id, Some(&blog)), Err("other-record"));
    let other = crate::identity::KeyId::from_bytes([1; 32]);
    assert_eq!(ask(&whole, other, None), Err("other-record"));
}

#[test]
fn rotated_keys_sign_no_more() {
    let old = claims();
    let first = organisation();
    let mut second = organisation();
    second.keys[0] = key(6, &["admin", "publish"]);
    let second = Policy {
        number: 1,
        previous: Some(policy_digest(&old.chain[0])),
        ..second
    };
    let mut update = policy_update(old.key_id, &second).expect("sound");
    for seed in [1, 2, 6] {
        update.sign(&secret(seed));
    }
    let chain = Vec::from([first.encode().expect("sound"), update.encode()]);
    let new = Claims { chain, ..old };
    check(&new, &[6, 2], Ok(()));
    check(&new, &[1, 2], Err("unknown-signer"));
    let pinned = Anchor {
        key_id: claims().key_id,
        number: 1,
        digest: policy_digest(&second.encode().expect("sound")),
        least_sequence: None,
    };
    assert_eq!(
        verify_at(&signed(&claims(), &[1, 2]), BEGIN, Some(&pinned)),
        Err("rotated-away")
    );
}

#[test]
fn newer_goes_by_policy_then_sequence_then_digest() {
    let record = |sequence, seeds: &[u8]| {
        let bytes = signed(
            &Claims {
                sequence,
                ..claims()
            },
            seeds,
        );
        SignedRecord::new(bytes)
            .verify(time(BEGIN), None)
            .expect("sound")
    };
    assert!(record(8, &[1, 2]).cmp_age(&record(7, &[1, 2])).is_gt());
    assert!(record(7, &[1, 2]).cmp_age(&record(7, &[1, 2])).is_eq());
    // Who takes off a signature that is not needed has made nothing newer.
    assert!(record(7, &[1, 2]).cmp_age(&record(7, &[1, 2, 3])).is_eq());
}

#[test]
fn the_body_is_what_was_signed() {
    let bytes = signed(
        &Claims {
            body: b"body".to_vec(),
            ..claims()
        },
        &[1, 2],
    );
    let record = SignedRecord::new(bytes.clone())
        .verify(time(BEGIN), None)
        .expect("sound");
    assert_eq!(
        (record.body(), record.as_bytes()),
        (&b"body"[..], &bytes[..])
    );
}

#[test]
fn every_changed_byte_is_noticed() {
    let bytes = signed(&claims(), &[1, 2]);
    for position in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[position] ^= flip;
            assert!(
                verify_at(&changed, BEGIN, None).is_err(),
                "byte {position} ^ {flip:02x}"
            );
        }
    }
}

proptest! {
    #[test]
    fn cut_and_stretched_records_are_noticed(cut in 0_usize..1000, tail in prop::collection::vec(any::<u8>(), 1..8)) {
        let bytes = signed(&claims(), &[1, 2]);
        prop_assert!(verify_at(&bytes[..cut % bytes.len()], BEGIN, None).is_err());
        let stretched = [&bytes[..], &tail].concat();
        prop_assert_eq!(verify_at(&stretched, BEGIN, None), Err("trailing-bytes"));
    }

    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        prop_assert!(verify_at(&bytes, BEGIN, None).is_err());
        let _ = (Claims::decode(&bytes), Claims::resume(&bytes));
    }
}
