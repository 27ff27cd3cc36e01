use alloc::string::ToString;

use proptest::prelude::*;

use super::*;
use crate::zone::tests::arbitrary;

proptest! {
    #[test]
    fn what_is_written_reads_back(zone in arbitrary::zones(), name in proptest::option::of("\\PC{1,20}")) {
        let document = Document { name, branch: None, zone };
        let text = write(&document);
        let read = parse(&text, "written.toml");
        prop_assert_eq!(read.map_err(|error| error.to_string()), Ok(document), "{}", text);
    }

    #[test]
    fn foreign_text_never_panics(text in "\\PC*", toml in "(\\[\\[?(record|resource|delegation)\\]?\\]|[a-z]{1,5} = [0-9\"'\\[\\]{}]{1,5}|\n){0,9}") {
        let _ = parse(&text, "foreign.toml");
        let _ = parse(&toml, "foreign.toml");
    }
}

const RECORD: &str = "[[record]]\nowner = \"a\"\ntype = \"A\"\n";
const PROVIDER: &str = "[[resource]]\nkind = \"backend\"\nhost = \"a\"\n[[resource.provider]]\nid = \"p\"\nurl = \"https://a.example.net\"\n";

/// Code, line, column and a piece of the message.
fn check(source: &str, code: &str, place: (usize, usize), says: &str) {
    let error = parse(source, "my.toml").expect_err(source);
    let text = error.to_string();
    assert_eq!(
        (error.code(), error.line, error.column),
        (code, place.0, place.1),
        "{text}"
    );
    assert!(text.contains(says), "{text}");
    assert!(
        text.contains(&alloc::format!("--> my.toml:{}:{}", place.0, place.1)),
        "{text}"
    );
}

#[test]
fn errors_show_the_place_and_what_would_be_right() {
    let with = |head: &str, line: &str| alloc::format!("{head}{line}\n");
    check("x = ", "toml-syntax", (1, 5), "");
    check(
        "recrod = 1\n",
        "toml-unknown-key",
        (1, 1),
        "did you mean `record`?",
    );
    check(
        "whatever = 1\n",
        "toml-unknown-key",
        (1, 1),
        "known are `name`",
    );
    check(RECORD, "toml-missing-key", (1, 1), "data = [");
    check(
        &with(RECORD, "data = 5"),
        "toml-wrong-type",
        (4, 8),
        "an integer; expected a string",
    );
    check(
        &with(RECORD, "data = []"),
        "toml-value",
        (1, 1),
        "one string at least",
    );
    check(
        &with(RECORD, "data = [\"192.0.2.1\", \"192.0.2\"]"),
        "rdata-bad-value",
        (4, 22),
        "",
    );
    check(
        &with(RECORD, "ttl = -1\ndata = \"192.0.2.1\""),
        "toml-value",
        (4, 7),
        "seconds up to",
    );
    check(
        "[[record]]\nowner = \"a\"\ntype = \"CNAME\"\ndata = 'evil.\\@.'\n",
        "name-zone-label",
        (4, 8),
        "stands for the zone",
    );
    check(
        "[[record]]\nowner = \"a..b\"\n",
        "name-empty-label",
        (2, 9),
        "",
    );
}

#[test]
fn errors_in_values_do_too() {
    let with = |head: &str, line: &str| alloc::format!("{head}{line}\n");
    check(
        "[[record]]\nowner = \"a\"\ntype = \"Q\"\n",
        "type-unknown",
        (3, 8),
        "mnemonic",
    );
    check(
        &with(PROVIDER, "weight = 0"),
        "toml-value",
        (7, 10),
        "from 1 to 65535",
    );
    check(
        &with(PROVIDER, "pin = [\"sha256:xx\"]"),
        "toml-value",
        (7, 8),
        "44 characters",
    );
    check(
        &with(PROVIDER, "wieght = 5"),
        "toml-unknown-key",
        (7, 1),
        "did you mean `weight`?",
    );
    check(
        &PROVIDER.replace("https", "ftp"),
        "toml-value",
        (6, 7),
        "must begin with",
    );
    check(
        &PROVIDER.replace("backend", "frontent"),
        "toml-value",
        (2, 8),
        "did you mean `frontend`?",
    );
    check(
        &PROVIDER.replace("\"p\"", "\"P\""),
        "provider-id",
        (1, 1),
        "hyphens",
    );
}

#[test]
fn errors_of_the_zone_do_too() {
    check(
        "[[resource]]\nkind = \"backend\"\nhost = \"a\"\n",
        "nothing-to-route-to",
        (1, 1),
        "give it",
    );
    let timed = "[[resource]]\nkind = \"backend\"\nhost = \"a\"\npolicy.hedge = { after = 80 }\n";
    check(timed, "toml-wrong-type", (4, 26), "such as \"80ms\"");
    check(
        "[[delegation]]\nname = \"a\"\n",
        "toml-value",
        (1, 1),
        "branch = true",
    );
    check(
        "[[delegation]]\nname = \"a\"\nto = \"mysite.key\"\n",
        "toml-value",
        (3, 6),
        "56 characters",
    );
    check(
        "extension = { 1 = \"00\" }\n",
        "toml-value",
        (1, 15),
        "above 4",
    );
    check(
        "extension = { 9 = \"1800\" }\n",
        "toml-value",
        (1, 19),
        "deterministic CBOR",
    );
    let two = "[[record]]\nowner = \"a\"\ntype = \"CNAME\"\ndata = \"b\"\n\n[[record]]\nowner = \"a\"\ntype = \"A\"\ndata = \"192.0.2.1\"\n";
    check(two, "cname-alone", (6, 1), "an alias stands alone");
    let long = " ".repeat(crate::limits::ZONE_FILE_BYTES_MAX + 1);
    check(&long, "toml-file-too-large", (1, 1), "delegate");
}

#[test]
fn a_whole_error_reads_well() {
    let error = parse("[[record]]\nowner = \"a\"\n  tpye = \"A\"\n", "my.toml").expect_err("wrong");
    assert_eq!(error.code(), "toml-missing-key");
    let error = parse("name = \"x\"\n  tll = 5\n", "my.toml").expect_err("wrong");
    let expected = "`tll` is no key of a zone file; did you mean `ttl`? [toml-unknown-key]\n --> my.toml:2:3\n  |\n2 |   tll = 5\n  |   ^^^";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn times_have_units() {
    for (text, ms) in [
        ("80ms", Some(80)),
        ("1m30s", Some(90_000)),
        ("2h", Some(7_200_000)),
        ("0ms", Some(0)),
        ("", None),
        ("80", None),
        ("ms", None),
        ("1.5s", None),
        ("1d", None),
        ("99999999999999999999s", None),
        ("9999999999999999999h", None),
    ] {
        assert_eq!(values::read_ms(text), ms, "{text}");
    }
    for ms in [0, 1, 80, 1000, 1500, 60_000, 90_000, 3_600_000] {
        assert_eq!(values::read_ms(&values::show_ms(ms)), Some(ms));
    }
}

#[test]
fn branches_bound_the_file() {
    let source =
        "branch = \"blog\"\n[[record]]\nowner = \"www\"\ntype = \"A\"\ndata = \"192.0.2.1\"\n";
    check(source, "outside-branch", (2, 1), "outside the branch");
    let document = parse(&source.replace("www", "www.blog"), "my.toml").expect("valid");
    assert_eq!(
        document.branch.as_ref().map(Owner::to_string).as_deref(),
        Some("blog")
    );
    assert_eq!(parse(&write(&document), "again"), Ok(document));
}
