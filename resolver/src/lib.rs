//! From a name to a verified answer: the library that applications call, and the DNS servers built on it.
//!
//! This crate owns the sources of records, their cache, the way to ordinary names and the listeners for DNS, DoT, DoH and
//! DoQ. It promises that what it hands out under our suffix passed `dotkey-proto`'s verification here, whoever it came from,
//! and that a name under our suffix never leaves for an upstream. Where records are kept is not its business: the registry is
//! plugged in as one more [`source::Source`]. Carrying a request to a provider is for `dotkey-gateway`.
//! `docs/architecture/resolver.md` has the whole picture.

pub mod edns;
pub mod source;
pub mod tls;
pub mod transport;
pub mod upstream;
pub mod zones;
