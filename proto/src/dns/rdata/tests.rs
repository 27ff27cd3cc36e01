use super::*;
use crate::dns::{RecordType, WireName};
use alloc::{string::ToString, vec::Vec};
use data_encoding::HEXLOWER_PERMISSIVE;

/// Wire form in base 16 with spaces; `Ok` or the code and the offset of the error.
fn check_wire(rtype: &str, wire: &str, expected: Result<(), (&str, usize)>) {
    let rdata = unhex(wire);
    let found = check(rtype.parse().expect(rtype), &rdata);
    let found = found.map_err(|error| (error.code(), error.offset));
    assert_eq!(found, expected, "{rtype} {wire}");
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.replace(' ', "");
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).expect(text)
}

/// What is wrong with RDATA, and at which byte.
type Verdict = Result<(), (&'static str, usize)>;

const fn bad(code: &'static str, offset: usize) -> Verdict {
    Err((code, offset))
}

const WIRE_FORMS: &[(&str, &str, Verdict)] = &[
    ("A", "c0000201", Ok(())),
    ("A", "c00002", bad("rdata-truncated", 0)),
    ("A", "c000020100", bad("rdata-trailing-bytes", 4)),
    ("A", "", bad("rdata-truncated", 0)),
    ("AAAA", "20010db8000000000000000000000001", Ok(())),
    (
        "AAAA",
        "20010db80000000000000000000000",
        bad("rdata-truncated", 0),
    ),
    ("NS", "00", Ok(())),
    ("NS", "0141 00", Ok(())),
    ("NS", "", bad("name-truncated", 0)),
    ("NS", "c00c", bad("name-compressed", 0)),
    ("NS", "0161c00c", bad("name-compressed", 0)),
    ("NS", "4100", bad("name-label-type", 0)),
    ("NS", "0000", bad("rdata-trailing-bytes", 1)),
    ("MX", "000a", bad("name-truncated", 2)),
    ("MX", "000a00", Ok(())),
    (
        "SOA",
        "00 00 00000001 00000002 00000003 00000004 00000005",
        Ok(()),
    ),
    (
        "SOA",
        "00 00 00000001 00000002 00000003 00000004 000005",
        bad("rdata-truncated", 18),
    ),
    ("TXT", "00", Ok(())),
    ("TXT", "0000", Ok(())),
    ("TXT", "", bad("rdata-truncated", 0)),
    ("TXT", "0161 05", bad("rdata-truncated", 2)),
    ("HINFO", "00 00", Ok(())),
    ("HINFO", "00", bad("rdata-truncated", 1)),
    ("NAPTR", "0001 0002 0155 00 00 00", Ok(())),
    (
        "NAPTR",
        "0001 0002 012b 00 00 00",
        bad("rdata-not-alphanumeric", 5),
    ),
    ("CAA", "00 05 6973737565", Ok(())),
    ("CAA", "00 00", bad("rdata-length", 1)),
    (
        "CAA",
        "00 10 61616161616161616161616161616161",
        bad("rdata-length", 1),
    ),
    ("CAA", "00 02 612d", bad("rdata-not-alphanumeric", 3)),
    ("URI", "0001 0002", bad("rdata-truncated", 4)),
    ("URI", "0001 0002 61", Ok(())),
    ("DS", "0001 08 02", bad("rdata-truncated", 4)),
    ("DS", "0001 08 02 00", Ok(())),
    ("TLSA", "03 01 01 00", Ok(())),
    ("OPENPGPKEY", "", bad("rdata-truncated", 0)),
    ("EUI48", "00005e00532a", Ok(())),
    ("EUI64", "00005e00532a", bad("rdata-truncated", 0)),
    ("CSYNC", "00000001 0003", Ok(())),
    ("CSYNC", "00000001 0004", bad("rdata-value", 4)),
    ("CSYNC", "00000001 0003 00 01 40", Ok(())),
    (
        "CSYNC",
        "00000001 0003 00 01 00",
        bad("rdata-type-bitmap", 8),
    ),
    ("CSYNC", "00000001 0003 00 00", bad("rdata-type-bitmap", 7)),
    ("CSYNC", "00000001 0003 00 21", bad("rdata-type-bitmap", 7)),
    (
        "CSYNC",
        "00000001 0003 00 01 40 00 01 40",
        bad("rdata-type-bitmap", 9),
    ),
    ("CSYNC", "00000001 0003 00 02 40", bad("rdata-truncated", 6)),
    ("LOC", "00 12 16 13 80000000 80000000 00989680", Ok(())),
    (
        "LOC",
        "01 12 16 13 80000000 80000000 00989680",
        bad("rdata-location", 0),
    ),
    (
        "LOC",
        "00 12 1a 13 80000000 80000000 00989680",
        bad("rdata-location", 2),
    ),
    (
        "LOC",
        "00 12 16 13 934fd901 80000000 00989680",
        bad("rdata-location", 4),
    ),
    (
        "LOC",
        "00 12 16 13 934fd900 a69fb201 00989680",
        bad("rdata-location", 8),
    ),
    ("SVCB", "0000 00", Ok(())),
    (
        "SVCB",
        "0000 00 0003 0002 01bb",
        bad("rdata-alias-with-parameters", 3),
    ),
    ("SVCB", "0001 00", Ok(())),
    ("HTTPS", "0001 00 0001 0003 026832 0003 0002 01bb", Ok(())),
    (
        "HTTPS",
        "0001 00 0003 0002 01bb 0001 0003 026832",
        bad("rdata-parameter-order", 9),
    ),
    (
        "HTTPS",
        "0001 00 0003 0002 01bb 0003 0002 01bb",
        bad("rdata-parameter-order", 9),
    ),
    ("HTTPS", "0001 00 0001 0000", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0001 0001 00", bad("rdata-parameter", 3)),
    (
        "HTTPS",
        "0001 00 0001 0003 0368 32",
        bad("rdata-parameter", 3),
    ),
    ("HTTPS", "0001 00 0002 0000", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0001 0003 026832 0002 0000", Ok(())),
    (
        "HTTPS",
        "0001 00 0001 0003 026832 0002 0001 00",
        bad("rdata-parameter", 10),
    ),
    ("HTTPS", "0001 00 0003 0001 01", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0003 0002 01", bad("rdata-truncated", 7)),
    ("HTTPS", "0001 00 0003", bad("rdata-truncated", 3)),
    ("HTTPS", "0001 00 0004 0000", bad("rdata-parameter", 3)),
    (
        "HTTPS",
        "0001 00 0004 0005 0102030405",
        bad("rdata-parameter", 3),
    ),
    ("HTTPS", "0001 00 0004 0004 01020304", Ok(())),
    ("HTTPS", "0001 00 0005 0000", bad("rdata-parameter", 3)),
    (
        "HTTPS",
        "0001 00 0006 0004 01020304",
        bad("rdata-parameter", 3),
    ),
    ("HTTPS", "0001 00 0007 0001 2f", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0007 0007 2f7b3f646e737d", Ok(())),
    (
        "HTTPS",
        "0001 00 0007 0005 2f646e73ff",
        bad("rdata-parameter", 3),
    ),
    ("HTTPS", "0001 00 0008 0000", Ok(())),
    ("HTTPS", "0001 00 0008 0001 00", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0009 0001 00", Ok(())),
    ("HTTPS", "0001 00 ffff 0000", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0000 0000", bad("rdata-parameter", 3)),
    ("HTTPS", "0001 00 0000 0002 0003 0003 0002 01bb", Ok(())),
    (
        "HTTPS",
        "0001 00 0000 0002 0003",
        bad("rdata-mandatory-missing", 3),
    ),
    ("HTTPS", "0001 00 0000 0002 0000", bad("rdata-parameter", 3)),
    (
        "HTTPS",
        "0001 00 0000 0003 000300",
        bad("rdata-parameter", 3),
    ),
    (
        "HTTPS",
        "0001 00 0000 0004 00040003 0003 0002 01bb",
        bad("rdata-parameter", 3),
    ),
    ("TYPE65280", "", Ok(())),
    ("NULL", "c00c", Ok(())),
    ("ZONEMD", "ff", Ok(())),
];

#[test]
fn wire_forms() {
    for (rtype, wire, expected) in WIRE_FORMS.iter().copied() {
        check_wire(rtype, wire, expected);
    }
    let long = alloc::vec![0; 65_536];
    let found = check(RecordType(65_280), &long).map_err(|error| error.code());
    assert_eq!(found, Err("rdata-too-long"));
}

/// `Ok` holds the wire form and how it is written back; `Err` the code, the word and the offset in it.
fn check_text(rtype: &str, text: &str, expected: Result<(&str, &str), (&str, usize, usize)>) {
    let origin: WireName = "mysite.key.".parse().expect("valid");
    let rtype: RecordType = rtype.parse().expect(rtype);
    let found = from_text(rtype, text, Some(&origin));
    match expected {
        Ok((wire, shown)) => {
            let found = found.expect(text);
            assert_eq!(found, unhex(wire), "{rtype} {text}");
            assert_eq!(display(rtype, &found, Some(&origin)).to_string(), shown);
            assert_eq!(from_text(rtype, shown, Some(&origin)), Ok(found), "{shown}");
        }
        Err(expected) => {
            let error = found.expect_err(text);
            assert_eq!(
                (error.code(), error.word, error.offset),
                expected,
                "{text}: {error}"
            );
        }
    }
}

/// `mysite.key.` in wire form.
const SITE: &str = "066d7973697465036b657900";

const TEXT_FORMS: &[(&str, &str, &str, &str)] = &[
    ("A", "192.0.2.1", "c0000201", "192.0.2.1"),
    ("A", "\\# 4 c0 00 0201", "c0000201", "192.0.2.1"),
    (
        "AAAA",
        "2001:DB8::1",
        "20010db8000000000000000000000001",
        "2001:db8::1",
    ),
    ("NS", ".", "00", "."),
    ("NS", "@", SITE, "@"),
    (
        "MX",
        "10 Mail",
        "000a 044d61696c 066d7973697465036b657900",
        "10 Mail",
    ),
    (
        "SOA",
        "a. b. 1 1h 15m 1w 60",
        "016100 016200 00000001 00000e10 00000384 00093a80 0000003c",
        "a. b. 1 3600 900 604800 60",
    ),
    (
        "TXT",
        "a \"b c\" \\\"\\200",
        "0161 03622063 0222c8",
        "\"a\" \"b c\" \"\\\"\\200\"",
    ),
    ("TXT", "\"\"", "00", "\"\""),
    ("TXT", "ü", "02c3bc", "\"\\195\\188\""),
    (
        "NAPTR",
        "1 2 \"U\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .",
        "0001 0002 0155 074532552b736970 0e215e2e2a24217369703a61406221 00",
        "1 2 \"U\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .",
    ),
    (
        "CAA",
        "0 issue \"ca.example; a=b\"",
        "00 05 6973737565 63612e6578616d706c653b20613d62",
        "0 issue \"ca.example; a=b\"",
    ),
    (
        "CAA",
        "128 issue \"\"",
        "80 05 6973737565",
        "128 issue \"\"",
    ),
    (
        "DS",
        "60485 ED25519 2 00 ff",
        "ec45 0f 02 00ff",
        "60485 15 2 00ff",
    ),
    ("CERT", "PKIX 0 0 AA ==", "0001 0000 00 00", "1 0 0 AA=="),
    (
        "URI",
        "1 2 \"https://a/\"",
        "0001 0002 68747470733a2f2f612f",
        "1 2 \"https://a/\"",
    ),
    (
        "EUI48",
        "00-00-5E-00-53-2a",
        "00005e00532a",
        "00-00-5e-00-53-2a",
    ),
    (
        "CSYNC",
        "66 3 NS A AAAA TYPE300",
        "00000042 0003 00 04 60000008 01 06 000000000008",
        "66 3 A NS AAAA TYPE300",
    ),
    ("CSYNC", "66 0", "00000042 0000", "66 0"),
    (
        "LOC",
        "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
        "00 00 16 13 8b3cf018 810cbce0 009895b8",
        "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m",
    ),
    (
        "LOC",
        "\\# 16 00021613800000008000000000989680",
        "00 02 16 13 80000000 80000000 00989680",
        "\\# 16 00021613800000008000000000989680",
    ),
    ("SVCB", "0 @", "0000 066d7973697465036b657900", "0 @"),
    (
        "HTTPS",
        "1 . port=443 alpn=\"h2,h3\" ipv4hint=1.2.3.4,5.6.7.8 ipv6hint=::1 mandatory=port,alpn",
        "0001 00 0000 0004 00010003 0001 0006 026832026833 0003 0002 01bb 0004 0008 0102030405060708 0006 0010 00000000000000000000000000000001",
        "1 . mandatory=alpn,port alpn=h2,h3 port=443 ipv4hint=1.2.3.4,5.6.7.8 ipv6hint=::1",
    ),
    (
        "SVCB",
        "16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
        "0010 03666f6f076578616d706c65036f726700 0001 000c 08665c6f6f2c626172 026832",
        "16 foo.example.org. alpn=\"f\\\\\\\\oo\\\\,bar,h2\"",
    ),
    (
        "SVCB",
        "1 . key667=\"hello\\210qoo\" key668 ech=AA== dohpath=/q{?dns} ohttp",
        "0001 00 0005 0001 00 0007 0008 2f717b3f646e737d 0008 0000 029b 0009 68656c6c6fd2716f6f 029c 0000",
        "1 . ech=AA== dohpath=\"/q{?dns}\" ohttp key667=\"hello\\210qoo\" key668",
    ),
    (
        "SVCB",
        "1 . key3=\\001\\187",
        "0001 00 0003 0002 01bb",
        "1 . port=443",
    ),
    ("TYPE65280", "\\# 0", "", "\\# 0"),
    ("TYPE65280", "\\# 2 AB cd", "abcd", "\\# 2 abcd"),
];

#[test]
fn names_relative_to_a_zone_have_text_below_one_only() {
    let zone = WireName::from_wire(b"\x01@\x00").expect("valid");
    let site: WireName = "mysite.key.".parse().expect("valid");
    let data = b"\x00\x0a\x03www\x01@\x00";
    for (origin, expected) in [
        (Some(&zone), "10 www"),
        (Some(&site), "\\# 9 000a03777777014000"),
        (None, "\\# 9 000a03777777014000"),
    ] {
        let shown = display(RecordType::MX, data, origin).to_string();
        assert_eq!(shown, expected);
        assert_eq!(from_text(RecordType::MX, &shown, origin), Ok(data.to_vec()));
    }
}

#[test]
fn text_forms() {
    for (rtype, text, wire, shown) in TEXT_FORMS.iter().copied() {
        check_text(rtype, text, Ok((wire, shown)));
    }
    for (rtype, text, code, word, offset) in [
        ("A", "", "rdata-missing-field", 0, 0),
        ("A", "1.2.3", "rdata-bad-value", 0, 0),
        ("A", "1.2.3.04", "rdata-bad-value", 0, 0),
        ("A", "\"1.2.3.4\"", "rdata-bad-value", 0, 0),
        ("A", "1.2.3.4 5", "rdata-extra-word", 1, 0),
        ("A", "\\# 3 010203", "rdata-truncated", 0, 0),
        ("A", "\\# 4 010203", "rdata-generic-length", 1, 0),
        ("A", "\\# 4 0102030g", "rdata-bad-value", 2, 7),
        ("A", "1.2.3.4 ; x", "text-special-character", 0, 8),
        ("MX", "10", "rdata-missing-field", 1, 0),
        ("MX", "+10 a", "rdata-bad-number", 0, 0),
        ("MX", "65536 a", "rdata-bad-number", 0, 0),
        ("MX", "10 a..b", "name-empty-label", 1, 2),
        ("SOA", "a. b@c. 1 2 3 4 5", "name-bad-character", 1, 1),
        ("SOA", "a. b. 1 2 3 4 1y", "rdata-bad-value", 6, 0),
        ("TXT", "a\\25", "rdata-bad-escape", 0, 1),
        ("TXT", "a\"b\"", "rdata-bad-escape", 0, 1),
        ("CAA", "0 is-sue x", "rdata-bad-value", 1, 0),
        ("CAA", "0 \"\" x", "rdata-length", 1, 0),
        ("DS", "1 8 2 0g", "rdata-bad-value", 3, 1),
        ("DS", "1 8 2 00 0", "rdata-bad-value", 4, 0),
        ("DS", "1 8 2", "rdata-missing-field", 3, 0),
        ("CSYNC", "1 4", "rdata-value", 1, 0),
        ("CSYNC", "1 0 NOPE", "type-unknown", 2, 0),
        ("LOC", "91 N 0 E 0m", "rdata-bad-value", 1, 0),
        ("LOC", "9 60 N 0 E 0m", "rdata-bad-value", 1, 0),
        ("LOC", "9 0 60.0 N 0 E 0m", "rdata-bad-value", 2, 0),
        ("LOC", "9 N 0 E 0.001m", "rdata-bad-value", 4, 0),
        ("HTTPS", "1 . alpn", "rdata-parameter", 2, 0),
        ("HTTPS", "1 . ALPN=h2", "rdata-bad-value", 2, 0),
        ("HTTPS", "1 . key01=h2", "rdata-bad-value", 2, 0),
        ("HTTPS", "1 . port=1 port=2", "rdata-parameter-twice", 3, 0),
        ("HTTPS", "1 . no-default-alpn", "rdata-parameter", 2, 0),
        (
            "HTTPS",
            "1 . mandatory=port",
            "rdata-mandatory-missing",
            2,
            0,
        ),
        ("HTTPS", "0 . port=1", "rdata-alias-with-parameters", 0, 0),
        ("TYPE65280", "ab", "rdata-generic-only", 0, 0),
        ("TYPE65280", "\\# 65536 ab", "rdata-bad-number", 1, 0),
    ] {
        check_text(rtype, text, Err((code, word, offset)));
    }
    let long = "a".repeat(256);
    check_text("TXT", &long, Err(("rdata-string-too-long", 0, 0)));
}

/// Without it, a second implementation written from the page could disagree about what a signed zone means.
#[test]
fn the_page_has_the_same_table() {
    let page = include_str!("../../../../docs/protocol/6-dns-data.md");
    let (_, section) = page.split_once("## 6.5 RDATA").expect("the section");
    let (section, _) = section.split_once("## 6.6").expect("the next section");
    let rows = section.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<&str> = rows.skip(1).collect();
    let row = |format: &table::Format| {
        let field = |part: &Part| std::format!("{} `{:?}`", part.name, part.field);
        let fields: Vec<_> = format.parts.iter().map(field).collect();
        let (rtype, fields) = (format.rtype, fields.join(", "));
        std::format!("| {} | {rtype} | {fields} |", rtype.0)
    };
    let expected: Vec<_> = table::FORMATS.iter().map(row).collect();
    assert_eq!(rows, expected);
}
