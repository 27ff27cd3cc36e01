use std::string::String;
use std::vec::Vec;

use proptest::prelude::*;

use super::{CborError, Reader, Writer, check};

fn bytes(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER
        .decode(hex.as_bytes())
        .expect("the table holds hexadecimal")
}

fn verdict(hex: &str) -> &'static str {
    check(&bytes(hex)).map_or_else(|error| error.code(), |()| "ok")
}

/// RFC 8949 appendix A, all of it, with what the narrower rules of section 1.1 say of each.
const APPENDIX_A: &[(&str, &str)] = &[
    ("00", "ok"),
    ("01", "ok"),
    ("0a", "ok"),
    ("17", "ok"),
    ("1818", "ok"),
    ("1819", "ok"),
    ("1864", "ok"),
    ("1903e8", "ok"),
    ("1a000f4240", "ok"),
    ("1b000000e8d4a51000", "ok"),
    ("1bffffffffffffffff", "ok"),
    ("c249010000000000000000", "forbidden-item"),
    ("3bffffffffffffffff", "ok"),
    ("c349010000000000000000", "forbidden-item"),
    ("20", "ok"),
    ("29", "ok"),
    ("3863", "ok"),
    ("3903e7", "ok"),
    ("f90000", "forbidden-item"),
    ("f98000", "forbidden-item"),
    ("f93c00", "forbidden-item"),
    ("fb3ff199999999999a", "forbidden-item"),
    ("f93e00", "forbidden-item"),
    ("f97bff", "forbidden-item"),
    ("fa47c35000", "forbidden-item"),
    ("fa7f7fffff", "forbidden-item"),
    ("fb7e37e43c8800759c", "forbidden-item"),
    ("f90001", "forbidden-item"),
    ("f90400", "forbidden-item"),
    ("f9c400", "forbidden-item"),
    ("fbc010666666666666", "forbidden-item"),
    ("f97c00", "forbidden-item"),
    ("f97e00", "forbidden-item"),
    ("f9fc00", "forbidden-item"),
    ("fa7f800000", "forbidden-item"),
    ("fa7fc00000", "forbidden-item"),
    ("faff800000", "forbidden-item"),
    ("fb7ff0000000000000", "forbidden-item"),
    ("fb7ff8000000000000", "forbidden-item"),
    ("fbfff0000000000000", "forbidden-item"),
    ("f4", "ok"),
    ("f5", "ok"),
    ("f6", "ok"),
    ("f7", "forbidden-item"),
    ("f0", "forbidden-item"),
    ("f8ff", "forbidden-item"),
    (
        "c074323031332d30332d32315432303a30343a30305a",
        "forbidden-item",
    ),
    ("c11a514b67b0", "forbidden-item"),
    ("c1fb41d452d9ec200000", "forbidden-item"),
    ("d74401020304", "forbidden-item"),
    ("d818456449455446", "forbidden-item"),
    (
        "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
        "forbidden-item",
    ),
    ("40", "ok"),
    ("4401020304", "ok"),
    ("60", "ok"),
    ("6161", "ok"),
    ("6449455446", "ok"),
    ("62225c", "ok"),
    ("62c3bc", "ok"),
    ("63e6b0b4", "ok"),
    ("64f0908591", "ok"),
    ("80", "ok"),
    ("83010203", "ok"),
    ("8301820203820405", "ok"),
    (
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        "ok",
    ),
    ("a0", "ok"),
    ("a201020304", "ok"),
    ("a26161016162820203", "ok"),
    ("826161a161626163", "ok"),
    ("a56161614161626142616361436164614461656145", "ok"),
    ("5f42010243030405ff", "indefinite-length"),
    ("7f657374726561646d696e67ff", "indefinite-length"),
    ("9fff", "indefinite-length"),
    ("9f018202039f0405ffff", "indefinite-length"),
    ("9f01820203820405ff", "indefinite-length"),
    ("83018202039f0405ff", "indefinite-length"),
    ("83019f0203ff820405", "indefinite-length"),
    (
        "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
        "indefinite-length",
    ),
    ("bf61610161629f0203ffff", "indefinite-length"),
    ("826161bf61626163ff", "indefinite-length"),
    ("bf6346756ef563416d7421ff", "indefinite-length"),
];

#[test]
fn rfc_8949_appendix_a() {
    for (hex, expected) in APPENDIX_A.iter().copied() {
        assert_eq!(verdict(hex), expected, "{hex}");
    }
}

#[test]
fn each_rule_is_named() {
    for (hex, expected) in [
        ("", "truncated"),
        ("18", "truncated"),
        ("19ff", "truncated"),
        ("41", "truncated"),
        ("5bffffffffffffffff", "truncated"),
        ("9bffffffffffffffff", "truncated"),
        ("bbffffffffffffffff", "truncated"),
        ("8201", "truncated"),
        ("a101", "truncated"),
        ("0000", "trailing-bytes"),
        ("a000", "trailing-bytes"),
        ("1817", "not-shortest"),
        ("1900ff", "not-shortest"),
        ("1a0000ffff", "not-shortest"),
        ("1b00000000ffffffff", "not-shortest"),
        ("3817", "not-shortest"),
        ("5800", "not-shortest"),
        ("7801", "not-shortest"),
        ("9800", "not-shortest"),
        ("b800", "not-shortest"),
        ("1c", "forbidden-item"),
        ("1e", "forbidden-item"),
        ("1f", "forbidden-item"),
        ("f818", "forbidden-item"),
        ("ff", "forbidden-item"),
        ("d862a0", "forbidden-item"),
        ("a202000100", "map-order"),
        ("a2200001f4", "map-order"),
        ("a201000100", "duplicate-key"),
        ("a3010002000200", "duplicate-key"),
        ("61ff", "invalid-utf8"),
        ("63eda080", "invalid-utf8"),
        ("62c080", "invalid-utf8"),
    ] {
        assert_eq!(verdict(hex), expected, "{hex}");
    }
}

#[test]
fn nesting_ends_at_sixteen() {
    let nested = |levels: usize| {
        let mut bytes = std::vec![0x81; levels];
        bytes.push(0x00);
        check(&bytes).map_err(|error| error.code())
    };
    assert_eq!(nested(16), Ok(()));
    assert_eq!(nested(17), Err("too-deep"));
    assert_eq!(nested(60_000), Err("too-deep"));
}

#[test]
fn maps_are_read_by_their_schema() {
    let read = |hex: &str| -> Result<(u64, Option<u64>), CborError> {
        let bytes = bytes(hex);
        let mut reader = Reader::new(&bytes)?;
        let mut map = reader.closed_map("test map")?;
        let first = map.required(1, |r| r.uint_in("first", 0, 9))?;
        let third = map.optional(3, |r| r.uint("third"))?;
        map.close()?;
        Ok((first, third))
    };
    let code = |hex| read(hex).map_err(|error| error.code());
    assert_eq!(code("a10105"), Ok((5, None)));
    assert_eq!(code("a201050307"), Ok((5, Some(7))));
    assert_eq!(code("a10307"), Err("missing-key"));
    assert_eq!(code("a201050207"), Err("unknown-key"));
    assert_eq!(code("a201050407"), Err("unknown-key"));
    assert_eq!(code("a1010a"), Err("out-of-range"));
    assert_eq!(code("a10120"), Err("wrong-type"));
    assert_eq!(code("a201056161f4"), Err("wrong-type"));
    assert_eq!(code("80"), Err("wrong-type"));
}

#[derive(Clone, Debug)]
enum Value {
    Int(i64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Value>),
}

impl Value {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Int(value) => writer.int(*value),
            Self::Bytes(value) => writer.bytes(value),
            Self::Text(value) => writer.text(value),
            Self::Array(values) => {
                writer.array(values.len());
                values.iter().for_each(|value| value.write(writer));
                writer
            }
        };
    }
}

#[test]
fn an_announced_array_gets_no_more_room_than_its_bytes_can_fill() {
    let mut writer = Writer::new();
    writer.array(64);
    for _ in 0..64 {
        writer.uint(7);
    }
    let bytes = writer.into_bytes();
    let mut reader = Reader::new(&bytes).expect("64 elements");
    let count = reader.array("numbers", 1, 64).expect("64 elements");
    assert_eq!(reader.room(count, 1), 64);
    assert_eq!(reader.room(count, 32), 2);
    assert_eq!(reader.room(count, 65), 0);
    assert_eq!(reader.room(3, 1), 3);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Value::Int),
        any::<Vec<u8>>().prop_map(Value::Bytes),
        any::<String>().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(Value::Array)
    })
}

proptest! {
    #[test]
    fn what_is_written_passes_and_no_prefix_does(value in value()) {
        let mut writer = Writer::new();
        value.write(&mut writer);
        let bytes = writer.into_bytes();
        prop_assert_eq!(check(&bytes), Ok(()));
        for end in 0..bytes.len() {
            prop_assert_eq!(check(&bytes[..end]).map_err(|error| error.code()), Err("truncated"));
        }
    }

    #[test]
    fn integers_come_back(number: i64) {
        let mut writer = Writer::new();
        writer.int(number);
        let bytes = writer.into_bytes();
        prop_assert_eq!(Reader::new(&bytes).and_then(|mut reader| reader.int("number")), Ok(number));
    }

    #[test]
    fn any_bytes_get_a_verdict(bytes: Vec<u8>) {
        if check(&bytes).is_ok() {
            let mut reader = Reader::new(&bytes).expect("just checked");
            prop_assert_eq!(reader.raw(), Ok(&bytes[..]));
        }
    }
}
