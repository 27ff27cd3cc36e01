//! The one pass over RDATA in wire form. It runs over every rrset of a foreign record, so it allocates nothing.

use super::{
    super::{RecordType, label::absolute_len},
    Field, RdataError, RdataProblem, format_of, svcb,
};

/// RFC 1035 section 3.2.1: the length field has 16 bits.
const RDATA_BYTES_MAX: usize = 65_535;

/// RFC 8659 section 4.1 asks for one letter at least; RFC 6844 section 5.1 for 15 at most, and decoders hold to it.
const CAA_TAG_BYTES_MAX: usize = 15;

/// The value of a problem and where it stands, before the type and the field are known.
pub(super) type Found = (usize, RdataProblem);

/// Says whether `rdata` is valid for `rtype`. Types that the table does not list are opaque: any bytes are.
///
/// # Errors
/// The first thing that is wrong, in the order of the fields.
pub fn check(rtype: RecordType, rdata: &[u8]) -> Result<(), RdataError> {
    let error = |field, (offset, problem)| RdataError {
        rtype,
        field,
        offset,
        problem,
    };
    if rdata.len() > RDATA_BYTES_MAX {
        let bytes = rdata.len();
        return Err(error("rdata", (0, RdataProblem::TooLong { bytes })));
    }
    let Some(parts) = format_of(rtype) else {
        return Ok(());
    };
    let mut at = 0;
    for part in parts {
        at = field_end(part.field, rdata, at).map_err(|found| error(part.name, found))?;
    }
    if at < rdata.len() {
        let bytes = rdata.len() - at;
        return Err(error("rdata", (at, RdataProblem::TrailingBytes { bytes })));
    }
    Ok(())
}

/// Checks the field that begins at `at`; gives where it ends.
pub(super) fn field_end(field: Field, rdata: &[u8], at: usize) -> Result<usize, Found> {
    match field {
        Field::Ipv4 | Field::U32 | Field::Seconds => fixed(rdata, at, 4),
        Field::Ipv6 => fixed(rdata, at, 16),
        Field::U8 | Field::Algorithm => fixed(rdata, at, 1),
        Field::U16 | Field::CertType => fixed(rdata, at, 2),
        Field::Eui48 => fixed(rdata, at, 6),
        Field::Eui64 => fixed(rdata, at, 8),
        Field::Name => match absolute_len(&rdata[at..]) {
            Ok(length) => Ok(at + length),
            Err(error) => Err((at, RdataProblem::Name(error))),
        },
        Field::CsyncFlags => csync_flags(rdata, at),
        Field::CharString => char_string(rdata, at),
        Field::AlnumString => {
            let end = char_string(rdata, at)?;
            alphanumeric(rdata, at + 1, end)
        }
        Field::CharStrings => {
            let mut end = char_string(rdata, at)?;
            while end < rdata.len() {
                end = char_string(rdata, end)?;
            }
            Ok(end)
        }
        Field::CaaTag => caa_tag(rdata, at),
        Field::Text => Ok(rdata.len()),
        Field::Text1 | Field::Hex | Field::Base64 => {
            fixed(rdata, at, 1)?;
            Ok(rdata.len())
        }
        Field::Location => location(rdata, at),
        Field::TypeBitmap => type_bitmap(rdata, at),
        Field::Service => svcb::check(rdata, at),
    }
}

pub(super) fn fixed(rdata: &[u8], at: usize, needed: usize) -> Result<usize, Found> {
    let found = rdata.len() - at;
    if found < needed {
        return Err((at, RdataProblem::Truncated { needed, found }));
    }
    Ok(at + needed)
}

/// The two bytes at `at` as a number; the caller has checked that they are there.
pub(super) const fn u16_at(rdata: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([rdata[at], rdata[at + 1]])
}

/// The four bytes at `at` as a number; the caller has checked that they are there.
pub(super) const fn u32_at(rdata: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([rdata[at], rdata[at + 1], rdata[at + 2], rdata[at + 3]])
}

fn char_string(rdata: &[u8], at: usize) -> Result<usize, Found> {
    fixed(rdata, at, 1)?;
    fixed(rdata, at, 1 + usize::from(rdata[at]))
}

fn alphanumeric(rdata: &[u8], start: usize, end: usize) -> Result<usize, Found> {
    let odd = |byte: &u8| !byte.is_ascii_alphanumeric();
    match rdata[start..end].iter().position(odd) {
        None => Ok(end),
        Some(offset) => {
            let byte = rdata[start + offset];
            Err((start + offset, RdataProblem::NotAlphanumeric { byte }))
        }
    }
}

fn caa_tag(rdata: &[u8], at: usize) -> Result<usize, Found> {
    fixed(rdata, at, 1)?;
    let found = usize::from(rdata[at]);
    if !(1..=CAA_TAG_BYTES_MAX).contains(&found) {
        let (min, max) = (1, CAA_TAG_BYTES_MAX);
        return Err((at, RdataProblem::Length { found, min, max }));
    }
    let end = char_string(rdata, at)?;
    alphanumeric(rdata, at + 1, end)
}

fn csync_flags(rdata: &[u8], at: usize) -> Result<usize, Found> {
    let end = fixed(rdata, at, 2)?;
    match u16_at(rdata, at) {
        0..=3 => Ok(end),
        found => {
            let found = u32::from(found);
            Err((at, RdataProblem::Value { found, max: 3 }))
        }
    }
}

/// RFC 1876 section 2: the equator and the prime meridian are at 2^31, in thousandths of a second of arc.
pub(super) const LOCATION_ZERO: u32 = 1 << 31;
/// 90 degrees.
pub(super) const LATITUDE_MAX: u32 = 90 * 3_600_000;
/// 180 degrees.
pub(super) const LONGITUDE_MAX: u32 = 180 * 3_600_000;

fn location(rdata: &[u8], at: usize) -> Result<usize, Found> {
    let end = fixed(rdata, at, 16)?;
    if rdata[at] != 0 {
        return Err((at, RdataProblem::Location));
    }
    // Size and precisions: two decimal digits, a mantissa and a power of ten.
    let digits = |byte: &u8| byte >> 4 <= 9 && byte & 15 <= 9;
    if let Some(odd) = rdata[at + 1..at + 4].iter().position(|byte| !digits(byte)) {
        return Err((at + 1 + odd, RdataProblem::Location));
    }
    for (offset, max) in [(at + 4, LATITUDE_MAX), (at + 8, LONGITUDE_MAX)] {
        if u32_at(rdata, offset).abs_diff(LOCATION_ZERO) > max {
            return Err((offset, RdataProblem::Location));
        }
    }
    Ok(end)
}

fn type_bitmap(rdata: &[u8], mut at: usize) -> Result<usize, Found> {
    let wrong = |at, what| Err((at, RdataProblem::TypeBitmap(what)));
    let mut previous = None;
    while at < rdata.len() {
        fixed(rdata, at, 2)?;
        let (window, length) = (rdata[at], usize::from(rdata[at + 1]));
        if previous.is_some_and(|previous| previous >= window) {
            return wrong(at, "windows ascend and none comes twice");
        }
        if !(1..=32).contains(&length) {
            return wrong(at + 1, "a window has 1 to 32 bytes");
        }
        let end = fixed(rdata, at, 2 + length)?;
        if rdata[end - 1] == 0 {
            return wrong(end - 1, "a window does not end in a zero byte");
        }
        previous = Some(window);
        at = end;
    }
    Ok(at)
}
