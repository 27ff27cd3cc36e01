//! The replicated registry: who owns a name, by consensus, and what a name contains, by a DHT.
//!
//! This crate owns everything that is kept and agreed on between nodes: the stores, the ledger's state and its proofs, the
//! consensus engine, the Kademlia node and the records protocol. It promises that a record is verified before it is stored
//! or passed on, that an acknowledgement is honest, and that a broken invariant of the ledger halts it rather than forks it.
//! What is valid is for `dotkey-proto` to say; turning a name into an answer is for `dotkey-resolver`, which this crate never
//! sees. `docs/architecture/registry.md` has the whole picture.

pub mod api;
pub mod consensus;
pub mod dht;
pub mod follow;
mod hex;
pub mod ledger;
pub mod node;
mod private;
pub mod store;
