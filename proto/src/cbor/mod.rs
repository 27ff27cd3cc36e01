//! Deterministic CBOR, as narrow as `docs/protocol/1-encoding.md` draws it: one value has one encoding.
//!
//! [`check`] decides whether bytes are such an encoding, in one pass that allocates nothing. A [`Reader`] takes checked
//! bytes apart by the schema of one format; a [`Writer`] puts them together. General CBOR libraries accept more than we
//! may (indefinite lengths, long forms, any map order), which is why this is ours; see decision 0003.

mod check;
mod error;
mod map;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use check::{check, check_size};
pub use error::{CborError, Kind};
pub use map::{Extension, MapReader, MapWriter};
pub use reader::Reader;
pub use writer::Writer;

/// The argument of an item's head and what the head says it is.
#[derive(Clone, Copy, Debug)]
struct Head {
    kind: Kind,
    argument: u64,
    /// Bytes that the head itself takes.
    len: usize,
}

/// Reads the head at `offset`, in its shortest form or not at all.
fn head(bytes: &[u8], offset: usize) -> Result<Head, CborError> {
    let initial = *bytes.get(offset).ok_or(CborError::Truncated { offset })?;
    let (major, info) = (initial >> 5, initial & 0x1f);
    let kind = match major {
        0 => Kind::Unsigned,
        1 => Kind::Negative,
        2 => Kind::Bytes,
        3 => Kind::Text,
        4 => Kind::Array,
        5 => Kind::Map,
        6 => Kind::Tag,
        _ => return simple(initial, offset),
    };
    let (argument, len) = match info {
        0..=23 => (u64::from(info), 1),
        24..=27 => {
            let width = 1_usize << (info - 24);
            let rest = bytes
                .get(offset + 1..offset + 1 + width)
                .ok_or(CborError::Truncated { offset })?;
            let argument = rest
                .iter()
                .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
            // RFC 8949 section 4.2.1: the argument is as short as possible.
            let least = if width == 1 { 24 } else { 1_u64 << (width * 4) };
            if argument < least {
                return Err(CborError::NotShortest { offset });
            }
            (argument, 1 + width)
        }
        31 if (2..=5).contains(&major) => return Err(CborError::IndefiniteLength { offset }),
        _ => return Err(CborError::ForbiddenItem { offset, initial }),
    };
    Ok(Head {
        kind,
        argument,
        len,
    })
}

fn simple(initial: u8, offset: usize) -> Result<Head, CborError> {
    let kind = match initial {
        0xf4 | 0xf5 => Kind::Bool,
        0xf6 => Kind::Null,
        _ => return Err(CborError::ForbiddenItem { offset, initial }),
    };
    Ok(Head {
        kind,
        argument: u64::from(initial & 0x1f),
        len: 1,
    })
}
