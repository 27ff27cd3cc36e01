//! Identities: who may act in the name of a key id. `docs/protocol/3-identities.md`.
//!
//! A [`Policy`] is a document of keys, roles and thresholds; a [`Chain`] is the first policy with the updates since. What
//! verification gives is an [`Authority`]: the newest policy, with the promise that it belongs to the key id. Reading a
//! policy checks its rules, so a `Policy` that was decoded can be acted on. Storing secret keys is the program's.

mod branch;
mod chain;
mod error;
mod key_id;
mod policy;
mod policy_codec;
mod role;
#[cfg(test)]
mod tests;

pub use branch::Branch;
pub use chain::{Anchor, Authority, Chain, policy_update};
pub use error::{ChainError, PolicyError};
pub use key_id::KeyId;
pub use policy::{Key, Policy, Recovery, RecoveryKey, key_id_of, policy_digest};
pub use role::Role;

pub use crate::signature::PublicKey;
