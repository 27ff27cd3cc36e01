//! Visitors' side: listeners, and a request's way from its first byte to its last.
//!
//! This module owns connections of visitors and the order of what happens to a request (`handle`). It promises that what came in
//! as one request goes out as one, that a visitor who is slow or hostile costs a bounded amount, and that a request that cannot be
//! carried is answered with what was tried and why it failed. TLS is [`crate::authority`]'s, providers are [`crate::carry`]'s.

mod arrival;
mod explain;
mod guard;
mod handle;
mod links;
mod listen;
mod locate;
mod log;
mod metrics;
mod page;
mod scoped;
mod stickiness;

pub use links::{Link, Links, NoLinks};
pub use listen::{Gateway, Operated, Settings};
pub use log::AccessLog;
pub(crate) use metrics::Page;
#[cfg(test)]
pub(crate) use metrics::tests::{documented as documented_metrics, shown as shown_metrics};
