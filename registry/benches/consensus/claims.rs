//! Claims of names by validators that check everything: each of many people opens an account, announces a name and claims it, which are two
//! transactions with a signature and a stamp each.
//!
//! The yardstick is what nobody can leave out: the signatures and stamps of both transactions, verified once each and one after the other, from their bytes as
//! they come: a key is a point that has to be decoded, and a stamp is read. (They are not verified in batches, for the library's batch takes signatures that
//! its strict verification refuses, and then validators would part.)

use std::fs;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::{
    Action, Genesis, Parameters, SignedTransaction, Terms, Transaction, commitment,
};
use dotkey_proto::signature::{Ed25519Key, SecretKey};
use dotkey_proto::stamp::{Beacon, Memory, Purpose, Puzzle, Stamp};
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::{Charter, Price};
use dotkey_registry::node::ledger::{
    Ledger, LedgerConfig, Network, Outcome, ValidatorKey, near_parameters,
};
use dotkey_registry::store::Store;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::spent;

/// What a claim may cost a validator: this many times its verifications.
const LIMIT: f64 = 2.0;

/// How soon a transaction should be final, half of the time.
const FINAL_MS: f64 = 100.0;

/// Transactions that wait at a time: fewer than the validators pass on to each other before they drop any.
const WAITING_MAX: usize = 3_000;

/// Between looks at what waits: a look costs as much as verifying something, and counts.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

/// Who wants a name, and all that it takes.
struct Person {
    secret: SecretKey,
    commit: SignedTransaction,
    claim: SignedTransaction,
    stamps: [(Puzzle, Stamp); 2],
}

/// What people make their transactions for.
struct Ground {
    network: [u8; 32],
    charter: Charter,
    beacon: Beacon,
}

impl Ground {
    fn person(&self, number: u64, memory: &mut Memory) -> Person {
        let secret = SecretKey::from_seed(blake3::hash(&number.to_be_bytes()).as_bytes());
        let key = PublicKey::Ed25519(secret.public());
        let key_id = Policy::bare_key_id(key);
        let chain = vec![Policy::bare(key).encode().expect("sound")];
        let label = format!("a-name-that-is-typical-{number}");
        let salt = [1; 16];
        let mut stamp = |purpose, Price { grid, solutions }| {
            let terms = (grid, solutions);
            let puzzle = Puzzle::new(&self.network, key_id, purpose, &self.beacon, terms);
            let found = (0..).find_map(|nonce| puzzle.attempt(nonce, memory));
            (puzzle, found.expect("some nonce has a stamp"))
        };
        let opening = stamp(Purpose::Opening, self.charter.opening_price());
        let claiming = stamp(Purpose::Claim(&label), self.charter.claim_price(&label, 0));
        let sign = |nonce, action, opening| {
            let transaction = Transaction {
                network: self.network,
                key_id,
                nonce,
                chain: chain.clone(),
                action,
                opening,
            };
            let mut draft = transaction.draft().expect("sound");
            draft.sign(&secret);
            SignedTransaction::decode(&draft.encode()).expect("sound")
        };
        let commitment = commitment(&label, key_id, &salt);
        let commit = sign(0, Action::Commit { commitment }, Some(opening.1.encode()));
        let stamp = claiming.1.encode();
        let claim = sign(1, Action::Claim { label, salt, stamp }, None);
        Person {
            secret,
            commit,
            claim,
            stamps: [opening, claiming],
        }
    }
}

/// Processor time of verifying once what these claims have to be verified by, in seconds.
fn verifications(people: &[Person]) -> f64 {
    let signed: Vec<_> = people
        .iter()
        .flat_map(|person| {
            let key = *person.secret.public().as_bytes();
            [&person.commit, &person.claim].map(|one| {
                // Of the length of what is signed; what exactly that is does not matter to the time.
                let message = one.as_bytes();
                (key, message, person.secret.sign(message))
            })
        })
        .collect();
    let stamps = people.iter().flat_map(|person| &person.stamps);
    let stamps: Vec<_> = stamps
        .map(|(puzzle, stamp)| (puzzle, stamp.encode()))
        .collect();
    let before = spent_here();
    for (key, message, signature) in &signed {
        let key = Ed25519Key::from_bytes(black_box(*key)).expect("a point");
        assert!(key.verifies(black_box(message), signature));
    }
    for (puzzle, stamp) in &stamps {
        let stamp = Stamp::decode(black_box(stamp)).expect("its form is right");
        puzzle.check(&stamp).expect("it is good");
    }
    spent_here() - before
}

/// Processor time of this thread until now.
fn spent_here() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat");
    let stat = stat.expect("Linux tells it of every thread");
    let nanos = stat.split_whitespace().next().map(str::parse::<f64>);
    nanos.expect("a first number").expect("a number") / 1e9
}

struct Validators {
    ledgers: Vec<Ledger>,
    genesis: Genesis,
    _folders: Vec<TempDir>,
}

impl Validators {
    fn new(count: u8) -> Self {
        let bound: Vec<_> = (0..count)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
            .collect();
        let address = |one: &TcpListener| one.local_addr().expect("bound");
        let addresses: Vec<SocketAddr> = bound.iter().map(address).collect();
        drop(bound);
        let folder = |_| tempfile::tempdir().expect("a folder");
        let folders: Vec<TempDir> = (0..count).map(folder).collect();
        let candidates = folders.iter().zip(&addresses).map(|(folder, address)| {
            let key = ValidatorKey::make(folder.path()).expect("secrets");
            key.candidate(&address.to_string())
        });
        let mut candidates: Vec<_> = candidates.collect();
        candidates.sort_by_key(|one| *one.validator.identity.as_bytes());
        let genesis = Genesis::new(&Terms {
            name: "bench".to_owned(),
            began: now(),
            validators: candidates,
            parameters: Parameters {
                claims_per_day: 1 << 32,
                epoch_blocks: 1 << 20,
                ..near_parameters(0)
            },
            reserved: Vec::new(),
        });
        let genesis = genesis.expect("sound");
        let ledgers = folders.iter().zip(addresses).map(|(folder, listen)| {
            let store = Arc::new(Store::open(&folder.path().join("store")).expect("a store"));
            let config = LedgerConfig {
                network: Network::Of(Box::new(genesis.clone())),
                listen: Some(listen),
                clock: now,
            };
            Ledger::open(store, folder.path(), config).expect("a ledger")
        });
        Self {
            ledgers: ledgers.collect(),
            genesis,
            _folders: folders,
        }
    }

    fn ground(&self) -> Ground {
        let chain = self.ledgers[0].chain().expect("it runs");
        Ground {
            network: self.genesis.network(),
            charter: Charter::of(&self.genesis),
            beacon: chain.beacons().expect("sound").newest().beacon,
        }
    }

    /// Gives them all of these, each to one of them, and waits until none waits anywhere.
    fn order<'a>(&self, transactions: impl Iterator<Item = &'a SignedTransaction>) {
        for (at, transaction) in transactions.enumerate() {
            let ledger = &self.ledgers[at % self.ledgers.len()];
            if at.is_multiple_of(64) {
                self.wait(WAITING_MAX);
            }
            // As it comes to the API: in bytes.
            let transaction = SignedTransaction::decode(transaction.as_bytes()).expect("sound");
            assert_eq!(ledger.take(transaction), Ok(true));
        }
        self.wait(0);
        // One that nothing has come to yet has nothing that waits either.
        let height = |ledger: &Ledger| ledger.status().height.expect("it runs");
        let newest = self.ledgers.iter().map(height).max();
        while self.ledgers.iter().map(height).min() < newest {
            sleep(LOOK_AGAIN);
        }
    }

    /// Until no more than these wait anywhere.
    fn wait(&self, most: usize) {
        let waits = |ledger: &Ledger| ledger.status().waiting > most;
        while self.ledgers.iter().any(waits) {
            sleep(LOOK_AGAIN);
        }
    }

    /// How long one transaction takes from a validator's hands to where it can be proved there.
    fn finality(&self, at: usize, transaction: &SignedTransaction) -> Duration {
        let ledger = &self.ledgers[at];
        let id = transaction.digest();
        let began = Instant::now();
        assert_eq!(ledger.take(transaction.clone()), Ok(true));
        while !matches!(ledger.outcome(&id), Ok(Outcome::Final { .. })) {
            sleep(Duration::from_micros(200));
        }
        began.elapsed()
    }

    fn holds_all(&self, people: &[Person]) -> bool {
        self.ledgers.iter().all(|ledger| {
            let chain = ledger.chain().expect("it runs");
            people.iter().all(|person| {
                let key_id: KeyId = person.claim.transaction().key_id;
                chain.account(key_id).expect("sound").names.len() == 1
            })
        })
    }
}

/// Prints how so many validators do, beside what their engine orders bare and what verifying alone costs.
pub(super) fn measure(count: u8, bare: f64, quick: bool) {
    let (rounds, flood) = match quick {
        true => (20, 500),
        false => (100, 10_000),
    };
    let validators = Validators::new(count);
    let ground = validators.ground();
    let mut memory = Memory::default();
    let mut people = (0..).map(|number| ground.person(number, &mut memory));
    let first: Vec<Person> = people.by_ref().take(rounds).collect();
    let all: Vec<Person> = people.take(flood).collect();

    let mut took = Vec::new();
    for (at, person) in first.iter().enumerate() {
        for transaction in [&person.commit, &person.claim] {
            took.push(validators.finality(at % validators.ledgers.len(), transaction));
            sleep(Duration::from_millis(150));
        }
    }
    // The first waits for the validators to find each other, the second of each person for two blocks.
    let mut commits: Vec<_> = took.iter().step_by(2).skip(1).collect();
    commits.sort();
    let mut claims: Vec<_> = took.iter().skip(1).step_by(2).collect();
    claims.sort();
    let median = |times: &[&Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
    println!(
        "ratio: {count} validators, ms until a transaction is final / the {FINAL_MS} that it may take = {:.2} [{:.1} ms a commit, {:.1} ms a claim right after it; medians of {rounds}]",
        median(&commits) / FINAL_MS,
        median(&commits),
        median(&claims),
    );

    let yardstick_before = verifications(&all);
    let (before, began) = (spent(), Instant::now());
    validators.order(all.iter().map(|person| &person.commit));
    validators.order(all.iter().map(|person| &person.claim));
    let (cost, secs) = (spent() - before, began.elapsed().as_secs_f64());
    assert!(validators.holds_all(&all), "everyone has a name everywhere");
    // Before and after, so that a machine that slows down meanwhile slows both.
    let yardstick = (yardstick_before + verifications(&all)) / 2.0;
    let total = all.len() as f64;
    let cost = cost / total / f64::from(count) * 1e6;
    let yardstick = yardstick / total * 1e6;
    println!(
        "ratio: {count} validators, processor time of a claim and validator / its signatures and stamps alone = {:.2} (limit {LIMIT}) [{cost:.0} us / {yardstick:.0} us]",
        cost / yardstick,
    );
    let rate = total / secs;
    println!(
        "ratio: {count} validators, transactions a second / entries that the bare engine orders = {:.2} [{rate:.0} claims/s, of two transactions each; {bare:.0} entries/s]",
        2.0 * rate / bare,
    );
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    for ledger in &validators.ledgers {
        runtime.block_on(ledger.stop());
    }
}
