//! What the bare engine orders: blocks of claims-sized entries that nobody checks.

use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dotkey_proto::ledger::{Certificate, Header, transactions_digest};
use dotkey_proto::time::Timestamp;
use dotkey_registry::consensus::{
    Application, Block, Engine, Evidence, Identity, Objection, Pacing, Settings,
    TRANSACTIONS_BYTES_MAX, Tip, Validator,
};

use super::spent;

const NETWORK: [u8; 32] = [9; 32];
const EPOCH_LENGTH: u64 = 1_000_000;

/// A transaction of a claim with its signature and a stamp.
const ENTRY_BYTES: usize = 400;

/// Orders entries that all look the same: the root of its state is how many there are.
struct Counter {
    validators: Vec<Validator>,
    tip: Mutex<Block>,
    submitted: AtomicU64,
}

fn entries(header: &Header) -> u64 {
    let count = header.state_root.first_chunk().expect("it is longer");
    u64::from_be_bytes(*count)
}

fn block(parent: Option<&Header>, time: Timestamp, count: u64) -> Block {
    let transactions = Bytes::from(vec![0; ENTRY_BYTES * count as usize]);
    let height = parent.map_or(0, |parent| parent.height + 1);
    let mut state_root = [0; 32];
    state_root[..8].copy_from_slice(&(parent.map_or(0, entries) + count).to_be_bytes());
    let header = Header {
        network: NETWORK,
        height,
        time,
        parent: parent.map_or([0; 32], Header::digest),
        state_root,
        transactions: transactions_digest(&transactions),
        epoch: height / EPOCH_LENGTH,
        validators: [0; 32],
        next_validators: None,
    };
    Block::new(header, transactions).expect("a block")
}

fn genesis() -> Block {
    block(None, Timestamp::from_secs(0).expect("a time"), 0)
}

impl Counter {
    fn entries(&self) -> u64 {
        entries(self.tip.lock().expect("a lock").header())
    }

    fn waiting(&self, parent: &Header) -> u64 {
        self.submitted
            .load(Ordering::Relaxed)
            .saturating_sub(entries(parent))
    }
}

impl Application for Counter {
    fn genesis(&self) -> Block {
        genesis()
    }

    fn tip(&self) -> Tip {
        let tip = self.tip.lock().expect("a lock");
        Tip {
            height: tip.header().height,
            digest: tip.digest(),
        }
    }

    fn validators(&self, _epoch: u64) -> Option<Vec<Validator>> {
        Some(self.validators.clone())
    }

    fn executed(&self, _digest: &[u8; 32]) -> bool {
        true
    }

    fn execute(&self, _block: &Block) -> Result<(), Objection> {
        Ok(())
    }

    fn has_work(&self, parent: &Header) -> bool {
        self.waiting(parent) > 0
    }

    fn propose(&self, parent: &Header, time: Timestamp) -> Result<Block, Objection> {
        let count = self
            .waiting(parent)
            .min((TRANSACTIONS_BYTES_MAX / ENTRY_BYTES) as u64);
        Ok(block(Some(parent), time, count))
    }

    fn finalise(&self, block: &Block, _certificate: Option<&Certificate>) -> Result<(), Objection> {
        *self.tip.lock().expect("a lock") = block.clone();
        Ok(())
    }

    fn receive(&self, _transaction: &[u8]) -> bool {
        false
    }

    fn accuse(&self, _evidence: &Evidence) {}
}

fn identity(at: u8) -> Identity {
    let (mut identity, mut vote) = ([at + 1; 32], [at + 1; 32]);
    (identity[0], vote[0]) = (0, 0);
    Identity::new(&identity, &vote).expect("secrets")
}

struct Cluster {
    counters: Vec<Arc<Counter>>,
    engines: Vec<Engine>,
    _folders: Vec<tempfile::TempDir>,
}

impl Cluster {
    fn new(count: u8) -> Self {
        let bound: Vec<_> = (0..count)
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"))
            .collect();
        let addresses: Vec<_> = bound
            .iter()
            .map(|one| one.local_addr().expect("bound"))
            .collect();
        drop(bound);
        let validators: Vec<_> = (0..count)
            .zip(&addresses)
            .map(|(at, address)| identity(at).validator(&address.to_string()))
            .collect();
        let mut cluster = Self {
            counters: Vec::new(),
            engines: Vec::new(),
            _folders: Vec::new(),
        };
        for (at, listen) in (0..count).zip(addresses) {
            let folder = tempfile::tempdir().expect("a folder");
            let counter = Arc::new(Counter {
                validators: validators.clone(),
                tip: Mutex::new(genesis()),
                submitted: AtomicU64::new(0),
            });
            let settings = Settings {
                network: NETWORK,
                epoch_length: NonZeroU64::new(EPOCH_LENGTH).expect("a length"),
                pacing: Pacing::default(),
                identity: identity(at),
                listen,
                data: folder.path().to_owned(),
            };
            let application: Arc<dyn Application> = Arc::clone(&counter) as _;
            cluster
                .engines
                .push(Engine::start(settings, application).expect("an engine"));
            cluster.counters.push(counter);
            cluster._folders.push(folder);
        }
        cluster
    }

    /// Gives every validator these entries, as when they share what comes, and waits until all have them in final blocks.
    fn order(&self, count: u64) -> Duration {
        let started = Instant::now();
        for (counter, engine) in self.counters.iter().zip(&self.engines) {
            counter.submitted.fetch_add(count, Ordering::Relaxed);
            engine.share(Bytes::new());
        }
        let expected = self.counters[0].submitted.load(Ordering::Relaxed);
        while self
            .counters
            .iter()
            .any(|counter| counter.entries() < expected)
        {
            sleep(Duration::from_micros(200));
        }
        started.elapsed()
    }
}

/// Prints how a cluster of so many does, and says how many entries a second it orders.
pub(super) fn measure(count: u8, quick: bool) -> f64 {
    let (rounds, flood, rest) = match quick {
        true => (20, 2_000, 3),
        false => (200, 20_000, 30),
    };
    let cluster = Cluster::new(count);
    cluster.order(1); // The connections are made by then.
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..rounds {
        took.push(cluster.order(1));
        sleep(Duration::from_millis(150));
    }
    took.sort();
    let before = spent();
    let flooded = cluster.order(flood);
    let total = flood as f64;
    let cost = (spent() - before) / total / f64::from(count) * 1e6;
    let rate = total / flooded.as_secs_f64();
    println!(
        "consensus, {count} validators: final everywhere after {:?} (median of {rounds}), {rate:.0} entries/s, {cost:.1} us of processor time an entry and validator",
        took[took.len() / 2],
    );
    let before = spent();
    sleep(Duration::from_secs(rest));
    let idle = (spent() - before) / rest as f64 * 100.0;
    println!(
        "consensus, {count} validators: {idle:.2}% of a core while nothing happens, all together"
    );
    for engine in cluster.engines {
        engine.stop();
    }
    rate
}
