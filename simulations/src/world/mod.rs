//! What stands in for the world. Pure: time passes because an event says so, and chance comes from a seed.

pub mod events;
pub mod random;

pub use events::{Events, Instant};
pub use random::Random;
