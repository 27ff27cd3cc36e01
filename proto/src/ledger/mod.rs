//! What the ledger says and proves, as bytes. `docs/protocol/8-ledger.md`.
//!
//! These are the types that the registry, light clients and tools share: a [`Transaction`] that changes who owns what, the
//! [`Entry`] that the state keeps for a name, and the [`Proof`] that carries an entry with its [`Header`] and
//! [`Certificate`]. Reading one checks its form alone: which transactions are accepted, and what a certificate or a path
//! is worth, is decided where the ledger's rules are.

mod block;
mod entry;
mod error;
mod leaf;
mod proof;
#[cfg(test)]
mod tests;
mod transaction;

pub use block::{Certificate, Header};
pub use entry::{Entry, Pin};
pub use error::LedgerError;
pub use leaf::{Singular, identity_leaf, ledger_leaf, name_leaf};
pub use proof::{Finding, Proof};
pub use transaction::{Action, Transaction, commitment};
