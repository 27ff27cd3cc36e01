//! A running node as the rest of the program sees it: a handle to ask, what it answers, and the changes it noticed.
//!
//! This module owns the handle and its words, and in [`ledger`] the ledger as a node has it. It promises that asking never blocks the node and that a
//! node that has stopped says so. Deciding is for [`crate::dht::core`], carrying for the driver beside it, HTTP for [`crate::api`].

mod handle;
pub mod ledger;
mod secret_file;
mod start;
mod status;

pub use handle::{Command, Got, Node, NodeError, Progress};
pub use libp2p::Multiaddr;
pub use start::{BOOTSTRAP_MAX, NodeConfig, StartError, Transport, peer_id, start};
pub use status::{Health, PeerStatus, Reachability, RecordStatus, Replication, Status};
