//! Items with no schema: section 1.1.

use super::encode::{array, bytes, head, map, text, uint};
use super::file::{File, Object, hex_input, unhex};

/// Fixed bytes, each with the code of the rule that it breaks.
const INVALID: &[(&str, &str, &str, &str)] = &[
    ("empty", "there is no item", "", "truncated"),
    ("head-cut", "the argument is missing", "19 01", "truncated"),
    (
        "bytes-cut",
        "three of four bytes are there",
        "44 010203",
        "truncated",
    ),
    (
        "text-cut",
        "two of three characters are there",
        "63 6161",
        "truncated",
    ),
    (
        "array-cut",
        "one of two elements is there",
        "82 00",
        "truncated",
    ),
    ("map-cut", "the value is missing", "a1 00", "truncated"),
    (
        "length-beyond-everything",
        "a length that no input can have",
        "5b ffffffffffffffff",
        "truncated",
    ),
    (
        "count-beyond-everything",
        "a count that no input can have, and nothing after it",
        "9b ffffffffffffffff",
        "truncated",
    ),
    (
        "pairs-beyond-everything",
        "twice this count is more than 64 bits hold",
        "bb ffffffffffffffff",
        "truncated",
    ),
    ("two-items", "a second item", "00 00", "trailing-bytes"),
    (
        "array-and-zero",
        "a byte after the array",
        "80 00",
        "trailing-bytes",
    ),
    (
        "zero-in-two-bytes",
        "0 fits the head",
        "18 00",
        "not-shortest",
    ),
    (
        "23-in-two-bytes",
        "23 fits the head",
        "18 17",
        "not-shortest",
    ),
    (
        "255-in-three-bytes",
        "255 fits one byte",
        "19 00ff",
        "not-shortest",
    ),
    (
        "65535-in-five-bytes",
        "65535 fits two bytes",
        "1a 0000ffff",
        "not-shortest",
    ),
    (
        "32-bits-in-nine-bytes",
        "4294967295 fits four bytes",
        "1b 00000000ffffffff",
        "not-shortest",
    ),
    ("negative-long", "-1 fits the head", "38 00", "not-shortest"),
    (
        "bytes-length-long",
        "a length of 1 fits the head",
        "58 01 00",
        "not-shortest",
    ),
    (
        "text-length-long",
        "a length of 1 fits the head",
        "78 01 61",
        "not-shortest",
    ),
    (
        "array-count-long",
        "a count of 0 fits the head",
        "98 00",
        "not-shortest",
    ),
    (
        "map-count-long",
        "a count of 0 fits the head",
        "b8 00",
        "not-shortest",
    ),
    (
        "length-too-long-to-be-short",
        "the form is looked at before the length",
        "5a 00000001 00",
        "not-shortest",
    ),
    (
        "bytes-indefinite",
        "chunks until a break",
        "5f 41 00 ff",
        "indefinite-length",
    ),
    (
        "text-indefinite",
        "chunks until a break",
        "7f 61 61 ff",
        "indefinite-length",
    ),
    (
        "array-indefinite",
        "elements until a break",
        "9f 00 ff",
        "indefinite-length",
    ),
    (
        "map-indefinite",
        "entries until a break",
        "bf 00 00 ff",
        "indefinite-length",
    ),
    (
        "break-alone",
        "a break that ends nothing",
        "ff",
        "forbidden-item",
    ),
    (
        "reserved-28",
        "additional information 28 is reserved",
        "1c",
        "forbidden-item",
    ),
    (
        "reserved-29",
        "additional information 29 is reserved",
        "5d",
        "forbidden-item",
    ),
    (
        "reserved-30",
        "additional information 30 is reserved",
        "9e",
        "forbidden-item",
    ),
    (
        "integer-31",
        "an integer has no indefinite length",
        "1f",
        "forbidden-item",
    ),
    (
        "negative-31",
        "an integer has no indefinite length",
        "3f",
        "forbidden-item",
    ),
    (
        "tag",
        "a date as text",
        "c0 6a 323032362d31312d3231",
        "forbidden-item",
    ),
    (
        "tag-98",
        "the envelope's tag has no place within an item",
        "81 d862 80",
        "forbidden-item",
    ),
    ("bignum", "a bignum is a tag", "c2 41 01", "forbidden-item"),
    ("half-float", "1.0 in 16 bits", "f9 3c00", "forbidden-item"),
    ("float", "1.0 in 32 bits", "fa 3f800000", "forbidden-item"),
    (
        "double",
        "1.1 in 64 bits",
        "fb 3ff199999999999a",
        "forbidden-item",
    ),
    ("undefined", "undefined is not null", "f7", "forbidden-item"),
    (
        "simple-0",
        "a simple value without a meaning",
        "e0",
        "forbidden-item",
    ),
    (
        "simple-19",
        "a simple value without a meaning",
        "f3",
        "forbidden-item",
    ),
    (
        "false-in-two-bytes",
        "a simple value in its two-byte form",
        "f8 14",
        "forbidden-item",
    ),
    (
        "simple-255",
        "a simple value without a meaning",
        "f8 ff",
        "forbidden-item",
    ),
    (
        "keys-descending",
        "1 stands after 2",
        "a2 02 00 01 00",
        "map-order",
    ),
    (
        "keys-longer-first",
        "`aa` stands before `b`, which is encoded shorter",
        "a2 62 6161 00 61 62 00",
        "map-order",
    ),
    (
        "keys-negative-first",
        "-1 is encoded greater than 100",
        "a2 20 00 1864 00",
        "map-order",
    ),
    (
        "key-twice",
        "1 stands twice",
        "a2 01 00 01 01",
        "duplicate-key",
    ),
    (
        "text-key-twice",
        "`a` stands twice",
        "a2 61 61 00 61 61 00",
        "duplicate-key",
    ),
    (
        "array-key-twice",
        "an array stands twice as a key",
        "a2 81 00 00 81 00 00",
        "duplicate-key",
    ),
    (
        "key-twice-deep-inside",
        "in a map that is a value",
        "a1 00 81 a2 00 00 00 00",
        "duplicate-key",
    ),
    (
        "utf8-cut",
        "two of three bytes of a character",
        "62 e282",
        "invalid-utf8",
    ),
    (
        "utf8-alone",
        "a continuation byte alone",
        "61 80",
        "invalid-utf8",
    ),
    ("utf8-long", "`/` in two bytes", "62 c0af", "invalid-utf8"),
    (
        "utf8-surrogate",
        "U+D800 in UTF-8",
        "63 eda080",
        "invalid-utf8",
    ),
    ("utf8-beyond", "U+110000", "64 f4908080", "invalid-utf8"),
    (
        "utf8-in-key",
        "the text is a key",
        "a1 61 ff 00",
        "invalid-utf8",
    ),
];

const VALID: &[(&str, &str, &str)] = &[
    ("zero", "the least integer", "00"),
    (
        "24",
        "the first integer that needs a byte of its own",
        "18 18",
    ),
    ("256", "the first that needs two", "19 0100"),
    ("65536", "the first that needs four", "1a 00010000"),
    (
        "4294967296",
        "the first that needs eight",
        "1b 0000000100000000",
    ),
    ("greatest-integer", "2^64 - 1", "1b ffffffffffffffff"),
    (
        "least-integer",
        "-2^64: any argument may be negative",
        "3b ffffffffffffffff",
    ),
    ("false", "a boolean", "f4"),
    ("true", "a boolean", "f5"),
    ("null", "null", "f6"),
    ("empty-bytes", "a byte string of no bytes", "40"),
    ("empty-text", "a text of no characters", "60"),
    (
        "text",
        "`a`, U+00FC, U+6C34, U+10151",
        "6a 61 c3bc e6b0b4 f0908591",
    ),
    ("nul", "U+0000 is a character as any other", "61 00"),
    ("empty-map", "a map of no entries", "a0"),
    (
        "keys-of-all-types",
        "ascending by their bytes: 10, 100, -1, bytes, text, array, map, false",
        "a8 0a 00 1864 00 20 00 41 00 00 61 61 00 80 00 a0 00 f4 00",
    ),
    (
        "keys-by-length",
        "`b` before `aa`: the length is encoded first",
        "a2 61 62 00 62 6161 00",
    ),
    (
        "tag-in-bytes",
        "what a byte string holds is not looked at",
        "42 d862",
    ),
];

pub(super) fn file() -> File {
    let mut file = File::new(
        "cbor",
        "Items of deterministic CBOR with no schema (section 1.1); tags are refused.",
    );
    for (name, why, hex) in VALID {
        file.valid(*name, *why, hex_input(unhex(hex)), Object::default());
    }
    let arrays = |depth: usize| [vec![0x81; depth - 1], vec![0x80]].concat();
    let maps = |depth: usize| [[0xa1, 0x00].repeat(depth - 1), vec![0xa0]].concat();
    let in_keys = |depth: usize| (1..depth).fold(map([]), |inner, _| map([(inner, uint(0))]));
    let none = Object::default;
    file.valid(
        "arrays-16",
        "as deep as allowed",
        hex_input(arrays(16)),
        none(),
    );
    file.valid("maps-16", "as deep as allowed", hex_input(maps(16)), none());
    file.valid(
        "keys-16",
        "as deep as allowed, in keys",
        hex_input(in_keys(16)),
        none(),
    );
    let over = array([bytes(arrays(17)), text("x")]);
    file.valid(
        "depth-in-bytes",
        "a byte string counts for itself",
        hex_input(over),
        none(),
    );
    let many = [head(4, 300), vec![0; 300]].concat();
    file.valid("array-300", "breadth is no depth", hex_input(many), none());
    for (name, why, hex, code) in INVALID {
        file.invalid(*name, *why, hex_input(unhex(hex)), code);
    }
    file.invalid(
        "arrays-17",
        "one level too deep",
        hex_input(arrays(17)),
        "too-deep",
    );
    file.invalid(
        "maps-17",
        "one level too deep",
        hex_input(maps(17)),
        "too-deep",
    );
    file.invalid(
        "keys-17",
        "one level too deep, in keys",
        hex_input(in_keys(17)),
        "too-deep",
    );
    file.invalid(
        "arrays-5000",
        "far too deep",
        hex_input(arrays(5000)),
        "too-deep",
    );
    file
}
