//! The exchange of the ledger, as [`crate::dht`] is that of records.

#[path = "../../registry/src/follow/codec/mod.rs"]
pub mod codec;
#[path = "../../registry/src/follow/message.rs"]
pub mod message;
