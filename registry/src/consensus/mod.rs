//! One order of claims that everyone agrees on, by an existing engine: commonware's simplex.
//!
//! This folder owns the engine: its version, its keys and certificates, its timing, its journal, its connections between
//! validators. Whoever executes blocks is an [`Application`]; an [`Engine`] asks it for blocks, has the validators vote on them,
//! and hands it those that are final, in order, each once. It promises that nothing else in the workspace names the engine's
//! library, so that a new release of it touches this folder, and that it never signs once its memory of what it signed is
//! damaged. What a block does to the state is for [`crate::ledger`]; what a transaction and a header look like is for
//! `dotkey-proto`. `docs/architecture/consensus.md` has the whole picture.

mod address;
mod application;
mod assembly;
mod batch;
mod block;
mod committee;
mod conductor;
mod desk;
mod engine;
mod error;
mod evidence;
mod journal;
mod keeper;
mod library;
mod network;
mod proposer;
mod room;
mod seal;
#[cfg(test)]
mod tests;
pub mod timing;
mod work;

pub use application::{Application, Objection, Tip, Validator};
pub use block::{Block, BlockError, HEADER_BYTES_MAX, TRANSACTIONS_BYTES_MAX};
pub use committee::{Identity, KeyError};
pub use desk::Status;
pub use engine::{EPOCH_LENGTH_MIN, Engine, Settings};
pub use error::ConsensusError;
pub use evidence::Evidence;
#[cfg(test)]
pub(crate) use evidence::contradiction;
pub use journal::JournalError;
pub use timing::Pacing;
