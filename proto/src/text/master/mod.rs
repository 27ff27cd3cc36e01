//! Master files: the text format of RFC 1035 section 5, in both directions.
//!
//! [`parse`] reads all of section 5 with what later RFCs added (`$TTL`, generic types, TTL units), and refuses what pure code
//! cannot do (`$INCLUDE`) or what hides records from their reader (`$GENERATE`). It promises one error with file, line,
//! column and the line itself, and bounded work. [`write()`] gives text that reads back to the same entries. Whether the
//! entries make a zone is left to `zone`.

mod error;
mod lexer;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub use error::{MasterError, MasterProblem};
pub use reader::parse;
pub use writer::write;

use crate::dns::{Owner, RecordType, WireName};

/// Sixteen times the largest record: room for escapes, columns and comments.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Sixteen times the rrsets of a zone.
pub const FILE_LINES_MAX: usize = 65_536;

/// Brackets inside brackets mean nothing more; a file with more of them is damaged.
pub const PARENTHESES_MAX: usize = 8;

/// RFC 2181 section 8: the highest bit of a TTL is zero.
pub const TTL_SECS_MAX: u32 = 0x7fff_ffff;

/// One record of a master file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where in the zone it stands.
    pub owner: Owner,
    /// How long it may be cached, in seconds.
    pub ttl: u32,
    /// Its type.
    pub rtype: RecordType,
    /// Its data in uncompressed wire form, valid for its type.
    pub rdata: Vec<u8>,
    /// The line it begins on, from 1.
    pub line: usize,
}

/// How a file is to be read.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// What errors call the file.
    pub file_name: &'a str,
    /// The zone's name: the first `$ORIGIN`, and what all owners must be at or below.
    pub origin: &'a WireName,
    /// The TTL of records before any `$TTL` and any other TTL; without it, such a record is an error.
    pub ttl_default: Option<u32>,
}
