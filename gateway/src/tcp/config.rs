//! What a listener is told, and the bounds that it keeps.

use core::net::SocketAddr;
use core::time::Duration;
use std::path::PathBuf;

use crate::site::PrivateNames;

/// A listener to be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub address: SocketAddr,
    /// How a connection finds its provider.
    pub way: Way,
    /// Where this gateway is, in the words that records use.
    pub region: Option<String>,
    /// Names whose records may lead to this machine and to private networks. One that anyone can choose must not open what is behind
    /// the operator's own door.
    pub private_names: PrivateNames,
    /// The folder where the epochs of shards are kept over restarts; without one the first record after a start is believed.
    pub epochs: Option<PathBuf>,
    /// What it keeps to.
    pub bounds: Bounds,
}

/// How a connection finds its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By the name in its ClientHello; the TLS goes through untouched.
    Sni,
    /// To the shards of this name, in PostgreSQL's protocol.
    Postgres {
        /// The name.
        name: String,
    },
    /// To the shards of this name, in Redis's protocol.
    Redis {
        /// The name.
        name: String,
    },
}

/// The bounds of a listener.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Connections in all.
    pub connections_max: usize,
    /// Of one client: an IPv4 address, or an IPv6 network of 64 bits.
    pub connections_per_client_max: usize,
    /// To one provider.
    pub connections_per_provider_max: usize,
    /// For the first message of a client to be whole, and for a name to be resolved.
    pub begin: Duration,
    /// For one provider to be connected, its TLS included.
    pub connect: Duration,
    /// For any provider to be connected. A primary that is being replaced has this long.
    pub reach: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
    /// For connections to end by themselves when the listener is drained.
    pub drain: Duration,
    /// A command of Redis.
    pub command_bytes_max: usize,
    /// What commands that are not whole yet may take together, beyond [`Bounds::COMMAND_BYTES_FREE`] each.
    pub held_bytes_max: usize,
    /// Commands of one Redis client that wait for their replies.
    pub pipeline_max: usize,
}

impl Bounds {
    /// What each client of Redis may send of a command without asking anybody.
    pub const COMMAND_BYTES_FREE: usize = 64 << 10;
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_client_max: 1_000,
            connections_per_provider_max: 2_000,
            begin: Duration::from_secs(10),
            connect: Duration::from_secs(2),
            reach: Duration::from_secs(5),
            idle: Duration::from_secs(3600),
            drain: Duration::from_secs(3),
            command_bytes_max: 8 << 20,
            held_bytes_max: 256 << 20,
            pipeline_max: 256,
        }
    }
}
