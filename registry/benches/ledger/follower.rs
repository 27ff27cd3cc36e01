//! A follower takes a state over, chunk by chunk as they come from the network: read, verified, written, adopted. What gives the chunks is not measured.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dotkey_proto::ledger::{Certificate, Header};
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::state::Seat;
use dotkey_registry::ledger::tree::StateTree;
use dotkey_registry::ledger::{CHUNK_BYTES, Chain, Chunk, rules};
use dotkey_registry::node::ledger::found_solo;
use dotkey_registry::store::Store;
use jmt::{JellyfishMerkleIterator, KeyHash};

use super::Newest;

/// What a follower should take a second, in millions of bytes.
const AIM_MB: f64 = 20.0;

/// What a name may take on disk.
const AIM_DISK: u64 = 1024;

pub(super) fn measure(mut tree: Newest, names: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let began = Timestamp::from_secs(1_800_000_000).expect("in range");
    let genesis = found_solo(folder.path(), began).expect("a network");
    let store = Arc::new(Store::open(&folder.path().join("store")).expect("a store"));
    let judge = Arc::new(|_: &[u8], _: u64, _: &[_]| Err("nobody's votes".to_owned()));
    let chain = Chain::open(Arc::clone(&store), &genesis, judge).expect("it opens");
    let candidates = genesis.validators.iter();
    let seats = candidates.map(|candidate| Seat {
        identity: *candidate.validator.identity.as_bytes(),
        voting_key: candidate.validator.key.to_bytes().to_vec(),
        candidate: candidate.encode(),
        approves: None,
    });
    let first = rules::genesis(chain.charter(), began, seats.collect());
    let first = first
        .into_iter()
        .map(|(place, value)| (KeyHash(place), value));
    tree.put(first.collect());
    let version = tree.version - 1;
    let root = StateTree::new(&tree)
        .get_root_hash(version)
        .expect("a root");
    let header = Header {
        height: 1 << 20,
        state_root: root.0,
        parent: [7; 32],
        ..chain.genesis().clone()
    };
    // Whether it holds was asked before a state is taken over.
    let certificate = Certificate {
        view: 1,
        parent_view: 0,
        signers: vec![1],
        signature: [0; 48],
    };
    let tree = Arc::new(tree);
    let mut import = chain.import(header, certificate).expect("it begins");
    let (mut took, mut bytes, mut chunks) = (Duration::ZERO, 0, 0);
    while !import.is_whole() {
        let chunk = chunk(&tree, import.next()).encode();
        bytes += chunk.len();
        chunks += 1;
        let begin = Instant::now();
        let chunk = Chunk::decode(&chunk).expect("its form is right");
        import.add(chunk).expect("it is sound");
        took += begin.elapsed();
    }
    let begin = Instant::now();
    chain.adopt(import).expect("it is whole");
    took += begin.elapsed();
    drop(chain);
    store.flush().expect("written");
    store.compact();
    drop(store);
    let disk = size(&folder.path().join("store")) / names;
    let (mb, secs) = (bytes as f64 / 1e6, took.as_secs_f64());
    let rate = mb / secs;
    println!(
        "ratio: follower of {names} names, MB/s of verified state / the {AIM_MB} that it should be = {:.2} [{rate:.1} MB/s: {mb:.1} MB in {chunks} chunks, {secs:.2} s; {disk} bytes of disk a name, aim {AIM_DISK}]",
        rate / AIM_MB
    );
}

fn chunk(tree: &Arc<Newest>, from: [u8; 32]) -> Chunk {
    let version = tree.version - 1;
    let all = JellyfishMerkleIterator::new(Arc::clone(tree), version, KeyHash(from));
    let (mut leaves, mut bytes) = (Vec::new(), 0);
    for leaf in all.expect("it reads") {
        let (KeyHash(place), value) = leaf.expect("it reads");
        bytes += 40 + value.len();
        leaves.push((place, value));
        if bytes >= CHUNK_BYTES {
            break;
        }
    }
    let (last, _) = leaves.last().expect("something is left");
    let proof = StateTree::new(&**tree).get_range_proof(KeyHash(*last), version);
    let proof = borsh::to_vec(&proof.expect("a proof")).expect("memory");
    Chunk { leaves, proof }
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let sizes = entries.map(|entry| entry.and_then(|entry| entry.metadata()));
    sizes
        .map(|metadata| metadata.map_or(0, |it| it.len()))
        .sum()
}
