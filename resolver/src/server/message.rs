//! From a finished answer to the bytes of a message: sizes, EDNS, truncation. Pure; hickory's types do the encoding.

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record, RecordType as Type};
use hickory_proto::serialize::binary::BinDecodable;

use crate::answer::{Extended, Set};
use crate::edns;
use crate::transport::Transport;

/// Extended errors: RFC 8914.
const EXTENDED_ERROR: u16 = 15;

/// The text of an extended error: enough for a sentence, and far from filling a packet.
const EXTENDED_TEXT_BYTES_MAX: usize = 200;

/// A message without TCP's length has this many bytes at most, whatever it is sent over.
const MESSAGE_BYTES_MAX: usize = 65_535;

/// All that is said, before it is fitted to who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) rcode: ResponseCode,
    pub(crate) answers: Vec<Set>,
    pub(crate) authorities: Vec<Set>,
    pub(crate) extended: Option<Extended>,
    /// Whether all of it was verified here.
    pub(crate) verified: bool,
}

impl Said {
    /// Nothing but how it went.
    pub(crate) fn only(rcode: ResponseCode, extended: Option<Extended>) -> Self {
        Self {
            rcode,
            answers: Vec::new(),
            authorities: Vec::new(),
            extended,
            verified: false,
        }
    }
}

/// What the answer is fitted to.
pub(crate) struct Fit<'a> {
    pub(crate) query: &'a Message,
    pub(crate) transport: Transport,
    /// Seconds since the answer was made: its TTLs are that much shorter.
    pub(crate) age_secs: u32,
    pub(crate) cookie: Option<Vec<u8>>,
    /// This server's name for who asks for one.
    pub(crate) nsid: &'a [u8],
}

/// The bytes of the answer.
pub(crate) fn write(said: &Said, fit: &Fit<'_>) -> Vec<u8> {
    let mut message = head(fit.query, said.rcode);
    let wants_verified = fit.query.metadata.authentic_data || dnssec_ok(fit.query);
    message.metadata.authentic_data = said.verified && wants_verified;
    let records = |sets: &[Set]| -> Vec<Record> {
        sets.iter()
            .flat_map(|set| records_of(set, fit.age_secs))
            .collect()
    };
    message.answers = records(&said.answers);
    message.authorities = records(&said.authorities);
    message.edns = options(said, fit);
    let limit = match fit.transport {
        Transport::Udp => usize::from(edns::udp_answer_bytes(fit.query.edns.as_ref())),
        _ => MESSAGE_BYTES_MAX,
    };
    let bytes = encode(&message);
    let bytes = match bytes {
        Some(bytes) if bytes.len() <= limit => bytes,
        // RFC 2181 section 9: part of a set is no set. Who sees TC asks again over TCP.
        _ => {
            message.metadata.truncation = true;
            (message.answers, message.authorities) = (Vec::new(), Vec::new());
            encode(&message).unwrap_or_default()
        }
    };
    pad(message, bytes, fit)
}

/// The answer to a query that cannot be read further than this.
pub(crate) fn refuse(query: &Message, rcode: ResponseCode) -> Vec<u8> {
    let mut message = head(query, rcode);
    message.edns = edns::of_answer(query.edns.as_ref());
    if let Some(edns) = &mut message.edns {
        edns.set_rcode_high(rcode.high());
    }
    encode(&message).unwrap_or_default()
}

/// To bytes that have no more than the head of a query.
pub(crate) fn malformed(query: &[u8]) -> Option<Vec<u8>> {
    let [high, low, flags, ..] = *query else {
        return None;
    };
    // An answer is never answered: two servers would go on for ever.
    if query.len() < 12 || flags & 0x80 != 0 {
        return None;
    }
    let id = u16::from_be_bytes([high, low]);
    let mut message = Message::new(
        id,
        MessageType::Response,
        OpCode::from_u8((flags >> 3) & 0x0f),
    );
    message.metadata.response_code = ResponseCode::FormErr;
    encode(&message)
}

/// Whether who asks wants signatures.
pub(crate) fn dnssec_ok(query: &Message) -> bool {
    query
        .edns
        .as_ref()
        .is_some_and(|edns| edns.flags().dnssec_ok)
}

/// The name of a question as the zones have it.
pub(crate) fn wire_name(query: &Query) -> Option<WireName> {
    let mut wire = Vec::with_capacity(query.name().len());
    for label in query.name().iter() {
        wire.push(u8::try_from(label.len()).ok()?);
        wire.extend(label);
    }
    wire.push(0);
    WireName::from_wire(&wire).ok()
}

/// A name as hickory has it.
pub(crate) fn name_of(name: &WireName) -> Name {
    Name::from_bytes(name.as_wire()).expect("a wire name is a name")
}

fn head(query: &Message, rcode: ResponseCode) -> Message {
    let mut message = Message::new(
        query.metadata.id,
        MessageType::Response,
        query.metadata.op_code,
    );
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.checking_disabled = query.metadata.checking_disabled;
    message.metadata.recursion_available = true;
    message.metadata.response_code = rcode;
    message.queries.clone_from(&query.queries);
    message
}

fn records_of(set: &Set, age_secs: u32) -> impl Iterator<Item = Record> + '_ {
    let owner = name_of(&set.owner);
    set.rdata.iter().map(move |rdata| {
        let data = RData::Unknown {
            code: type_of(set.rtype),
            rdata: NULL::with(rdata.clone()),
        };
        Record::from_rdata(owner.clone(), set.ttl.saturating_sub(age_secs), data)
    })
}

fn type_of(rtype: RecordType) -> Type {
    Type::from(rtype.0)
}

fn options(said: &Said, fit: &Fit<'_>) -> Option<Edns> {
    let asked = fit.query.edns.as_ref()?;
    let mut edns = edns::of_answer(Some(asked))?;
    edns.set_rcode_high(said.rcode.high());
    let options = edns.options_mut();
    if let Some(Extended { code, text }) = &said.extended {
        let mut data = code.to_be_bytes().to_vec();
        data.extend(cut(text, EXTENDED_TEXT_BYTES_MAX).as_bytes());
        options.insert(EdnsOption::Unknown(EXTENDED_ERROR, data));
    }
    if let Some(cookie) = &fit.cookie {
        options.insert(EdnsOption::Unknown(EdnsCode::Cookie.into(), cookie.clone()));
    }
    if asked.option(EdnsCode::NSID).is_some() && !fit.nsid.is_empty() {
        options.insert(EdnsOption::Unknown(
            EdnsCode::NSID.into(),
            fit.nsid.to_vec(),
        ));
    }
    Some(edns)
}

/// RFC 7830, RFC 8467: answers that the path cannot see into come in few lengths, where who asks pads too.
fn pad(mut message: Message, bytes: Vec<u8>, fit: &Fit<'_>) -> Vec<u8> {
    /// A code and a length.
    const OPTION_HEAD_BYTES: usize = 4;
    let asked = fit.query.edns.as_ref();
    let asked = asked.is_some_and(|edns| edns.option(EdnsCode::Padding).is_some());
    if !asked || !fit.transport.is_encrypted() {
        return bytes;
    }
    let Some(edns) = &mut message.edns else {
        return bytes;
    };
    let least = bytes.len() + OPTION_HEAD_BYTES;
    let padded = least.next_multiple_of(edns::ANSWER_PADDING_BYTES);
    let zeros = vec![0; padded.min(MESSAGE_BYTES_MAX).saturating_sub(least)];
    edns.options_mut()
        .insert(EdnsOption::Unknown(EdnsCode::Padding.into(), zeros));
    encode(&message)
        .filter(|bytes| bytes.len() <= MESSAGE_BYTES_MAX)
        .unwrap_or(bytes)
}

fn encode(message: &Message) -> Option<Vec<u8>> {
    message.to_vec().ok()
}

/// A text of at most so many bytes, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
