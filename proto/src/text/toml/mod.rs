//! Zone files: a whole zone as people write it, in TOML; and the genesis of a network.
//!
//! This module owns the file format of `docs/zones.md`. It promises that a file can say everything that a zone can hold,
//! that what [`write()`] writes reads back as the same zone, and that an error shows the line it is about and what would
//! be right. Whether the zone keeps the rules is decided by `zone`, whose errors come with the place in the file. Keys
//! and policies are not in a zone file: a file can be shared by whoever may sign it.

mod error;
mod genesis;
mod read;
mod read_resource;
mod section;
mod values;
mod write;
mod write_resource;

#[cfg(test)]
mod tests;

pub use error::{TomlError, TomlProblem};
pub use genesis::{parse_genesis, write_genesis};
pub use read::parse;
pub use write::write;

use alloc::string::String;

use crate::dns::Owner;
use crate::zone::Zone;

/// A zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The name that the zone is published under, where the file says it.
    pub name: Option<String>,
    /// The branch that the record will have, where the zone is one of a branch.
    pub branch: Option<Owner>,
    /// The zone.
    pub zone: Zone,
}

/// The TTL of records in a file that names none.
pub const TTL_DEFAULT: u32 = 3600;
