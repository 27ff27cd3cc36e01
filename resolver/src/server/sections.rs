//! The sections of an answer behind its question, in wire form: encoded once, by hickory, when the answer is made. Pure.

use dotkey_proto::dns::WireName;
use hickory_proto::op::{Message, MessageType, OpCode, Query as Question, ResponseCode};
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{Name, RData, Record, RecordType as Type};
use hickory_proto::serialize::binary::BinDecodable;

use super::message::MESSAGE_BYTES_MAX;
use super::query::{HEAD_BYTES, Key};
use super::said::Said;
use crate::answer::Set;

/// What stands behind the question.
pub(super) struct Sections {
    pub(super) bytes: Vec<u8>,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) rcode: ResponseCode,
}

impl Sections {
    pub(super) fn of(key: &Key, said: &Said) -> Self {
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        message.add_query(Question::query(name_of(&key.name), Type::from(key.rtype.0)));
        message.answers = records(&said.answers);
        message.authorities = records(&said.authorities);
        let question_end = HEAD_BYTES + key.name.as_wire().len() + 4;
        let encoded = message.to_vec().ok();
        let fits = encoded.filter(|bytes| bytes.len() <= MESSAGE_BYTES_MAX);
        match fits {
            Some(bytes) => Self {
                answers: message.answers.len() as u16,
                authorities: message.authorities.len() as u16,
                rcode: said.rcode,
                bytes: bytes[question_end..].to_vec(),
            },
            // No message can say it.
            None => Self {
                bytes: Vec::new(),
                answers: 0,
                authorities: 0,
                rcode: ResponseCode::ServFail,
            },
        }
    }

    /// All that is kept of an answer, in one piece, and how many TTLs it has.
    pub(super) fn with(&self, key: &[u8], text: &[u8]) -> (u16, Box<[u8]>) {
        let places = ttl_places(&self.bytes, self.answers + self.authorities);
        let mut data =
            Vec::with_capacity(key.len() + self.bytes.len() + 2 * places.len() + text.len());
        data.extend_from_slice(key);
        data.extend_from_slice(&self.bytes);
        places
            .iter()
            .for_each(|place| data.extend_from_slice(&place.to_be_bytes()));
        data.extend_from_slice(text);
        (places.len() as u16, data.into())
    }
}

/// Where the TTLs of records are that we encoded ourselves.
fn ttl_places(sections: &[u8], count: u16) -> Vec<u16> {
    let mut places = Vec::with_capacity(count.into());
    let mut at = 0;
    for _ in 0..count {
        loop {
            let length = usize::from(sections[at]);
            at += 1;
            match length {
                0 => break,
                1..=63 => at += length,
                _ => {
                    at += 1;
                    break;
                }
            }
        }
        places.push((at + 4) as u16);
        let data_len = u16::from_be_bytes([sections[at + 8], sections[at + 9]]);
        at += 10 + usize::from(data_len);
    }
    places
}

fn records(sets: &[Set]) -> Vec<Record> {
    sets.iter().flat_map(records_of).collect()
}

fn records_of(set: &Set) -> impl Iterator<Item = Record> + '_ {
    let owner = name_of(&set.owner);
    set.rdata.iter().map(move |rdata| {
        let data = RData::Unknown {
            code: Type::from(set.rtype.0),
            rdata: NULL::with(rdata.clone()),
        };
        Record::from_rdata(owner.clone(), set.ttl, data)
    })
}

/// A name as hickory has it.
pub(crate) fn name_of(name: &WireName) -> Name {
    Name::from_bytes(name.as_wire()).expect("a wire name is a name")
}
