//! A network of one, with the ledger's own rules.

use std::collections::BTreeMap;
use std::sync::Mutex;

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::{Action, SignedTransaction, Transaction};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::stamp::{Memory, Purpose, Puzzle};
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::rules::{self, Bench, Context, Referee, Session, Setback};
use dotkey_registry::ledger::state::{self, Seat};
use dotkey_registry::ledger::{Charter, Memo, Price};

use super::super::{Claim, Signed, View, Work};

const NETWORK: [u8; 32] = [9; 32];
const BEGAN: u64 = 1_800_000_000;
pub(super) const DAY: u64 = 86_400;

/// No validators act here.
struct Nobody;

impl Referee for Nobody {
    fn admit(&self, _: &[u8]) -> Result<([u8; 32], Vec<u8>), String> {
        Err("nobody".into())
    }

    fn culprit(&self, _: &[u8], _: u64, _: &[Seat]) -> Result<[u8; 32], String> {
        Err("nobody".into())
    }
}

/// A network of one: its rules, its state, and what waits for a block.
pub(super) struct World {
    pub(super) charter: Charter,
    memo: Memo,
    state: BTreeMap<[u8; 32], Vec<u8>>,
    height: u64,
    pub(super) now: u64,
    pub(super) waiting: Vec<SignedTransaction>,
    /// What each kind of transaction was taken how often.
    pub(super) taken: BTreeMap<&'static str, usize>,
}

pub(super) struct Person {
    secret: SecretKey,
    pub(super) key_id: KeyId,
    chain: Vec<Vec<u8>>,
}

impl Person {
    pub(super) fn new(seed: u8) -> Self {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let key = PublicKey::Ed25519(secret.public());
        Self {
            secret,
            key_id: Policy::bare_key_id(key),
            chain: vec![Policy::bare(key).encode().expect("sound")],
        }
    }

    pub(super) fn claim(&self, label: &str) -> Claim {
        Claim::new(NETWORK, label.into(), self.key_id, [3; 16])
    }

    pub(super) fn sign(&self, nonce: u64, action: Action, opening: Option<Vec<u8>>) -> Signed {
        let transaction = Transaction {
            network: NETWORK,
            key_id: self.key_id,
            nonce,
            chain: self.chain.clone(),
            action,
            opening: opening.filter(|_| nonce == 0),
        };
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&self.secret);
        let bytes = draft.encode();
        Signed { nonce, bytes }
    }
}

impl World {
    pub(super) fn new() -> Self {
        let charter = Charter {
            network: NETWORK,
            stamp_bits: 2,
            claims_per_day: 24_000,
            lease_secs: 365 * DAY,
            renewal_secs: 95 * DAY,
            grace_secs: 30 * DAY,
            epoch_blocks: 1000,
            reserved: vec!["ourbank-".into()],
        };
        let began = Timestamp::from_secs(BEGAN).expect("in range");
        let first = rules::genesis(&charter, began, Vec::new());
        let kept = first.into_iter();
        Self {
            charter,
            memo: Memo::default(),
            state: kept.filter_map(|(at, value)| Some((at, value?))).collect(),
            height: 0,
            now: BEGAN,
            waiting: Vec::new(),
            taken: BTreeMap::new(),
        }
    }

    fn context(&self) -> Context {
        Context {
            height: self.height + 1,
            time: Timestamp::from_secs(self.now + 1).expect("in range"),
            parent: *blake3::hash(&self.height.to_be_bytes()).as_bytes(),
        }
    }

    fn session(&self) -> Session<'_> {
        let bench = Bench {
            charter: &self.charter,
            memo: &self.memo,
            referee: &Nobody,
        };
        Session::open(&self.state, bench, self.context()).expect("sound")
    }

    /// What a node does with what it is sent.
    pub(super) fn submit(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        let signed = SignedTransaction::decode(bytes).expect("well formed");
        if self.waiting.contains(&signed) {
            return Ok(());
        }
        let same_place = |one: &SignedTransaction| {
            let (a, b) = (one.transaction(), signed.transaction());
            (a.key_id, a.nonce) == (b.key_id, b.nonce)
        };
        if self.waiting.iter().any(same_place) {
            return Err("nonce-taken");
        }
        match self.session().take(&signed) {
            Err(Setback::Refused(refusal)) if !refusal.may_pass() => return Err(refusal.code()),
            Err(Setback::State(error)) => panic!("{error}"),
            _ => self.waiting.push(signed),
        }
        Ok(())
    }

    pub(super) fn block(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let mut session = self.session();
        let (mut words, mut left) = (Vec::new(), Vec::new());
        for one in waiting {
            match session.take(&one) {
                Ok(receipt) => words.push(receipt.word),
                Err(Setback::Refused(refusal)) if refusal.may_pass() => left.push(one),
                Err(_) => {}
            }
        }
        let changes = session.close().expect("sound");
        for (at, value) in changes {
            match value {
                Some(value) => self.state.insert(at, value),
                None => self.state.remove(&at),
            };
        }
        self.waiting = left;
        for word in words {
            *self.taken.entry(word).or_default() += 1;
        }
        self.height += 1;
        self.now += 1;
    }

    pub(super) fn view(&self, claim: &Claim) -> View {
        View {
            height: self.height,
            time: Timestamp::from_secs(self.now).expect("in range"),
            entry: state::entry(&self.state, &claim.label).expect("sound"),
            account: state::account(&self.state, claim.key_id).expect("sound"),
        }
    }

    /// What the command sees of it: the name only once that tells nobody anything.
    pub(super) fn seen(&self, claim: &Claim) -> View {
        let mut view = self.view(claim);
        if !claim.is_told(&view) {
            view.entry = None;
        }
        view
    }

    pub(super) fn holder(&self, label: &str) -> Option<KeyId> {
        let entry = state::entry(&self.state, label).expect("sound");
        entry.map(|entry| entry.key_id)
    }

    pub(super) fn stamp(&self, claim: &Claim, work: Work) -> Vec<u8> {
        let newest = state::beacons(&self.state).expect("sound").newest();
        let (purpose, price) = match work {
            Work::Opening => (Purpose::Opening, self.charter.opening_price()),
            Work::Claim => {
                let price = self.charter.claim_price(&claim.label, newest.demand);
                (Purpose::Claim(&claim.label), price)
            }
        };
        let Price { grid, solutions } = price;
        let terms = (grid, solutions);
        let puzzle = Puzzle::new(&NETWORK, claim.key_id, purpose, &newest.beacon, terms);
        // The same worlds come again and again.
        static MADE: Mutex<Vec<(Puzzle, Vec<u8>)>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().expect("nobody panics in it");
        if let Some((_, stamp)) = made.iter().find(|(known, _)| *known == puzzle) {
            return stamp.clone();
        }
        let mut memory = Memory::default();
        let found = (0..).find_map(|nonce| puzzle.attempt(nonce, &mut memory));
        let stamp = found.expect("some nonce has one").encode();
        made.push((puzzle, stamp.clone()));
        stamp
    }
}
