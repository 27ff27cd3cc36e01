//! A follower takes a state over, chunk by chunk as they come from the network: read, verified, written, adopted. What gives the chunks is not measured.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dotkey_proto::ledger::{Certificate, Genesis, Header};
use dotkey_registry::ledger::state::Seat;
use dotkey_registry::ledger::{Chain, Chunk, rules};
use dotkey_registry::store::Store;

use super::source::Source;
use super::{BEGAN, time};

/// What a follower should take a second, in millions of bytes.
const AIM_MB: f64 = 20.0;

/// What a name may take on disk.
const AIM_DISK: u64 = 1024;

/// Within the first epoch, so that nobody has to walk to its validators.
const HEIGHT: u64 = 4096;

/// Whose votes these are nobody asks here: it was asked before a state is taken over.
pub(super) fn certificate() -> Certificate {
    Certificate {
        view: 1,
        parent_view: 0,
        signers: vec![1],
        signature: [0; 48],
    }
}

pub(super) fn open(folder: &Path, genesis: &Genesis) -> (Arc<Store>, Chain) {
    let store = Arc::new(Store::open(&folder.join("store")).expect("a store"));
    let judge = Arc::new(|_: &[u8], _: u64, _: &[_]| Err("nobody's votes".to_owned()));
    let chain = Chain::open(Arc::clone(&store), genesis, judge).expect("it opens");
    (store, chain)
}

/// The ledger in the folder has so many names from then on.
pub(super) fn measure(folder: &Path, genesis: &Genesis, names: u64) {
    let (store, chain) = open(folder, genesis);
    let source = source(&chain, genesis, names);
    let header = Header {
        height: HEIGHT,
        state_root: source.root,
        parent: [7; 32],
        ..chain.genesis().clone()
    };
    let mut import = chain.import(header, certificate()).expect("it begins");
    let (mut took, mut bytes, mut chunks, mut leaves) = (Duration::ZERO, 0, 0, 0);
    while !import.is_whole() {
        let (chunk, count) = source.chunk(leaves);
        let chunk = chunk.encode();
        leaves += count;
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
    drop((source, chain));
    store.flush().expect("written");
    store.compact();
    drop(store);
    let disk = size(&folder.join("store")) / names;
    let (mb, secs) = (bytes as f64 / 1e6, took.as_secs_f64());
    let rate = mb / secs;
    println!(
        "ratio: follower of {names} names, MB/s of verified state / the {AIM_MB} that it should be = {:.2} [{rate:.1} MB/s: {mb:.1} MB in {chunks} chunks, {secs:.2} s; {disk} bytes of disk a name, aim {AIM_DISK}]",
        rate / AIM_MB
    );
}

/// So many names, and what stands in every ledger.
fn source(chain: &Chain, genesis: &Genesis, names: u64) -> Source {
    let candidates = genesis.validators.iter();
    let seats = candidates.map(|candidate| Seat {
        identity: *candidate.validator.identity.as_bytes(),
        voting_key: candidate.validator.key.to_bytes().to_vec(),
        candidate: candidate.encode(),
        approves: None,
    });
    let first = rules::genesis(chain.charter(), time(BEGAN), seats.collect());
    let others = first.into_iter();
    let others = others.map(|(place, value)| (place, value.expect("nothing is removed here")));
    Source::new(names, others.collect())
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let sizes = entries.map(|entry| entry.and_then(|entry| entry.metadata()));
    sizes
        .map(|metadata| metadata.map_or(0, |it| it.len()))
        .sum()
}
