//! What messages are made of, each part as the page's schema has it: how it is written, then how it is read.

use std::sync::Arc;

use dotkey_proto::cbor::{CborError, Kind, Reader, Writer};
use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_proto::record::SEQUENCE_MAX;
use dotkey_proto::time::Timestamp;

use super::MessageError;
use crate::dht::core::reconcile::{Compared, Fingerprint, LISTED_MAX, NIBBLES_MAX, Prefix, Probe};
use crate::dht::message::{
    ERROR_CODE_BYTES_MAX, ErrorCode, Expected, Refusal, Summary, Value, Want,
};
use crate::dht::peer::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Contact, Peer, Position};

/// CBOR's `null`.
const NULL: [u8; 1] = [0xf6];

/// How an array begins that is one of several kinds.
#[derive(Clone, Copy)]
pub(super) struct Variant {
    what: &'static str,
    pub(super) kind: u64,
    /// How many elements follow the kind.
    left: u64,
}

impl Variant {
    /// Demands that so many elements follow the kind.
    pub(super) fn parts(&self, count: u64) -> Result<(), CborError> {
        let (what, found, min, max) = (self.what, self.left, count, count);
        if found == count {
            return Ok(());
        }
        Err(CborError::OutOfRange {
            what,
            found,
            min,
            max,
        })
    }

    pub(super) fn unknown(&self) -> MessageError {
        let Self { what, kind, .. } = *self;
        MessageError::UnknownMessage { what, kind }
    }
}

/// The number of elements is only known to be right when the kind is known.
pub(super) fn variant(what: &'static str, reader: &mut Reader<'_>) -> Result<Variant, CborError> {
    let count = reader.array(what, 1, usize::MAX)?;
    let kind = reader.uint(what)?;
    let left = count as u64 - 1;
    Ok(Variant { what, kind, left })
}

/// Whether `null` comes next, which is then read.
fn null(reader: &mut Reader<'_>) -> Result<bool, CborError> {
    let null = reader.peek()? == Kind::Null;
    if null {
        reader.raw()?;
    }
    Ok(null)
}

pub(super) fn position(reader: &mut Reader<'_>) -> Result<Position, CborError> {
    reader.array_of("a position").map(Position)
}

pub(super) fn time(reader: &mut Reader<'_>) -> Result<Timestamp, CborError> {
    let secs = reader.uint_in("a clock", 0, Timestamp::MAX.as_secs())?;
    Ok(Timestamp::from_secs(secs).expect("the range was just checked"))
}

fn record(reader: &mut Reader<'_>) -> Result<Arc<[u8]>, CborError> {
    Ok(reader.bytes("a record", 1, RECORD_BYTES_MAX)?.into())
}

pub(super) fn write_summary(writer: &mut Writer, summary: &Summary) {
    let Summary {
        policy,
        sequence,
        digest,
    } = summary;
    writer
        .array(3)
        .uint((*policy).into())
        .uint(*sequence)
        .bytes(digest);
}

pub(super) fn summary(reader: &mut Reader<'_>) -> Result<Summary, CborError> {
    reader.array("a summary", 3, 3)?;
    let policy = reader.uint_in("the number of a policy", 0, u32::MAX.into())?;
    Ok(Summary {
        policy: u32::try_from(policy).expect("the range was just checked"),
        sequence: reader.uint_in("a sequence", 1, SEQUENCE_MAX)?,
        digest: reader.array_of("a digest")?,
    })
}

pub(super) fn write_want(writer: &mut Writer, want: Want) {
    writer.uint(match want {
        Want::Contacts => 0,
        Want::Summary => 1,
        Want::Record => 2,
    });
}

pub(super) fn want(reader: &mut Reader<'_>) -> Result<Want, CborError> {
    Ok(match reader.uint_in("what is wanted", 0, 2)? {
        0 => Want::Contacts,
        1 => Want::Summary,
        _ => Want::Record,
    })
}

pub(super) fn write_put(writer: &mut Writer, put: &[u8], expected: &Expected) {
    writer.bytes(put);
    match expected {
        Expected::Older => writer.uint(0),
        Expected::Nothing => writer.uint(1),
        Expected::Digest(digest) => writer.bytes(digest),
    };
}

pub(super) fn put(reader: &mut Reader<'_>) -> Result<(Arc<[u8]>, Expected), CborError> {
    let record = record(reader)?;
    let what = "what is expected";
    let expected = match reader.peek()? {
        Kind::Bytes => Expected::Digest(reader.array_of(what)?),
        _ if reader.uint_in(what, 0, 1)? == 0 => Expected::Older,
        _ => Expected::Nothing,
    };
    Ok((record, expected))
}

pub(super) fn write_value(writer: &mut Writer, value: &Value) {
    match value {
        Value::Nothing => {
            writer.raw(&NULL);
        }
        Value::Summary(summary) => write_summary(writer, summary),
        Value::Record(record) => {
            writer.bytes(record);
        }
    }
}

pub(super) fn value(reader: &mut Reader<'_>) -> Result<Value, CborError> {
    Ok(match reader.peek()? {
        Kind::Null => {
            reader.raw()?;
            Value::Nothing
        }
        Kind::Array => Value::Summary(summary(reader)?),
        _ => Value::Record(record(reader)?),
    })
}

pub(super) fn write_contact(writer: &mut Writer, contact: &Contact) {
    let sound = |address: &&Vec<u8>| (1..=ADDRESS_BYTES_MAX).contains(&address.len());
    let addresses = contact.addresses.iter().filter(sound).take(ADDRESSES_MAX);
    writer.array(2).bytes(&contact.peer.0);
    writer.array(addresses.clone().count());
    for address in addresses {
        writer.bytes(address);
    }
}

pub(super) fn contact(reader: &mut Reader<'_>) -> Result<Contact, CborError> {
    reader.array("a contact", 2, 2)?;
    let peer = Peer(reader.array_of("a peer")?);
    let count = reader.array("addresses", 0, ADDRESSES_MAX)?;
    let address = |_| Ok(reader.bytes("an address", 1, ADDRESS_BYTES_MAX)?.to_vec());
    let addresses = (0..count).map(address).collect::<Result<_, CborError>>()?;
    Ok(Contact { peer, addresses })
}

pub(super) fn write_refusal(writer: &mut Writer, refusal: &Refusal) {
    match refusal {
        Refusal::Older(record) => writer.array(2).uint(1).bytes(record),
        Refusal::Unexpected(None) => writer.array(2).uint(2).raw(&NULL),
        Refusal::Unexpected(Some(record)) => writer.array(2).uint(2).bytes(record),
        Refusal::Invalid(code) => writer.array(2).uint(3).text(&code.0),
        Refusal::Full => writer.array(1).uint(4),
        Refusal::Disk => writer.array(1).uint(5),
        Refusal::Busy { retry_ms } => writer.array(2).uint(6).uint((*retry_ms).into()),
    };
}

pub(super) fn refusal(reader: &mut Reader<'_>) -> Result<Refusal, MessageError> {
    let variant = variant("a refusal", reader)?;
    if matches!(variant.kind, 1..=6) {
        let bare = matches!(variant.kind, 4 | 5);
        variant.parts(if bare { 0 } else { 1 })?;
    }
    Ok(match variant.kind {
        1 => Refusal::Older(record(reader)?),
        2 if null(reader)? => Refusal::Unexpected(None),
        2 => Refusal::Unexpected(Some(record(reader)?)),
        3 => Refusal::Invalid(error_code(reader)?),
        4 => Refusal::Full,
        5 => Refusal::Disk,
        6 => {
            let wait = reader.uint_in("a wait in milliseconds", 0, u32::MAX.into())?;
            let retry_ms = u32::try_from(wait).expect("the range was just checked");
            Refusal::Busy { retry_ms }
        }
        _ => return Err(variant.unknown()),
    })
}

fn error_code(reader: &mut Reader<'_>) -> Result<ErrorCode, MessageError> {
    let code = reader.text("the code of a refusal", 1, ERROR_CODE_BYTES_MAX)?;
    // It is shown to people, so nothing may come through that moves a cursor.
    if code
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    {
        return Ok(ErrorCode(code.to_owned()));
    }
    Err(MessageError::ErrorCode)
}

pub(super) fn write_probe(writer: &mut Writer, probe: &Probe) {
    writer
        .array(2)
        .array(2)
        .uint(probe.prefix.nibbles.into())
        .bytes(probe.prefix.bytes());
    write_fingerprint(writer, &probe.fingerprint);
}

pub(super) fn probe(reader: &mut Reader<'_>) -> Result<Probe, MessageError> {
    reader.array("a probe", 2, 2)?;
    Ok(Probe {
        prefix: prefix(reader)?,
        fingerprint: fingerprint(reader)?,
    })
}

fn prefix(reader: &mut Reader<'_>) -> Result<Prefix, MessageError> {
    reader.array("a prefix", 2, 2)?;
    let nibbles = reader.uint_in("the half bytes of a prefix", 0, NIBBLES_MAX.into())?;
    let nibbles = u8::try_from(nibbles).expect("the range was just checked");
    let len = usize::from(nibbles.div_ceil(2));
    let bytes = reader.bytes("the bytes of a prefix", len, len)?;
    let mut first = Position([0; 32]);
    first.0[..len].copy_from_slice(bytes);
    let prefix = Prefix::of(&first, nibbles);
    if prefix.first != first {
        return Err(MessageError::Prefix { nibbles });
    }
    Ok(prefix)
}

fn write_fingerprint(writer: &mut Writer, fingerprint: &Fingerprint) {
    let Fingerprint { count, sum } = *fingerprint;
    if count == 0 {
        writer.raw(&NULL);
    } else {
        writer.array(2).uint(count).bytes(&sum.to_be_bytes());
    }
}

fn fingerprint(reader: &mut Reader<'_>) -> Result<Fingerprint, CborError> {
    if null(reader)? {
        return Ok(Fingerprint::default());
    }
    reader.array("a fingerprint", 2, 2)?;
    Ok(Fingerprint {
        count: reader.uint_in("the records of a fingerprint", 1, SEQUENCE_MAX)?,
        sum: u128::from_be_bytes(reader.array_of("the sum of a fingerprint")?),
    })
}

pub(super) fn write_compared(writer: &mut Writer, compared: &Compared) {
    match compared {
        Compared::Same => {
            writer.raw(&NULL);
        }
        Compared::Children(children) => {
            writer.array(16);
            for child in children.iter() {
                write_fingerprint(writer, child);
            }
        }
        Compared::Listed(listed) => {
            debug_assert!(listed.is_sorted_by(|(a, _), (b, _)| a < b));
            writer.map(listed.len());
            for (position, summary) in listed {
                writer.bytes(&position.0);
                write_summary(writer, summary);
            }
        }
    }
}

pub(super) fn compared(reader: &mut Reader<'_>) -> Result<Compared, CborError> {
    match reader.peek()? {
        Kind::Null => {
            reader.raw()?;
            Ok(Compared::Same)
        }
        Kind::Array => {
            reader.array("the children of a prefix", 16, 16)?;
            let mut children = Box::new([Fingerprint::default(); 16]);
            for child in children.iter_mut() {
                *child = fingerprint(reader)?;
            }
            Ok(Compared::Children(children))
        }
        _ => {
            let count = reader.entries("the records of a prefix", 0, LISTED_MAX)?;
            // The keys of a map ascend, so the positions do.
            let listed = |_| Ok((position(reader)?, summary(reader)?));
            let listed = (0..count).map(listed).collect::<Result<_, CborError>>()?;
            Ok(Compared::Listed(listed))
        }
    }
}
