//! What an operator wants to hear of.

use core::net::SocketAddr;

/// Hears what happens. It is called in the middle of things and must not wait.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn notice(&self, event: &Event);
}

impl Observer for () {
    fn notice(&self, _event: &Event) {}
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A provider could not be connected.
    Unreachable {
        /// Its address.
        url: String,
        /// What the system says.
        reason: String,
    },
    /// A provider presented a key that its record does not name, or has no TLS although the record names keys.
    OtherKey {
        /// Its address.
        url: String,
        /// What it did.
        reason: String,
    },
    /// A name with shards cannot be resolved; what was known of it is used for as long as it holds.
    Unresolved {
        /// The name.
        name: String,
        /// Why.
        reason: String,
    },
    /// A shard has another primary.
    PrimaryReplaced {
        /// The name.
        name: String,
        /// The shard.
        shard: String,
        /// Its epoch from now on.
        epoch: u64,
        /// Who was its primary.
        from: String,
        /// Who is.
        to: String,
    },
    /// A record was refused for one shard.
    FencedOff {
        /// The name.
        name: String,
        /// The shard.
        shard: String,
        /// The record's epoch.
        epoch: u64,
        /// The highest that is known; the same where the owner changed the primary without raising it.
        highest: u64,
    },
    /// The epochs of a name cannot be kept: a restart before they are would believe an older record.
    EpochsNotKept {
        /// The name.
        name: String,
        /// What the system says.
        reason: String,
    },
    /// A connection is over.
    Closed {
        /// Who it was.
        client: SocketAddr,
        /// Where it went, if anywhere.
        to: Option<String>,
        /// Bytes to the provider.
        up: u64,
        /// Bytes to the client.
        down: u64,
        /// How it ended.
        end: String,
    },
}
