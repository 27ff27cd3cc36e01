//! The three directions of the table against each other, and against hickory-proto.

use super::*;
use crate::dns::{RecordType, WireName};
use alloc::{string::ToString, vec::Vec};
use hickory_proto::{
    rr::{RData, RecordType as HickoryType},
    serialize::binary::{BinDecoder, BinEncodable, BinEncoder, Restrict},
};
use proptest::prelude::*;

/// The types of the table that hickory decodes itself.
fn hickory_types() -> Vec<RecordType> {
    let typed = |rtype: &RecordType| !matches!(HickoryType::from(rtype.0), HickoryType::Unknown(_));
    table::FORMATS
        .iter()
        .map(|format| format.rtype)
        .filter(typed)
        .collect()
}

fn hickory_decodes(rtype: RecordType, rdata: &[u8]) -> Option<RData> {
    let mut decoder = BinDecoder::new(rdata);
    let length = u16::try_from(rdata.len()).expect("short");
    let read = RData::read(
        &mut decoder,
        HickoryType::from(rtype.0),
        Restrict::new(length),
    )
    .ok()?;
    decoder.is_empty().then_some(read)
}

fn hickory_bytes(rdata: &RData) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_canonical_form(true); // No compression.
    rdata.emit(&mut encoder).expect("it was decoded");
    bytes
}

fn arbitrary_name() -> impl Strategy<Value = Vec<u8>> {
    let label = prop_oneof![
        proptest::collection::vec(b'a'..=b'z', 1..8),
        proptest::collection::vec(any::<u8>(), 1..8)
    ];
    proptest::collection::vec(label, 0..4).prop_map(|labels| {
        let mut wire = Vec::new();
        for label in labels {
            wire.push(u8::try_from(label.len()).expect("short"));
            wire.extend(label);
        }
        wire.push(0);
        wire
    })
}

fn bytes(length: core::ops::RangeInclusive<usize>) -> BoxedStrategy<Vec<u8>> {
    proptest::collection::vec(any::<u8>(), length).boxed()
}

fn ascii(length: core::ops::RangeInclusive<usize>) -> BoxedStrategy<Vec<u8>> {
    proptest::collection::vec(0..=127_u8, length).boxed()
}

fn with_length(content: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let prefixed = |content: Vec<u8>| {
        let length = u8::try_from(content.len()).expect("short");
        [&[length], &content[..]].concat()
    };
    content.prop_map(prefixed).boxed()
}

fn alphanumeric(length: core::ops::RangeInclusive<usize>) -> BoxedStrategy<Vec<u8>> {
    let byte = prop_oneof![b'a'..=b'z', b'A'..=b'Z', b'0'..=b'9'];
    proptest::collection::vec(byte, length).boxed()
}

fn arbitrary_service() -> BoxedStrategy<Vec<u8>> {
    let value = |key: u16| match key {
        // RFC 7301 allows any bytes and GREASE uses them (RFC 8701); hickory reads UTF-8 only.
        1 => proptest::collection::vec(with_length(ascii(1..=5)), 1..3)
            .prop_map(|ids| ids.concat())
            .boxed(),
        2 | 8 => Just(Vec::new()).boxed(),
        3 => bytes(2..=2),
        4 => proptest::collection::vec(bytes(4..=4), 1..3)
            .prop_map(|all| all.concat())
            .boxed(),
        6 => proptest::collection::vec(bytes(16..=16), 1..3)
            .prop_map(|all| all.concat())
            .boxed(),
        7 => Just(b"/\xc3\xbc{?dns}".to_vec()).boxed(),
        _ => bytes(1..=9),
    };
    let parameter = move |key: u16| {
        proptest::option::of(value(key)).prop_map(move |value| {
            let Some(value) = value else {
                return Vec::new();
            };
            let length = u16::try_from(value.len()).expect("short").to_be_bytes();
            [&key.to_be_bytes()[..], &length, &value].concat()
        })
    };
    let all: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 8, 9, 65_280].map(parameter).into();
    (any::<u16>(), arbitrary_name(), all)
        .prop_map(|(priority, name, parameters)| {
            let parameters = if priority == 0 {
                Vec::new()
            } else {
                parameters.concat()
            };
            [&priority.to_be_bytes()[..], &name, &parameters].concat()
        })
        .boxed()
}

fn arbitrary_field(field: Field) -> BoxedStrategy<Vec<u8>> {
    match field {
        Field::Ipv4 | Field::U32 | Field::Seconds => bytes(4..=4),
        Field::Ipv6 => bytes(16..=16),
        Field::Name => arbitrary_name().boxed(),
        Field::U8 | Field::Algorithm => bytes(1..=1),
        Field::U16 | Field::CertType => bytes(2..=2),
        Field::CsyncFlags => (0..=3_u8).prop_map(|flags| [0, flags].to_vec()).boxed(),
        Field::CharString => with_length(bytes(0..=20)),
        Field::AlnumString => with_length(alphanumeric(0..=4)),
        Field::CharStrings => proptest::collection::vec(with_length(bytes(0..=20)), 1..4)
            .prop_map(|strings| strings.concat())
            .boxed(),
        Field::CaaTag => with_length(alphanumeric(1..=15)),
        Field::Text => bytes(0..=300),
        Field::Text1 | Field::Hex | Field::Base64 => bytes(1..=300),
        Field::Eui48 => bytes(6..=6),
        Field::Eui64 => bytes(8..=8),
        Field::Location => (
            bytes(3..=3),
            -324_000_000..=324_000_000_i32,
            -648_000_000..=648_000_000_i32,
            bytes(4..=4),
        )
            .prop_map(|(sizes, latitude, longitude, altitude)| {
                let sizes: Vec<u8> = sizes
                    .iter()
                    .map(|b| (b >> 4).min(9) << 4 | (b & 15).min(9))
                    .collect();
                let angle = |value: i32| (value as u32 ^ 1 << 31).to_be_bytes();
                [
                    &[0][..],
                    &sizes,
                    &angle(latitude),
                    &angle(longitude),
                    &altitude,
                ]
                .concat()
            })
            .boxed(),
        Field::TypeBitmap => (bytes(0..=31), 1..=255_u8)
            .prop_map(|(bits, last)| {
                let length = u8::try_from(bits.len() + 1).expect("short");
                [&[0, length][..], &bits, &[last], &[1, 1, 0x40]].concat()
            })
            .boxed(),
        Field::Service => arbitrary_service(),
    }
}

/// A type of the table and RDATA made of its fields: valid, but for services whose parameters do not fit each other.
pub(crate) fn arbitrary_typed() -> impl Strategy<Value = (RecordType, Vec<u8>)> {
    (0..table::FORMATS.len()).prop_flat_map(|row| {
        let format = &table::FORMATS[row];
        let fields: Vec<_> = format
            .parts
            .iter()
            .map(|part| arbitrary_field(part.field))
            .collect();
        fields.prop_map(|fields| (format.rtype, fields.concat()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_the_fields_make_is_valid_and_survives_text((rtype, rdata) in arbitrary_typed()) {
        if format_of(rtype).is_some_and(|parts| parts[0].field == Field::Service) {
            prop_assume!(check(rtype, &rdata).is_ok());
        }
        prop_assert_eq!(check(rtype, &rdata), Ok(()));
        let text = display(rtype, &rdata, None).to_string();
        prop_assert_eq!(from_text(rtype, &text, None), Ok(rdata.clone()), "{}", text);
        if hickory_types().contains(&rtype) {
            let decoded = hickory_decodes(rtype, &rdata);
            prop_assert!(decoded.is_some(), "hickory refuses {} {}", rtype, text);
            let encoded = hickory_bytes(&decoded.expect("it was decoded"));
            prop_assert_eq!(check(rtype, &encoded), Ok(()));
        }
    }

    #[test]
    fn what_hickory_encodes_is_valid(row in any::<prop::sample::Index>(), rdata in bytes(0..=40)) {
        let types = hickory_types();
        let rtype = types[row.index(types.len())];
        let decoded = hickory_decodes(rtype, &rdata);
        if let Some(decoded) = decoded.filter(|decoded| !matches!(decoded, RData::Unknown { .. })) {
            let encoded = hickory_bytes(&decoded);
            // Stricter on purpose: what hickory leaves to whoever uses the value.
            let stricter = ["rdata-truncated", "rdata-parameter", "rdata-parameter-order", "rdata-mandatory-missing",
                "rdata-alias-with-parameters", "rdata-type-bitmap", "rdata-value"];
            if let Err(error) = check(rtype, &encoded) {
                prop_assert!(stricter.contains(&error.code()), "{}", error);
            }
        }
    }

    #[test]
    fn foreign_bytes_and_text_never_panic(rtype in any::<u16>().prop_map(|n| RecordType(n % 300)), rdata in bytes(0..=80), text in "[ -~ü]{0,60}") {
        if check(rtype, &rdata).is_ok() {
            let shown = display(rtype, &rdata, None).to_string();
            prop_assert_eq!(from_text(rtype, &shown, None), Ok(rdata));
        } else {
            let _ = display(rtype, &rdata, None).to_string();
        }
        let _ = from_text(rtype, &text, Some(&WireName::root()));
    }
}
