//! The ledger among peers: nodes without a vote catch up and follow, and every node that has it gives it away.
//!
//! This module owns the protocol's messages and bytes, the choice of whom to ask for what, the verification of what comes, and the answers. It promises that
//! nothing is written that was not verified, and that a bad answer costs its peer and not the progress. Streams and clocks are for the driver
//! ([`crate::dht`]), what a block does to the state for [`crate::ledger`]. `docs/architecture/followers.md`.

pub mod codec;
pub mod core;
pub mod message;
pub mod serve;
pub(crate) mod shares;
pub mod verify;
pub mod worker;
