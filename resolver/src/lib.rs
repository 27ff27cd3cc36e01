//! From a name to a verified answer: the library that applications call, and the DNS servers built on it.
//!
//! This crate owns the sources of records, what is kept of them, the way to ordinary names and the listeners for DNS, DoT, DoH and
//! DoQ. It promises that what it hands out under our suffix passed `dotkey-proto`'s verification here, whoever it came from,
//! and that a name under our suffix never leaves for an upstream. Where records are kept is not its business: the registry is
//! plugged in as one more [`source::Source`]. Carrying a request to a provider is for `dotkey-gateway`.
//! `docs/architecture/resolver.md` has the whole picture.
//!
//! An application that only resolves leaves out the servers with `default-features = false`.

mod bounded;
mod error;
pub mod flight;
pub mod light;
mod providers;
mod race;
mod resolution;
mod resolver;
pub mod source;
#[cfg(test)]
mod tests;

#[cfg(feature = "server")]
pub mod answer;
#[cfg(feature = "server")]
pub mod edns;
#[cfg(feature = "server")]
pub mod linelog;
#[cfg(feature = "server")]
pub mod ordinary;
#[cfg(feature = "server")]
pub mod rebinding;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
pub mod transport;
#[cfg(feature = "server")]
pub mod upstream;

pub use error::{Failure, ResolveError, Why};
pub use providers::{Ranked, shard_for};
pub use resolution::{Data, Lookup, Resolution, Stage, Step};
pub use resolver::{Ask, BuildError, Builder, Claim, Held, Resolver, Watch};
