//! RDATA from text, driven by the same table as the check of its wire form.

use alloc::{string::String, vec::Vec};
use core::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE64, Encoding, HEXLOWER_PERMISSIVE};

use super::{
    super::{
        RecordType, WireName,
        words::{Word, read_seconds, read_string, words_of_line},
    },
    Field, RdataProblem, RdataTextError, TextProblem, check, format_of, location, service,
};

/// A word's index, an offset in it, and what is wrong there; before the type and the field are known.
pub(super) type Wrong = (usize, usize, TextProblem);

/// DNSSEC algorithms that may be written by name (RFC 4034 appendix A.1 and IANA's registry).
const ALGORITHMS: &[(u16, &str)] = &[
    (1, "RSAMD5"),
    (2, "DH"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
    (252, "INDIRECT"),
    (253, "PRIVATEDNS"),
    (254, "PRIVATEOID"),
];

/// RFC 4398 section 2.1.
const CERT_TYPES: &[(u16, &str)] = &[
    (1, "PKIX"),
    (2, "SPKI"),
    (3, "PGP"),
    (4, "IPKIX"),
    (5, "ISPKI"),
    (6, "IPGP"),
    (7, "ACPKIX"),
    (8, "IACPKIX"),
    (253, "URI"),
    (254, "OID"),
];

/// Reads the RDATA of one record from one line of text: no brackets, no comments. Relative names are below `origin`.
///
/// # Errors
/// The first thing that is wrong, and in which word.
pub fn from_text(
    rtype: RecordType,
    text: &str,
    origin: Option<&WireName>,
) -> Result<Vec<u8>, RdataTextError> {
    let words = words_of_line(text).map_err(|(offset, error)| RdataTextError {
        rtype,
        field: "rdata",
        word: 0,
        offset,
        problem: error.into(),
    })?;
    from_words(rtype, &words, origin)
}

/// Reads the RDATA of one record from its words; what it gives passes [`check`].
///
/// # Errors
/// The first thing that is wrong, and in which word.
pub fn from_words(
    rtype: RecordType,
    words: &[Word<'_>],
    origin: Option<&WireName>,
) -> Result<Vec<u8>, RdataTextError> {
    let mut reader = Reader {
        words,
        next: 0,
        origin,
        out: Vec::new(),
    };
    let wrong = |field, (word, offset, problem)| RdataTextError {
        rtype,
        field,
        word,
        offset,
        problem,
    };
    let mut starts: Vec<(&str, usize)> = Vec::new();
    if matches!(words.first(), Some(word) if word.raw == "\\#" && !word.quoted) {
        let read = reader.generic();
        read.map_err(|found| wrong("rdata", found))?;
    } else {
        let parts = format_of(rtype);
        let parts = parts.ok_or_else(|| wrong("rdata", (0, 0, TextProblem::GenericOnly)))?;
        for part in parts {
            starts.push((part.name, reader.next));
            let read = reader.field(part.field);
            read.map_err(|found| wrong(part.name, found))?;
        }
    }
    if reader.next < words.len() {
        return Err(wrong("rdata", (reader.next, 0, TextProblem::Extra)));
    }
    check(rtype, &reader.out).map_err(|error| {
        let start = starts.iter().find(|(name, _)| *name == error.field);
        let start = start.map_or(0, |(_, word)| *word);
        let word = parameter_word(words, &error.problem).unwrap_or(start);
        wrong(error.field, (word, 0, TextProblem::Wire(error.problem)))
    })?;
    Ok(reader.out)
}

/// The word that writes the parameter a problem is about, when it writes it by name.
fn parameter_word(words: &[Word<'_>], problem: &RdataProblem) -> Option<usize> {
    let name = match problem {
        RdataProblem::Parameter { name, .. } => name,
        RdataProblem::MandatoryMissing { .. } => "mandatory",
        _ => return None,
    };
    let names = |word: &Word<'_>| word.raw.split('=').next() == Some(name);
    words.iter().position(names)
}

/// The words of one record, and what they have become so far.
pub(super) struct Reader<'a> {
    words: &'a [Word<'a>],
    pub(super) next: usize,
    pub(super) origin: Option<&'a WireName>,
    pub(super) out: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn field(&mut self, field: Field) -> Result<(), Wrong> {
        match field {
            Field::Ipv4 => {
                let address: Ipv4Addr = self.parsed("an IPv4 address such as 192.0.2.1")?;
                self.out.extend(address.octets());
            }
            Field::Ipv6 => {
                let address: Ipv6Addr = self.parsed("an IPv6 address such as 2001:db8::1")?;
                self.out.extend(address.octets());
            }
            Field::Name => self.name()?,
            Field::U8 => self.number(1, &[])?,
            Field::U16 | Field::CsyncFlags => self.number(2, &[])?,
            Field::U32 => self.number(4, &[])?,
            Field::Algorithm => self.number(1, ALGORITHMS)?,
            Field::CertType => self.number(2, CERT_TYPES)?,
            Field::Seconds => {
                const EXPECTED: &str = "seconds, plain or with units as in 1h30m";
                let (at, word) = self.bare(EXPECTED)?;
                let secs = read_seconds(word);
                let secs = secs.ok_or((at, 0, TextProblem::Expected(EXPECTED)))?;
                self.out.extend(secs.to_be_bytes());
            }
            Field::CharString => self.char_string()?,
            Field::AlnumString | Field::CaaTag => {
                let length_at = self.out.len();
                self.char_string()?;
                if !self.out[length_at + 1..]
                    .iter()
                    .all(u8::is_ascii_alphanumeric)
                {
                    let expected = TextProblem::Expected("ASCII letters and digits only");
                    return Err((self.next - 1, 0, expected));
                }
            }
            Field::CharStrings => {
                self.char_string()?;
                while self.next < self.words.len() {
                    self.char_string()?;
                }
            }
            Field::Text | Field::Text1 => self.string()?,
            Field::Hex => {
                self.encoded(&HEXLOWER_PERMISSIVE, "bytes in base 16, two digits each")?
            }
            Field::Base64 => self.encoded(&BASE64, "bytes in base 64, with its padding")?,
            Field::Eui48 => self.eui(6, "6 bytes as in 00-00-5e-00-53-2a")?,
            Field::Eui64 => self.eui(8, "8 bytes as in 00-00-5e-ef-10-00-00-2a")?,
            Field::Location => location::read(self)?,
            Field::TypeBitmap => self.type_bitmap()?,
            Field::Service => service::read(self)?,
        }
        Ok(())
    }

    /// The next word, quoted or not, and its index.
    pub(super) fn word(&mut self, expected: &'static str) -> Result<(usize, Word<'a>), Wrong> {
        let at = self.next;
        let word = *self
            .words
            .get(at)
            .ok_or((at, 0, TextProblem::Missing(expected)))?;
        self.next += 1;
        Ok((at, word))
    }

    /// The next word, which must not be quoted, and its index.
    pub(super) fn bare(&mut self, expected: &'static str) -> Result<(usize, &'a str), Wrong> {
        let (at, word) = self.word(expected)?;
        if word.quoted {
            return Err((at, 0, TextProblem::Expected(expected)));
        }
        Ok((at, word.raw))
    }

    pub(super) fn is_done(&self) -> bool {
        self.next >= self.words.len()
    }

    fn parsed<T: core::str::FromStr>(&mut self, expected: &'static str) -> Result<T, Wrong> {
        let (at, word) = self.bare(expected)?;
        word.parse()
            .map_err(|_| (at, 0, TextProblem::Expected(expected)))
    }

    pub(super) fn name(&mut self) -> Result<(), Wrong> {
        let (at, word) = self.bare("a name")?;
        let name = WireName::parse(word, self.origin).map_err(|error| {
            let offset = error.offset().unwrap_or(0);
            (at, offset, TextProblem::Name(error))
        })?;
        self.out.extend(name.as_wire());
        Ok(())
    }

    /// A number of `bytes` bytes, decimal or one of `mnemonics`.
    pub(super) fn number(&mut self, bytes: usize, mnemonics: &[(u16, &str)]) -> Result<(), Wrong> {
        let (at, word) = self.bare("a number")?;
        let max = u32::MAX >> (32 - 8 * bytes);
        let named = mnemonics
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(word));
        let value = match named {
            Some((value, _)) => Some(u32::from(*value)),
            None => decimal(word).filter(|value| *value <= max),
        };
        let value = value.ok_or((at, 0, TextProblem::Number { max }))?;
        self.out.extend(&value.to_be_bytes()[4 - bytes..]);
        Ok(())
    }

    fn string(&mut self) -> Result<(), Wrong> {
        let (at, word) = self.word("a string")?;
        read_string(word.raw, &mut self.out).map_err(|offset| (at, offset, TextProblem::Escape))
    }

    fn char_string(&mut self) -> Result<(), Wrong> {
        let length_at = self.out.len();
        self.out.push(0);
        self.string()?;
        let bytes = self.out.len() - length_at - 1;
        let length = u8::try_from(bytes);
        self.out[length_at] =
            length.map_err(|_| (self.next - 1, 0, TextProblem::StringTooLong { bytes }))?;
        Ok(())
    }

    /// All words that are left, as one run of digits.
    fn encoded(&mut self, encoding: &Encoding, expected: &'static str) -> Result<(), Wrong> {
        let mut digits = String::new();
        let first = self.next;
        while self.next < self.words.len() || self.next == first {
            digits += self.bare(expected)?.1;
        }
        let decoded = encoding.decode(digits.as_bytes()).map_err(|error| {
            let (word, offset) = self.locate(first, error.position.min(digits.len() - 1));
            (word, offset, TextProblem::Expected(expected))
        })?;
        self.out.extend(decoded);
        Ok(())
    }

    /// The word and the offset in it of byte `position` of the words joined from `first` on.
    fn locate(&self, first: usize, mut position: usize) -> (usize, usize) {
        for (word, text) in self.words.iter().enumerate().skip(first) {
            if position < text.raw.len() {
                return (word, position);
            }
            position -= text.raw.len();
        }
        (first, 0)
    }

    fn eui(&mut self, bytes: usize, expected: &'static str) -> Result<(), Wrong> {
        let (at, word) = self.bare(expected)?;
        let wrong = |_| (at, 0, TextProblem::Expected(expected));
        let start = self.out.len();
        for pair in word.split('-') {
            let byte = HEXLOWER_PERMISSIVE.decode(pair.as_bytes());
            let byte = byte.ok().filter(|byte| byte.len() == 1);
            self.out.extend(byte.ok_or(()).map_err(wrong)?);
        }
        if self.out.len() - start != bytes {
            return Err(wrong(()));
        }
        Ok(())
    }

    fn type_bitmap(&mut self) -> Result<(), Wrong> {
        let mut types = Vec::new();
        while !self.is_done() {
            let (at, word) = self.bare("a record type")?;
            let rtype: RecordType = word
                .parse()
                .map_err(|error| (at, 0, TextProblem::Type(error)))?;
            types.push(rtype.0);
        }
        types.sort_unstable();
        for window in types.chunk_by(|left, right| left >> 8 == right >> 8) {
            let [high, _] = window[0].to_be_bytes();
            let mut bits = [0_u8; 32];
            let mut length = 0;
            for rtype in window {
                let [_, low] = rtype.to_be_bytes();
                bits[usize::from(low / 8)] |= 0x80 >> (low % 8);
                length = low / 8 + 1;
            }
            self.out.extend([high, length]);
            self.out.extend(&bits[..usize::from(length)]);
        }
        Ok(())
    }

    /// RFC 3597 section 5: `\#`, the length, and the bytes in base 16.
    fn generic(&mut self) -> Result<(), Wrong> {
        self.next = 1;
        let (at, word) = self.bare("the number of bytes")?;
        let max = u32::from(u16::MAX);
        let stated = decimal(word).filter(|stated| *stated <= max);
        let stated = stated.ok_or((at, 0, TextProblem::Number { max }))? as usize;
        if stated > 0 || !self.is_done() {
            self.encoded(&HEXLOWER_PERMISSIVE, "bytes in base 16, two digits each")?;
        }
        let found = self.out.len();
        if found != stated {
            return Err((at, 0, TextProblem::GenericLength { stated, found }));
        }
        Ok(())
    }
}

/// Digits alone: `parse` would take a sign.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}
