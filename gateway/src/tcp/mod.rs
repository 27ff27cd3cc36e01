//! TCP connections: carried by the name in their ClientHello, or to the right shard of a database.
//!
//! This module owns listeners that speak no HTTP. [`Listener::start`] begins one: by SNI it carries TLS untouched to a provider of whatever
//! name the client asks for; for a shard set it speaks PostgreSQL's or Redis's protocol as far as finding the shard needs, and
//! carries the rest. It promises that nobody gets a connection whom the name's newest record does not name, that a primary with a
//! lower epoch is fenced off, and that every buffer, wait and number of connections has a bound. The decisions are in pure cores
//! (`hello`, `standing`, `shards/map`, `shards/postgres`, `shards/redis`), the sockets in the drivers beside them.
//! `docs/architecture/shards.md` has the whole picture.

mod config;
mod counters;
mod dial;
mod events;
pub mod hello;
mod listener;
mod operated;
mod pipe;
pub mod shards;
mod sni;
pub mod standing;
pub mod tally;

pub use config::{Bounds, Config, Way};
pub use counters::Snapshot;
pub use events::{Event, Observer};
pub use listener::{Listener, StartError};
pub use operated::{Operated, metrics};
pub use shards::kept::KeptError;
