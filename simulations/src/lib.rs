//! The virtual world: the product's own code under a clock, a network and faults that a seed decides.
//!
//! This crate owns what stands in for the world ([`world`]), the stories played in it ([`scenarios`]) and their oracles: what
//! must hold whatever happens. It promises that a seed replays a run event by event, so a failure is a number. It tests other
//! crates' pure cores and never holds logic of theirs. `docs/architecture/simulations.md` has the whole picture.

pub mod network;
pub mod scenarios;
pub mod world;
