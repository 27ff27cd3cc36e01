//! How long a block of claims takes, and how long proofs are, on a ledger that has so many names.
//!
//! The claims are real: announced two blocks before, with signatures and stamps, which were verified when they came, as those that wait are. What is
//! measured is the block: to execute it up to its state root, and to write it, in processor time of the thread that does, which other programs change less
//! than they do the clock's.

use std::path::Path;
use std::time::Instant;

use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::ledger::{
    Action, Certificate, Genesis, SignedTransaction, Subject, Transaction, commitment,
};
use dotkey_proto::limits::PROOF_BYTES_MAX;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::stamp::{Memory, Purpose, Puzzle};
use dotkey_registry::ledger::{Chain, Price};

use super::follower::{certificate, open};
use super::{BEGAN, label, time};

/// Claims of a block.
const CLAIMS: u64 = 1000;

/// Blocks that are measured at each size, of which the median counts.
const BLOCKS: u64 = 5;

/// Proofs of each kind that are measured at each size.
const PROOFS: u64 = 1000;

/// What a proof should take at a million names. Chance makes single ones longer: [`PROOF_BYTES_MAX`] bounds those.
const PROOF_BYTES_AIM: usize = 1536;

/// What was found at one size.
pub(super) struct Row {
    pub(super) names: u64,
    pub(super) execute_ms: f64,
    pub(super) write_ms: f64,
    /// Both by the clock, with what the disk was waited for.
    clock_ms: f64,
    pub(super) there: Sizes,
    pub(super) absent: Sizes,
}

/// Bytes of proofs of one kind.
pub(super) struct Sizes {
    pub(super) mean: usize,
    pub(super) most: usize,
}

impl Row {
    pub(super) fn longest(&self) -> usize {
        self.there.most.max(self.absent.most)
    }

    pub(super) fn print(&self, before: Option<&Self>) {
        let sum = |row: &Self| row.execute_ms + row.write_ms;
        let Self {
            names,
            execute_ms,
            write_ms,
            clock_ms,
            ..
        } = self;
        println!(
            "ratio: ledger of {names} names, a block of {CLAIMS} claims / with a tenth of the names = {:.2} [{execute_ms:.1} ms of processor time to execute, {write_ms:.1} ms to write; {clock_ms:.1} ms by the clock]",
            sum(self) / before.map_or(sum(self), sum),
        );
        for (of, sizes) in [("a name", &self.there), ("absence", &self.absent)] {
            let Sizes { mean, most } = sizes;
            println!(
                "ratio: proof of {of} among {names}, bytes / the {PROOF_BYTES_AIM} that it should take = {:.2} [{mean} bytes on the average, at most {most} of {PROOFS}; the protocol takes {PROOF_BYTES_MAX}]",
                *mean as f64 / PROOF_BYTES_AIM as f64,
            );
        }
    }
}

pub(super) fn measure(folder: &Path, genesis: &Genesis, names: u64) -> Row {
    let (_store, chain) = open(folder, genesis);
    let (there, absent) = (proofs(&chain, names, 0), proofs(&chain, names, names));
    let mut memory = Memory::default();
    let mut took: Vec<[f64; 3]> = (0..BLOCKS)
        .map(|round| {
            let numbers = round * CLAIMS..(round + 1) * CLAIMS;
            let people = numbers.map(|number| person(&chain, number, &mut memory));
            let (commits, claims): (Vec<_>, Vec<_>) = people.unzip();
            block(&chain, commits);
            block(&chain, Vec::new());
            block(&chain, claims)
        })
        .collect();
    took.sort_by(|one, other| (one[0] + one[1]).total_cmp(&(other[0] + other[1])));
    let [execute_ms, write_ms, clock_ms] = took[took.len() / 2];
    Row {
        names,
        execute_ms,
        write_ms,
        clock_ms,
        there,
        absent,
    }
}

/// Somebody's announcement and claim of a name that nobody has.
fn person(
    chain: &Chain,
    number: u64,
    memory: &mut Memory,
) -> (SignedTransaction, SignedTransaction) {
    let charter = chain.charter();
    let secret = SecretKey::from_seed(blake3::hash(&number.to_le_bytes()).as_bytes());
    let key = PublicKey::Ed25519(secret.public());
    let key_id = Policy::bare_key_id(key);
    let policy = Policy::bare(key).encode().expect("sound");
    let beacon = chain.beacons().expect("sound").newest().beacon;
    let mut stamp = |purpose, Price { grid, solutions }| {
        let terms = (grid, solutions);
        let puzzle = Puzzle::new(&charter.network, key_id, purpose, &beacon, terms);
        let found = (0..).find_map(|nonce| puzzle.attempt(nonce, memory));
        found.expect("some nonce has a stamp").encode()
    };
    let sign = |nonce, action, opening| {
        let transaction = Transaction {
            network: charter.network,
            key_id,
            nonce,
            chain: vec![policy.clone()],
            action,
            opening,
        };
        let mut draft = transaction.draft().expect("sound");
        draft.sign(&secret);
        SignedTransaction::decode(&draft.encode()).expect("sound")
    };
    let (label, salt) = (format!("a-newcomer-{number}"), [1; 16]);
    let commitment = commitment(&label, key_id, &salt);
    let opening = stamp(Purpose::Opening, charter.opening_price());
    let commit = sign(0, Action::Commit { commitment }, Some(opening));
    let stamp = stamp(Purpose::Claim(&label), charter.claim_price(&label, 0));
    let claim = sign(1, Action::Claim { label, salt, stamp }, None);
    (commit, claim)
}

/// Makes a block of these and writes it. Says how much processor time each took, and how long both by the clock, in milliseconds.
fn block(chain: &Chain, transactions: Vec<SignedTransaction>) -> [f64; 3] {
    let now = time(BEGAN + 60);
    for one in &transactions {
        chain.check(one, now).expect("it would be taken");
    }
    let count = transactions.len();
    let transactions: Vec<_> = transactions.into_iter().map(Into::into).collect();
    let parent = chain.tip().digest();
    let (begin, before) = (Instant::now(), spent_here());
    let proposal = chain.propose(&parent, now, transactions).expect("a block");
    let executed = spent_here();
    assert_eq!(proposal.body.0.len(), count, "{:?}", proposal.refused);
    let written = chain.finalise(&proposal.header.digest(), Some(&certificate()));
    let (wrote, clock) = (spent_here(), begin.elapsed());
    assert_eq!(written.expect("it is written").len(), count);
    [executed - before, wrote - executed, clock.as_secs_f64()].map(|secs| secs * 1e3)
}

/// Processor time of this thread until now.
fn spent_here() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat");
    let stat = stat.expect("Linux tells it of every thread");
    let nanos = stat.split_whitespace().next().map(str::parse::<f64>);
    nanos.expect("a first number").expect("a number") / 1e9
}

/// The lengths of proofs that a network of a hundred validators would give, of names from this number on.
fn proofs(chain: &Chain, names: u64, from: u64) -> Sizes {
    let numbers = (0..PROOFS).map(|at| from + at * (names / PROOFS));
    let sizes: Vec<_> = numbers
        .map(|number| {
            let subject = Subject::Name(label(number));
            let mut proof = chain.prove(&subject).expect("sound").expect("certified");
            proof.header.height = 10_000_000;
            proof.header.epoch = 1000;
            proof.certificate = Certificate {
                view: 9_000_000,
                parent_view: 8_999_999,
                signers: vec![255; 13],
                signature: [6; 48],
            };
            proof.encode().len()
        })
        .collect();
    Sizes {
        mean: sizes.iter().sum::<usize>() / sizes.len(),
        most: *sizes.iter().max().expect("not empty"),
    }
}
