//! Carrying a request to a provider and its answer back.
//!
//! This module owns connections to providers, what is sent over them, and what happens when one fails: another try, at
//! another provider, under the pool's budgets. It promises that a request whose bytes could have been read is sent again only where
//! HTTP calls that safe, that a provider with pins is spoken to under one of its keys or not at all, and that what was learned
//! of a provider reaches its pool, also when the visitor goes away. Which provider is asked is for [`crate::choose`].

pub mod address;
mod attempt;
mod body;
mod check;
mod connect;
mod forwarded;
mod headers;
mod hedge;
mod lines;
mod pinned;
mod progress;
mod request;
mod served;
mod upgrade;

pub use body::Carried;
pub(crate) use body::Ended;
pub use check::watch_over;
pub use forwarded::{Arrived, Peer};
pub use headers::{ARRIVED_HEADERS, is_loop, is_plainly_framed};
pub(crate) use pinned::WrongKey;
pub use pinned::pinned;
pub use request::{Given, Replay};
pub use served::{CameTo, Served, Spent, Try, Undone};
pub use upgrade::wanted as upgrade_wanted;
