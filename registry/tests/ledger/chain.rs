//! The chain on disk: what is final is there, proved by what a light client checks, and survives what crashes and disks do.

use std::borrow::Borrow;
use std::path::Path;
use std::sync::Arc;

use dotkey_proto::ledger::{
    Action, Body, Freshness, Header, SignedTransaction, Subject, Transaction, commitment,
};
use dotkey_proto::stamp::{Memory, Purpose, Puzzle};
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::{Chain, ChainError, Price, VERSIONS_KEPT};
use dotkey_registry::store::{Change, Column, Store};

use super::network::{Network, certify};
use super::world::Person;

/// A chain in a folder, and the time that its next block gets.
pub(crate) struct Node<C = Chain> {
    pub(crate) network: Network,
    pub(crate) chain: C,
    now: Timestamp,
    memory: Memory,
}

pub(crate) fn open(folder: &Path, network: &Network) -> Result<Chain, ChainError> {
    let store = Arc::new(Store::open(folder).expect("a store"));
    let judge = Arc::new(|_: &[u8], _: u64, _: &[_]| Err("nobody's votes".to_owned()));
    Chain::open(store, &network.genesis, judge)
}

impl Node {
    /// Whose chain others read as well.
    pub(crate) fn shared(self) -> Node<Arc<Chain>> {
        let Self {
            network,
            chain,
            now,
            memory,
        } = self;
        Node {
            network,
            chain: Arc::new(chain),
            now,
            memory,
        }
    }

    pub(crate) fn new(folder: &Path) -> Self {
        let network = Network::new(1);
        let chain = open(folder, &network).expect("it opens");
        let now = chain.tip().time;
        Self {
            network,
            chain,
            now,
            memory: Memory::default(),
        }
    }
}

impl<C: Borrow<Chain>> Node<C> {
    fn on(&self) -> &Chain {
        self.chain.borrow()
    }

    pub(crate) fn transaction(
        &mut self,
        person: &Person,
        action: Action,
    ) -> Arc<SignedTransaction> {
        let nonce = self.on().account(person.key_id).expect("it reads").nonce;
        let price = self.on().charter().opening_price();
        let opening = (nonce == 0).then(|| self.stamp(person, Purpose::Opening, price));
        let (network, key_id, chain) = (
            self.network.genesis.network(),
            person.key_id,
            person.chain.clone(),
        );
        let transaction = Transaction {
            network,
            key_id,
            nonce,
            chain,
            action,
            opening,
        };
        Arc::new(person.sign(&transaction))
    }

    fn stamp(&mut self, person: &Person, purpose: Purpose<'_>, price: Price) -> Vec<u8> {
        let beacon = self.on().beacons().expect("it reads").newest().beacon;
        let network = self.network.genesis.network();
        let terms = (price.grid, price.solutions);
        let puzzle = Puzzle::new(&network, person.key_id, purpose, &beacon, terms);
        let found = (0..).find_map(|nonce| puzzle.attempt(nonce, &mut self.memory));
        found.expect("some nonce has a stamp").encode()
    }

    pub(crate) fn propose(&mut self, transactions: &[Arc<SignedTransaction>]) -> (Header, Body) {
        self.now = self.now.saturating_add(1);
        let parent = self.on().tip().digest();
        let made = self
            .on()
            .propose(&parent, self.now, transactions.iter().cloned());
        let made = made.expect("it proposes");
        assert_eq!(made.refused, []);
        (made.header, made.body)
    }

    pub(crate) fn finalise(&self, header: &Header) {
        let certificate = certify(&self.network, header);
        let done = self.on().finalise(&header.digest(), Some(&certificate));
        done.expect("it is written");
    }

    pub(crate) fn block(&mut self, transactions: &[Arc<SignedTransaction>]) -> Header {
        let (header, _) = self.propose(transactions);
        self.finalise(&header);
        header
    }

    pub(crate) fn take(&mut self, person: &Person, label: &str) {
        let commitment = commitment(label, person.key_id, &[1; 16]);
        let commit = self.transaction(person, Action::Commit { commitment });
        self.block(&[commit]);
        self.block(&[]);
        let demand = self.on().beacons().expect("it reads").newest().demand;
        let price = self.on().charter().claim_price(label, demand);
        let stamp = self.stamp(person, Purpose::Claim(label), price);
        let (label, salt) = (label.to_owned(), [1; 16]);
        let claim = self.transaction(person, Action::Claim { label, salt, stamp });
        self.block(&[claim]);
    }
}

#[test]
fn what_is_final_is_proved_to_a_light_client() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(folder.path());
    let alice = Person::new(1);
    for label in ["eightlet", "eightle2", "eightle3"] {
        node.take(&alice, label);
    }
    let trusted = node.network.genesis.trusted();
    let freshness = Freshness {
        now: node.now,
        age_secs_max: 60,
    };
    let name = |label: &str| Subject::Name(label.to_owned());
    let prove = |subject: &Subject| {
        let proof = node
            .chain
            .prove(subject)
            .expect("it reads")
            .expect("it is certified");
        proof
            .verify(subject, &trusted, freshness)
            .expect("the proof holds")
    };
    assert_eq!(
        prove(&name("eightlet")).entry().map(|entry| entry.key_id),
        Some(alice.key_id)
    );
    assert_eq!(prove(&name("nobodys-name")).entry(), None);
    let account = prove(&Subject::Identity(alice.key_id));
    assert_eq!(
        account.account().map(|account| account.names.len()),
        Some(3)
    );
    for number in 0..50 {
        assert_eq!(prove(&name(&format!("absent-{number}"))).entry(), None);
    }
}

#[test]
fn one_block_of_a_height_is_final_and_the_others_are_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(folder.path());
    let (alice, bob) = (Person::new(1), Person::new(2));
    let commit = |node: &mut Node, person: &Person| {
        node.transaction(
            person,
            Action::Commit {
                commitment: [3; 32],
            },
        )
    };
    let of_alice = commit(&mut node, &alice);
    let of_bob = commit(&mut node, &bob);
    let (left, _) = node.propose(&[of_alice]);
    let (right, body) = node.propose(&[of_bob]);
    // On the one that will not be final, another.
    let time = right.time.saturating_add(1);
    let above = node
        .chain
        .propose(&left.digest(), time, [])
        .expect("it proposes");
    node.finalise(&right);
    for gone in [left.digest(), above.header.digest()] {
        assert!(!node.chain.is_executed(&gone));
        assert_eq!(
            node.chain.finalise(&gone, None),
            Err(ChainError::NotExecuted)
        );
    }
    assert_eq!(node.chain.body(1), Ok(Some(body)));
    assert_eq!(node.chain.account(alice.key_id).expect("it reads").nonce, 0);
    assert_eq!(node.chain.account(bob.key_id).expect("it reads").nonce, 1);
    node.finalise(&right); // Again: nothing happens.
    assert_eq!(node.chain.tip(), right);
}

#[test]
fn another_node_gets_the_same_roots_and_refuses_other_headers() {
    let (first, second) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    );
    let mut node = Node::new(first.path());
    let other = Node::new(second.path());
    let alice = Person::new(1);
    let commit = node.transaction(
        &alice,
        Action::Commit {
            commitment: [3; 32],
        },
    );
    let (header, body) = node.propose(&[commit]);
    let changes: [fn(&mut Header); 8] = [
        |header| header.network[0] ^= 1,
        |header| header.height += 1,
        |header| header.time = header.time.saturating_sub(10),
        |header| header.state_root[0] ^= 1,
        |header| header.transactions[0] ^= 1,
        |header| header.epoch += 1,
        |header| header.validators[0] ^= 1,
        |header| header.next_validators = Some([0; 32]),
    ];
    for change in changes {
        let mut bad = header.clone();
        change(&mut bad);
        let found = other.chain.execute(&bad, &body);
        assert!(matches!(found, Err(ChainError::Invalid(_))), "{found:?}");
    }
    let twice = Body([body.0.clone(), body.0.clone()].concat());
    let twice_header = Header {
        transactions: twice.digest(),
        ..header.clone()
    };
    let found = other
        .chain
        .execute(&twice_header, &twice)
        .expect_err("a replay");
    assert!(found.to_string().contains("was used before"), "{found}");
    assert_eq!(
        other
            .chain
            .execute(&header, &body)
            .map(|receipts| receipts.len()),
        Ok(1)
    );
    other.finalise(&header);
    node.finalise(&header);
    assert_eq!(node.chain.tip(), other.chain.tip());
}

#[test]
fn a_stopped_node_goes_on_and_takes_no_other_genesis() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(folder.path());
    node.take(&Person::new(1), "eightlet");
    let tip = node.chain.tip();
    drop(node);
    let again = open(folder.path(), &Network::new(1)).expect("it opens");
    assert_eq!(again.tip(), tip);
    assert!(again.entry("eightlet").expect("it reads").is_some());
    drop(again);
    let other = open(folder.path(), &Network::new(2)).map(drop);
    let error = other.expect_err("another network's");
    assert!(matches!(error, ChainError::OtherNetwork { .. }), "{error}");
}

#[test]
fn a_changed_state_halts_the_node() {
    let mut damaged = 0;
    for column in [Column::StateNodes, Column::StateValues] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut node = Node::new(folder.path());
        node.take(&Person::new(1), "eightlet");
        drop(node);
        let keys = keys(folder.path(), column);
        for (key, value) in keys {
            let store = Store::open(folder.path()).expect("a store");
            let mut bad = value.clone();
            *bad.last_mut().expect("not empty") ^= 1;
            store
                .write(&[Change::Put {
                    column,
                    key: &key,
                    value: &bad,
                }])
                .expect("written");
            drop(store);
            // A node of an old version is not looked at: it is only read for old proofs, and checked then.
            damaged += u64::from(open(folder.path(), &Network::new(1)).is_err());
            let store = Store::open(folder.path()).expect("a store");
            store
                .write(&[Change::Put {
                    column,
                    key: &key,
                    value: &value,
                }])
                .expect("written");
        }
        open(folder.path(), &Network::new(1)).expect("it is whole again");
    }
    assert!(damaged >= 8, "only {damaged} changes were noticed");
}

fn keys(folder: &Path, column: Column) -> Vec<(Vec<u8>, Vec<u8>)> {
    let store = Store::open(folder).expect("a store");
    let mut found = Vec::new();
    let visit = |key: &[u8], value: &[u8]| {
        found.push((key.to_vec(), value.to_vec()));
        std::ops::ControlFlow::Continue(())
    };
    store.scan(column, &[], visit).expect("it reads");
    found
}

#[test]
fn old_versions_go_and_those_of_the_window_are_proved() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut node = Node::new(folder.path());
    let alice = Person::new(1);
    node.take(&alice, "eightlet");
    for _ in 0..VERSIONS_KEPT + 20 {
        node.block(&[]);
    }
    let place = Subject::Name("eightlet".to_owned()).leaf();
    let newest = node.chain.tip().height;
    let oldest = newest + 1 - VERSIONS_KEPT;
    for height in [oldest, newest] {
        assert!(
            node.chain
                .path(place, height)
                .expect("it is kept")
                .value
                .is_some()
        );
    }
    let gone = node.chain.path(place, oldest - 1);
    assert!(matches!(gone, Err(ChainError::NotKept { .. })), "{gone:?}");
    drop(node);
    // One root a block of the window, and little beside.
    let nodes = keys(folder.path(), Column::StateNodes).len() as u64;
    assert!(nodes < VERSIONS_KEPT + 40, "{nodes} nodes");
}
