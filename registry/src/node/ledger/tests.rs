//! The application without its engine: this test says which block is final.

use std::sync::Arc;

use bytes::Bytes;
use dotkey_proto::ledger::{Genesis, Terms};
use dotkey_proto::time::Timestamp;
use tempfile::TempDir;

use super::application::{Executor, judge};
use super::{Ledger, LedgerConfig, Network, Outcome, Unanswered, ValidatorKey, near_parameters};
use crate::consensus::{Application, Evidence, contradiction};
use crate::ledger::{Chain, ChainError};
use crate::store::Store;

const BEGAN: u64 = 1_800_000_000;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(secs).expect("in range")
}

fn clock() -> Timestamp {
    time(BEGAN + 1)
}

/// Two validators, and what one of them runs.
struct World {
    keys: [ValidatorKey; 2],
    genesis: Genesis,
    executor: Executor,
    _folders: [TempDir; 2],
}

impl World {
    fn new() -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
        let keys = [0, 1].map(|at: usize| ValidatorKey::make(folders[at].path()).expect("made"));
        let mut validators = keys.clone().map(|key| key.candidate(""));
        validators.sort_by_key(|one| *one.validator.identity.as_bytes());
        let genesis = Genesis::new(&Terms {
            name: "test".to_owned(),
            began: time(BEGAN),
            validators: validators.to_vec(),
            parameters: near_parameters(8),
            reserved: Vec::new(),
        });
        let genesis = genesis.expect("sound");
        let store = Store::open(&folders[0].path().join("store")).expect("a store");
        let chain = Chain::open(Arc::new(store), &genesis, judge(genesis.network()));
        let chain = Arc::new(chain.expect("it begins"));
        let executor = Executor::new(chain, Some(keys[0].clone()), clock).expect("sound");
        Self {
            keys,
            genesis,
            executor,
            _folders: folders,
        }
    }

    /// What the other one has done.
    fn evidence(&self, epoch: u64) -> Evidence {
        let validators = self.executor.validators(0).expect("those of the genesis");
        let network = self.genesis.network();
        contradiction(&network, &validators, &self.keys[1].secrets(), epoch)
    }

    /// Makes the next block and says that it is final, by the votes on a later one.
    fn block(&self) {
        let parent = self.executor.chain.tip();
        let block = self.executor.propose(&parent, clock()).expect("a block");
        self.executor.finalise(&block, None).expect("written");
    }
}

#[test]
fn who_signed_two_things_is_accused_and_kept_out() {
    let world = World::new();
    let executor = &world.executor;
    executor.accuse(&world.evidence(0));
    assert_eq!(executor.load().0, 1);
    world.block();
    assert_eq!(executor.load(), (0, 0));
    let seats = executor.chain.seats().expect("sound");
    assert_eq!(seats.barred, [world.keys[1].identity_key()]);
    let next: Vec<_> = seats.next.iter().map(|seat| seat.identity).collect();
    assert_eq!(next, [world.keys[0].identity_key()]);
    assert_eq!(executor.observers().len(), 1);

    // Whoever was accused before is not accused again.
    executor.accuse(&world.evidence(0));
    assert_eq!(executor.load().0, 0);
}

#[test]
fn what_shows_no_fault_accuses_nobody() {
    let world = World::new();
    let mut changed = world.evidence(0);
    let mut votes = changed.votes.to_vec();
    let last = votes.len() - 1;
    votes[last] ^= 1;
    changed.votes = votes.into();
    let nothing = Evidence {
        votes: Bytes::from_static(b"nothing"),
        ..changed.clone()
    };
    for evidence in [changed, nothing, world.evidence(1)] {
        world.executor.accuse(&evidence);
        assert_eq!(world.executor.load().0, 0);
    }
}

#[test]
fn a_block_without_a_certificate_is_no_proof_yet() {
    let world = World::new();
    let executor = &world.executor;
    executor.accuse(&world.evidence(0));
    let nonce = executor
        .chain
        .account(world.keys[0].key_id())
        .expect("sound")
        .nonce;
    assert_eq!(nonce, 0);
    world.block();
    let body = executor
        .chain
        .body(1)
        .expect("sound")
        .expect("it is written");
    let bytes = body.0.first().expect("the accusation");
    let id = dotkey_proto::ledger::SignedTransaction::decode(bytes)
        .expect("sound")
        .digest();
    assert_eq!(executor.outcome(&id), Outcome::Final { height: 1 });
    assert_eq!(executor.chain.certified(), Ok(None));
    // After a restart it is still known.
    let again = Executor::new(Arc::clone(&executor.chain), None, clock).expect("sound");
    assert_eq!(again.outcome(&id), Outcome::Final { height: 1 });
    assert_eq!(again.outcome(&[0; 32]), Outcome::Unknown);
}

#[test]
fn views_that_come_to_nothing_do_not_fill_the_memory() {
    let world = World::new();
    let executor = &world.executor;
    let genesis = executor.chain.tip();
    // A cut network proposes on the same block again and again.
    let proposed: Vec<_> = (0..100)
        .map(|secs| {
            let block = executor.propose(&genesis, time(BEGAN + 1 + secs));
            block.expect("there is always room for one more")
        })
        .collect();
    let first = &proposed[0];
    assert!(
        !executor.executed(&first.digest()),
        "the oldest leaves first"
    );
    let last = proposed.last().expect("a hundred");
    assert!(executor.executed(&last.digest()));
    executor.execute(first).expect("it is executed again");
    executor.finalise(first, None).expect("and may be final");
    assert!(
        !executor.executed(&last.digest()),
        "what is beside it cannot be"
    );
}

#[test]
fn nothing_is_executed_after_a_halt() {
    let world = World::new();
    let executor = &world.executor;
    let block = executor
        .propose(&executor.chain.tip(), clock())
        .expect("a block");
    executor.halt(&"rot");
    assert_eq!(executor.halt(&"more rot"), "more rot");
    assert_eq!(
        executor.broken().as_deref(),
        Some("rot"),
        "the first reason stays"
    );
    let broken = |result: Result<(), crate::consensus::Objection>| matches!(result, Err(crate::consensus::Objection::Broken(why)) if why == "rot");
    assert!(broken(executor.execute(&block)));
    assert!(broken(executor.finalise(&block, None)));
    assert!(broken(
        executor.propose(&executor.chain.tip(), clock()).map(drop)
    ));
    assert_eq!(executor.tip().height, 0);
}

#[test]
fn who_is_overtaken_while_it_reads_has_found_no_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("store")).expect("a store");
    let config = LedgerConfig {
        network: Network::Of(Box::new(World::new().genesis)),
        listen: None,
        clock,
    };
    let ledger = Ledger::open(Arc::new(store), folder.path(), config).expect("it opens");
    let read = |error| ledger.read(|_| Err::<(), _>(error));
    let gone = ChainError::NotKept {
        asked: 1,
        oldest: 5,
        newest: 9,
    };
    assert_eq!(read(gone), Err(Unanswered::Overtaken));
    assert_eq!(ledger.status().halted, None);
    let rot = ChainError::Audit {
        height: 1,
        why: "rot".to_owned(),
    };
    assert!(matches!(read(rot), Err(Unanswered::Halted(_))));
    assert!(ledger.status().halted.is_some());
}
