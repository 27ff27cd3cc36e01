//! A genesis as people read it: written and read back, and refused in the line that has to be changed.

use std::format;
use std::string::String;

use super::super::*;
use super::chain::Committee;
use crate::text::toml::{parse_genesis, write_genesis};

#[test]
fn a_genesis_file_reads_back_as_the_same() {
    let mut terms = Committee::new(1, 4).terms();
    terms.validators[2].address = String::new();
    terms.validators[3].address = "a \"host\"\\:4381".into();
    let genesis = Genesis::new(&terms).expect("sound");
    let text = write_genesis(&genesis);
    assert_eq!(parse_genesis(&text, "genesis.toml"), Ok(genesis), "{text}");
}

#[test]
fn what_is_wrong_with_a_genesis_file_is_shown_in_its_place() {
    let genesis = Genesis::new(&Committee::new(1, 2).terms()).expect("sound");
    let text = write_genesis(&genesis);
    let check = |from: &str, to: &str, code: &str, shown: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        let error = parse_genesis(&changed, "genesis.toml").expect_err(code);
        assert_eq!(error.code(), code, "{error}");
        assert!(format!("{error}").contains(shown), "{error}");
    };
    check(
        "grace = \"720h\"",
        "grace = \"721h\"",
        "toml-value",
        "something in it was changed",
    );
    check("grace = \"720h\"\n", "", "toml-missing-key", "`grace`");
    check("grace", "grcae", "toml-missing-key", "`grace`");
    check(
        "lease = \"8760h\"",
        "lease = \"8759999999ms\"",
        "toml-value",
        "whole seconds",
    );
    check(
        "heartbeat = \"3s\"",
        "heartbeat = 3",
        "toml-wrong-type",
        "a time with its unit",
    );
    check(
        "network = \"test\"",
        "network = \"Test\"",
        "network-name",
        "genesis.toml:2",
    );
    check("key = \"", "key = \"00", "toml-value", "192 digits");
    check(
        "[[validator]]",
        "[[validator]]\nextra = 1",
        "toml-unknown-key",
        "`extra`",
    );
    check(
        "possession = \"",
        "possession = \"0",
        "toml-value",
        "96 digits",
    );
    check("began = 1", "began = \"1", "toml-syntax", "genesis.toml");
    assert_eq!(
        parse_genesis("", "genesis.toml").expect_err("empty").code(),
        "toml-missing-key"
    );
}

#[test]
fn the_line_to_change_of_a_genesis_file_is_shown() {
    let genesis = Genesis::new(&Committee::new(1, 2).terms()).expect("sound");
    let text = write_genesis(&genesis);
    let refused = |changed: &str, code: &str, shown: &str| {
        let error = parse_genesis(changed, "genesis.toml").expect_err(code);
        assert_eq!(error.code(), code, "{error}");
        assert!(format!("{error}").contains(shown), "{error}");
    };
    let check = |from: &str, to: &str, code: &str, shown: &str| {
        assert!(text.contains(from), "{from}");
        refused(&text.replacen(from, to, 1), code, shown);
    };
    check(
        "renewal = \"2280h\"",
        "renewal = \"8761h\"",
        "parameters",
        "genesis.toml:7",
    );
    check(
        "reserved = [\"bank\", \"mail\"]",
        "reserved = [\n\"a\", \"c\",\n\"b\"]",
        "label-order",
        "genesis.toml:7",
    );
    check(
        "reserved = [\"bank\", \"mail\"]",
        "reserved = [\n\"a\",\n\"-\"]",
        "label",
        "genesis.toml:7",
    );
    // A validator that stands there twice, and one with another's proof of possession.
    let (first, _) = text.split_once("[[validator]]").expect("it has some");
    let line = |text: &str| format!("genesis.toml:{}", text.lines().count() + 1);
    let second = text.rfind("[[validator]]").expect("it has some");
    let twice = format!("{text}\n{}", &text[second..]);
    refused(&twice, "validator-order", &line(&format!("{text}\n")));
    let possession = |at: usize| {
        let found = at + text[at..].find("possession").expect("each has one");
        text[found..].lines().next().expect("a line")
    };
    let other = text.replacen(possession(first.len()), possession(second), 1);
    refused(&other, "possession", &line(first));
}
