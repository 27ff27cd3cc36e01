use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::signature::{Draft, SecretKey};

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn public(seed: u8) -> PublicKey {
    PublicKey::Ed25519(secret(seed).public())
}

fn key(seed: u8, weight: u16, roles: &[&str]) -> Key {
    let roles = roles
        .iter()
        .map(|role| role.parse().expect("a role"))
        .collect();
    Key {
        public: public(seed),
        weight,
        roles,
    }
}

fn policy(keys: &[Key], thresholds: &[(&str, u32)]) -> Policy {
    let threshold = |(role, needed): &(&str, u32)| (role.parse().expect("a role"), *needed);
    Policy {
        number: 0,
        keys: keys.to_vec(),
        thresholds: thresholds.iter().map(threshold).collect(),
        next: None,
        recovery: None,
        previous: None,
    }
}

fn both(seed: u8) -> Key {
    key(seed, 1, &["admin", "publish"])
}

fn single(seed: u8) -> Policy {
    policy(&[both(seed)], &[("admin", 1), ("publish", 1)])
}

/// `new` as the update of `old`.
fn after(old: &Policy, new: Policy) -> Policy {
    let previous = Some(policy_digest(&old.encode().expect("sound")));
    Policy {
        number: old.number + 1,
        previous,
        ..new
    }
}

fn signed(draft: &mut Draft, seeds: &[u8]) -> Vec<u8> {
    for seed in seeds {
        draft.sign(&secret(*seed));
    }
    draft.encode()
}

fn update(first: &Policy, new: &Policy, seeds: &[u8]) -> Vec<u8> {
    let key_id = key_id_of(&first.encode().expect("sound"));
    signed(&mut policy_update(key_id, new).expect("sound"), seeds)
}

fn verify(
    first: &Policy,
    updates: &[Vec<u8>],
    anchor: Option<&Anchor>,
) -> Result<u32, &'static str> {
    let first = first.encode().expect("sound");
    let mut elements = Vec::from([first.clone()]);
    elements.extend_from_slice(updates);
    let bytes = Chain::encode(&elements);
    let chain = Chain::decode(&bytes).map_err(|error| error.code())?;
    let authority = chain.verify(key_id_of(&first), anchor);
    authority
        .map(|authority| authority.policy().number)
        .map_err(|error| error.code())
}

#[test]
fn policies_hold_their_rules() {
    let sound = || {
        policy(
            &[both(1), key(2, 3, &["publish"])],
            &[("admin", 1), ("publish", 4)],
        )
    };
    let check = |change: &dyn Fn(&mut Policy), expected: Result<(), &str>| {
        let mut policy = sound();
        change(&mut policy);
        assert_eq!(
            policy.encode().map(drop).map_err(|error| error.code()),
            expected
        );
    };
    check(&|_| {}, Ok(()));
    check(&|p| p.keys[1].weight = 0, Err("out-of-range"));
    check(&|p| p.keys[1].roles.clear(), Err("out-of-range"));
    check(&|p| p.keys[0].roles.reverse(), Err("role-order"));
    check(&|p| p.keys[0].roles[1] = Role::Admin, Err("role-order"));
    check(&|p| p.keys[1].public = public(1), Err("duplicate-signer"));
    check(
        &|p| {
            p.thresholds.remove(&Role::Publish);
        },
        Err("missing-threshold"),
    );
    check(
        &|p| p.keys[1].roles = ["publish:blog".parse().expect("a role")].into(),
        Err("missing-threshold"),
    );
    check(
        &|p| {
            p.thresholds.insert(Role::Admin, 0);
        },
        Err("out-of-range"),
    );
    check(
        &|p| {
            p.thresholds.insert(Role::Publish, 5);
        },
        Err("unreachable-threshold"),
    );
    check(
        &|p| {
            p.thresholds
                .insert("publish:blog".parse().expect("a role"), 1);
        },
        Err("unreachable-threshold"),
    );
    check(&|p| p.previous = Some([0; 32]), Err("unknown-key"));
    check(&|p| p.number = 1, Err("missing-key"));
    check(
        &|p| p.keys = (0..33).map(both).collect(),
        Err("out-of-range"),
    );
    check(&|p| p.keys = (0..32).map(both).collect(), Ok(()));
}

#[test]
fn recovery_holds_its_rules() {
    let check = |recovery: Option<Recovery>, expected: Result<(), &str>| {
        let policy = Policy {
            recovery,
            ..single(1)
        };
        assert_eq!(
            policy.encode().map(drop).map_err(|error| error.code()),
            expected
        );
    };
    let recovery = |threshold, delay_secs| {
        let keys = Vec::from([RecoveryKey {
            public: public(9),
            weight: 2,
        }]);
        Some(Recovery {
            keys,
            threshold,
            delay_secs,
        })
    };
    check(recovery(2, 3600), Ok(()));
    check(recovery(3, 3600), Err("unreachable-threshold"));
    check(recovery(0, 3600), Err("out-of-range"));
    check(recovery(2, 3599), Err("out-of-range"));
    check(recovery(2, 2_592_001), Err("out-of-range"));
}

#[test]
fn roles_are_what_they_are_written() {
    for (text, expected) in [
        ("admin", true),
        ("publish", true),
        ("publish:blog", true),
        ("publish:a.b-c._d", true),
        ("", false),
        ("Admin", false),
        ("publish:", false),
        ("publish:Blog", false),
        ("publish:a..b", false),
        ("publish:.a", false),
        ("publish:a.", false),
        ("publish:*", false),
        ("publish:@", false),
        ("publish:a\\.b", false),
    ] {
        assert_eq!(text.parse::<Role>().is_ok(), expected, "{text}");
    }
}

#[test]
fn a_rotation_takes_the_old_keys_and_the_new() {
    let first = single(1);
    let next = after(&first, single(2));
    let check = |seeds: &[u8], expected| {
        assert_eq!(
            verify(&first, &[update(&first, &next, seeds)], None),
            expected,
            "{seeds:?}"
        );
    };
    check(&[1, 2], Ok(1));
    check(&[1], Err("threshold"));
    check(&[2], Err("threshold"));
    check(&[1, 2, 3], Err("unknown-signer"));
}

#[test]
fn a_stolen_key_in_use_does_not_take_the_identity() {
    let lying_ready = single(2);
    let first = Policy {
        next: Some(lying_ready.authority_commitment()),
        ..single(1)
    };
    // The thief holds key 1 and brings key 3.
    let thiefs = after(&first, single(3));
    assert_eq!(
        verify(&first, &[update(&first, &thiefs, &[1, 3])], None),
        Err("next-mismatch")
    );
    // Having seen the owner's update, the thief repeats it with a recovery of its own, but cannot sign as key 2.
    let keys = Vec::from([RecoveryKey {
        public: public(3),
        weight: 1,
    }]);
    let recovery = Some(Recovery {
        keys,
        threshold: 1,
        delay_secs: 3600,
    });
    let forked = after(
        &first,
        Policy {
            recovery,
            ..single(2)
        },
    );
    assert_eq!(
        verify(&first, &[update(&first, &forked, &[1])], None),
        Err("threshold")
    );
    let owners = after(&first, lying_ready);
    assert_eq!(
        verify(&first, &[update(&first, &owners, &[1, 2])], None),
        Ok(1)
    );
}

#[test]
fn an_update_belongs_to_its_chain() {
    let (first, other) = (single(1), single(4));
    let skipped = Policy {
        number: 2,
        ..after(&first, single(2))
    };
    assert_eq!(
        verify(&first, &[update(&first, &skipped, &[1, 2])], None),
        Err("policy-number")
    );
    let foreign = after(&other, single(2));
    assert_eq!(
        verify(&first, &[update(&first, &foreign, &[1, 2])], None),
        Err("policy-previous")
    );
    // Signed for another identity's chain.
    let next = after(&first, single(2));
    let bytes = update(&first, &next, &[1, 2]);
    let chain = Chain::encode(&[other.encode().expect("sound"), bytes]);
    let found = Chain::decode(&chain)
        .expect("sound")
        .verify(key_id_of(&first.encode().expect("sound")), None);
    assert_eq!(found.map(drop).map_err(|error| error.code()), Err("key-id"));
}

#[test]
fn a_recovery_needs_the_ledgers_word() {
    let keys = Vec::from([RecoveryKey {
        public: public(9),
        weight: 1,
    }]);
    let recovery = Some(Recovery {
        keys,
        threshold: 1,
        delay_secs: 259_200,
    });
    let first = Policy {
        recovery,
        next: Some([0; 32]),
        ..single(1)
    };
    let restored = after(&first, single(5));
    let bytes = update(&first, &restored, &[9, 5]);
    assert_eq!(
        verify(&first, std::slice::from_ref(&bytes), None),
        Err("recovery-unanchored")
    );
    let digest = policy_digest(&restored.encode().expect("sound"));
    let anchor = Anchor {
        key_id: key_id_of(&first.encode().expect("sound")),
        number: 1,
        digest,
        least_sequence: None,
    };
    assert_eq!(
        verify(&first, std::slice::from_ref(&bytes), Some(&anchor)),
        Ok(1)
    );
    // Pinned before the recovery: not accepted yet.
    let before = Anchor {
        key_id: key_id_of(&first.encode().expect("sound")),
        number: 0,
        digest: policy_digest(&first.encode().expect("sound")),
        least_sequence: None,
    };
    assert_eq!(
        verify(&first, &[bytes], Some(&before)),
        Err("recovery-unanchored")
    );
}

#[test]
fn an_admin_who_also_recovers_rotates_in_the_ordinary_way() {
    let keys = Vec::from([RecoveryKey {
        public: public(1),
        weight: 1,
    }]);
    let recovery = Some(Recovery {
        keys,
        threshold: 1,
        delay_secs: 3600,
    });
    let first = Policy {
        recovery,
        ..single(1)
    };
    let next = after(&first, single(2));
    let update = update(&first, &next, &[1, 2]);
    assert_eq!(verify(&first, &[update], None), Ok(1));
}

#[test]
fn an_anchor_binds_its_number_to_its_digest() {
    let first = single(1);
    let encoded = first.encode().expect("sound");
    let anchor = |number| Anchor {
        key_id: key_id_of(&encoded),
        number,
        digest: policy_digest(&encoded),
        least_sequence: None,
    };
    assert_eq!(verify(&first, &[], Some(&anchor(0))), Ok(0));
    assert_eq!(verify(&first, &[], Some(&anchor(1))), Err("rotated-away"));
}

#[test]
fn a_pinned_history_may_be_longer_than_a_chain() {
    let pinned = Policy {
        number: 1_000_000,
        previous: Some([7; 32]),
        ..single(1)
    };
    let key_id = KeyId::from_bytes([3; 32]);
    let encoded = pinned.encode().expect("sound");
    let anchor = Anchor {
        key_id,
        number: pinned.number,
        digest: policy_digest(&encoded),
        least_sequence: None,
    };
    let next = after(&pinned, single(2));
    let mut update = policy_update(key_id, &next).expect("sound");
    let update = signed(&mut update, &[1, 2]);
    let bytes = Chain::encode(&[encoded, update]);
    let authority = Chain::decode(&bytes)
        .expect("sound")
        .verify(key_id, Some(&anchor));
    assert_eq!(authority.expect("sound").policy().number, 1_000_001);
}

#[test]
fn an_anchor_decides_which_chain_counts() {
    let first = single(1);
    let second = after(&first, single(2));
    let update = update(&first, &second, &[1, 2]);
    let anchor = |number, policy: &Policy| {
        let digest = policy_digest(&policy.encode().expect("sound"));
        Anchor {
            key_id: key_id_of(&first.encode().expect("sound")),
            number,
            digest,
            least_sequence: None,
        }
    };
    assert_eq!(
        verify(&first, &[], Some(&anchor(1, &second))),
        Err("rotated-away")
    );
    assert_eq!(
        verify(
            &first,
            std::slice::from_ref(&update),
            Some(&anchor(1, &second))
        ),
        Ok(1)
    );
    assert_eq!(verify(&first, &[update], Some(&anchor(0, &first))), Ok(1));
    // A chain may begin at the pinned policy, and only there.
    let key_id = key_id_of(&first.encode().expect("sound"));
    let short = Chain::encode(&[second.encode().expect("sound")]);
    let chain = Chain::decode(&short).expect("sound");
    assert!(chain.verify(key_id, Some(&anchor(1, &second))).is_ok());
    assert_eq!(
        chain
            .verify(key_id, None)
            .map(drop)
            .map_err(|error| error.code()),
        Err("key-id")
    );
}

fn seeds() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::btree_set(1_u8..8, 1..7).prop_map(|seeds| seeds.into_iter().collect())
}

proptest! {
    #[test]
    fn policies_come_back(seeds in seeds(), weight in 1_u16.., next: Option<[u8; 32]>) {
        let keys: Vec<Key> = seeds.iter().map(|seed| key(*seed, weight, &["admin", "publish", "publish:blog"])).collect();
        let thresholds = [("admin", u32::from(weight)), ("publish", 1), ("publish:blog", 1)];
        let policy = Policy { next, ..policy(&keys, &thresholds) };
        let bytes = policy.encode().expect("sound");
        prop_assert_eq!(Policy::decode(&bytes), Ok(policy));
    }

    /// Whoever signs, an update holds just when the admins of both policies reach their thresholds.
    #[test]
    fn k_of_n_means_k(old in seeds(), new in seeds(), signers in seeds(), k in 1_u32..6) {
        let of = |seeds: &[u8]| {
            let keys: Vec<Key> = seeds.iter().map(|seed| both(*seed)).collect();
            policy(&keys, &[("admin", k.min(seeds.len() as u32)), ("publish", 1)])
        };
        let (first, second) = (of(&old), of(&new));
        let second = after(&first, second);
        let reached = |seeds: &[u8]| signers.iter().filter(|seed| seeds.contains(seed)).count() as u32;
        let known = signers.iter().all(|seed| old.contains(seed) || new.contains(seed));
        let enough = reached(&old) >= k.min(old.len() as u32) && reached(&new) >= k.min(new.len() as u32);
        let expected = if !known { Err("unknown-signer") } else if enough { Ok(1) } else { Err("threshold") };
        prop_assert_eq!(verify(&first, &[update(&first, &second, &signers)], None), expected);
    }

    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        if let Ok(policy) = Policy::decode(&bytes) {
            prop_assert_eq!(policy.encode(), Ok(bytes.clone()));
        }
        let _ = Chain::decode(&bytes);
    }
}
