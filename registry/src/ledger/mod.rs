//! The ledger: who owns a name, the newest policy of an identity, the checkpoints owners asked for, and who votes.
//!
//! This module owns the rules and what they decide about. [`rules::apply`] is pure: a state and a block in, what changes and
//! receipts out; every rule stands once, in the file of its kind of transaction. [`Chain`] keeps the state in a tree on disk,
//! executes blocks before they are final, and writes those that are, each in one batch. [`Pool`] holds what waits for a block. The
//! module promises that a header commits to the state after its own block, that the same block on the same state gives the same
//! root everywhere, and that a damaged state halts it. The order of blocks is for [`crate::consensus`]; verifying a proof is
//! for `dotkey-proto`, so that a light client needs none of this. `docs/architecture/ledger.md`.

mod chain;
mod charter;
mod chunk;
mod disk;
mod frontier;
mod growth;
mod memo;
mod node;
mod path;
mod pool;
mod recent;
mod referee;
mod refusal;
pub mod rules;
mod stale;
pub mod state;
pub mod tree;
mod update;

pub use chain::{Chain, ChainError, Import, Proposal, VERSIONS_KEPT, Voter};
pub use charter::{
    BEACON_HOURS, BLOCK_SIGNATURES_MAX, BLOCK_WRITES_MAX, CLAIM_BLOCKS_MIN, CLAIM_SECS_MAX,
    Charter, DEMAND_MAX, Price, TRANSACTIONS_PER_DAY_MAX,
};
pub use chunk::{CHUNK_BYTES, CHUNK_BYTES_MAX, Chunk};
pub use memo::Memo;
pub use path::PathProof;
pub use pool::{POOL_BYTES_MAX, POOL_IDENTITY_MAX, POOL_SECS_MAX, Pool, PoolRefusal};
pub use referee::Judge;
pub use refusal::Refusal;
