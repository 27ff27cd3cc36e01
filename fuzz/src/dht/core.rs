//! Of the core, what decides over bytes from the network.

#[path = "../../../registry/src/dht/core/reconcile/mod.rs"]
pub mod reconcile;
