//! Stories played in the virtual world, each with its oracle.

pub mod delivery;
pub mod records;
