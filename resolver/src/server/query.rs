//! The bytes of a query, read without copying them: its question, and what its EDNS asks for. Pure.
//!
//! It is ours so that a query that is answered from what is kept costs no allocation. It takes exactly one question (RFC 9619), and
//! nothing after the message: whatever else there is, is said to be a format error.

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::op::ResponseCode;

use crate::edns;

/// A message's head.
pub(crate) const HEAD_BYTES: usize = 12;

/// A name in wire form, a type, and what else an answer depends on.
pub(crate) const KEY_BYTES_MAX: usize = NAME_BYTES_MAX + 3;

const NAME_BYTES_MAX: usize = 255;
const LABEL_BYTES_MAX: u8 = 63;

/// A query has its OPT, and for a few clients a signature besides.
const ADDITIONALS_MAX: u16 = 4;

const OPT: u16 = 41;
const OPTION_NSID: u16 = 3;
const OPTION_COOKIE: u16 = 10;
const OPTION_PADDING: u16 = 12;

const CLASS_IN: u16 = 1;

/// What an answer depends on besides the name and the type.
const KEY_DNSSEC: u8 = 1;
const KEY_UNCHECKED: u8 = 2;

/// A query that can be answered, as far as its form goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    bytes: &'a [u8],
    question_end: usize,
    pub(crate) edns: Option<Asked<'a>>,
}

/// What the OPT record of a query says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked<'a> {
    pub(crate) payload: u16,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    pub(crate) cookie: Option<&'a [u8]>,
    pub(crate) nsid: bool,
    pub(crate) padding: bool,
}

/// A question, as far as the answer depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) name: WireName,
    pub(crate) rtype: RecordType,
    pub(crate) dnssec: bool,
    /// Whether what cannot be validated is wanted all the same (CD).
    pub(crate) unchecked: bool,
}

/// The bytes of a [`Key`]: what answers are kept under.
#[derive(Clone, Copy)]
pub(crate) struct KeyBytes {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

/// Bytes that are answered with no more than how they are wrong, or with nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong<'a> {
    /// No query, or an answer: two servers that answer answers would go on for ever.
    Silence,
    /// Refused with this code; the question is repeated if it could be read.
    Refused(Query<'a>, ResponseCode),
}

impl<'a> Query<'a> {
    /// Reads a query.
    ///
    /// # Errors
    /// How it is to be refused.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Wrong<'a>> {
        let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
            return Err(Wrong::Silence);
        };
        if head[2] & 0x80 != 0 {
            return Err(Wrong::Silence);
        }
        let refused = |question_end, edns, rcode| {
            let query = Self {
                bytes,
                question_end,
                edns,
            };
            Wrong::Refused(query, rcode)
        };
        let opcode = (head[2] >> 3) & 0x0f;
        if opcode != 0 {
            return Err(refused(HEAD_BYTES, None, ResponseCode::NotImp));
        }
        let count = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
        let format = |question_end| refused(question_end, None, ResponseCode::FormErr);
        if [count(4), count(6), count(8)] != [1, 0, 0] || count(10) > ADDITIONALS_MAX {
            return Err(format(HEAD_BYTES));
        }
        let question_end = name_end(bytes, HEAD_BYTES)
            .map(|end| end + 4)
            .filter(|end| *end <= bytes.len())
            .ok_or_else(|| format(HEAD_BYTES))?;
        let edns = additionals(bytes, question_end, count(10));
        let edns = edns.ok_or_else(|| format(question_end))?;
        let query = Self {
            bytes,
            question_end,
            edns,
        };
        match query.refusal() {
            None => Ok(query),
            Some(rcode) => Err(refused(question_end, edns, rcode)),
        }
    }

    /// What is asked that nobody is answered here.
    fn refusal(&self) -> Option<ResponseCode> {
        if self.edns.is_some_and(|edns| edns.version != edns::VERSION) {
            return Some(ResponseCode::BADVERS);
        }
        match (self.class(), self.rtype().0) {
            // SIG(0)'s and TSIG's own types, and none at all.
            (CLASS_IN, 0 | OPT | 249 | 250) => Some(ResponseCode::FormErr),
            // Transfers.
            (CLASS_IN, 251 | 252) => Some(ResponseCode::Refused),
            (CLASS_IN, _) => None,
            _ => Some(ResponseCode::Refused),
        }
    }

    /// The head's two bytes of flags, as they came.
    pub(crate) fn flags(&self) -> [u8; 2] {
        [self.bytes[2], self.bytes[3]]
    }

    pub(crate) fn id(&self) -> [u8; 2] {
        [self.bytes[0], self.bytes[1]]
    }

    /// Name, type and class as they were sent: an answer repeats them, with the case of each letter.
    pub(crate) fn question(&self) -> &'a [u8] {
        &self.bytes[HEAD_BYTES..self.question_end]
    }

    pub(crate) fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// RFC 6840 section 5.7: who sets AD or DO understands AD in the answer.
    pub(crate) fn wants_verified(&self) -> bool {
        self.flags()[1] & 0x20 != 0 || self.dnssec_ok()
    }

    /// How long an answer over UDP may be.
    pub(crate) fn udp_answer_bytes(&self) -> usize {
        edns::udp_answer_bytes(self.edns.map(|edns| edns.payload)).into()
    }

    /// What the answer is kept under.
    pub(crate) fn key_bytes(&self) -> KeyBytes {
        let question = self.question();
        // The class is IN.
        let len = question.len() - 2;
        let mut bytes = [0; KEY_BYTES_MAX];
        bytes[..len].copy_from_slice(&question[..len]);
        // The bytes of labels' lengths are below those of letters.
        bytes[..len - 2].make_ascii_lowercase();
        bytes[len] = key_flags(self.dnssec_ok(), self.unchecked());
        KeyBytes {
            bytes,
            len: len + 1,
        }
    }

    pub(crate) fn key(&self) -> Key {
        let bytes = self.key_bytes();
        Key {
            name: WireName::from_wire(bytes.name()).expect("whole labels of at most 255 bytes"),
            rtype: self.rtype(),
            dnssec: self.dnssec_ok(),
            unchecked: self.unchecked(),
        }
    }

    fn unchecked(&self) -> bool {
        self.flags()[1] & 0x10 != 0
    }

    fn rtype(&self) -> RecordType {
        RecordType(self.u16_before(4))
    }

    fn class(&self) -> u16 {
        self.u16_before(2)
    }

    fn u16_before(&self, end: usize) -> u16 {
        let at = self.question_end - end;
        u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]])
    }
}

impl Key {
    pub(crate) fn to_bytes(&self) -> KeyBytes {
        let name = self.name.as_wire();
        let mut bytes = [0; KEY_BYTES_MAX];
        bytes[..name.len()].copy_from_slice(name);
        bytes[name.len()..name.len() + 2].copy_from_slice(&self.rtype.0.to_be_bytes());
        bytes[name.len() + 2] = key_flags(self.dnssec, self.unchecked);
        KeyBytes {
            bytes,
            len: name.len() + 3,
        }
    }
}

impl KeyBytes {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The name in wire form, lower case.
    pub(crate) fn name(&self) -> &[u8] {
        &self.bytes[..self.len - 3]
    }
}

/// The name, the type, and whether with signatures and unchecked, of a key's bytes.
pub(crate) fn read_key(bytes: &[u8]) -> Option<Key> {
    let (name, rest) = bytes.split_at_checked(bytes.len().checked_sub(3)?)?;
    Some(Key {
        name: WireName::from_wire(name).ok()?,
        rtype: RecordType(u16::from_be_bytes([rest[0], rest[1]])),
        dnssec: rest[2] & KEY_DNSSEC != 0,
        unchecked: rest[2] & KEY_UNCHECKED != 0,
    })
}

fn key_flags(dnssec: bool, unchecked: bool) -> u8 {
    (u8::from(dnssec) * KEY_DNSSEC) | (u8::from(unchecked) * KEY_UNCHECKED)
}

/// Where a name that begins at `at` ends; in a question there is nothing that a pointer could point at.
fn name_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    loop {
        let length = *bytes.get(end)?;
        end += 1;
        match length {
            0 => break,
            1..=LABEL_BYTES_MAX => end += usize::from(length),
            _ => return None,
        }
    }
    (end - at <= NAME_BYTES_MAX).then_some(end)
}

/// The OPT record among the additional records, if the message ends with them.
fn additionals(bytes: &[u8], at: usize, count: u16) -> Option<Option<Asked<'_>>> {
    let mut found = None;
    let mut at = at;
    for _ in 0..count {
        let owner_end = name_end(bytes, at)?;
        let head: &[u8; 10] = bytes.get(owner_end..)?.first_chunk()?;
        let data_at = owner_end + 10;
        let data_len = u16::from_be_bytes([head[8], head[9]]);
        let data = bytes.get(data_at..data_at + usize::from(data_len))?;
        if u16::from_be_bytes([head[0], head[1]]) == OPT {
            // RFC 6891 section 6.1.1: one, owned by the root.
            if found.is_some() || owner_end != at + 1 {
                return None;
            }
            let mut asked = Asked {
                payload: u16::from_be_bytes([head[2], head[3]]),
                version: head[5],
                dnssec_ok: head[6] & 0x80 != 0,
                ..Asked::default()
            };
            options(data, &mut asked)?;
            found = Some(asked);
        }
        at = data_at + data.len();
    }
    (at == bytes.len()).then_some(found)
}

fn options<'a>(mut data: &'a [u8], asked: &mut Asked<'a>) -> Option<()> {
    while let Some((head, rest)) = data.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (value, rest) = rest.split_at_checked(length)?;
        match u16::from_be_bytes([head[0], head[1]]) {
            OPTION_NSID => asked.nsid = true,
            OPTION_PADDING => asked.padding = true,
            // RFC 7873 section 5.2: of several the first counts.
            OPTION_COOKIE if asked.cookie.is_none() => asked.cookie = Some(value),
            _ => {}
        }
        data = rest;
    }
    data.is_empty().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Question};
    use hickory_proto::rr::rdata::opt::EdnsOption;
    use hickory_proto::rr::{DNSClass, Name, RecordType as Type};
    use proptest::prelude::*;

    fn asked(name: &str, rtype: u16, edns: Option<Edns>) -> Vec<u8> {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        let name = Name::from_ascii(name).expect("a name");
        message.add_query(Question::query(name, Type::from(rtype)));
        message.edns = edns;
        message.to_vec().expect("it encodes")
    }

    fn rcode(bytes: &[u8]) -> Option<ResponseCode> {
        match Query::parse(bytes) {
            Ok(_) => Some(ResponseCode::NoError),
            Err(Wrong::Silence) => None,
            Err(Wrong::Refused(_, rcode)) => Some(rcode),
        }
    }

    #[test]
    fn a_query_is_its_question_and_what_its_edns_asks() {
        let mut edns = Edns::new();
        edns.set_max_payload(1400).set_dnssec_ok(true);
        let options = edns.options_mut();
        options.insert(EdnsOption::Unknown(10, vec![1; 8]));
        options.insert(EdnsOption::Unknown(3, Vec::new()));
        let bytes = asked("WwW.Example.net.", 28, Some(edns));
        let query = Query::parse(&bytes).expect("a query");
        let key = query.key();
        assert_eq!(key.name.to_string(), "www.example.net.");
        assert_eq!((key.rtype, key.dnssec), (RecordType::AAAA, true));
        assert_eq!(query.key_bytes().as_bytes(), key.to_bytes().as_bytes());
        assert_eq!(read_key(query.key_bytes().as_bytes()), Some(key));
        assert!(query.question().starts_with(b"\x03WwW"));
        let edns = query.edns.expect("it has some");
        assert_eq!((edns.payload, edns.version), (1400, 0));
        assert_eq!(edns.cookie, Some(&[1; 8][..]));
        assert!(edns.nsid && !edns.padding);
    }

    #[test]
    fn what_is_no_query_is_refused_as_what_it_is() {
        let good = asked("a.example.", 1, Some(Edns::new()));
        let changed = |at: usize, to: u8| {
            let mut bytes = good.clone();
            bytes[at] = to;
            bytes
        };
        let form = Some(ResponseCode::FormErr);
        for (what, bytes, expected) in [
            ("a query", good.clone(), Some(ResponseCode::NoError)),
            ("half a head", good[..11].to_vec(), None),
            ("an answer", changed(2, 0x80), None),
            ("NOTIFY", changed(2, 0x20), Some(ResponseCode::NotImp)),
            ("two questions", changed(5, 2), form),
            ("an answer in it", changed(7, 1), form),
            ("a pointer", changed(12, 0xc0), form),
            ("bytes behind it", [&good[..], &[0]].concat(), form),
            ("a cut OPT", good[..good.len() - 1].to_vec(), form),
            ("five additionals", changed(11, 5), form),
            ("type 0", asked("a.", 0, None), form),
            ("AXFR", asked("a.", 252, None), Some(ResponseCode::Refused)),
        ] {
            assert_eq!(rcode(&bytes), expected, "{what}");
        }
        let mut chaos = Message::from_vec(&good).expect("a message");
        chaos.queries[0].set_query_class(DNSClass::CH);
        let chaos = chaos.to_vec().expect("it encodes");
        assert_eq!(rcode(&chaos), Some(ResponseCode::Refused));
        let mut newer = Edns::new();
        newer.set_version(1);
        let newer = asked("a.", 1, Some(newer));
        assert_eq!(rcode(&newer), Some(ResponseCode::BADVERS));
    }

    proptest! {
        #[test]
        fn hickory_reads_the_same_question(labels in proptest::collection::vec("[a-zA-Z0-9_]{1,20}", 0..6), rtype in 1_u16..249, dnssec in any::<bool>()) {
            prop_assume!(rtype != 41);
            let name = labels.join(".") + ".";
            let mut edns = Edns::new();
            edns.set_dnssec_ok(dnssec);
            let bytes = asked(&name, rtype, Some(edns));
            let query = Query::parse(&bytes).expect("a query");
            let theirs = Message::from_vec(&bytes).expect("a message");
            prop_assert_eq!(query.key().name.to_string(), theirs.queries[0].name().to_ascii().to_ascii_lowercase());
            prop_assert_eq!(query.key().rtype.0, rtype);
            prop_assert_eq!(query.dnssec_ok(), dnssec);
        }

        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..120), cut in 0_usize..60, at in any::<usize>(), to in any::<u8>()) {
            let _ = Query::parse(&bytes);
            let mut near = asked("www.example.net.", 1, Some(Edns::new()));
            let at = at % near.len();
            near[at] = to;
            near.truncate(cut.max(1));
            if let Ok(query) = Query::parse(&[near, bytes].concat()) {
                let (theirs, ours) = (query.key_bytes(), query.key().to_bytes());
                prop_assert_eq!(theirs.as_bytes(), ours.as_bytes());
            }
        }
    }
}
