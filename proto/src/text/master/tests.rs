use super::*;
use crate::dns::rdata::{self, properties::arbitrary_typed};
use alloc::{
    format,
    string::{String, ToString},
};
use proptest::prelude::*;

fn origin() -> WireName {
    "mysite.key.".parse().expect("valid")
}

fn read(source: &str) -> Result<Vec<Entry>, MasterError> {
    let options = Options {
        file_name: "mysite.zone",
        origin: &origin(),
        ttl_default: None,
    };
    parse(source, &options)
}

/// One line an entry: line, owner, TTL, type and data, all names as they are.
fn shown(entries: &[Entry]) -> String {
    let line = |entry: &Entry| {
        let data = rdata::display(entry.rtype, &entry.rdata, Some(&origin())).to_string();
        format!(
            "{} {} {} {} {data}\n",
            entry.line, entry.owner, entry.ttl, entry.rtype
        )
    };
    entries.iter().map(line).collect()
}

#[test]
fn reads_every_piece_of_syntax() {
    let entries = read(include_str!("fixtures/mysite.zone")).unwrap_or_else(|e| panic!("{e}"));
    let expected = include_str!("fixtures/mysite.expected");
    similar(&shown(&entries), expected);
    let written = write(&origin(), &entries);
    let again = read(&written).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(without_lines(again), without_lines(entries));
}

fn similar(found: &str, expected: &str) {
    for (found, expected) in found.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.lines().count(), expected.lines().count());
}

fn without_lines(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in &mut entries {
        entry.line = 0;
    }
    entries
}

/// `place` is `line:column`.
fn check(source: &str, code: &str, place: &str) {
    let error = read(source).expect_err(source);
    let found = format!("{}:{}", error.line, error.column);
    assert_eq!(
        (error.code(), found.as_str()),
        (code, place),
        "{source}\n{error}"
    );
}

const PLACES: &[(&str, &str, &str)] = &[
    ("www A 192.0.2.1", "master-no-ttl", "1:5"),
    ("  60 A 192.0.2.1", "master-no-owner", "1:3"),
    ("$TTL 60\n\n(", "master-unclosed-parenthesis", "3:1"),
    (
        "www 60 A ( 192.0.2.1\n\n",
        "master-unclosed-parenthesis",
        "1:10",
    ),
    (
        "www 60 A 192.0.2.1 )",
        "master-unopened-parenthesis",
        "1:20",
    ),
    (
        "www 60 TXT (((((((((",
        "master-too-many-parentheses",
        "1:20",
    ),
    ("www 60 TXT \"abc", "text-unclosed-quote", "1:12"),
    ("www 60 TXT a \"b\nc\"", "text-unclosed-quote", "1:14"),
    ("www 60 TXT \"a\"b", "text-after-quote", "1:15"),
    ("www 60 TXT a\\", "text-dangling-escape", "1:13"),
    ("www 60 TXT a\\256", "rdata-bad-escape", "1:13"),
    ("www 60 TXT \"ab\\25\"", "rdata-bad-escape", "1:15"),
    ("www 60 TXT", "rdata-missing-field", "1:11"),
    ("www 60 MX 10", "rdata-missing-field", "1:13"),
    ("www 60 MX (10\n; why\n)", "rdata-missing-field", "1:14"),
    ("www 60 MX mail", "rdata-bad-number", "1:11"),
    ("www 60 MX 65536 mail", "rdata-bad-number", "1:11"),
    ("www 60 MX 10 a..b", "name-empty-label", "1:16"),
    ("www 60 CNAME evil.\\@.", "name-zone-label", "1:14"),
    ("www 60 HTTPS 1 \\064. alpn=h2", "name-zone-label", "1:16"),
    ("$ORIGIN evil.\\@.", "name-zone-label", "1:9"),
    (
        "$ORIGIN .\nwww.mysite.key 60 CNAME evil.\\@",
        "name-zone-label",
        "2:25",
    ),
    ("www 60 MX 10 mail more", "rdata-extra-word", "1:19"),
    ("www 60 A 192.0.2.256", "rdata-bad-value", "1:10"),
    (
        "www 60 A 192.0.2.1\nx 60 AAAA 1::2::3",
        "rdata-bad-value",
        "2:11",
    ),
    ("www 60 A \\# 3 c00002", "rdata-truncated", "1:10"),
    ("www 60 TYPE65280 abc", "rdata-generic-only", "1:18"),
    ("www 60 TYPE65280 \\# 2 abc", "rdata-bad-value", "1:25"),
    (
        "www 60 TYPE65280 \\# 3 abcd",
        "rdata-generic-length",
        "1:21",
    ),
    ("www 60 DS 1 8 2 abcg", "rdata-bad-value", "1:20"),
    (
        "www 60 HTTPS 1 . port=80 port=80",
        "rdata-parameter-twice",
        "1:26",
    ),
    (
        "www 60 HTTPS 1 . no-default-alpn",
        "rdata-parameter",
        "1:18",
    ),
    ("@ 60 SOA a. me@b. 1 2 3 4 5", "name-bad-character", "1:15"),
    ("www 60", "master-missing-type", "1:7"),
    ("www", "master-missing-type", "1:4"),
    ("\u{feff}www", "master-missing-type", "1:4"),
    ("www 60 A 192.0.2.1\r\nx\r\n", "master-missing-type", "2:2"),
    ("www 60 IN", "master-missing-type", "1:10"),
    ("www 60 60 A 192.0.2.1", "master-repeated", "1:8"),
    ("www IN IN A 192.0.2.1", "master-repeated", "1:8"),
    ("www 192.0.2.1", "master-address-without-type", "1:5"),
    ("www ::1", "master-address-without-type", "1:5"),
    ("www 60 CH A 192.0.2.1", "master-class", "1:8"),
    ("www 60 CLASS4 A 192.0.2.1", "master-class", "1:8"),
    ("www 60 AAAAA ::1", "type-unknown", "1:8"),
    ("www 60 \"A\" 192.0.2.1", "master-quoted", "1:8"),
    ("\"www\" 60 A 192.0.2.1", "master-quoted", "1:1"),
    ("www 60 NSEC a. A", "type-made-by-resolver", "1:8"),
    ("www 60 ANY \\# 0", "type-meta", "1:8"),
    ("www 60 TYPE0 \\# 0", "type-reserved", "1:8"),
    ("www 2147483648 A 192.0.2.1", "master-bad-ttl", "1:5"),
    ("www 1y A 192.0.2.1", "master-bad-ttl", "1:5"),
    ("$TTL", "master-directive-argument", "1:1"),
    ("$TTL 1h 2h", "master-directive-argument", "1:9"),
    ("$TTL soon", "master-bad-ttl", "1:6"),
    ("$ORIGIN a..b", "name-empty-label", "1:11"),
    ("; one\n$INCLUDE other.zone", "master-include", "2:1"),
    ("$GENERATE 1-9 a$ A 192.0.2.$", "master-generate", "1:1"),
    ("$ttl2 60", "master-unknown-directive", "1:1"),
    ("www.other.key. 60 A 192.0.2.1", "name-out-of-zone", "1:1"),
    (
        "$ORIGIN key.\nother 60 A 192.0.2.1",
        "name-out-of-zone",
        "2:1",
    ),
    ("a..b 60 A 192.0.2.1", "name-empty-label", "1:3"),
    ("münchen 60 A 192.0.2.1", "name-bad-character", "1:2"),
    ("\\ü 60 A 192.0.2.1", "name-bad-escape", "1:1"),
    ("ok 60 TXT \"üü\" \"\\x", "text-unclosed-quote", "1:16"),
];

#[test]
fn errors_name_their_place() {
    for (source, code, place) in PLACES.iter().copied() {
        check(source, code, place);
    }
    let label = format!("{} 60 A 192.0.2.1", "a".repeat(64));
    check(&label, "name-label-too-long", "1:1");
    let string = format!("a 60 TXT b {}", "a".repeat(256));
    check(&string, "rdata-string-too-long", "1:12");
    let word = format!("a 60 TXT {}", "a".repeat(262_143));
    check(&word, "text-word-too-long", "1:10");
}

#[test]
fn bounds_at_their_edge() {
    let lines = "\n".repeat(FILE_LINES_MAX);
    assert_eq!(read(&lines), Ok(Vec::new()));
    check(&(lines.clone() + "\n"), "master-too-many-lines", "65537:1");
    let bytes = format!(";{}", "x".repeat(FILE_BYTES_MAX - 1));
    assert_eq!(read(&bytes), Ok(Vec::new()));
    check(&(bytes + "x"), "master-file-too-large", "1:1");
    let nested = "a 60 TXT ((((((((x))))))))";
    assert_eq!(read(nested).map(|entries| entries.len()), Ok(1));
}

#[test]
fn an_error_shows_its_line() {
    let source = "$TTL 1h\n@ NS ns1\nwww\tIN  A  192.0.2.256 ; oops\n";
    let error = read(source).expect_err("no address");
    let expected = "\
A: address: expected an IPv4 address such as 192.0.2.1 [rdata-bad-value]
 --> mysite.zone:3:12
  |
3 | www\tIN  A  192.0.2.256 ; oops
  |    \t       ^^^^^^^^^^^";
    assert_eq!(error.to_string(), expected);

    let long = format!(
        "a 60 TXT {} \u{1b}[2J \"{}",
        "b".repeat(300),
        "c".repeat(300)
    );
    let error = read(&long).expect_err("open quote");
    assert!(error.text.chars().count() <= 100 && !error.text.contains('\u{1b}'));
    let last = error.to_string();
    let mark = last
        .lines()
        .last()
        .expect("the mark")
        .chars()
        .skip(4)
        .position(|c| c == '^');
    assert_eq!(mark.and_then(|at| error.text.chars().nth(at)), Some('"'));
}

#[test]
fn ttl_comes_from_the_nearest_rule() {
    let ttls = |source: &str, ttl_default| {
        let options = Options {
            file_name: "t",
            origin: &origin(),
            ttl_default,
        };
        let entries = parse(source, &options).expect(source);
        entries.iter().map(|entry| entry.ttl).collect::<Vec<_>>()
    };
    let record = "a A 192.0.2.1\n";
    let stated = "b 5 A 192.0.2.1\n";
    assert_eq!(ttls(record, Some(7)), [7]);
    assert_eq!(ttls(&[record, stated, record].concat(), Some(7)), [7, 5, 5]);
    assert_eq!(
        ttls(&[stated, "$TTL 9\n", record, stated, record].concat(), None),
        [5, 9, 5, 9]
    );
}

fn arbitrary_entry() -> impl Strategy<Value = Entry> {
    let label = prop_oneof![
        "[a-z0-9_*$@-]{1,9}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 1..9)
    ];
    let owner = proptest::collection::vec(label, 0..4).prop_map(|labels| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).expect("short"));
            wire.extend(label.to_ascii_lowercase());
        }
        Owner::from_wire(&wire).expect("valid")
    });
    let unknown = (
        262..65_535_u16,
        proptest::collection::vec(any::<u8>(), 0..60),
    );
    let unknown = unknown.prop_map(|(rtype, rdata)| (RecordType(rtype), rdata));
    let data = prop_oneof![4 => arbitrary_typed(), 1 => unknown];
    let data = data.prop_filter("valid", |(rtype, rdata)| {
        rdata::check(*rtype, rdata).is_ok()
    });
    (owner, 0..=TTL_SECS_MAX, data).prop_map(|(owner, ttl, (rtype, rdata))| Entry {
        owner,
        ttl,
        rtype,
        rdata,
        line: 0,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_written_reads_back(entries in proptest::collection::vec(arbitrary_entry(), 0..8)) {
        let written = write(&origin(), &entries);
        let again = read(&written).map(without_lines).map_err(|error| error.to_string());
        prop_assert_eq!(again, Ok(entries), "{}", written);
    }

    #[test]
    fn foreign_text_never_panics(source in "([ -~ü\t\n]|A |60 |IN |\\$TTL |\\$ORIGIN |TXT |HTTPS |\\\\# |www |\n){0,60}") {
        if let Err(error) = read(&source) {
            let _ = error.to_string();
        }
    }
}
