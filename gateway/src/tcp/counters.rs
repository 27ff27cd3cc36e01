//! What a listener counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is counted while it happens.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: AtomicU64,)*
        }

        /// What was counted, at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(super) fn snapshot(&self) -> Snapshot {
                Snapshot { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Connections that were taken.
    accepted,
    /// Connections that are open now.
    open,
    /// Connections that found no place: in all, or of their client.
    full,
    /// Connections whose first message cannot be read, or did not come in time.
    unreadable,
    /// Connections to names or shards that are not there, or that the client did not name.
    unroutable,
    /// Connections that no provider could be found for.
    unreached,
    /// Attempts to connect to a provider that failed.
    connect_failures,
    /// Providers that presented a key that their record does not name.
    other_keys,
    /// Providers that were not asked because they have as many connections as they may.
    provider_full,
    /// Connections and links that ended because their shard has another primary.
    replaced,
    /// Shards in records that were refused, because a higher epoch is known or theirs was not raised.
    fenced_off,
    /// Connections that ended because nothing moved for too long.
    idle,
    /// PostgreSQL's requests to cancel that found their server.
    cancelled,
    /// Redis commands that were sent to a shard.
    commands,
    /// Redis commands that were answered with an error here.
    commands_refused,
    /// Bytes from clients to providers.
    bytes_up,
    /// Bytes from providers to clients.
    bytes_down,
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

/// So many more.
pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Relaxed);
}
