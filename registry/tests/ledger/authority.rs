//! Who may act, broken one rule at a time: rotation, recovery, thresholds, validators.

use dotkey_proto::identity::{
    Chain, Key, Policy, PublicKey, Recovery, RecoveryKey, Role, policy_update,
};
use dotkey_proto::ledger::Action;

use super::broken::{NAME, alone, check};
use super::world::{DAY, Person, World, candidate, charter, code, secret};

/// A policy with a key of its own and one that recovers.
pub(crate) fn policy(seed: u8, before: Option<&Policy>) -> Policy {
    let public = PublicKey::Ed25519(secret(seed).public());
    let previous = before
        .map(|before| dotkey_proto::identity::policy_digest(&before.encode().expect("sound")));
    Policy {
        number: before.map_or(0, |before| before.number + 1),
        keys: vec![Key {
            public,
            weight: 1,
            roles: vec![Role::Admin, Role::Publish],
        }],
        previous,
        recovery: Some(Recovery {
            keys: vec![RecoveryKey {
                public: PublicKey::Ed25519(secret(200).public()),
                weight: 1,
            }],
            threshold: 1,
            delay_secs: 3 * DAY as u32,
        }),
        ..Policy::bare(public)
    }
}

/// The chain to `new`, signed by these.
pub(crate) fn updated(person: &Person, new: &Policy, seed: u8, signers: &[u8]) -> Person {
    let mut draft = policy_update(person.key_id, new).expect("sound");
    for signer in signers {
        draft.sign(&secret(*signer));
    }
    let mut chain = person.chain.clone();
    chain.push(draft.encode());
    Chain::decode(&Chain::encode(&chain)).expect("sound");
    Person {
        chain,
        seed,
        ..person.clone()
    }
}

pub(crate) fn owner() -> (Policy, Person) {
    let first = policy(10, None);
    let bytes = first.encode().expect("sound");
    let key_id = dotkey_proto::identity::key_id_of(&bytes);
    (
        first,
        Person {
            seed: 10,
            key_id,
            chain: vec![bytes],
        },
    )
}

#[test]
fn a_pinned_policy_ends_the_old_key() {
    let (mut world, ..) = alone();
    let (first, before) = owner();
    world.take(&before, NAME);
    let after = updated(&before, &policy(11, Some(&first)), 11, &[10, 11]);
    check(&mut world, &after, Action::SetPolicy, Ok(()));
    assert_eq!(
        world
            .entry(NAME)
            .and_then(|entry| entry.pin)
            .map(|pin| pin.number),
        Some(1)
    );
    check(
        &mut world,
        &before,
        Action::Checkpoint { sequence: 1 },
        Err("rotated-away"),
    );
    check(
        &mut world,
        &after,
        Action::SetPolicy,
        Err("policy-not-newer"),
    );
    // From now on the chain may begin with what is pinned.
    let check_short = Person {
        chain: vec![policy(11, Some(&first)).encode().expect("sound")],
        ..after.clone()
    };
    check(
        &mut world,
        &check_short,
        Action::Checkpoint { sequence: 1 },
        Ok(()),
    );
    assert_eq!(
        world
            .entry(NAME)
            .and_then(|entry| entry.pin?.least_sequence),
        Some(1)
    );
}

#[test]
fn a_thief_is_undone_in_time_and_only_by_recovery_keys() {
    let (mut world, ..) = alone();
    let (first, owner) = owner();
    world.take(&owner, NAME);
    check(
        &mut world,
        &owner,
        Action::Checkpoint { sequence: 5 },
        Ok(()),
    );
    // Somebody has the key in use: two updates, and a checkpoint that no record would ever pass.
    let stolen = policy(66, Some(&first));
    let thief = updated(&owner, &stolen, 66, &[10, 66]);
    check(&mut world, &thief, Action::SetPolicy, Ok(()));
    let thief = updated(&thief, &policy(67, Some(&stolen)), 67, &[66, 67]);
    check(&mut world, &thief, Action::SetPolicy, Ok(()));
    let last = (1 << 53) - 1;
    check(
        &mut world,
        &thief,
        Action::Checkpoint { sequence: last },
        Ok(()),
    );

    let rescue = policy(12, Some(&first));
    // The old admins alone may not: whoever has a key that was rotated away would be back.
    let unrecovered = updated(&owner, &rescue, 12, &[10, 12]);
    check(
        &mut world,
        &unrecovered,
        Action::SetPolicy,
        Err("not-a-recovery"),
    );
    let rescued = updated(&owner, &rescue, 12, &[12, 200]);
    check(
        &mut world,
        &rescued,
        Action::Checkpoint { sequence: 6 },
        Err("rotated-away"),
    );
    check(&mut world, &rescued, Action::SetPolicy, Ok(()));
    let pin = world
        .entry(NAME)
        .and_then(|entry| entry.pin)
        .expect("pinned");
    assert_eq!((pin.number, pin.least_sequence), (1, Some(5)));
    check(
        &mut world,
        &thief,
        Action::Checkpoint { sequence: last },
        Err("rotated-away"),
    );
    // Once is enough.
    let again = updated(&owner, &policy(13, Some(&first)), 13, &[13, 200]);
    check(
        &mut world,
        &again,
        Action::SetPolicy,
        Err("recovery-too-late"),
    );
    check(
        &mut world,
        &rescued,
        Action::Checkpoint { sequence: 6 },
        Ok(()),
    );
}

#[test]
fn a_recovery_comes_within_its_delay() {
    for (waited, expected) in [
        (3 * DAY - 5, Ok(())),
        (3 * DAY - 4, Err("recovery-too-late")),
    ] {
        let (mut world, ..) = alone();
        let (first, owner) = owner();
        world.take(&owner, NAME);
        let thief = updated(&owner, &policy(66, Some(&first)), 66, &[10, 66]);
        check(&mut world, &thief, Action::SetPolicy, Ok(()));
        world.now += waited;
        let rescued = updated(&owner, &policy(12, Some(&first)), 12, &[12, 200]);
        check(&mut world, &rescued, Action::SetPolicy, expected);
    }
}

#[test]
fn k_minus_one_of_k_signatures_do_not_act() {
    let (mut world, ..) = alone();
    let key = |seed: u8| Key {
        public: PublicKey::Ed25519(secret(seed).public()),
        weight: 1,
        roles: vec![Role::Admin, Role::Publish],
    };
    let publisher = Key {
        roles: vec![Role::Publish],
        ..key(32)
    };
    let mut of_two = Policy::bare(key(30).public);
    of_two.keys = vec![key(30), key(31), publisher];
    of_two.thresholds.insert(Role::Admin, 2);
    let bytes = of_two.encode().expect("sound");
    let person = Person {
        seed: 30,
        key_id: dotkey_proto::identity::key_id_of(&bytes),
        chain: vec![bytes],
    };
    let transaction = world.transaction(
        &person,
        Action::Commit {
            commitment: [1; 32],
        },
    );
    let signed = |seeds: &[u8]| {
        let mut draft = transaction.draft().expect("sound");
        for seed in seeds {
            draft.sign(&secret(*seed));
        }
        dotkey_proto::ledger::SignedTransaction::decode(&draft.encode()).expect("sound")
    };
    assert_eq!(code(&world.send(&signed(&[30]))), Err("threshold"));
    assert_eq!(code(&world.send(&signed(&[30, 32]))), Err("wrong-role"));
    assert_eq!(code(&world.send(&signed(&[30, 31]))), Ok(()));
}

#[test]
fn validators_change_when_two_thirds_want_it() {
    let validators = [40, 41, 42, 43].map(Person::new);
    let mut world = World::new(charter(), &validators);
    world.charter.epoch_blocks = 40;
    let new = Person::new(50);
    let add = || Action::ValidatorChange {
        validator: candidate(&new),
        weight: 1,
    };
    let change = |validator: Vec<u8>, weight| Action::ValidatorChange { validator, weight };
    check(&mut world, &new, add(), Err("not-validator"));
    check(
        &mut world,
        &validators[0],
        change(candidate(&new), 2),
        Err("weight"),
    );
    check(
        &mut world,
        &validators[0],
        change(vec![1; 32], 1),
        Err("candidate"),
    );
    check(
        &mut world,
        &validators[0],
        change(vec![7; 32], 0),
        Err("no-change"),
    );
    let same_key = [&[7; 32][..], secret(validators[1].seed).public().as_bytes()].concat();
    check(
        &mut world,
        &validators[0],
        change(same_key, 1),
        Err("candidate"),
    );
    check(&mut world, &validators[0], add(), Ok(()));
    check(&mut world, &validators[0], add(), Err("approved-before"));
    check(&mut world, &validators[1], add(), Ok(()));
    let count = |world: &World| {
        let seats = dotkey_registry::ledger::state::seats(&world.state).expect("sound");
        (seats.current.len(), seats.next.len())
    };
    assert_eq!(count(&world), (4, 4));
    check(&mut world, &validators[2], add(), Ok(()));
    assert_eq!(count(&world), (4, 5));
    while world.height % 40 != 39 {
        world.block(5, &[]);
    }
    assert_eq!(count(&world), (5, 5));
    let going = secret(validators[3].seed).public().as_bytes().to_vec();
    for validator in &validators {
        check(&mut world, validator, change(going.clone(), 0), Ok(()));
    }
    assert_eq!(count(&world), (5, 4));
}

#[test]
fn who_signs_two_things_is_kept_out() {
    let validators = [40, 41].map(Person::new);
    let mut world = World::new(charter(), &validators);
    let bob = Person::new(2);
    let votes = |person: &Person, epoch: u64| {
        [
            &secret(person.seed).public().as_bytes()[..],
            &epoch.to_be_bytes(),
        ]
        .concat()
    };
    let accuse = |votes| Action::Accuse { votes };
    check(&mut world, &bob, accuse(votes(&bob, 0)), Err("no-fault"));
    check(
        &mut world,
        &bob,
        accuse(votes(&validators[0], 1)),
        Err("no-fault"),
    );
    check(&mut world, &bob, accuse(votes(&validators[0], 0)), Ok(()));
    check(
        &mut world,
        &bob,
        accuse(votes(&validators[0], 0)),
        Err("barred"),
    );
    check(
        &mut world,
        &bob,
        accuse(votes(&validators[1], 0)),
        Err("last-validator"),
    );
    let back = Action::ValidatorChange {
        validator: candidate(&validators[0]),
        weight: 1,
    };
    check(&mut world, &validators[0], back.clone(), Err("barred"));
    check(&mut world, &validators[1], back, Err("barred"));
    let remove = Action::ValidatorChange {
        validator: secret(validators[1].seed).public().as_bytes().to_vec(),
        weight: 0,
    };
    check(&mut world, &validators[1], remove, Err("last-validator"));
}
