//! Finding and keeping records among peers: Kademlia finds the nodes closest to a key, a protocol of our own carries records.
//!
//! This module owns the protocols' names, a node's peer id and the bounds of the routing table. libp2p's Kademlia is used for
//! routing alone: its own puts report success for records that a filter refused, cannot choose the newest of several values,
//! and republish by cloning the whole store. Verifying a record is for `dotkey-proto`, keeping it for [`crate::store`].

pub mod codec;
pub mod core;
pub mod crowding;
pub(crate) mod driver;
pub mod message;
pub mod peer;

use std::num::NonZeroUsize;
use std::time::Duration;

use libp2p::identity::{DecodingError, Keypair};
use libp2p::{PeerId, StreamProtocol, kad};

/// Put, get and reconciliation of records, as requests and responses.
pub const RECORDS_PROTOCOL: StreamProtocol = StreamProtocol::new("/dotkey/records/1");

/// The ledger among peers: [`crate::follow`].
pub const LEDGER_PROTOCOL: StreamProtocol = StreamProtocol::new("/dotkey/ledger/1");

/// Routing. A name of its own keeps the table apart from other Kademlia networks', which would merge with it.
pub const ROUTING_PROTOCOL: StreamProtocol = StreamProtocol::new("/dotkey/kad/1");

/// Nodes that keep a record, and the entries of one bucket: Kademlia's k. With half of the nodes gone, one in a million
/// records has lost all of its keepers.
pub const REPLICATION: NonZeroUsize = NonZeroUsize::new(20).expect("not zero");

/// Nodes asked at once in one lookup: Kademlia's alpha.
pub const PARALLELISM: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");

/// Past this a lookup gives what it has: a person waits for the answer.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// A node's peer id from the seed of its ed25519 key.
///
/// # Errors
/// When libp2p does not take the seed; 32 bytes are always a seed, so this does not happen with today's ed25519.
pub fn peer_id(seed: [u8; 32]) -> Result<PeerId, DecodingError> {
    Ok(Keypair::ed25519_from_bytes(seed)?.public().to_peer_id())
}

/// How often a node looks for whom its table lacks. It asks once for each bucket, over disjoint paths, and so connects with most that it meets: seldom,
/// because lookups find the same in passing, and the table's entries are looked at besides.
const BOOTSTRAP_INTERVAL: Duration = Duration::from_secs(30 * 60);

/// Kademlia as a routing table and nothing more: it neither keeps nor republishes records.
#[must_use]
pub fn routing() -> kad::Config {
    let mut config = kad::Config::new(ROUTING_PROTOCOL);
    config
        .set_replication_factor(REPLICATION)
        .set_kbucket_size(REPLICATION)
        .set_parallelism(PARALLELISM)
        .set_query_timeout(LOOKUP_TIMEOUT)
        // An eclipse must then hold every path, not the one that was taken.
        .disjoint_query_paths(true)
        // Entries pass the limits of `crowding` first.
        .set_kbucket_inserts(kad::BucketInserts::Manual)
        .set_periodic_bootstrap_interval(Some(BOOTSTRAP_INTERVAL))
        .set_record_filtering(kad::StoreInserts::FilterBoth)
        .set_replication_interval(None)
        .set_publication_interval(None)
        .set_provider_publication_interval(None);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_follows_from_its_seed() {
        let id = peer_id([1; 32]).expect("a seed");
        assert_eq!(id, peer_id([1; 32]).expect("a seed"));
        assert_ne!(id, peer_id([2; 32]).expect("a seed"));
        // libp2p's peer-id specification: an ed25519 key is held whole, as an identity multihash.
        assert!(id.to_string().starts_with("12D3KooW"), "{id}");
    }

    #[test]
    fn the_routing_table_speaks_our_protocol_only() {
        let id = peer_id([1; 32]).expect("a seed");
        let store = kad::store::MemoryStore::new(id);
        let behaviour = kad::Behaviour::with_config(id, store, routing());
        assert_eq!(behaviour.protocol_names(), [ROUTING_PROTOCOL]);
    }
}
