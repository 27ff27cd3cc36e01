//! The bytes of messages: `docs/protocol/9-record-exchange.md`.
//!
//! This module owns the encoding of [`Request`], [`Response`] and [`Announcement`], and the length that goes before the first
//! two on a stream. It promises that a message has one encoding, that every count and length is looked at before anything is allocated
//! for it, and that no bytes panic it. Whether what was said makes sense is for [`super::core`]; a record in a message is only bytes.

mod error;
mod length;
mod parts;
#[cfg(test)]
mod tests;

pub use error::MessageError;
pub use length::{LENGTH_BYTES_MAX, length_of, read_length};

use dotkey_proto::cbor::{CborError, Reader, Writer};
use dotkey_proto::identity::KeyId;
use dotkey_proto::limits::RECORD_BYTES_MAX;

use super::core::reconcile::{LISTED_MAX, PROBES_MAX};
use super::message::{
    Announcement, CLOSER_MAX, ERROR_CODE_BYTES_MAX, Refusal, Request, Response, Value,
};
use super::peer::{ADDRESS_BYTES_MAX, ADDRESSES_MAX, Contact};

/// A put of the longest record, or the most probes.
pub const REQUEST_BYTES_MAX: usize = RECORD_BYTES_MAX + 1024;

/// The longest record with the most contacts, or the most answers to probes.
pub const RESPONSE_BYTES_MAX: usize = 96 * 1024;

/// A key id, a position and a summary, with room.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 128;

/// The longest forms of the parts: each with its heads.
const SUMMARY_BYTES_MAX: usize = 1 + 5 + 9 + 34;
const CONTACT_BYTES_MAX: usize = 1 + 34 + 1 + ADDRESSES_MAX * (2 + ADDRESS_BYTES_MAX);
const FINGERPRINT_BYTES_MAX: usize = 1 + 9 + 17;
const PROBE_BYTES_MAX: usize = 1 + (1 + 2 + 34) + FINGERPRINT_BYTES_MAX;
const LISTED_BYTES_MAX: usize = 1 + LISTED_MAX * (34 + SUMMARY_BYTES_MAX);
const CHILDREN_BYTES_MAX: usize = 1 + 16 * FINGERPRINT_BYTES_MAX;

/// The heads around a message's parts, and its kind and clock.
const AROUND_BYTES_MAX: usize = 32;

const _: () = {
    assert!(AROUND_BYTES_MAX + 34 + RECORD_BYTES_MAX <= REQUEST_BYTES_MAX);
    assert!(AROUND_BYTES_MAX + PROBES_MAX * PROBE_BYTES_MAX <= REQUEST_BYTES_MAX);
    assert!(
        AROUND_BYTES_MAX + RECORD_BYTES_MAX + CLOSER_MAX * CONTACT_BYTES_MAX <= RESPONSE_BYTES_MAX
    );
    assert!(CHILDREN_BYTES_MAX <= LISTED_BYTES_MAX);
    assert!(AROUND_BYTES_MAX + PROBES_MAX * LISTED_BYTES_MAX <= RESPONSE_BYTES_MAX);
    assert!(1 + 34 + 34 + SUMMARY_BYTES_MAX <= ANNOUNCEMENT_BYTES_MAX);
};

/// The kinds of messages, as the page numbers them.
const GET: u64 = 1;
const PUT: u64 = 2;
const RECONCILE: u64 = 3;
const GOT: u64 = 1;
const STORED: u64 = 2;
const REFUSED: u64 = 3;
const RECONCILED: u64 = 4;

impl Request {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.room());
        match self {
            Self::Get { at, want } => {
                writer.array(3).uint(GET).bytes(&at.0);
                parts::write_want(&mut writer, *want);
            }
            Self::Put { record, expected } => {
                writer.array(3).uint(PUT);
                parts::write_put(&mut writer, record, expected);
            }
            Self::Reconcile { clock, probes } => {
                debug_assert!(probes.len() <= PROBES_MAX);
                writer.array(3).uint(RECONCILE).uint(clock.as_secs());
                writer.array(probes.len());
                for probe in probes {
                    parts::write_probe(&mut writer, probe);
                }
            }
        }
        writer.into_bytes()
    }

    /// Room for its bytes and the length before them, so that they are written into one buffer that does not move.
    fn room(&self) -> usize {
        AROUND_BYTES_MAX
            + match self {
                Self::Get { .. } => 34,
                Self::Put { record, .. } => 34 + record.len(),
                Self::Reconcile { probes, .. } => probes.len() * PROBE_BYTES_MAX,
            }
    }

    /// The request that the bytes are.
    ///
    /// # Errors
    /// The first rule of the protocol that they break.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let reader = &mut open("a request", bytes, REQUEST_BYTES_MAX)?;
        let variant = parts::variant("a request", reader)?;
        match variant.kind {
            GET => {
                variant.parts(2)?;
                let at = parts::position(reader)?;
                let want = parts::want(reader)?;
                Ok(Self::Get { at, want })
            }
            PUT => {
                variant.parts(2)?;
                let (record, expected) = parts::put(reader)?;
                Ok(Self::Put { record, expected })
            }
            RECONCILE => {
                variant.parts(2)?;
                let clock = parts::time(reader)?;
                let count = reader.array("probes", 0, PROBES_MAX)?;
                let probes = (0..count)
                    .map(|_| parts::probe(reader))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Reconcile { clock, probes })
            }
            _ => Err(variant.unknown()),
        }
    }
}

impl Response {
    /// Its bytes. Contacts beyond [`CLOSER_MAX`] and addresses outside of their bounds are left out: they are hints.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.room());
        match self {
            Self::Got { value, closer } => {
                let closer = &closer[..closer.len().min(CLOSER_MAX)];
                writer.array(3).uint(GOT);
                parts::write_value(&mut writer, value);
                writer.array(closer.len());
                for contact in closer {
                    parts::write_contact(&mut writer, contact);
                }
            }
            Self::Stored => {
                writer.array(1).uint(STORED);
            }
            Self::Refused(refusal) => {
                writer.array(2).uint(REFUSED);
                parts::write_refusal(&mut writer, refusal);
            }
            Self::Reconciled { clock, compared } => {
                debug_assert!(compared.len() <= PROBES_MAX);
                writer.array(3).uint(RECONCILED).uint(clock.as_secs());
                writer.array(compared.len());
                for compared in compared {
                    parts::write_compared(&mut writer, compared);
                }
            }
        }
        writer.into_bytes()
    }

    /// Room for its bytes and the length before them; comparisons are as long as they come out.
    fn room(&self) -> usize {
        AROUND_BYTES_MAX
            + match self {
                Self::Got { value, closer } => value_room(value) + contacts_room(closer),
                Self::Stored => 0,
                Self::Refused(Refusal::Older(record) | Refusal::Unexpected(Some(record))) => {
                    record.len()
                }
                Self::Refused(_) => ERROR_CODE_BYTES_MAX,
                Self::Reconciled { compared, .. } => compared.len() * FINGERPRINT_BYTES_MAX,
            }
    }

    /// The response that the bytes are.
    ///
    /// # Errors
    /// The first rule of the protocol that they break.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let reader = &mut open("a response", bytes, RESPONSE_BYTES_MAX)?;
        let variant = parts::variant("a response", reader)?;
        match variant.kind {
            GOT => {
                variant.parts(2)?;
                let value = parts::value(reader)?;
                let count = reader.array("contacts", 0, CLOSER_MAX)?;
                let closer = (0..count)
                    .map(|_| parts::contact(reader))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Got { value, closer })
            }
            STORED => {
                variant.parts(0)?;
                Ok(Self::Stored)
            }
            REFUSED => {
                variant.parts(1)?;
                Ok(Self::Refused(parts::refusal(reader)?))
            }
            RECONCILED => {
                variant.parts(2)?;
                let clock = parts::time(reader)?;
                let count = reader.array("comparisons", 0, PROBES_MAX)?;
                let compared = (0..count)
                    .map(|_| parts::compared(reader))
                    .collect::<Result<_, _>>()?;
                Ok(Self::Reconciled { clock, compared })
            }
            _ => Err(variant.unknown()),
        }
    }
}

impl Announcement {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(ANNOUNCEMENT_BYTES_MAX);
        writer
            .array(3)
            .bytes(self.key_id.as_bytes())
            .bytes(&self.at.0);
        parts::write_summary(&mut writer, &self.summary);
        writer.into_bytes()
    }

    /// The announcement that the bytes are.
    ///
    /// # Errors
    /// The first rule of the protocol that they break.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = open("an announcement", bytes, ANNOUNCEMENT_BYTES_MAX)?;
        reader.array("an announcement", 3, 3)?;
        Ok(Self {
            key_id: KeyId::from_bytes(reader.array_of("a key id")?),
            at: parts::position(&mut reader)?,
            summary: parts::summary(&mut reader)?,
        })
    }
}

fn value_room(value: &Value) -> usize {
    match value {
        Value::Nothing => 0,
        Value::Summary(_) => SUMMARY_BYTES_MAX,
        Value::Record(record) => record.len(),
    }
}

fn contacts_room(contacts: &[Contact]) -> usize {
    let addresses = |contact: &Contact| {
        let addresses = contact.addresses.iter();
        addresses.map(|address| 2 + address.len()).sum::<usize>()
    };
    let rooms = contacts.iter().map(|contact| 36 + addresses(contact));
    // Longer addresses are left out, and so are contacts beyond their number.
    rooms.take(CLOSER_MAX).sum()
}

/// A reader of a whole message.
fn open<'a>(what: &'static str, bytes: &'a [u8], max: usize) -> Result<Reader<'a>, CborError> {
    let len = bytes.len();
    if len > max {
        return Err(CborError::TooLarge { what, len, max });
    }
    Reader::new(bytes)
}
