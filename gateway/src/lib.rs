//! From a request to a provider: resolve, match, choose, carry.
//!
//! This crate owns what happens to a request between a visitor and a provider: reading which name it is for, choosing among
//! the providers of the name's signed record, and carrying it there over pinned TLS. Checking content against its root has its
//! place in the order of steps, and is not built yet. This crate
//! promises that a provider is believed in nothing that the record does not say. Turning a name into a verified record is
//! for `dotkey-resolver`; what a record may say is for `dotkey-proto`. `docs/architecture/gateway.md` has the whole picture.

pub mod authority;
pub mod carry;
pub mod choose;
pub mod request;
mod seats;
pub mod server;
pub mod site;

pub mod tcp;
#[cfg(test)]
mod tests;
pub mod traces;
