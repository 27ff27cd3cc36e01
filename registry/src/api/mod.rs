//! The node over HTTP, for programs and web pages: `docs/api.md` for people, `docs/openapi.yaml` for programs.
//!
//! This module owns the paths, the words of answers and problems, and the server with its bounds. It promises that no client
//! holds more than its share however slow it is, that web pages may read but never write, and that every refusal says what to do. Deciding is
//! for the node behind [`crate::node::Node`]; a client verifies what it reads here as it would from anyone.

mod admin;
mod beside;
mod client;
mod events;
mod flow;
mod gateway;
mod guard;
mod ledger;
mod levels;
mod metrics;
mod places;
mod problem;
mod put;
mod records;
mod request;
mod resolver;
mod routes;
mod server;
mod shares;
mod shown;
mod stall;
mod state;

use core::fmt;
use std::sync::Arc;
use std::time::Duration;

use dotkey_proto::time::Timestamp;

pub use admin::{Token, TokenError};
pub use beside::Beside;
pub use gateway::{BesideGateway, Way};
pub use resolver::BesideResolver;
pub use server::{Server, serve, serve_gateway, serve_resolver};

/// What the calendar says.
pub type Clock = fn() -> Timestamp;

/// What a server is told.
#[derive(Clone)]
pub struct ApiConfig {
    /// Decides which records are valid now.
    pub clock: Clock,
    /// Names that this node goes by, besides addresses and `localhost`: a web page can give any other name this node's address.
    pub hosts: Vec<String>,
    /// Opens the paths for who runs the node; without one they are closed.
    pub token: Option<Token>,
    /// A resolver that runs in the process besides.
    pub resolver: Option<Arc<dyn BesideResolver>>,
    /// A gateway that runs in the process besides.
    pub gateway: Option<Arc<dyn BesideGateway>>,
    /// How much a client may have.
    pub limits: Limits,
}

impl ApiConfig {
    /// What runs in the process besides.
    fn beside(&self) -> impl Iterator<Item = Arc<dyn Beside>> {
        let resolver = self.resolver.clone().map(|one| one as Arc<dyn Beside>);
        let gateway = self.gateway.clone().map(|one| one as Arc<dyn Beside>);
        resolver.into_iter().chain(gateway)
    }

    /// The defaults, and a clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            hosts: Vec::new(),
            token: None,
            resolver: None,
            gateway: None,
            limits: Limits::default(),
        }
    }
}

impl fmt::Debug for ApiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiConfig")
            .field("hosts", &self.hosts)
            .field("token", &self.token)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How much a client may have, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections, of which each client has a share. Past them a newcomer takes the place of one that waits for its client; where the node works on all, it waits.
    pub connections: usize,
    /// Bytes of one request's head. hyper reads at least 8 KiB.
    pub header_bytes: usize,
    /// Requests of one HTTP/2 connection at a time.
    pub streams: u32,
    /// A head must be complete after this long, also the first and the next on a connection that is kept open.
    pub header_wait: Duration,
    /// A body must be complete after this long.
    pub body_wait: Duration,
    /// A client that takes nothing of an answer for this long is cut off.
    pub write_wait: Duration,
    /// The node must have answered after this long. A lookup takes at most ten seconds, a put has one before its writes.
    pub node_wait: Duration,
    /// Bodies of publishes and transactions that arrive, of which each client has a share.
    pub bodies: usize,
    /// Publishes under way, of which each client has a share.
    pub puts: usize,
    /// Questions to the ledger under way, which read the disk or verify signatures.
    pub ledger: usize,
    /// Streams of events, of which each client has a share.
    pub subscribers: usize,
    /// Events that are kept for who comes back.
    pub events: usize,
    /// A comment is sent on a silent stream this often, so that what is between keeps it open.
    pub heartbeat: Duration,
    /// A stream of events ends after this long. Its client comes back and goes on; a forgotten one does not.
    pub stream_life: Duration,
    /// Requests may take this long to end when the server stops. The program promises to stop in five seconds.
    pub stop_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            header_bytes: 16 * 1024,
            streams: 64,
            header_wait: Duration::from_secs(15),
            body_wait: Duration::from_secs(15),
            write_wait: Duration::from_secs(20),
            node_wait: Duration::from_secs(30),
            bodies: 256,
            puts: 32,
            ledger: 64,
            subscribers: 128,
            events: 4096,
            heartbeat: Duration::from_secs(15),
            stream_life: Duration::from_secs(3600),
            stop_wait: Duration::from_secs(3),
        }
    }
}
