//! What every part of dotkey agrees on: names, identities, signed records, zones, and the bytes they travel as.
//!
//! This crate owns the formats and the rules that decide whether something is valid. It promises to be pure: no input or
//! output, no clock, no ambient randomness, no panics on foreign bytes, and one precise error for each thing that can be
//! wrong. Fetching, storing and serving belong to the other crates. The formats are specified in `docs/protocol/`.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(test, feature = "text"))]
extern crate std;

pub mod cbor;
pub mod dns;
pub mod identity;
pub mod keyfile;
pub mod ledger;
pub mod limits;
pub mod name;
pub mod record;
pub mod signature;
pub mod stamp;
pub mod text;
pub mod time;
pub mod words;
pub mod zone;
