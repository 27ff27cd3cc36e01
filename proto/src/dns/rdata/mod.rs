//! RDATA: what is valid for each type, and its text.
//!
//! One table ([`format_of`]) drives all three: [`check`] for wire form, and the readers and writers of text. It is the table
//! of `docs/protocol/6-dns-data.md`, and a test holds the page to it. Types that the table does not list are opaque
//! bytes (RFC 3597). Names are stored uncompressed and in the case they were written in.

mod check;
mod error;
mod location;
mod names;
mod read;
mod service;
mod svcb;
mod table;
mod write;

#[cfg(test)]
pub(crate) mod properties;
#[cfg(test)]
mod tests;

pub use check::check;
pub use error::{RdataError, RdataProblem, RdataTextError, TextProblem};
pub use names::names;
pub use read::{from_text, from_words};
pub use table::{Field, Part, format_of};
pub use write::display;
