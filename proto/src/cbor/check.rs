//! The one pass that decides whether bytes are a deterministic encoding of one item.

use super::{CborError, Kind, head};
use crate::limits::{CBOR_DEPTH_MAX, RECORD_BYTES_MAX};

/// Checks that `bytes` are exactly one item by the rules of section 1.1 of the protocol.
///
/// # Errors
/// The first rule that is broken, and where.
pub fn check(bytes: &[u8]) -> Result<(), CborError> {
    let end = item(bytes, 0, 0)?;
    if end == bytes.len() {
        Ok(())
    } else {
        Err(CborError::TrailingBytes { offset: end })
    }
}

/// Refuses input that is longer than a record: whatever stands inside one is not either.
///
/// # Errors
/// Longer input.
pub fn check_size(what: &'static str, bytes: &[u8]) -> Result<(), CborError> {
    let (len, max) = (bytes.len(), RECORD_BYTES_MAX);
    if len > max {
        return Err(CborError::TooLarge { what, len, max });
    }
    Ok(())
}

/// Checks the item at `begin` and returns where it ends. The recursion is bounded by [`CBOR_DEPTH_MAX`].
fn item(bytes: &[u8], begin: usize, depth: usize) -> Result<usize, CborError> {
    let head = head(bytes, begin)?;
    let offset = begin + head.len;
    match head.kind {
        Kind::Unsigned | Kind::Negative | Kind::Bool | Kind::Null => Ok(offset),
        Kind::Bytes => Ok(offset + string(bytes, begin, offset, head.argument)?.len()),
        Kind::Text => {
            let text = string(bytes, begin, offset, head.argument)?;
            match core::str::from_utf8(text) {
                Ok(_) => Ok(offset + text.len()),
                Err(_) => Err(CborError::InvalidUtf8 { offset: begin }),
            }
        }
        // The one tag of the formats opens an envelope, whose reader takes it off first.
        Kind::Tag => Err(CborError::ForbiddenItem {
            offset: begin,
            initial: bytes[begin],
        }),
        Kind::Array | Kind::Map if depth == CBOR_DEPTH_MAX => Err(CborError::TooDeep {
            offset: begin,
            max: CBOR_DEPTH_MAX,
        }),
        Kind::Array => (0..head.argument).try_fold(offset, |at, _| item(bytes, at, depth + 1)),
        Kind::Map => entries(bytes, offset, head.argument, depth + 1),
    }
}

fn string(bytes: &[u8], begin: usize, offset: usize, len: u64) -> Result<&[u8], CborError> {
    usize::try_from(len)
        .ok()
        .and_then(|len| bytes[offset..].get(..len))
        .ok_or(CborError::Truncated { offset: begin })
}

fn entries(bytes: &[u8], begin: usize, count: u64, depth: usize) -> Result<usize, CborError> {
    let mut offset = begin;
    let mut last_key: &[u8] = &[];
    for _ in 0..count {
        let key_end = item(bytes, offset, depth)?;
        let key = &bytes[offset..key_end];
        // RFC 8949 section 4.2.1: keys ascend in the order of their encoded bytes. No key is empty, so the first passes.
        if key == last_key {
            return Err(CborError::DuplicateKey { offset });
        }
        if key < last_key {
            return Err(CborError::MapOrder { offset });
        }
        last_key = key;
        offset = item(bytes, key_end, depth)?;
    }
    Ok(offset)
}
