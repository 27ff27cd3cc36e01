//! Text that people write and read: master files.

pub mod master;
