//! What the strict check passes is written again to the same bytes, and the check allocates nothing.
#![no_main]

use dotkey_fuzz::{refused_by_protocol, within};
use dotkey_proto::cbor::{Kind, Reader, Writer, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = within(0, || check(data)) {
        refused_by_protocol(&error, error.code());
        assert_eq!(
            Reader::new(data).err(),
            Some(error),
            "a reader only opens what was checked"
        );
        return;
    }
    let mut reader = Reader::new(data).expect("it was just checked");
    assert_eq!(
        reader.clone().raw(),
        Ok(data),
        "the one item is the whole input"
    );
    let mut writer = Writer::new();
    copy(&mut reader, &mut writer);
    assert_eq!(reader.offset(), data.len());
    assert_eq!(writer.into_bytes(), data, "one value has one encoding");
    // One byte less is a part of an item, one more is more than an item.
    let short = check(&data[..data.len() - 1]).expect_err("a part");
    assert_eq!(short.code(), "truncated");
    let long = check(&[data, &[0]].concat()).expect_err("more");
    assert_eq!(long.code(), "trailing-bytes");
});

fn copy(reader: &mut Reader<'_>, writer: &mut Writer) {
    const ANY: usize = usize::MAX;
    let what = "an item";
    match reader.peek().expect("the count says that an item follows") {
        Kind::Unsigned => {
            writer.uint(reader.uint(what).expect("peeked"));
        }
        Kind::Bytes => {
            writer.bytes(reader.bytes(what, 0, ANY).expect("peeked"));
        }
        Kind::Text => {
            writer.text(reader.text(what, 0, ANY).expect("peeked"));
        }
        Kind::Array => {
            let len = reader.array(what, 0, ANY).expect("peeked");
            writer.array(len);
            (0..len).for_each(|_| copy(reader, writer));
        }
        Kind::Map => {
            let len = reader.entries(what, 0, ANY).expect("peeked");
            writer.map(len);
            (0..2 * len).for_each(|_| copy(reader, writer));
        }
        Kind::Negative => {
            let raw = reader.clone().raw().expect("peeked");
            match reader.int(what).expect("peeked") {
                // 64 bits do not hold all that CBOR's negative integers can be.
                i64::MIN => writer.raw(raw),
                value => writer.int(value),
            };
        }
        Kind::Bool | Kind::Null | Kind::Tag => {
            writer.raw(reader.raw().expect("peeked"));
        }
    }
}
