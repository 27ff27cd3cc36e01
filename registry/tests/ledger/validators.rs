//! The ledger of nodes: real engines over loopback, real folders, claims that become final and stay so.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{
    Action, Bundle, Entry, Finding, Freshness, Genesis, Parameters, SignedTransaction, Subject,
    Terms, Transaction, commitment,
};
use dotkey_proto::stamp::{Memory, Purpose, Puzzle};
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::{Charter, Price};
use dotkey_registry::node::ledger::{
    Ledger, LedgerConfig, Network, NotTaken, Outcome, ValidatorKey, near_parameters,
};
use dotkey_registry::node::{NodeConfig, StartError, Transport, start};
use dotkey_registry::store::{Change, Column, Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::world::Person;

/// Far more than anything here takes: only what hangs gets here.
const PATIENCE: Duration = Duration::from_secs(120);

const STAMP_BITS: u64 = 8;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

/// Validators that can be started and stopped one by one, and some who are none yet.
struct Validators {
    runtime: Runtime,
    folders: Vec<TempDir>,
    keys: Vec<ValidatorKey>,
    addresses: Vec<SocketAddr>,
    genesis: Genesis,
    ledgers: Vec<Option<Ledger>>,
    memory: Memory,
}

fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let bound: Vec<TcpListener> = (0..count).map(bind).collect();
    let address = |one: &TcpListener| one.local_addr().expect("bound");
    bound.iter().map(address).collect()
}

fn open(folder: &Path, network: Network, listen: SocketAddr) -> Result<Ledger, StartError> {
    let store = Arc::new(Store::open(&folder.join("store")).expect("a store"));
    let config = LedgerConfig {
        network,
        listen: Some(listen),
        clock: now,
    };
    Ledger::open(store, folder, config)
}

impl Validators {
    /// The first `members` vote in the first epoch. All are started.
    fn new(count: usize, members: usize, epoch_blocks: u64) -> Self {
        let addresses = free_addresses(count);
        let folder = || tempfile::tempdir().expect("a folder");
        let folders: Vec<TempDir> = (0..count).map(|_| folder()).collect();
        let make = |folder: &TempDir| ValidatorKey::make(folder.path()).expect("secrets");
        let keys: Vec<ValidatorKey> = folders.iter().map(make).collect();
        let candidates = keys.iter().zip(&addresses).take(members);
        let candidates = candidates.map(|(key, address)| key.candidate(&address.to_string()));
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_by_key(|one| *one.validator.identity.as_bytes());
        let genesis = Genesis::new(&Terms {
            name: "test".to_owned(),
            began: now(),
            validators: candidates,
            parameters: Parameters {
                epoch_blocks,
                ..near_parameters(STAMP_BITS)
            },
            reserved: Vec::new(),
        });
        let mut validators = Self {
            runtime: Builder::new_current_thread().build().expect("a runtime"),
            folders,
            keys,
            addresses,
            genesis: genesis.expect("sound"),
            ledgers: (0..count).map(|_| None).collect(),
            memory: Memory::default(),
        };
        (0..count).for_each(|at| validators.start(at));
        validators
    }

    fn start(&mut self, at: usize) {
        let network = Network::Of(Box::new(self.genesis.clone()));
        let ledger = open(self.folders[at].path(), network, self.addresses[at]);
        self.ledgers[at] = Some(ledger.expect("a ledger"));
    }

    fn stop(&mut self, at: usize) {
        let ledger = self.ledgers[at].take().expect("it runs");
        self.runtime.block_on(ledger.stop());
    }

    fn ledger(&self, at: usize) -> &Ledger {
        self.ledgers[at].as_ref().expect("it runs")
    }

    /// Asks until there is an answer. No ledger may have halted.
    fn wait<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = ask() {
                return found;
            }
            for ledger in self.ledgers.iter().flatten() {
                let status = ledger.status();
                assert_eq!(status.halted, None, "{what}");
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Hands a transaction to one of them, and waits until it is final there.
    fn send(&self, at: usize, transaction: SignedTransaction) -> u64 {
        let (id, word) = (
            transaction.digest(),
            transaction.transaction().action.word(),
        );
        let taken = self.ledger(at).take(transaction);
        assert_eq!(taken, Ok(true), "{word}");
        self.wait(word, || match self.ledger(at).outcome(&id) {
            Ok(Outcome::Final { height }) => Some(height),
            Ok(Outcome::Waiting) => None,
            other => panic!("{word}: {other:?}"),
        })
    }

    fn stamp(&mut self, at: usize, key_id: KeyId, purpose: Purpose<'_>, price: Price) -> Vec<u8> {
        let chain = self.ledger(at).chain().expect("it runs");
        let beacon = chain.beacons().expect("sound").newest().beacon;
        let terms = (price.grid, price.solutions);
        let network = self.genesis.network();
        let puzzle = Puzzle::new(&network, key_id, purpose, &beacon, terms);
        let found = (0..).find_map(|nonce| puzzle.attempt(nonce, &mut self.memory));
        found.expect("some nonce has a stamp").encode()
    }

    fn sign(&mut self, at: usize, person: &Person, action: Action) -> SignedTransaction {
        let chain = self.ledger(at).chain().expect("it runs");
        let nonce = chain.account(person.key_id).expect("sound").nonce;
        let price = Charter::of(&self.genesis).opening_price();
        let opening = (nonce == 0).then(|| self.stamp(at, person.key_id, Purpose::Opening, price));
        person.sign(&Transaction {
            network: self.genesis.network(),
            key_id: person.key_id,
            nonce,
            chain: person.chain.clone(),
            action,
            opening,
        })
    }

    fn commit(&mut self, at: usize, person: &Person, label: &str) {
        let commitment = commitment(label, person.key_id, &[1; 16]);
        let commit = self.sign(at, person, Action::Commit { commitment });
        self.send(at, commit);
    }

    fn claiming(&mut self, at: usize, person: &Person, label: &str) -> SignedTransaction {
        let price = Charter::of(&self.genesis).claim_price(label, 0);
        let stamp = self.stamp(at, person.key_id, Purpose::Claim(label), price);
        let claim = Action::Claim {
            label: label.to_owned(),
            salt: [1; 16],
            stamp,
        };
        self.sign(at, person, claim)
    }

    /// A name, from its announcement on. Nothing is waited for between commit and claim.
    fn claim(&mut self, at: usize, person: &Person, label: &str) -> u64 {
        self.commit(at, person, label);
        let claim = self.claiming(at, person, label);
        self.send(at, claim)
    }

    /// Who holds a name, as a light client finds that knows the genesis alone.
    fn holder(&self, at: usize, label: &str) -> Option<KeyId> {
        let subject = Subject::Name(label.to_owned());
        let bundle = self.ledger(at).prove(&subject, 0).expect("a proof");
        let bundle = Bundle::decode(&bundle.encode()).expect("its form is right");
        let freshness = Freshness {
            now: now(),
            age_secs_max: 3600,
        };
        let verified = bundle.verify(&subject, &self.genesis, freshness);
        let verified = verified.expect("it holds from the genesis on");
        verified.proof.entry().map(|entry| entry.key_id)
    }

    fn wait_for(&self, which: &[usize], label: &str, holder: KeyId) {
        for at in which {
            self.wait(&format!("{at} knows who holds {label}"), || {
                (self.holder(*at, label) == Some(holder)).then_some(())
            });
        }
    }
}

#[test]
fn a_claim_gets_final_and_a_restart_goes_on() {
    let mut solo = Validators::new(1, 1, 1 << 20);
    let (alice, bob) = (Person::new(1), Person::new(2));
    solo.claim(0, &alice, "mysite12");
    assert_eq!(solo.holder(0, "mysite12"), Some(alice.key_id));
    assert_eq!(solo.holder(0, "nobodys1"), None);

    // What would cost a block in vain is refused before.
    solo.commit(0, &bob, "mysite12");
    let late = solo.claiming(0, &bob, "mysite12");
    let refusal = solo.ledger(0).take(late).expect_err("it is taken");
    let NotTaken::Refused(refusal) = refusal else {
        panic!("{refusal}");
    };
    assert_eq!(refusal.code(), "taken");

    let before = solo.ledger(0).status().height;
    solo.stop(0);
    solo.start(0);
    assert!(solo.ledger(0).status().height >= before);
    assert_eq!(solo.holder(0, "mysite12"), Some(alice.key_id));
    solo.claim(0, &bob, "another1");
    assert_eq!(solo.holder(0, "another1"), Some(bob.key_id));
}

#[test]
fn of_two_who_race_for_a_name_one_gets_it_and_the_other_is_told() {
    let mut solo = Validators::new(1, 1, 1 << 20);
    let (alice, bob) = (Person::new(1), Person::new(2));
    solo.commit(0, &alice, "mysite12");
    solo.commit(0, &bob, "mysite12");
    let claims = [&alice, &bob].map(|person| solo.claiming(0, person, "mysite12"));
    let ids = claims.clone().map(|claim| claim.digest());
    for claim in claims {
        // The second may come when the first has its block already.
        let _ = solo.ledger(0).take(claim);
    }
    solo.wait_for(&[0], "mysite12", alice.key_id);
    let told = solo.wait("the other is told", || {
        match solo.ledger(0).outcome(&ids[1]).expect("it runs") {
            Outcome::Waiting => None,
            other => Some(other),
        }
    });
    if let Outcome::Refused { code, detail } = told {
        assert_eq!(code, "taken");
        assert!(detail.contains(&alice.key_id.to_string()), "{detail}");
    } else {
        // It came too late to wait at all, and was told at once.
        assert_eq!(told, Outcome::Unknown);
    }
    assert_eq!(solo.ledger(0).status().waiting, 0);
}

#[test]
fn four_go_on_without_one_and_it_comes_back() {
    let mut four = Validators::new(4, 4, 1 << 20);
    let (alice, bob) = (Person::new(1), Person::new(2));
    four.claim(0, &alice, "mysite12");
    four.wait_for(&[0, 1, 2, 3], "mysite12", alice.key_id);
    four.stop(3);
    // Whoever takes it, whoever leads.
    four.claim(1, &bob, "another1");
    four.wait_for(&[0, 1, 2], "another1", bob.key_id);
    four.start(3);
    four.wait_for(&[3], "another1", bob.key_id);
    let heights: Vec<_> = (0..4)
        .map(|at| four.ledger(at).chain().expect("runs"))
        .collect();
    let least = heights
        .iter()
        .map(|chain| chain.tip().height)
        .min()
        .expect("four");
    for height in 0..=least {
        let header =
            |chain: &Arc<dotkey_registry::ledger::Chain>| chain.header(height).expect("sound");
        let first = header(&heights[0]);
        assert!(
            heights.iter().all(|chain| header(chain) == first),
            "block {height}"
        );
    }
}

#[test]
fn light_clients_are_led_to_a_validator_that_came_later() {
    const EPOCH: u64 = 8;
    let mut two = Validators::new(2, 1, EPOCH);
    let alice = Person::new(1);
    let candidate = two.keys[1].candidate(&two.addresses[1].to_string());
    let network = two.genesis.network();
    let change = Action::ValidatorChange {
        validator: candidate.encode(),
        weight: 1,
    };
    let approval = two.keys[0].sign(network, 0, change).expect("in range");
    two.send(0, approval);
    two.wait("both vote", || {
        let votes = |at| two.ledger(at).status().votes;
        (votes(0) && votes(1)).then_some(())
    });
    two.claim(1, &alice, "mysite12");
    two.wait_for(&[0, 1], "mysite12", alice.key_id);

    let subject = Subject::Name("mysite12".to_owned());
    for at in [0, 1] {
        let bundle = two.ledger(at).prove(&subject, 0).expect("a proof");
        assert_eq!(bundle.handovers.len(), 1);
        let since = bundle.handovers[0].header.epoch + 1;
        let knows = two.ledger(at).prove(&subject, since).expect("a proof");
        assert!(knows.handovers.is_empty(), "whoever knows both needs none");
        let Finding::Held(value) = knows.proof.finding else {
            panic!("the name is held");
        };
        assert_eq!(
            Entry::decode(&value).expect("an entry").key_id,
            alice.key_id
        );
        let chain = two.ledger(at).chain().expect("it runs");
        let count = |epoch| {
            chain
                .voters(epoch)
                .expect("sound")
                .map(|voters| voters.len())
        };
        assert_eq!((count(0), count(since)), (Some(1), Some(2)));
        assert_eq!(count(u64::MAX / EPOCH), None, "epochs to come are nobody's");
    }
    let to_come = two.ledger(0).prove(&subject, 1 << 40);
    assert!(
        to_come
            .expect_err("to come")
            .to_string()
            .contains("has not begun")
    );
}

#[test]
fn another_networks_genesis_is_refused_and_both_are_named() {
    let mut solo = Validators::new(1, 1, 1 << 20);
    let other = Validators::new(1, 1, 1 << 20);
    solo.stop(0);
    let network = Network::Of(Box::new(other.genesis.clone()));
    let refused = open(solo.folders[0].path(), network, solo.addresses[0]);
    let error = refused.expect_err("another network's").to_string();
    for genesis in [&solo.genesis, &other.genesis] {
        let id: String = genesis
            .network()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert!(error.contains(&id), "{error}");
    }
    // Without a word it goes on with its own.
    let own = open(solo.folders[0].path(), Network::Own, solo.addresses[0]).expect("its own");
    assert_eq!(own.genesis(), &solo.genesis);
    solo.runtime.block_on(own.stop());
}

#[test]
fn a_rotten_state_halts_the_ledger_and_the_node_goes_on() {
    let mut solo = Validators::new(1, 1, 1 << 20);
    let alice = Person::new(1);
    solo.claim(0, &alice, "mysite12");
    solo.stop(0);
    let folder = solo.folders[0].path().to_owned();
    {
        let store = Store::open(&folder.join("store")).expect("a store");
        let mut rotten = Vec::new();
        let visit = |key: &[u8], value: &[u8]| {
            let mut value = value.to_vec();
            if let Some(last) = value.last_mut() {
                *last ^= 1;
            }
            rotten.push((key.to_vec(), value));
            std::ops::ControlFlow::Continue(())
        };
        store.scan(Column::StateValues, &[], visit).expect("read");
        let changes: Vec<Change<'_>> = rotten
            .iter()
            .map(|(key, value)| Change::Put {
                column: Column::StateValues,
                key,
                value,
            })
            .collect();
        store.write(&changes).expect("written");
    }
    let running = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    running.expect("a runtime").block_on(async {
        let mut config = NodeConfig::new(&folder);
        config.listen = vec!["/memory/0".parse().expect("an address")];
        config.transport = Transport::Memory;
        config.ledger = Some(LedgerConfig {
            network: Network::Own,
            listen: Some(solo.addresses[0]),
            clock: now,
        });
        let (node, task) = start(config).await.expect("the node runs");
        let status = node.ledger().expect("it has one").status();
        let halted = status.halted.clone().expect("it has halted");
        assert!(
            halted.contains("does not") || halted.contains("damaged"),
            "{halted}"
        );
        assert!(!status.votes && status.warnings()[0].contains("has halted"));
        let proof = node
            .ledger()
            .expect("one")
            .prove(&Subject::Name("mysite12".to_owned()), 0);
        assert!(proof.is_err(), "nothing is proved by what is damaged");
        assert_eq!(node.status().await.expect("it answers").records.count, 0);
        node.leave().await;
        task.await.expect("it ended well");
    });
}
