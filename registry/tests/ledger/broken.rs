//! Every rule broken one at a time, by somebody who does all else as it should be.

use dotkey_proto::identity::{
    Chain, Key, Policy, PublicKey, Recovery, RecoveryKey, Role, policy_update,
};
use dotkey_proto::ledger::{Action, Transaction, commitment};
use dotkey_proto::limits::{ACCOUNT_COMMITMENTS_MAX, ACCOUNT_NAMES_MAX};
use dotkey_proto::stamp::Purpose;
use dotkey_registry::ledger::TRANSACTIONS_PER_DAY_MAX;
use dotkey_registry::ledger::rules::INCOMING_NAMES_MAX;

use super::world::{DAY, Person, World, candidate, charter, code, secret};

const NAME: &str = "eightlet";

fn alone() -> (World, Person, Person) {
    let world = World::new(charter(), &[Person::new(99)]);
    (world, Person::new(1), Person::new(2))
}

fn holding() -> (World, Person, Person) {
    let (mut world, alice, bob) = alone();
    world.take(&alice, NAME);
    (world, alice, bob)
}

fn check(world: &mut World, who: &Person, action: Action, expected: Result<(), &'static str>) {
    assert_eq!(code(&world.act(who, action)), expected);
}

#[test]
fn a_name_is_claimed_by_who_announced_it() {
    let (world, alice, _) = holding();
    let entry = world.entry(NAME).expect("held");
    assert_eq!(entry.key_id, alice.key_id);
    assert_eq!(entry.lease_ends.secs_since(entry.claimed), 365 * DAY);
}

#[test]
fn what_all_transactions_have_in_common() {
    let (mut world, alice, bob) = holding();
    let sound = world.transaction(&alice, Action::Checkpoint { sequence: 1 });
    let check = |world: &mut World, signer: &Person, change: fn(&mut Transaction), expected| {
        let mut transaction = sound.clone();
        change(&mut transaction);
        assert_eq!(code(&world.send(&signer.sign(&transaction))), Err(expected));
    };
    check(&mut world, &alice, |one| one.network = [8; 32], "network");
    check(&mut world, &alice, |one| one.nonce -= 1, "replay");
    check(&mut world, &alice, |one| one.nonce += 1, "gap");
    check(
        &mut world,
        &alice,
        |one| one.opening = Some(vec![0]),
        "opening-surplus",
    );
    check(&mut world, &bob, |_| (), "unknown-signer");
    check(
        &mut world,
        &alice,
        |one| one.chain = Person::new(2).chain,
        "key-id",
    );
    let signed = alice.sign(&sound);
    assert_eq!(code(&world.send(&signed)), Ok(()));
    assert_eq!(code(&world.send(&signed)), Err("replay"));
}

#[test]
fn a_signature_is_of_what_was_asked() {
    let (mut world, alice, _) = holding();
    let sound = world.transaction(&alice, Action::Release { label: NAME.into() });
    let mut bytes = alice.sign(&sound).as_bytes().to_vec();
    *bytes.last_mut().expect("not empty") ^= 1;
    let forged =
        dotkey_proto::ledger::SignedTransaction::decode(&bytes).expect("its form is right");
    assert_eq!(code(&world.send(&forged)), Err("bad-signature"));
    assert!(world.entry(NAME).is_some());
}

#[test]
fn the_first_transaction_of_an_identity_is_paid_for() {
    let (mut world, alice, bob) = alone();
    let commit = Action::Commit {
        commitment: [1; 32],
    };
    let sound = world.transaction(&alice, commit.clone());
    let of_bob = world.transaction(&bob, commit).opening;
    let mut check = |opening, expected| {
        let transaction = Transaction {
            opening,
            ..sound.clone()
        };
        assert_eq!(code(&world.send(&alice.sign(&transaction))), expected);
    };
    check(None, Err("opening-missing"));
    check(Some(vec![0]), Err("wrong-type"));
    check(of_bob, Err("no-solution"));
    check(sound.opening.clone(), Ok(()));
}

#[test]
fn a_claim_waits_two_blocks_and_at_most_a_day() {
    let (mut world, alice, bob) = alone();
    world.commit(&alice, NAME, 1);
    let claim = world.claim_action(&alice, NAME, 1);
    // Announced in block 1.
    check(&mut world, &alice, claim.clone(), Err("too-early"));
    let other_salt = world.claim_action(&alice, NAME, 2);
    check(&mut world, &alice, other_salt, Err("not-announced"));
    let other_name = world.claim_action(&alice, "eightle2", 1);
    check(&mut world, &alice, other_name, Err("not-announced"));
    // Who sees the claim and repeats it has announced nothing.
    let thief = world.claim_action(&bob, NAME, 1);
    check(&mut world, &bob, thief, Err("not-announced"));
    check(&mut world, &alice, claim, Ok(()));

    world.commit(&bob, "eightle3", 1);
    let committed = world.now;
    world.block(DAY - 10, &[]);
    let claim = world.claim_action(&bob, "eightle3", 1);
    world.now = committed + DAY - 4; // The block comes 5 seconds later.
    check(&mut world, &bob, claim.clone(), Err("too-late"));
    world.now = committed + DAY - 5;
    check(&mut world, &bob, claim, Ok(()));
}

#[test]
fn a_block_later_is_too_early_and_two_are_not() {
    let (mut world, alice, _) = alone();
    world.commit(&alice, NAME, 1);
    let claim = world.claim_action(&alice, NAME, 1);
    let transaction = world.transaction(&alice, claim);
    let signed = alice.sign(&transaction);
    assert_eq!(code(&world.send(&signed)), Err("too-early"));
    assert_eq!(code(&world.send(&signed)), Ok(()));
}

#[test]
fn commitments_are_bounded_and_stand_once() {
    let (mut world, alice, _) = alone();
    let commit = |number: usize| Action::Commit {
        commitment: [number as u8; 32],
    };
    for number in 0..ACCOUNT_COMMITMENTS_MAX {
        check(&mut world, &alice, commit(number), Ok(()));
        check(&mut world, &alice, commit(number), Err("commitment-twice"));
    }
    check(&mut world, &alice, commit(100), Err("commitments-full"));
    world.block(DAY, &[]);
    check(&mut world, &alice, commit(100), Ok(()));
}

#[test]
fn a_stamp_is_for_one_claim_and_lately_made() {
    let (mut world, alice, bob) = alone();
    world.commit(&alice, NAME, 1);
    world.block(5, &[]);
    let claim = |stamp| Action::Claim {
        label: NAME.into(),
        salt: [1; 16],
        stamp,
    };
    let of_bob = world.claim_stamp(&bob, NAME);
    check(&mut world, &alice, claim(of_bob), Err("no-solution"));
    let of_other = world.claim_stamp(&alice, "eightle2");
    check(&mut world, &alice, claim(of_other), Err("no-solution"));
    let renewal = world.renewal_stamp(&alice, NAME);
    check(&mut world, &alice, claim(renewal), Err("no-solution"));
    check(&mut world, &alice, claim(Vec::new()), Err("truncated"));
    let old = world.claim_stamp(&alice, NAME);
    world.block(25 * 3600, &[]);
    world.commit(&alice, NAME, 2);
    world.block(5, &[]);
    let late = Action::Claim {
        label: NAME.into(),
        salt: [2; 16],
        stamp: old,
    };
    check(&mut world, &alice, late, Err("beacon"));
}

#[test]
fn short_names_and_busy_hours_cost_more() {
    let (mut world, alice, _) = alone();
    world.charter.claims_per_day = 24;
    let cheap = world.claim_stamp(&alice, NAME);
    let short = "one";
    world.commit(&alice, short, 1);
    world.block(5, &[]);
    let price = world.charter.claim_price("eightletters", 0);
    let stamp = world.stamp(alice.key_id, Purpose::Claim(short), price);
    let claim = Action::Claim {
        label: short.into(),
        salt: [1; 16],
        stamp,
    };
    check(&mut world, &alice, claim, Err("weak-stamp"));
    // Two claims in an hour in which one is expected.
    world.take(&alice, "eightle2");
    world.take(&alice, "eightle3");
    world.commit(&alice, NAME, 1);
    world.block(3600, &[]);
    let price = world.charter.claim_price(NAME, 1);
    assert_eq!(
        price.solutions,
        2 * world.charter.claim_price(NAME, 0).solutions
    );
    // Made before the hour, at its price.
    let claim = Action::Claim {
        label: NAME.into(),
        salt: [1; 16],
        stamp: cheap,
    };
    check(&mut world, &alice, claim, Ok(()));
}

#[test]
fn a_taken_name_is_free_after_its_grace() {
    let (mut world, alice, bob) = holding();
    world.commit(&bob, NAME, 1);
    world.block(5, &[]);
    let claim = world.claim_action(&bob, NAME, 1);
    check(&mut world, &bob, claim, Err("taken"));
    let ends = world.entry(NAME).expect("held").lease_ends.as_secs();
    world.now = ends + 30 * DAY - 100;
    world.block(1, &[]);
    world.commit(&bob, NAME, 2);
    world.block(1, &[]);
    let claim = world.claim_action(&bob, NAME, 2);
    world.now = ends + 30 * DAY - 6;
    check(&mut world, &bob, claim.clone(), Err("taken"));
    check(&mut world, &bob, claim, Ok(()));
    assert_eq!(world.entry(NAME).expect("held").key_id, bob.key_id);
    // And no longer on its old holder's list: a checkpoint writes the entries of what is on it.
    check(
        &mut world,
        &alice,
        Action::Checkpoint { sequence: 1 },
        Ok(()),
    );
    assert_eq!(world.entry(NAME).expect("held").pin, None);
}

#[test]
fn the_network_reserves_labels() {
    let (mut world, alice, _) = alone();
    world.charter.reserved = vec![NAME.to_owned()];
    world.commit(&alice, NAME, 1);
    world.block(5, &[]);
    let claim = world.claim_action(&alice, NAME, 1);
    check(&mut world, &alice, claim, Err("reserved"));
}

#[test]
fn a_lease_is_renewed_near_its_end_and_in_its_grace() {
    let (mut world, alice, bob) = holding();
    let ends = world.entry(NAME).expect("held").lease_ends.as_secs();
    let at = |world: &mut World, who: &Person, secs: u64, expected| {
        world.now = secs - 10;
        world.block(5, &[]);
        let stamp = world.renewal_stamp(who, NAME);
        let renew = Action::Renew {
            label: NAME.into(),
            stamp,
        };
        check(world, who, renew, expected);
    };
    at(
        &mut world,
        &alice,
        ends - 95 * DAY - 1,
        Err("renewed-early"),
    );
    at(&mut world, &bob, ends - 95 * DAY, Err("not-holder"));
    at(&mut world, &alice, ends - 95 * DAY, Ok(()));
    let renewed = world.entry(NAME).expect("held").lease_ends.as_secs();
    assert_eq!(renewed, ends + 365 * DAY);
    at(&mut world, &alice, renewed + 30 * DAY - 1, Ok(()));
    let again = renewed + 365 * DAY;
    at(&mut world, &alice, again + 30 * DAY, Err("lapsed"));
    check(
        &mut world,
        &alice,
        Action::Renew {
            label: "nobodys-name".into(),
            stamp: vec![],
        },
        Err("not-held"),
    );
}

#[test]
fn names_are_given_and_given_up_by_their_holder() {
    let (mut world, alice, bob) = holding();
    let transfer = |to: &Person| Action::Transfer {
        label: NAME.into(),
        to: to.key_id,
    };
    let release = || Action::Release { label: NAME.into() };
    check(&mut world, &bob, transfer(&bob), Err("not-holder"));
    check(&mut world, &bob, release(), Err("not-holder"));
    check(
        &mut world,
        &alice,
        transfer(&alice),
        Err("transfer-to-self"),
    );
    check(&mut world, &alice, transfer(&bob), Ok(()));
    check(&mut world, &alice, transfer(&bob), Err("not-holder"));
    let ends = world.entry(NAME).expect("held").lease_ends.as_secs();
    world.now = ends;
    world.block(0, &[]);
    check(&mut world, &bob, transfer(&alice), Err("lease-ended"));
    check(&mut world, &bob, release(), Ok(()));
    check(&mut world, &bob, release(), Err("not-held"));
}

#[test]
fn names_of_an_identity_are_bounded_and_gifts_leave_room() {
    let (mut world, alice, bob) = alone();
    let label = |number: usize| format!("name-{number:04}");
    for number in 0..ACCOUNT_NAMES_MAX {
        world.take(&alice, &label(number));
    }
    world.commit(&alice, NAME, 1);
    world.block(5, &[]);
    let claim = world.claim_action(&alice, NAME, 1);
    check(&mut world, &alice, claim, Err("names-full"));
    let transfer = |number| Action::Transfer {
        label: label(number),
        to: bob.key_id,
    };
    for number in 0..INCOMING_NAMES_MAX {
        check(&mut world, &alice, transfer(number), Ok(()));
    }
    check(
        &mut world,
        &alice,
        transfer(INCOMING_NAMES_MAX),
        Err("names-full"),
    );
    world.take(&bob, NAME);
}

#[test]
fn a_day_of_an_identity_is_bounded() {
    let (mut world, alice, _) = alone();
    let checkpoint = |sequence| Action::Checkpoint { sequence };
    for sequence in 1..=TRANSACTIONS_PER_DAY_MAX {
        let transaction = world.transaction(&alice, checkpoint(sequence));
        let taken = world.block(0, &[alice.sign(&transaction)]).remove(0);
        assert_eq!(code(&taken), Ok(()));
    }
    let next = TRANSACTIONS_PER_DAY_MAX + 1;
    check(&mut world, &alice, checkpoint(next), Err("day-full"));
    world.block(DAY, &[]);
    check(&mut world, &alice, checkpoint(next), Ok(()));
    check(&mut world, &alice, checkpoint(next), Err("checkpoint-back"));
}

/// A policy with a key of its own and one that recovers.
fn policy(seed: u8, before: Option<&Policy>) -> Policy {
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
fn updated(person: &Person, new: &Policy, seed: u8, signers: &[u8]) -> Person {
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

fn owner() -> (Policy, Person) {
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

#[test]
fn a_refused_transaction_leaves_nothing_behind() {
    let (mut world, alice, bob) = holding();
    let before = world.state.clone();
    let release = Action::Release { label: NAME.into() };
    let of_bob = world.transaction(&bob, release);
    let refused = world.block(0, &[bob.sign(&of_bob)]);
    assert_eq!(code(&refused[0]), Err("not-holder"));
    assert_eq!(world.state, before);
    // And one commitment is one claim.
    let again = world.claim_action(&alice, NAME, 1);
    check(&mut world, &alice, again, Err("not-announced"));
    let commitment = commitment(NAME, alice.key_id, &[1; 16]);
    check(&mut world, &alice, Action::Commit { commitment }, Ok(()));
}
