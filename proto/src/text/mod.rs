//! Text that people write and read: master files, and zone files in TOML.

pub mod master;
#[cfg(feature = "text")]
pub mod toml;
