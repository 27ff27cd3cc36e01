//! libp2p under the core: transports, protocols, and the loop that turns what happens into [`Input`](super::core::Input)s and
//! [`Action`](super::core::Action)s into messages.
//!
//! This module owns sockets, clocks and files; it decides nothing about records. It promises that every queue has a bound, that no peer's bytes panic it, that
//! every request of the core's is answered or reported as failed, and that only what [`addresses`] allows is dialled. Deciding is for
//! [`super::core`], keeping records for [`crate::store`].

mod actions;
mod actor;
mod addresses;
mod behaviour;
mod book;
mod commands;
mod door;
mod events;
mod exchange;
mod exchanges;
mod gossip;
mod joining;
mod ledger;
pub(crate) mod metrics;
mod peers;
mod prober;
mod protocols;
mod reach;
mod records;
mod refresh;
mod room;
mod routing;
mod sieve;
mod silence;
mod status;
mod transport;
mod trusted;
mod upkeep;
mod verifier;

pub(crate) use actor::Actor;
pub(crate) use addresses::is_local;
