//! Records: what an identity signs and the world keeps. `docs/protocol/5-records.md`.
//!
//! [`Claims`] are what a record says, [`SignedRecord`] is bytes that nobody has checked, and a [`Verified`] record is the
//! proof that they were: nothing but [`SignedRecord::verify`] makes one. The body is not looked into here; a zone is read
//! from it by [`crate::zone`].

mod claims;
mod error;
#[cfg(test)]
mod tests;
mod verify;

pub(crate) use claims::read_time;
pub use claims::{Claims, Kind, SEQUENCE_MAX, VALIDITY_SECS_DEFAULT, VALIDITY_SECS_MAX, place};
pub use error::RecordError;
pub use verify::{Outline, Record, SignedRecord, Verified};
