//! The ledger's state: who owns a name, the newest policy of an identity, and the checkpoints owners asked for.
//!
//! This module owns the state tree and, built on it, the transition `apply(state, block) -> (changes, receipts)`. It promises
//! that a header commits to the state after its own block, so that a claim can be proved as soon as it is final. The order
//! of blocks is for [`crate::consensus`]; verifying a proof is for `dotkey-proto`, so that a light client needs none of this.

pub mod tree;
