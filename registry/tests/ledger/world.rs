//! A ledger in memory, with people who act on it. Labels of eight letters cost least, so that stamps take a moment.

use std::collections::BTreeMap;

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::{Action, SignedTransaction, Transaction, commitment};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::stamp::{Beacon, Memory, Purpose, Puzzle};
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::rules::{self, Bench, Context, Receipt, Referee, Session, Setback};
use dotkey_registry::ledger::state::{self, Changes, Seat, View};
use dotkey_registry::ledger::{Charter, Memo, Price};

pub(crate) const NETWORK: [u8; 32] = [9; 32];
pub(crate) const BEGAN: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 86_400;

pub(crate) fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

pub(crate) fn charter() -> Charter {
    Charter {
        network: NETWORK,
        stamp_bits: 8,
        claims_per_day: 24_000,
        lease_secs: 365 * DAY,
        renewal_secs: 95 * DAY,
        grace_secs: 30 * DAY,
        epoch_blocks: 10,
        reserved: vec!["ourbank-".to_owned()],
    }
}

pub(crate) fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

/// Somebody with one key.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) seed: u8,
    pub(crate) key_id: KeyId,
    pub(crate) chain: Vec<Vec<u8>>,
}

impl Person {
    pub(crate) fn new(seed: u8) -> Self {
        let key = PublicKey::Ed25519(secret(seed).public());
        Self {
            seed,
            key_id: Policy::bare_key_id(key),
            chain: vec![Policy::bare(key).encode().expect("sound")],
        }
    }

    pub(crate) fn sign(&self, transaction: &Transaction) -> SignedTransaction {
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&secret(self.seed));
        SignedTransaction::decode(&draft.encode()).expect("sound")
    }
}

/// Takes a candidate that is `ok` and an identity and a key, and votes that are an identity.
pub(crate) struct Simple;

impl Referee for Simple {
    fn admit(&self, candidate: &[u8]) -> Result<([u8; 32], Vec<u8>), String> {
        match candidate.split_first_chunk::<32>() {
            Some((identity, key)) if !key.is_empty() => Ok((*identity, key.to_vec())),
            _ => Err("it has no key".to_owned()),
        }
    }

    fn culprit(&self, votes: &[u8], epoch: u64, validators: &[Seat]) -> Result<[u8; 32], String> {
        let named = |seat: &&Seat| votes == [&seat.identity[..], &epoch.to_be_bytes()].concat();
        let seat = validators.iter().find(named).ok_or("nobody's votes")?;
        Ok(seat.identity)
    }
}

pub(crate) fn seat(person: &Person) -> Seat {
    let identity = *secret(person.seed).public().as_bytes();
    Seat {
        identity,
        voting_key: identity.to_vec(),
        candidate: candidate(person),
        approves: None,
    }
}

pub(crate) fn candidate(person: &Person) -> Vec<u8> {
    secret(person.seed).public().as_bytes().repeat(2)
}

pub(crate) struct World {
    pub(crate) charter: Charter,
    pub(crate) memo: Memo,
    pub(crate) state: BTreeMap<[u8; 32], Vec<u8>>,
    pub(crate) height: u64,
    pub(crate) now: u64,
    memory: Memory,
}

impl World {
    pub(crate) fn new(charter: Charter, validators: &[Person]) -> Self {
        let seats = validators.iter().map(seat).collect();
        let mut world = Self {
            memo: Memo::default(),
            state: BTreeMap::new(),
            height: 0,
            now: BEGAN,
            memory: Memory::default(),
            charter,
        };
        let first = rules::genesis(&world.charter, time(BEGAN), seats);
        world.write(first);
        world
    }

    pub(crate) fn write(&mut self, changes: Changes) {
        for (place, value) in changes {
            match value {
                Some(value) => self.state.insert(place, value),
                None => self.state.remove(&place),
            };
        }
    }

    pub(crate) fn bench(&self) -> Bench<'_> {
        let (charter, memo, referee) = (&self.charter, &self.memo, &Simple as &dyn Referee);
        Bench {
            charter,
            memo,
            referee,
        }
    }

    /// A block, some seconds after the last one, of those transactions that are taken.
    pub(crate) fn block(
        &mut self,
        secs: u64,
        transactions: &[SignedTransaction],
    ) -> Vec<Result<Receipt, Setback>> {
        self.height += 1;
        self.now += secs;
        let parent = *blake3::hash(&self.height.to_be_bytes()).as_bytes();
        let context = Context {
            height: self.height,
            time: time(self.now),
            parent,
        };
        let mut session = Session::open(&self.state, self.bench(), context).expect("sound");
        let taken = transactions.iter().map(|one| session.take(one)).collect();
        let changes = session.close().expect("sound");
        self.write(changes);
        taken
    }

    pub(crate) fn nonce(&self, person: &Person) -> u64 {
        state::account(&self.state as &dyn View, person.key_id)
            .expect("sound")
            .nonce
    }

    fn beacon(&self) -> (Beacon, u64) {
        let newest = state::beacons(&self.state).expect("sound").newest();
        (newest.beacon, newest.demand)
    }

    pub(crate) fn stamp(&mut self, key_id: KeyId, purpose: Purpose<'_>, price: Price) -> Vec<u8> {
        let (beacon, _) = self.beacon();
        let terms = (price.grid, price.solutions);
        let puzzle = Puzzle::new(&self.charter.network, key_id, purpose, &beacon, terms);
        let found = (0..).find_map(|nonce| puzzle.attempt(nonce, &mut self.memory));
        found.expect("some nonce has a stamp").encode()
    }

    pub(crate) fn claim_stamp(&mut self, person: &Person, label: &str) -> Vec<u8> {
        let price = self.charter.claim_price(label, self.beacon().1);
        self.stamp(person.key_id, Purpose::Claim(label), price)
    }

    pub(crate) fn renewal_stamp(&mut self, person: &Person, label: &str) -> Vec<u8> {
        let price = self.charter.renewal_price(label);
        self.stamp(person.key_id, Purpose::Renewal(label), price)
    }

    /// The transaction of somebody who does all as it should be.
    pub(crate) fn transaction(&mut self, person: &Person, action: Action) -> Transaction {
        let nonce = self.nonce(person);
        self.transaction_at(person, nonce, action)
    }

    pub(crate) fn transaction_at(
        &mut self,
        person: &Person,
        nonce: u64,
        action: Action,
    ) -> Transaction {
        let price = self.charter.opening_price();
        let opening = (nonce == 0).then(|| self.stamp(person.key_id, Purpose::Opening, price));
        Transaction {
            network: self.charter.network,
            key_id: person.key_id,
            nonce,
            chain: person.chain.clone(),
            action,
            opening,
        }
    }

    /// One transaction in a block of its own.
    pub(crate) fn act(&mut self, person: &Person, action: Action) -> Result<Receipt, Setback> {
        let transaction = self.transaction(person, action);
        self.send(&person.sign(&transaction))
    }

    pub(crate) fn send(&mut self, signed: &SignedTransaction) -> Result<Receipt, Setback> {
        self.block(5, std::slice::from_ref(signed)).remove(0)
    }

    pub(crate) fn commit(&mut self, person: &Person, label: &str, salt: u8) {
        let commitment = commitment(label, person.key_id, &[salt; 16]);
        self.act(person, Action::Commit { commitment })
            .expect("announced");
    }

    pub(crate) fn claim_action(&mut self, person: &Person, label: &str, salt: u8) -> Action {
        let stamp = self.claim_stamp(person, label);
        Action::Claim {
            label: label.to_owned(),
            salt: [salt; 16],
            stamp,
        }
    }

    /// A name, from its announcement on.
    pub(crate) fn take(&mut self, person: &Person, label: &str) {
        self.commit(person, label, 1);
        self.block(5, &[]);
        let claim = self.claim_action(person, label, 1);
        self.act(person, claim).expect("claimed");
    }

    pub(crate) fn entry(&self, label: &str) -> Option<dotkey_proto::ledger::Entry> {
        state::entry(&self.state, label).expect("sound")
    }
}

/// The code of a refusal, for tables.
pub(crate) fn code(result: &Result<Receipt, Setback>) -> Result<(), &'static str> {
    match result {
        Ok(_) => Ok(()),
        Err(Setback::Refused(refusal)) => Err(refusal.code()),
        Err(Setback::State(error)) => panic!("{error}"),
    }
}
