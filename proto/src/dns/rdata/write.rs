//! RDATA as text that [`super::from_text`] reads back to the same bytes.

use core::{
    fmt::{self, Display, Write as _},
    net::{Ipv4Addr, Ipv6Addr},
};

use data_encoding::{BASE64, HEXLOWER};

use super::{
    super::{Labels, RecordType, WireName, label::absolute_len, words::write_quoted},
    Field, check,
    check::{field_end, u16_at, u32_at},
    format_of, location, names, service, svcb,
};

/// Shows RDATA in the text form of its type, names relative to `origin` where they stand below it; in RFC 3597's generic
/// form when the type has no text of its own, the bytes are not valid for it, or a name is relative to a zone and `origin` is
/// not the name that stands for one.
#[must_use]
pub fn display<'a>(
    rtype: RecordType,
    rdata: &'a [u8],
    origin: Option<&'a WireName>,
) -> impl Display + 'a {
    Text {
        rtype,
        rdata,
        origin,
    }
}

struct Text<'a> {
    rtype: RecordType,
    rdata: &'a [u8],
    origin: Option<&'a WireName>,
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sayable = check(self.rtype, self.rdata).is_ok()
            && (self.rtype != RecordType::LOC || location::has_text(self.rdata))
            && (self.is_in_zone_form() || !has_zone_label(self.rtype, self.rdata));
        let Some(parts) = format_of(self.rtype).filter(|_| sayable) else {
            return write_generic(f, self.rdata);
        };
        let mut at = 0;
        for (position, part) in parts.iter().enumerate() {
            let end = field_end(part.field, self.rdata, at).map_err(|_| fmt::Error)?;
            let separate = position > 0 && (end > at || part.field == Field::Text);
            if separate {
                f.write_char(' ')?;
            }
            self.field(f, part.field, &self.rdata[at..end])?;
            at = end;
        }
        Ok(())
    }
}

impl Text<'_> {
    /// Whether the origin is the name that stands for a zone, so that relative names show as they are written.
    fn is_in_zone_form(&self) -> bool {
        self.origin
            .is_some_and(|origin| origin.as_wire() == b"\x01@\x00")
    }

    fn field(&self, f: &mut fmt::Formatter<'_>, field: Field, bytes: &[u8]) -> fmt::Result {
        match field {
            Field::Ipv4 => Ipv4Addr::from(u32_at(bytes, 0)).fmt(f),
            Field::Ipv6 => match <[u8; 16]>::try_from(bytes) {
                Ok(octets) => Ipv6Addr::from(octets).fmt(f),
                Err(_) => Err(fmt::Error),
            },
            Field::Name => self.name(f, bytes),
            Field::U8 | Field::Algorithm => write!(f, "{}", bytes[0]),
            Field::U16 | Field::CertType | Field::CsyncFlags => write!(f, "{}", u16_at(bytes, 0)),
            Field::U32 | Field::Seconds => write!(f, "{}", u32_at(bytes, 0)),
            Field::CharString | Field::AlnumString => write_quoted(f, &bytes[1..]),
            Field::CharStrings => write_strings(f, bytes),
            Field::CaaTag => bytes[1..]
                .iter()
                .try_for_each(|byte| f.write_char(char::from(*byte))),
            Field::Text | Field::Text1 => write_quoted(f, bytes),
            Field::Hex => f.write_str(&HEXLOWER.encode(bytes)),
            Field::Base64 => f.write_str(&BASE64.encode(bytes)),
            Field::Eui48 | Field::Eui64 => {
                for (position, byte) in bytes.iter().enumerate() {
                    let dash = if position > 0 { "-" } else { "" };
                    write!(f, "{dash}{byte:02x}")?;
                }
                Ok(())
            }
            Field::Location => location::write(f, bytes),
            Field::TypeBitmap => write_types(f, bytes),
            Field::Service => {
                let length = absolute_len(&bytes[2..]).map_err(|_| fmt::Error)?;
                let (head, parameters) = bytes.split_at(2 + length);
                write!(f, "{} ", u16_at(head, 0))?;
                self.name(f, &head[2..])?;
                svcb::parameters(parameters)
                    .try_for_each(|(key, value)| service::write_parameter(f, key, value))
            }
        }
    }

    fn name(&self, f: &mut fmt::Formatter<'_>, wire: &[u8]) -> fmt::Result {
        let name = WireName::from_wire(wire).map_err(|_| fmt::Error)?;
        match self.origin {
            Some(origin) => name.display_in(origin).fmt(f),
            None => name.fmt(f),
        }
    }
}

/// Whether a name in the RDATA is relative to a zone: in text such a name is written below an origin only.
fn has_zone_label(rtype: RecordType, rdata: &[u8]) -> bool {
    names(rtype, rdata).any(|range| Labels::new(&rdata[range]).last() == Some(b"@"))
}

/// RFC 3597 section 5.
fn write_generic(f: &mut fmt::Formatter<'_>, rdata: &[u8]) -> fmt::Result {
    write!(f, "\\# {}", rdata.len())?;
    if rdata.is_empty() {
        return Ok(());
    }
    write!(f, " {}", HEXLOWER.encode(rdata))
}

fn write_strings(f: &mut fmt::Formatter<'_>, mut bytes: &[u8]) -> fmt::Result {
    let mut first = true;
    while let Some((length, rest)) = bytes.split_first() {
        let (string, rest) = rest.split_at(usize::from(*length));
        if !first {
            f.write_char(' ')?;
        }
        write_quoted(f, string)?;
        (first, bytes) = (false, rest);
    }
    Ok(())
}

fn write_types(f: &mut fmt::Formatter<'_>, mut bytes: &[u8]) -> fmt::Result {
    let mut first = true;
    while let [window, length, rest @ ..] = bytes {
        let (bits, rest) = rest.split_at(usize::from(*length));
        for low in 0..bits.len() * 8 {
            if bits[low / 8] & (0x80 >> (low % 8)) == 0 {
                continue;
            }
            if !first {
                f.write_char(' ')?;
            }
            let low = u8::try_from(low).map_err(|_| fmt::Error)?; // A window has 256 bits.
            RecordType(u16::from_be_bytes([*window, low])).fmt(f)?;
            first = false;
        }
        bytes = rest;
    }
    Ok(())
}
