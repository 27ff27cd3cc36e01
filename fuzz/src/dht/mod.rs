//! The pure part of the DHT, compiled here from the registry's own files: depending on the registry would bring libp2p and RocksDB along,
//! which take ten minutes to compile and are not what is fuzzed. The modules have the places that they have there.

pub mod core;

#[path = "../../../registry/src/dht/codec/mod.rs"]
pub mod codec;
#[path = "../../../registry/src/dht/message.rs"]
pub mod message;
#[path = "../../../registry/src/dht/peer.rs"]
pub mod peer;
