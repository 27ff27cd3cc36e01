//! The ledger: each rule broken one at a time, the rules beside a second model of them, and what is on disk after any crash.

mod authority;
mod broken;
mod chain;
mod crash;
mod followers;
mod full;
mod model;
mod network;
mod snapshot;
mod validators;
mod world;
