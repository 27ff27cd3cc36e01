//! How the state's tree grows with the names in it: the time that a block of 1,000 claims takes to reach its root, and the size of
//! a proof. Both should grow as the logarithm does. In memory, because the disk has a benchmark of its own. It fails when a proof is
//! larger than the protocol allows; how much slower a tenfold of names makes the tree is only printed, for a busy machine would decide it.
//!
//! Beside it, at the largest size, how fast a follower takes the state over, and what it takes on disk: [`follower`].
//!
//! `DOTKEY_LEDGER_NAMES` gives the largest count: 1,000,000 when it is not set, 100,000 with `--quick`; 10,000,000 takes some 15 GB.

mod follower;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Certificate, Entry, Finding, Header, Proof, Subject, name_leaf};
use dotkey_proto::limits::PROOF_BYTES_MAX;
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::tree::StateTree;
use jmt::storage::{LeafNode, Node, NodeKey, TreeReader, TreeUpdateBatch};
use jmt::{KeyHash, Version};

const BLOCK: u64 = 1000;

/// Blocks that are measured at each size, of which the median counts.
const BLOCKS: usize = 9;

/// The newest version of a tree.
#[derive(Default)]
struct Newest {
    nodes: HashMap<NodeKey, Node>,
    values: HashMap<KeyHash, Vec<u8>>,
    version: Version,
}

impl TreeReader for Newest {
    fn get_node_option(&self, key: &NodeKey) -> Result<Option<Node>, anyhow::Error> {
        Ok(self.nodes.get(key).cloned())
    }

    fn get_value_option(&self, _: Version, key: KeyHash) -> Result<Option<Vec<u8>>, anyhow::Error> {
        Ok(self.values.get(&key).cloned())
    }

    fn get_rightmost_leaf(&self) -> Result<Option<(NodeKey, LeafNode)>, anyhow::Error> {
        Ok(None)
    }
}

impl Newest {
    fn add(&mut self, names: std::ops::Range<u64>) -> Duration {
        let leaf = |number| {
            let place = KeyHash(name_leaf(&label(number)));
            (place, Some(entry(number).encode()))
        };
        self.put(names.map(leaf).collect())
    }

    fn put(&mut self, leaves: Vec<(KeyHash, Option<Vec<u8>>)>) -> Duration {
        let begin = Instant::now();
        let tree = StateTree::new(&*self);
        let (_, update) = tree.put_value_set(leaves, self.version).expect("it grows");
        let took = begin.elapsed();
        self.write(update);
        took
    }

    fn write(&mut self, update: TreeUpdateBatch) {
        for stale in &update.stale_node_index_batch {
            self.nodes.remove(&stale.node_key);
        }
        let nodes = update.node_batch.nodes().iter();
        self.nodes
            .extend(nodes.map(|(key, node)| (key.clone(), node.clone())));
        for ((_, key), value) in update.node_batch.values() {
            self.values
                .insert(*key, value.clone().expect("nothing is removed here"));
        }
        self.version += 1;
    }

    /// The mean bytes of proofs of names that are there, and the most of any, absent ones included.
    fn proofs(&self, names: u64) -> (usize, usize) {
        let sizes: Vec<_> = (0..200)
            .map(|at| self.proof(&label(at * (names / 100))).len())
            .collect();
        let there = &sizes[..100];
        let mean = there.iter().sum::<usize>() / there.len();
        (mean, *sizes.iter().max().expect("not empty"))
    }

    fn proof(&self, label: &str) -> Vec<u8> {
        let tree = StateTree::new(self);
        let key = KeyHash(name_leaf(label));
        let (value, proof) = tree.get_with_proof(key, self.version - 1).expect("a proof");
        // Its siblings are hidden; in the library's encoding each takes a byte and its two parts, or a byte alone.
        let bytes = borsh::to_vec(&proof).expect("it encodes");
        let rest = &bytes[if bytes[0] == 0 { 1 } else { 65 } + 4..];
        let mut siblings = Vec::new();
        let mut at = 0;
        while at < rest.len() {
            let is_empty = rest[at] == 0;
            siblings.push((!is_empty).then_some([7; 32]));
            at += if is_empty { 1 } else { 65 };
        }
        let finding = match value {
            Some(value) => Finding::Held(value),
            None if bytes[0] == 0 => Finding::Empty,
            None => Finding::OtherLeaf {
                key: [1; 32],
                value: [2; 32],
            },
        };
        let time = Timestamp::from_secs(1_800_000_000).expect("in range");
        let header = Header {
            network: [1; 32],
            height: 10_000_000,
            time,
            parent: [2; 32],
            state_root: [3; 32],
            transactions: [4; 32],
            epoch: 1000,
            validators: [5; 32],
            next_validators: None,
        };
        // Of a hundred validators.
        let (signers, signature) = (vec![255; 13], [6; 48]);
        let certificate = Certificate {
            view: 9_000_000,
            parent_view: 8_999_999,
            signers,
            signature,
        };
        let subject = Subject::Name(label.to_owned());
        Proof {
            subject,
            header,
            certificate,
            siblings,
            finding,
        }
        .encode()
    }
}

fn label(number: u64) -> String {
    format!("a-name-that-is-typical-{number}")
}

fn entry(number: u64) -> Entry {
    let claimed = Timestamp::from_secs(1_800_000_000 + number).expect("in range");
    Entry {
        key_id: KeyId::from_bytes(*blake3::hash(&number.to_be_bytes()).as_bytes()),
        claimed,
        lease_ends: claimed.saturating_add(365 * 86_400),
        pin: None,
    }
}

fn main() {
    let most = std::env::var("DOTKEY_LEDGER_NAMES")
        .ok()
        .and_then(|most| most.parse().ok());
    let quick = std::env::args().any(|argument| argument == "--quick");
    let most = most.unwrap_or(if quick { 100_000 } else { 1_000_000 });
    let mut tree = Newest::default();
    let (mut names, mut target) = (0, 10_000);
    let mut before: Option<f64> = None;
    let mut failed = false;
    while target <= most {
        while names < target {
            tree.add(names..names + BLOCK);
            names += BLOCK;
        }
        let mut took: Vec<_> = (0..BLOCKS)
            .map(|_| {
                names += BLOCK;
                tree.add(names - BLOCK..names)
            })
            .collect();
        took.sort_unstable();
        let millis = took[BLOCKS / 2].as_secs_f64() * 1000.0;
        let (mean, largest) = tree.proofs(names);
        println!(
            "ratio: ledger of {target} names, root after {BLOCK} claims / with a tenth of the names = {:.2} [{millis:.1} ms; proof {mean} bytes, at most {largest}, limit {PROOF_BYTES_MAX}]",
            millis / before.unwrap_or(millis),
        );
        failed |= largest > PROOF_BYTES_MAX;
        before = Some(millis);
        target *= 10;
    }
    follower::measure(tree, names);
    assert!(!failed, "a bound is passed: see above");
}
