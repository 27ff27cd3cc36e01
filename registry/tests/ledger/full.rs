//! What has no room any more: each bound of the rules at its edge, and one beyond it.

use dotkey_proto::identity::{Key, Policy, PublicKey, Role, policy_digest};
use dotkey_proto::ledger::{Account, Action, Entry, Pin, SignedTransaction, Transaction};
use dotkey_proto::limits::{ACCOUNT_NAMES_MAX, POLICY_CHAIN_MAX, TRANSACTION_SIGNATURES_MAX};
use dotkey_registry::ledger::state::{Desk, SEATS_MAX};
use dotkey_registry::ledger::{BLOCK_SIGNATURES_MAX, BLOCK_WRITES_MAX, TRANSACTIONS_PER_DAY_MAX};

use super::authority::{owner, policy, updated};
use super::broken::{alone, check};
use super::world::{DAY, Person, World, charter, code, secret, time};

/// As many as a policy has.
const KEYS: u8 = 32;

#[test]
fn policies_that_can_be_gone_back_to_are_bounded_and_end_with_their_delay() {
    let (mut world, ..) = alone();
    let (mut newest, mut person) = owner();
    let mut rotate = |world: &mut World, expected| {
        let seed = if person.seed == 10 { 11 } else { 10 };
        let next = policy(seed, Some(&newest));
        // The chain may begin with what is pinned.
        let pinned = Person {
            chain: vec![newest.encode().expect("sound")],
            ..person.clone()
        };
        let rotated = updated(&pinned, &next, seed, &[10, 11]);
        check(world, &rotated, Action::SetPolicy, expected);
        if expected.is_ok() {
            (newest, person) = (next, rotated);
        }
    };
    for _ in 0..POLICY_CHAIN_MAX {
        rotate(&mut world, Ok(()));
    }
    rotate(&mut world, Err("undo-full"));
    // Its owner has the delay of the oldest to go back; then there is room.
    world.block(3 * DAY, &[]);
    rotate(&mut world, Ok(()));
}

#[test]
fn validators_are_as_many_as_a_certificate_has_bits_for() {
    let people: Vec<Person> = (0..=u8::MAX).map(Person::new).collect();
    assert_eq!(people.len(), SEATS_MAX);
    let add = || Action::ValidatorChange {
        validator: [[0xee; 32].as_slice(), b"a voting key"].concat(),
        weight: 1,
    };
    let mut world = World::new(charter(), &people[1..]);
    check(&mut world, &people[1], add(), Ok(()));
    let mut world = World::new(charter(), &people);
    check(&mut world, &people[1], add(), Err("validators-full"));
    let removed = Action::ValidatorChange {
        validator: secret(7).public().as_bytes().to_vec(),
        weight: 0,
    };
    check(&mut world, &people[1], removed, Ok(()));
}

/// Somebody with as many names as there can be, and a pinned policy, so that one transaction writes all of them.
fn landlord(desk: &mut Desk<'_>, seed: u8) -> Person {
    let person = Person::new(seed);
    let pin = Some(Pin {
        number: 0,
        digest: policy_digest(&person.chain[0]),
        least_sequence: None,
    });
    let names = (0..ACCOUNT_NAMES_MAX).map(|at| format!("name-{seed:03}-{at:02}"));
    let names: Vec<String> = names.collect();
    let (now, later) = (time(super::world::BEGAN), time(super::world::BEGAN + DAY));
    for name in &names {
        let entry = Entry {
            key_id: person.key_id,
            claimed: now,
            lease_ends: later,
            pin,
        };
        desk.put_entry(name, &entry);
    }
    let account = Account {
        nonce: 1,
        pin,
        names,
        ..Account::default()
    };
    desk.put_account(person.key_id, &account);
    person
}

#[test]
fn a_block_writes_so_many_leaves_and_the_next_one_takes_the_rest() {
    let (mut world, ..) = alone();
    let each = ACCOUNT_NAMES_MAX + 1;
    let fit = BLOCK_WRITES_MAX / each;
    let before = world.state.clone();
    let mut desk = Desk::new(&before);
    let count = u8::try_from(fit + 1).expect("as many as there are seeds");
    let people: Vec<Person> = (1..=count).map(|seed| landlord(&mut desk, seed)).collect();
    desk.keep();
    let changes = desk.into_changes();
    world.write(changes);
    let actions = people.iter().map(|person| {
        let action = Action::Checkpoint { sequence: 1 };
        person.sign(&world.transaction(person, action))
    });
    let all: Vec<SignedTransaction> = actions.collect();
    let taken = world.block(5, &all);
    let (last, rest) = taken.split_last().expect("some");
    assert!(rest.iter().all(|one| code(one) == Ok(())));
    assert_eq!(code(last), Err("block-full"));
    // What was refused left nothing behind, and is not spent.
    assert_eq!(world.nonce(people.last().expect("some")), 1);
    assert_eq!(code(&world.send(all.last().expect("some"))), Ok(()));
}

/// A policy with several admins, each of whom may sign.
fn committee(keys: u8) -> Policy {
    let key = |seed: u8| Key {
        public: PublicKey::Ed25519(secret(seed).public()),
        weight: 1,
        roles: vec![Role::Admin, Role::Publish],
    };
    let mut all: Vec<Key> = (0..keys).map(|at| key(100 + at)).collect();
    all.sort_by_key(|key| key.public);
    Policy {
        keys: all,
        ..Policy::bare(PublicKey::Ed25519(secret(100).public()))
    }
}

fn signed_by(transaction: &Transaction, signers: u8) -> SignedTransaction {
    let mut draft = transaction.draft().expect("sound");
    for at in 0..signers {
        draft.sign(&secret(100 + at));
    }
    SignedTransaction::decode(&draft.encode()).expect("sound")
}

#[test]
fn a_block_verifies_so_many_signatures_and_the_next_one_takes_the_rest() {
    let (mut world, bob, _) = alone();
    let bytes = committee(KEYS).encode().expect("sound");
    let many = Person {
        seed: 100,
        key_id: dotkey_proto::identity::key_id_of(&bytes),
        chain: vec![bytes],
    };
    let count = BLOCK_SIGNATURES_MAX as u64 / u64::from(KEYS);
    assert!(count <= TRANSACTIONS_PER_DAY_MAX, "of one identity");
    let mut all = Vec::new();
    for nonce in 0..count {
        let action = match nonce {
            0 => Action::SetPolicy,
            sequence => Action::Checkpoint { sequence },
        };
        let transaction = world.transaction_at(&many, nonce, action);
        all.push(signed_by(&transaction, KEYS));
    }
    let one_more = Action::Commit {
        commitment: [7; 32],
    };
    let one_more = bob.sign(&world.transaction(&bob, one_more));
    all.push(one_more.clone());
    let taken = world.block(5, &all);
    let (last, rest) = taken.split_last().expect("some");
    let refused = rest.iter().position(|one| code(one) != Ok(()));
    assert_eq!(refused.map(|at| (at, code(&rest[at]))), None);
    assert_eq!(code(last), Err("block-full"));
    assert_eq!(code(&world.send(&one_more)), Ok(()));
}

#[test]
fn a_transaction_has_so_many_signatures() {
    let (mut world, alice, _) = alone();
    let bare = Policy::bare(PublicKey::Ed25519(secret(alice.seed).public()));
    // The update in the chain has one signature: the same key's in both policies.
    let alice = updated(
        &alice,
        &policy(alice.seed, Some(&bare)),
        alice.seed,
        &[alice.seed],
    );
    let commitment = [7; 32];
    let transaction = world.transaction(&alice, Action::Commit { commitment });
    // Strangers cost as much to verify as friends, so they are counted before anybody is looked at.
    for (signers, expected) in [
        (1, Ok(())),
        (TRANSACTION_SIGNATURES_MAX - 1, Err("unknown-signer")),
        (TRANSACTION_SIGNATURES_MAX, Err("too-many-signatures")),
    ] {
        let (mut world, _, _) = alone();
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&secret(alice.seed));
        for stranger in 1..signers {
            draft.sign(&secret(100 + u8::try_from(stranger).expect("few")));
        }
        let signed = SignedTransaction::decode(&draft.encode()).expect("it has room for them");
        assert_eq!(code(&world.send(&signed)), expected, "{signers}");
    }
}
