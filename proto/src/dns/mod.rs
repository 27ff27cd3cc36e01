//! The DNS data that a zone holds: owner names, names inside RDATA, record types, and what makes RDATA valid.
//!
//! This module owns the normative tables of `docs/protocol/6-dns-data.md`: whether a byte string is a valid owner or a
//! valid RDATA of its type is decided here and by no library, so that an upgrade cannot change what a signed record
//! means. It promises that [`rdata::check`] makes one pass and allocates nothing, that text and wire forms turn into
//! each other without loss, and one precise error for each thing that can be wrong. Which rrsets may stand together in
//! a zone is left to `zone`, whole master files to `text::master`.

mod label;
pub mod owner;
pub mod rdata;
pub mod rrtype;
pub mod wire_name;
pub mod words;

pub use label::{Labels, NameError, parent_wire};
pub use owner::Owner;
pub use rrtype::{NotInZone, RecordType, RecordTypeError};
pub use wire_name::WireName;
