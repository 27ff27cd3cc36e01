//! Of the registry's consensus, what reads bytes of other validators and of accusers. The modules have the places that they have there.

#[path = "../../../registry/src/consensus/application.rs"]
#[allow(dead_code, reason = "the engine uses the rest")]
mod application;
#[path = "../../../registry/src/consensus/batch.rs"]
mod batch;
#[path = "../../../registry/src/consensus/block.rs"]
#[allow(dead_code, reason = "the engine uses the rest")]
mod block;
#[path = "../../../registry/src/consensus/committee.rs"]
#[allow(dead_code, reason = "the engine uses the rest")]
mod committee;
#[path = "../../../registry/src/consensus/evidence.rs"]
#[allow(dead_code, reason = "the engine uses the rest")]
mod evidence;
#[path = "../../../registry/src/consensus/library.rs"]
#[allow(dead_code, unused_imports, reason = "the engine uses the rest")]
mod library;

use bytes::Bytes;

use application::{Application, Validator};
pub use block::{Block, BlockError};
pub use committee::Identity;
pub use evidence::Evidence;

/// The transactions of a batch.
#[must_use]
pub fn scattered(batch: &[u8]) -> Vec<Bytes> {
    batch::scatter(batch).map(Bytes::copy_from_slice).collect()
}

/// Batches of these transactions, as they are sent.
#[must_use]
pub fn gathered(transactions: &[Bytes]) -> Vec<Vec<u8>> {
    let mut rest = transactions.iter().cloned();
    let (mut batches, mut left) = (Vec::new(), rest.next());
    while let Some(first) = left {
        let (batch, next) = batch::gather(first, || rest.next());
        batches.push(batch);
        left = next;
    }
    batches
}

/// Four validators whose secrets are known, so that votes of theirs can be seeds.
#[must_use]
pub fn committee_of_four() -> Vec<Identity> {
    let secret = |seed: u8| {
        // A voting secret is a number below the order of the group.
        let mut secret = [seed; 32];
        secret[0] = 0;
        secret
    };
    (1..=4)
        .map(|seed| Identity::new(&secret(seed), &secret(seed)).expect("secrets"))
        .collect()
}

/// Whether bytes show that one of them signed two things in a network, and which epoch the bytes name.
#[must_use]
pub fn shown(votes: &[u8], network: &[u8; 32], of: &[Identity]) -> (Option<Evidence>, Option<u64>) {
    let validators: Vec<Validator> = of.iter().map(|one| one.validator("")).collect();
    (
        Evidence::verify(votes, network, &validators),
        Evidence::epoch_of(votes),
    )
}
