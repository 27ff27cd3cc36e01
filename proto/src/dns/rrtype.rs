//! Record types: their numbers, their mnemonics, and which of them may stand in a zone.

use alloc::string::String;
use core::{fmt, str::FromStr};

/// A record type's number (RFC 1035 section 3.2.2); every number is a type, known or not (RFC 3597).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

macro_rules! types {
    ($($name:ident = $number:literal $text:literal,)*) => {
        /// One constant for each type that this module has a mnemonic for, named as IANA names it.
        impl RecordType {
            $(
                #[doc = concat!("Type ", $number, ", `", $text, "`.")]
                pub const $name: Self = Self($number);
            )*
        }

        /// Ascending by number.
        const MNEMONICS: &[(u16, &str)] = &[$(($number, $text),)*];
    };
}

// The names of IANA's registry "Resource Record (RR) TYPEs"; a type that is missing here is written `TYPE1234`.
types! {
    A = 1 "A",
    NS = 2 "NS",
    MD = 3 "MD",
    MF = 4 "MF",
    CNAME = 5 "CNAME",
    SOA = 6 "SOA",
    MB = 7 "MB",
    MG = 8 "MG",
    MR = 9 "MR",
    NULL = 10 "NULL",
    WKS = 11 "WKS",
    PTR = 12 "PTR",
    HINFO = 13 "HINFO",
    MINFO = 14 "MINFO",
    MX = 15 "MX",
    TXT = 16 "TXT",
    RP = 17 "RP",
    AFSDB = 18 "AFSDB",
    X25 = 19 "X25",
    ISDN = 20 "ISDN",
    RT = 21 "RT",
    NSAP = 22 "NSAP",
    NSAP_PTR = 23 "NSAP-PTR",
    SIG = 24 "SIG",
    KEY = 25 "KEY",
    PX = 26 "PX",
    GPOS = 27 "GPOS",
    AAAA = 28 "AAAA",
    LOC = 29 "LOC",
    NXT = 30 "NXT",
    EID = 31 "EID",
    NIMLOC = 32 "NIMLOC",
    SRV = 33 "SRV",
    ATMA = 34 "ATMA",
    NAPTR = 35 "NAPTR",
    KX = 36 "KX",
    CERT = 37 "CERT",
    A6 = 38 "A6",
    DNAME = 39 "DNAME",
    SINK = 40 "SINK",
    OPT = 41 "OPT",
    APL = 42 "APL",
    DS = 43 "DS",
    SSHFP = 44 "SSHFP",
    IPSECKEY = 45 "IPSECKEY",
    RRSIG = 46 "RRSIG",
    NSEC = 47 "NSEC",
    DNSKEY = 48 "DNSKEY",
    DHCID = 49 "DHCID",
    NSEC3 = 50 "NSEC3",
    NSEC3PARAM = 51 "NSEC3PARAM",
    TLSA = 52 "TLSA",
    SMIMEA = 53 "SMIMEA",
    HIP = 55 "HIP",
    NINFO = 56 "NINFO",
    RKEY = 57 "RKEY",
    TALINK = 58 "TALINK",
    CDS = 59 "CDS",
    CDNSKEY = 60 "CDNSKEY",
    OPENPGPKEY = 61 "OPENPGPKEY",
    CSYNC = 62 "CSYNC",
    ZONEMD = 63 "ZONEMD",
    SVCB = 64 "SVCB",
    HTTPS = 65 "HTTPS",
    DSYNC = 66 "DSYNC",
    HHIT = 67 "HHIT",
    BRID = 68 "BRID",
    SPF = 99 "SPF",
    UINFO = 100 "UINFO",
    UID = 101 "UID",
    GID = 102 "GID",
    UNSPEC = 103 "UNSPEC",
    NID = 104 "NID",
    L32 = 105 "L32",
    L64 = 106 "L64",
    LP = 107 "LP",
    EUI48 = 108 "EUI48",
    EUI64 = 109 "EUI64",
    NXNAME = 128 "NXNAME",
    TKEY = 249 "TKEY",
    TSIG = 250 "TSIG",
    IXFR = 251 "IXFR",
    AXFR = 252 "AXFR",
    MAILB = 253 "MAILB",
    MAILA = 254 "MAILA",
    ANY = 255 "ANY",
    URI = 256 "URI",
    CAA = 257 "CAA",
    AVC = 258 "AVC",
    DOA = 259 "DOA",
    AMTRELAY = 260 "AMTRELAY",
    RESINFO = 261 "RESINFO",
    WALLET = 262 "WALLET",
    CLA = 263 "CLA",
    IPN = 264 "IPN",
    TA = 32768 "TA",
    DLV = 32769 "DLV",
}

/// Why a type may not stand in a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotInZone {
    /// RFC 6895 section 3.1: types 0 and 65535 are reserved.
    #[error("type {0} is reserved and never holds data")]
    Reserved(RecordType),
    /// RFC 6895 section 3.1: OPT and 128 to 255 belong to queries and messages.
    #[error("{0} is for queries and messages, not for data in a zone")]
    Meta(RecordType),
    /// SIG, KEY, NXT, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, CDS and CDNSKEY.
    #[error("{0} is made by the resolver that signs the answer; leave it out of the zone")]
    MadeByResolver(RecordType),
}

impl NotInZone {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Reserved(_) => "type-reserved",
            Self::Meta(_) => "type-meta",
            Self::MadeByResolver(_) => "type-made-by-resolver",
        }
    }
}

impl RecordType {
    /// The mnemonic, when the type has one here.
    #[must_use]
    pub fn mnemonic(self) -> Option<&'static str> {
        let found = MNEMONICS.binary_search_by_key(&self.0, |(number, _)| *number);
        found.ok().map(|at| MNEMONICS[at].1)
    }

    /// Whether rrsets of this type may stand in a zone: all may but 0, OPT, 128 to 255, 65535, and the DNSSEC types that
    /// whoever signs the answer makes.
    ///
    /// # Errors
    /// The reason why it may not.
    pub const fn in_zone(self) -> Result<(), NotInZone> {
        match self.0 {
            0 | 65535 => Err(NotInZone::Reserved(self)),
            41 | 128..=255 => Err(NotInZone::Meta(self)),
            24 | 25 | 30 | 46 | 47 | 48 | 50 | 51 | 59 | 60 => Err(NotInZone::MadeByResolver(self)),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for RecordType {
    /// The mnemonic, or `TYPE1234` (RFC 3597 section 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.pad(mnemonic),
            None => f.pad(&alloc::format!("TYPE{}", self.0)),
        }
    }
}

/// Text that is neither a mnemonic nor `TYPE1234`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no record type; write a mnemonic such as `AAAA`, or the number as in `TYPE1234`",
    text.escape_debug()
)]
pub struct RecordTypeError {
    /// The text, cut to the length of the longest mnemonic where it is longer.
    pub text: String,
}

impl RecordTypeError {
    /// The stable name of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "type-unknown"
    }
}

impl FromStr for RecordType {
    type Err = RecordTypeError;

    /// A mnemonic in any case, or RFC 3597's `TYPE` and a decimal number.
    fn from_str(text: &str) -> Result<Self, RecordTypeError> {
        let known = MNEMONICS
            .iter()
            .find(|(_, mnemonic)| mnemonic.eq_ignore_ascii_case(text));
        if let Some((number, _)) = known {
            return Ok(Self(*number));
        }
        generic_number(text)
            .map(Self)
            .ok_or_else(|| RecordTypeError {
                text: text.chars().take(16).collect(),
            })
    }
}

fn generic_number(text: &str) -> Option<u16> {
    let (prefix, digits) = text.split_at_checked(4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()); // `parse` alone would take a `+`.
    (prefix.eq_ignore_ascii_case("TYPE") && plain)
        .then(|| digits.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_both_ways() {
        assert!(MNEMONICS.is_sorted_by(|left, right| left.0 < right.0));
        for number in 0..=u16::MAX {
            let rtype = RecordType(number);
            assert_eq!(rtype.to_string().parse(), Ok(rtype));
            assert_eq!(alloc::format!("type{number}").parse(), Ok(rtype));
        }
        for (text, expected) in [
            ("aaaa", Some(28)),
            ("nsap-PTR", Some(23)),
            ("TYPE0001", Some(1)),
            ("TYPE65536", None),
            ("TYPE+1", None),
            ("TYPE", None),
            ("", None),
            ("IN", None),
            ("AAAAA", None),
            ("tÿpe1", None),
        ] {
            assert_eq!(text.parse().ok(), expected.map(RecordType), "{text}");
        }
    }

    #[test]
    fn which_may_stand_in_a_zone() {
        for (number, expected) in [
            (0, Some("type-reserved")),
            (1, None),
            (10, None),
            (24, Some("type-made-by-resolver")),
            (41, Some("type-meta")),
            (43, None),
            (46, Some("type-made-by-resolver")),
            (60, Some("type-made-by-resolver")),
            (62, None),
            (127, None),
            (128, Some("type-meta")),
            (255, Some("type-meta")),
            (256, None),
            (65534, None),
            (65535, Some("type-reserved")),
        ] {
            let found = RecordType(number).in_zone().err();
            assert_eq!(found.map(|error| error.code()), expected, "{number}");
        }
    }
}
