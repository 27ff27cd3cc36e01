//! The normative table: which fields the RDATA of each type has, in order.

use super::super::RecordType;

/// How one field is written in wire form, which values it allows, and how its text looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 4 bytes; text `192.0.2.1`.
    Ipv4,
    /// 16 bytes; text as RFC 4291 section 2.2.
    Ipv6,
    /// An absolute, uncompressed name.
    Name,
    /// One byte; decimal.
    U8,
    /// Two bytes, high first; decimal.
    U16,
    /// Four bytes, high first; decimal.
    U32,
    /// As [`Field::U32`]; the text may use units, as in `1h30m`.
    Seconds,
    /// One byte, a DNSSEC algorithm; decimal, or its mnemonic (RFC 4034 appendix A.1).
    Algorithm,
    /// Two bytes, a certificate type; decimal, or its mnemonic (RFC 4398 section 2.1).
    CertType,
    /// Two bytes, at most 3 (RFC 7477 section 2.1.1.2).
    CsyncFlags,
    /// A length byte and that many bytes, none possibly.
    CharString,
    /// As [`Field::CharString`], ASCII letters and digits only (RFC 3403 section 4.1).
    AlnumString,
    /// One or more [`Field::CharString`], to the end.
    CharStrings,
    /// A length byte, 1 to 15, and that many ASCII letters and digits (RFC 8659 section 4.1).
    CaaTag,
    /// All bytes to the end, none possibly; text as one quoted string.
    Text,
    /// All bytes to the end, one at least; text as one quoted string.
    Text1,
    /// All bytes to the end, one at least; text in base 16.
    Hex,
    /// All bytes to the end, one at least; text in base 64.
    Base64,
    /// 6 bytes; text `00-00-5e-00-53-2a` (RFC 7043 section 3.2).
    Eui48,
    /// 8 bytes; text `00-00-5e-ef-10-00-00-2a` (RFC 7043 section 4.2).
    Eui64,
    /// The 16 bytes of RFC 1876 section 2.
    Location,
    /// Windows of type bits to the end, none possibly (RFC 4034 section 4.1.2).
    TypeBitmap,
    /// A priority, a target and parameters to the end (RFC 9460 section 2.2).
    Service,
}

/// One named field of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// What errors call it.
    pub name: &'static str,
    /// Its form.
    pub field: Field,
}

pub(super) struct Format {
    pub(super) rtype: RecordType,
    pub(super) parts: &'static [Part],
}

macro_rules! formats {
    ($($rtype:ident: $($name:literal $field:ident),+;)*) => {
        &[$(Format {
            rtype: RecordType::$rtype,
            parts: &[$(Part { name: $name, field: Field::$field }),+],
        },)*]
    };
}

// Besides the types that people write, it lists every type whose receivers may decompress names (RFC 3597 section 4):
// as opaque bytes, a zone could smuggle compression pointers to them.
pub(super) const FORMATS: &[Format] = formats! {
    A: "address" Ipv4;
    NS: "target" Name;
    MD: "target" Name;
    MF: "target" Name;
    CNAME: "target" Name;
    SOA: "primary" Name, "mailbox" Name, "serial" U32,
        "refresh" Seconds, "retry" Seconds, "expire" Seconds, "minimum" Seconds;
    MB: "target" Name;
    MG: "target" Name;
    MR: "target" Name;
    PTR: "target" Name;
    HINFO: "cpu" CharString, "os" CharString;
    MINFO: "responsible" Name, "errors" Name;
    MX: "preference" U16, "target" Name;
    TXT: "text" CharStrings;
    RP: "mailbox" Name, "text" Name;
    AFSDB: "subtype" U16, "target" Name;
    RT: "preference" U16, "target" Name;
    PX: "preference" U16, "rfc822" Name, "x400" Name;
    AAAA: "address" Ipv6;
    LOC: "location" Location;
    SRV: "priority" U16, "weight" U16, "port" U16, "target" Name;
    NAPTR: "order" U16, "preference" U16,
        "flags" AlnumString, "service" CharString, "regexp" CharString, "replacement" Name;
    KX: "preference" U16, "target" Name;
    CERT: "type" CertType, "key tag" U16, "algorithm" Algorithm, "certificate" Base64;
    DNAME: "target" Name;
    DS: "key tag" U16, "algorithm" Algorithm, "digest type" U8, "digest" Hex;
    SSHFP: "algorithm" U8, "fingerprint type" U8, "fingerprint" Hex;
    TLSA: "usage" U8, "selector" U8, "matching type" U8, "data" Hex;
    SMIMEA: "usage" U8, "selector" U8, "matching type" U8, "data" Hex;
    OPENPGPKEY: "key" Base64;
    CSYNC: "serial" U32, "flags" CsyncFlags, "types" TypeBitmap;
    SVCB: "service" Service;
    HTTPS: "service" Service;
    SPF: "text" CharStrings;
    EUI48: "address" Eui48;
    EUI64: "address" Eui64;
    URI: "priority" U16, "weight" U16, "target" Text1;
    CAA: "flags" U8, "tag" CaaTag, "value" Text;
};

/// One more than the highest type in the table.
const INDEXED: usize = 258;

/// No row.
const NONE: u8 = u8::MAX;

/// The row of each type, so that finding it costs one load however many rows there are.
const INDEX: [u8; INDEXED] = {
    assert!(FORMATS.len() < NONE as usize);
    let mut index = [NONE; INDEXED];
    let mut row = 0;
    while row < FORMATS.len() {
        let slot = FORMATS[row].rtype.0 as usize;
        assert!(index[slot] == NONE, "one row a type");
        index[slot] = row as u8;
        row += 1;
    }
    index
};

/// The fields of `rtype`, in order; `None` for a type whose RDATA is opaque.
#[must_use]
pub fn format_of(rtype: RecordType) -> Option<&'static [Part]> {
    let row = *INDEX.get(usize::from(rtype.0))?;
    FORMATS.get(usize::from(row)).map(|format| format.parts)
}
