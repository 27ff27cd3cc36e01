//! Validators in one process that talk over real sockets.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::log::{Log, NETWORK, identity};
use crate::consensus::{ConsensusError, Engine, JournalError, Pacing, Settings, Validator};

/// Far more than anything here takes: only what hangs gets here.
const PATIENCE: Duration = Duration::from_secs(120);

const EPOCH: u64 = 1000;

/// Validators that can be started and stopped one by one.
struct Cluster {
    folders: Vec<TempDir>,
    addresses: Vec<SocketAddr>,
    logs: Vec<Arc<Log>>,
    engines: Vec<Option<Engine>>,
}

fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let bound: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
        .collect();
    bound
        .iter()
        .map(|one| one.local_addr().expect("bound"))
        .collect()
}

fn validators(addresses: &[SocketAddr]) -> Vec<Validator> {
    let one = |(at, address): (u8, &SocketAddr)| identity(at).validator(&address.to_string());
    (0..).zip(addresses).map(one).collect()
}

fn settings(at: u8, folder: &Path, listen: SocketAddr, epoch_length: u64) -> Settings {
    Settings {
        network: NETWORK,
        epoch_length: NonZeroU64::new(epoch_length).expect("a length"),
        pacing: Pacing::default(),
        identity: identity(at),
        listen,
        data: folder.to_owned(),
    }
}

impl Cluster {
    /// The first `members` of `count` vote in the first epoch. All are started.
    fn new(count: usize, members: usize, epoch_length: u64) -> Self {
        let addresses = free_addresses(count);
        let validators = validators(&addresses);
        let log = || Arc::new(Log::new(validators.clone(), members, epoch_length));
        let mut cluster = Self {
            folders: (0..count)
                .map(|_| tempfile::tempdir().expect("a folder"))
                .collect(),
            addresses,
            logs: (0..count).map(|_| log()).collect(),
            engines: (0..count).map(|_| None).collect(),
        };
        (0..count).for_each(|at| cluster.start(at, epoch_length));
        cluster
    }

    fn start(&mut self, at: usize, epoch_length: u64) {
        let log = Arc::clone(&self.logs[at]);
        log.forget();
        let number = u8::try_from(at).expect("few validators");
        let settings = settings(
            number,
            self.folders[at].path(),
            self.addresses[at],
            epoch_length,
        );
        self.engines[at] = Some(Engine::start(settings, log).expect("an engine"));
    }

    fn stop(&mut self, at: usize) {
        self.engines[at].take().expect("it runs").stop();
    }

    /// An entry is handed to one of them.
    fn submit(&self, at: usize, entry: &str) {
        let entry = self.logs[at].submit(entry);
        self.engines[at].as_ref().expect("it runs").share(entry);
    }

    /// Waits until these hold an entry.
    fn wait_for(&self, which: &[usize], entry: &str) {
        self.wait(&format!("{which:?} hold {entry}"), || {
            which.iter().all(|at| self.logs[*at].holds(entry))
        });
    }

    fn wait(&self, what: &str, done: impl Fn() -> bool) {
        let started = Instant::now();
        while !done() {
            for (at, engine) in self.engines.iter().enumerate() {
                let halted = engine
                    .as_ref()
                    .and_then(|one| one.status().borrow().halted.clone());
                assert!(halted.is_none(), "validator {at} halted: {halted:?}");
            }
            assert!(started.elapsed() < PATIENCE, "waited in vain until {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Nobody holds another block at a height than anybody else.
    fn assert_agreed(&self) {
        let chains: Vec<_> = self.logs.iter().map(|log| log.chain()).collect();
        let longest = chains.iter().max_by_key(|chain| chain.len()).expect("one");
        for chain in &chains {
            assert_eq!(chain[..], longest[..chain.len()], "the chains fork");
        }
    }
}

#[test]
fn a_validator_alone_makes_blocks_of_what_comes() {
    let mut cluster = Cluster::new(1, 1, EPOCH);
    for entry in ["one", "two", "three"] {
        cluster.submit(0, entry);
        cluster.wait_for(&[0], entry);
    }
    let before = cluster.logs[0].chain();
    cluster.stop(0);
    cluster.start(0, EPOCH);
    cluster.submit(0, "four");
    cluster.wait_for(&[0], "four");
    assert_eq!(cluster.logs[0].chain()[..before.len()], before[..]);
    let (block, certificate) = cluster.logs[0].block(1);
    let certificate = certificate.expect("each block of one validator is finalised by itself");
    assert_eq!((certificate.signers, block.header().height), (vec![1], 1));
}

#[test]
fn four_validators_go_on_with_one_stopped_and_it_comes_back() {
    let mut cluster = Cluster::new(4, 4, EPOCH);
    cluster.submit(0, "with four");
    cluster.wait_for(&[0, 1, 2, 3], "with four");
    cluster.stop(3);
    for entry in ["with three", "still with three"] {
        cluster.submit(1, entry);
        cluster.wait_for(&[0, 1, 2], entry);
    }
    cluster.start(3, EPOCH);
    cluster.wait_for(&[3], "still with three");
    cluster.submit(3, "with four again");
    cluster.wait_for(&[0, 1, 2, 3], "with four again");
    cluster.assert_agreed();
}

#[test]
fn all_restarted_in_any_order_lose_nothing_and_two_of_four_are_no_quorum() {
    let mut cluster = Cluster::new(4, 4, EPOCH);
    cluster.submit(2, "before");
    cluster.wait_for(&[0, 1, 2, 3], "before");
    for at in [2, 0, 3, 1] {
        cluster.stop(at);
    }
    let before: Vec<_> = cluster.logs.iter().map(|log| log.chain()).collect();
    for at in [1, 3] {
        cluster.start(at, EPOCH);
    }
    cluster.submit(1, "with two");
    // Nothing shows that nothing happens but waiting for what would: two elections of a leader.
    std::thread::sleep(2 * crate::consensus::timing::CERTIFICATION_TIMEOUT);
    assert!(!cluster.logs[1].holds("with two") && !cluster.logs[3].holds("with two"));
    for at in [0, 2] {
        cluster.start(at, EPOCH);
    }
    cluster.wait_for(&[0, 1, 2, 3], "with two");
    for (log, before) in cluster.logs.iter().zip(before) {
        assert_eq!(
            log.chain()[..before.len()],
            before[..],
            "something final was lost"
        );
    }
    cluster.assert_agreed();
}

#[test]
fn a_validator_is_added_and_one_removed_at_an_epochs_border() {
    let length = 8;
    let mut cluster = Cluster::new(5, 4, length);
    cluster.submit(0, "validators 0 1 2 4");
    cluster.wait_for(&[0, 1, 2, 3, 4], "validators 0 1 2 4");
    let mut number = 0;
    let mut go_to = |cluster: &Cluster, epoch: u64| {
        while cluster.engines[0]
            .as_ref()
            .expect("it runs")
            .status()
            .borrow()
            .epoch
            < epoch
        {
            number += 1;
            let entry = format!("entry {number}");
            cluster.submit(number % 3, &entry);
            cluster.wait_for(&[0, 1, 2], &entry);
        }
    };
    go_to(&cluster, 2);
    cluster.wait("the new one votes", || {
        cluster.engines[4]
            .as_ref()
            .is_some_and(|one| one.status().borrow().votes)
    });
    // Three of the four that vote now are needed, so with one of the old ones stopped the new one's votes count.
    cluster.stop(1);
    cluster.stop(3);
    cluster.submit(4, "with the new one");
    cluster.wait_for(&[0, 2, 4], "with the new one");
    cluster.assert_agreed();
}

#[test]
fn a_validator_without_its_votes_does_not_start() {
    let mut cluster = Cluster::new(1, 1, EPOCH);
    cluster.submit(0, "one");
    cluster.wait_for(&[0], "one");
    cluster.stop(0);
    let votes = cluster.folders[0].path().join("consensus");
    for entry in std::fs::read_dir(&votes).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.ends_with("votes-0") {
            std::fs::remove_dir_all(path).expect("removed");
        }
    }
    let settings = settings(0, cluster.folders[0].path(), cluster.addresses[0], EPOCH);
    let log: Arc<Log> = Arc::clone(&cluster.logs[0]);
    let refused = Engine::start(settings, log).map(drop);
    assert_eq!(refused, Err(ConsensusError::Journal(JournalError::Damaged)));

    // As after a crash, when there is no seal.
    std::fs::remove_file(votes.join("seal")).expect("removed");
    cluster.start(0, EPOCH);
    let mut status = cluster.engines[0].as_ref().expect("it runs").status();
    let started = Instant::now();
    let mut reason = None;
    while reason.is_none() {
        assert!(started.elapsed() < PATIENCE, "it goes on without its votes");
        std::thread::sleep(Duration::from_millis(2));
        reason = status.borrow_and_update().halted.clone();
    }
    assert!(reason.is_some_and(|reason| reason.contains("could sign twice")));
}
