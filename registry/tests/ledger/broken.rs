//! Every rule broken one at a time, by somebody who does all else as it should be.

use dotkey_proto::ledger::{Action, Transaction, commitment};
use dotkey_proto::limits::{ACCOUNT_COMMITMENTS_MAX, ACCOUNT_NAMES_MAX};
use dotkey_proto::stamp::Purpose;
use dotkey_registry::ledger::TRANSACTIONS_PER_DAY_MAX;
use dotkey_registry::ledger::rules::INCOMING_NAMES_MAX;

use super::world::{DAY, Person, World, charter, code};

pub(crate) const NAME: &str = "eightlet";

pub(crate) fn alone() -> (World, Person, Person) {
    let world = World::new(charter(), &[Person::new(99)]);
    (world, Person::new(1), Person::new(2))
}

fn holding() -> (World, Person, Person) {
    let (mut world, alice, bob) = alone();
    world.take(&alice, NAME);
    (world, alice, bob)
}

pub(crate) fn check(
    world: &mut World,
    who: &Person,
    action: Action,
    expected: Result<(), &'static str>,
) {
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
