//! Of the registry's ledger, what reads bytes and needs neither the tree nor the disk. The modules have the places that they have there.

#[path = "../../../registry/src/ledger/charter.rs"]
#[allow(dead_code, reason = "the rules use the rest")]
mod charter;
#[path = "../../../registry/src/ledger/chunk.rs"]
mod chunk;
pub mod state;

pub use chunk::{CHUNK_BYTES_MAX, Chunk};
