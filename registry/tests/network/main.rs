//! Nodes that talk to each other: many in one process, a few over real sockets, and strangers who do not play by the rules.
//!
//! Nothing here sleeps for a time that is hoped to be enough: every wait is for a condition, with a deadline that only a failure reaches.

mod crowds;
mod flood;
mod gossip;
mod many;
mod news;
mod sockets;
mod strangers;
mod support;
