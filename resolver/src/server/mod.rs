//! The DNS servers: one [`Service`] that answers, and a listener for each transport.
//!
//! This module owns messages, EDNS, who may ask and how much, what is kept of answers, and the sockets. What is answered under our
//! suffix is decided in [`crate::answer`], where ordinary names are asked in [`crate::upstream`]. It promises that a query costs
//! bounded time and memory whatever it says, and that a client that is slow, silent or hostile keeps nobody else waiting.

mod access;
mod border;
mod cache;
mod changes;
mod cookie;
mod doh;
#[cfg(feature = "fuzzing")]
pub mod fuzzed;
mod http;
mod http3;
mod kept;
mod limits;
mod listen;
mod message;
mod metrics;
mod noted;
mod operated;
mod ours;
mod packet;
mod places;
mod query;
mod querylog;
mod quic;
mod room;
mod rules;
mod said;
mod sections;
mod service;
mod shares;
mod sockets;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod turned_away;
mod udp;
mod watch;
mod work;

pub use access::{Access, Prefix, PrefixError};
pub use cache::Size;
pub use kept::KeptAnswer;
pub use listen::{Listen, ListenError, Server};
pub use metrics::{Counters, Provenance, rcode_word};
pub use querylog::QueryLog;
pub use rules::{Flush, Rules};
pub use service::{Client, Config, Reply, Service};
pub use sockets::{Handed, Sockets};
pub use streams::Streams;

pub(crate) use said::{Said, Whence};
pub(crate) use sections::name_of;
