//! Where the domain names stand inside RDATA, so that they can be replaced without knowing the type.

use core::ops::Range;

use super::check::field_end;
use super::{super::RecordType, super::WireName, Field, format_of};

/// Before the target of a service binding stands its priority (RFC 9460 section 2.2).
const SERVICE_PRIORITY_BYTES: usize = 2;

/// The ranges of the names in RDATA that [`super::check`] has passed, in order; none for opaque types.
pub fn names(rtype: RecordType, rdata: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    format_of(rtype)
        .unwrap_or_default()
        .iter()
        .map_while(move |part| {
            let begin = at;
            at = field_end(part.field, rdata, begin).ok()?;
            Some(match part.field {
                Field::Name => Some(begin..at),
                Field::Service => {
                    let begin = begin + SERVICE_PRIORITY_BYTES;
                    let len = WireName::prefix_len(rdata.get(begin..)?).ok()?;
                    Some(begin..begin + len)
                }
                _ => None,
            })
        })
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn finds_them() {
        for (rtype, rdata, expected) in [
            (RecordType::A, &b"\xc0\x00\x02\x01"[..], &[][..]),
            (RecordType::CNAME, b"\x01a\x00", &[(0, 3)][..]),
            (RecordType::MX, b"\x00\x0a\x01a\x00", &[(2, 5)][..]),
            (RecordType::RP, b"\x01a\x00\x00", &[(0, 3), (3, 4)][..]),
            (
                RecordType::HTTPS,
                b"\x00\x01\x01a\x00\x00\x03\x00\x02\x01\xbb",
                &[(2, 5)][..],
            ),
            (RecordType(65280), b"\x01a\x00", &[][..]),
            (RecordType::MX, b"\x00\x0a\x01", &[][..]),
        ] {
            let found = names(rtype, rdata).map(|range| (range.start, range.end));
            assert_eq!(found.collect::<Vec<_>>(), expected, "{rtype}");
        }
    }
}
