//! Owner names: section 6.1.

use super::file::{File, hex_input, unhex};

const VALID: &[(&str, &str, &str, &str)] = &[
    ("apex", "no bytes", "", "@"),
    ("www", "one label", "03777777", "www"),
    (
        "two-labels",
        "leftmost first",
        "03777777 04626c6f67",
        "www.blog",
    ),
    (
        "service",
        "underscores",
        "045f343433 045f746370",
        "_443._tcp",
    ),
    ("wildcard", "a star leftmost", "012a 0161", "*.a"),
    (
        "star-inside",
        "a star elsewhere is a label like any other",
        "0161 012a",
        "a.*",
    ),
    (
        "any-bytes",
        "bytes that text escapes",
        "03 00ff20",
        "\\000\\255\\032",
    ),
    (
        "dot-in-label",
        "a dot is a byte like any other",
        "03 612e62",
        "a\\.b",
    ),
    (
        "at-sign",
        "escaped, or it would be the apex",
        "01 40",
        "\\@",
    ),
    ("brackets", "the bytes beside the letters", "02 5b60", "[`"),
];

const INVALID: &[(&str, &str, &str)] = &[
    ("root", "an owner is relative: no zero byte", "00"),
    (
        "root-at-end",
        "an owner is relative: no zero byte",
        "0161 00",
    ),
    ("empty-label", "a zero byte between labels", "0161 00 0162"),
    ("cut", "one of two bytes is there", "0261"),
    ("length-alone", "no byte is there", "01"),
    ("label-64", "a label has at most 63 bytes", "40"),
    (
        "label-type-2",
        "the type of RFC 6891's extended labels",
        "41",
    ),
    ("label-type-191", "the last of the undefined types", "bf"),
    ("pointer", "a compression pointer", "c000"),
    ("pointer-after-label", "a compression pointer", "0161 c000"),
    ("upper-case", "an owner has one form", "03 777757"),
    ("upper-case-a", "the first letter", "01 41"),
    ("upper-case-z", "the last letter", "01 5a"),
];

pub(super) fn file() -> File {
    let mut file = File::new(
        "owner",
        "Owner names in wire form, relative to their zone, and their text (section 6.1).",
    );
    for (name, why, hex, text) in VALID {
        file.valid(
            *name,
            *why,
            hex_input(unhex(hex)),
            [("text", (*text).into())],
        );
    }
    let labels = |lengths: &[u8]| -> Vec<u8> {
        lengths
            .iter()
            .flat_map(|length| [vec![*length], vec![b'a'; usize::from(*length)]].concat())
            .collect()
    };
    let text = |lengths: &[usize]| {
        lengths
            .iter()
            .map(|length| "a".repeat(*length))
            .collect::<Vec<_>>()
            .join(".")
    };
    let one = labels(&[63]);
    file.valid(
        "label-63",
        "the longest label",
        hex_input(one),
        [("text", text(&[63]).into())],
    );
    let longest = labels(&[63, 63, 63, 61]);
    file.valid(
        "254-bytes",
        "the longest owner",
        hex_input(longest),
        [("text", text(&[63, 63, 63, 61]).into())],
    );
    let many = labels(&[1; 127]);
    file.valid(
        "127-labels",
        "the most labels",
        hex_input(many),
        [("text", text(&[1; 127]).into())],
    );
    for (name, why, hex) in INVALID {
        file.invalid(*name, *why, hex_input(unhex(hex)), "owner");
    }
    file.invalid(
        "255-bytes",
        "a byte too long",
        hex_input(labels(&[63, 63, 63, 62])),
        "owner",
    );
    file.invalid(
        "128-labels",
        "256 bytes",
        hex_input(labels(&[1; 128])),
        "owner",
    );
    file
}
