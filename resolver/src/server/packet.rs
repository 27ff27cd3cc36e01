//! An answer as it is kept: in wire form, so that giving it again is copying it and making its TTLs smaller. Pure.
//!
//! What is kept is all that does not depend on who asks: the sections behind the question. The question itself is the client's, byte
//! for byte, and its OPT record is written for it; names in the sections point into the question, which is as long in every query.

use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use hickory_proto::op::ResponseCode;

use super::message::{Fit, MESSAGE_BYTES_MAX, Options, cut_short, write_head};
use super::query::{HEAD_BYTES, Key, Query, read_key};
use super::said::{Said, Whence};
use super::sections::Sections;
use crate::answer::extended;
use crate::transport::Transport;

/// The text of an extended error: enough for a sentence, and far from filling a packet.
const EXTENDED_TEXT_BYTES_MAX: usize = 200;

/// What is asked for in the last tenth of its time is fetched again before it is over; what holds for less than this is not worth it.
const RENEWED_PART: u32 = 10;
const RENEWED_SECS_MIN: u32 = 10;

/// RFC 8767 section 4: what a stale answer says it may be kept for.
pub(crate) const STALE_TTL_SECS: u32 = 30;

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name under our suffix.
    Ours,
    /// Any other name.
    Ordinary,
}

/// A kept answer.
pub(crate) struct Packet {
    /// The key, the sections behind the question, where their TTLs are (two bytes each), and the extended error's text.
    data: Box<[u8]>,
    key_len: u16,
    sections_len: u16,
    ttls: u16,
    answers: u16,
    authorities: u16,
    rcode: u16,
    error: Option<u16>,
    verified: bool,
    kind: Kind,
    whence: Whence,
    pub(super) made_at: u32,
    /// For how long it is given without asking again.
    pub(super) kept_secs: u32,
    /// The least of its records' TTLs.
    least_ttl: u32,
    /// As of which change of an identity's records it holds, and the places where changes of those it comes from are told.
    pub(super) as_of: u64,
    pub(super) told_at: Box<[u16]>,
    pub(super) marks: Marks,
}

/// What happens to an answer while it is kept.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Whether it was given since the hand of its cache passed it last.
    pub(super) given: AtomicU8,
    /// It was replaced, flushed or evicted.
    pub(super) gone: AtomicBool,
    /// Another is being fetched for it.
    pub(super) renewing: AtomicBool,
}

/// What is known when an answer is made, besides what it says.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) kind: Kind,
    pub(crate) at: u32,
    pub(crate) kept_secs: u32,
    pub(crate) as_of: u64,
    pub(crate) told_at: Box<[u16]>,
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("key", &self.key())
            .field("rcode", &self.rcode)
            .field("kept_secs", &self.kept_secs)
            .finish_non_exhaustive()
    }
}

impl Packet {
    pub(crate) fn new(key: &Key, said: &Said, made: Made) -> Self {
        let sections = Sections::of(key, said);
        let text = said
            .extended
            .as_ref()
            .map_or("", |extended| cut(&extended.text, EXTENDED_TEXT_BYTES_MAX));
        let key_bytes = key.to_bytes();
        let key_bytes = key_bytes.as_bytes();
        let (ttls, data) = sections.with(key_bytes, text.as_bytes());
        Self {
            data,
            key_len: key_bytes.len() as u16,
            sections_len: sections.bytes.len() as u16,
            ttls,
            answers: sections.answers,
            authorities: sections.authorities,
            rcode: sections.rcode.into(),
            error: said.extended.as_ref().map(|extended| extended.code),
            verified: said.verified,
            kind: made.kind,
            whence: said.whence,
            made_at: made.at,
            kept_secs: made.kept_secs,
            least_ttl: said.least_ttl().unwrap_or(0),
            as_of: made.as_of,
            told_at: made.told_at,
            marks: Marks::default(),
        }
    }

    /// The same once more, given although its time is over (RFC 8767): each TTL is short, and the extended error says so.
    pub(crate) fn revived(&self, now: u32) -> Self {
        let code = match self.rcode() {
            ResponseCode::NXDomain => extended::STALE_NXDOMAIN,
            _ => extended::STALE,
        };
        let text = "nobody who should know answers; this is what held before";
        let keep = self.text_range().start;
        let mut data = [&self.data[..keep], text.as_bytes()].concat();
        for at in self.ttl_places() {
            data[self.sections().start + at..][..4].copy_from_slice(&STALE_TTL_SECS.to_be_bytes());
        }
        Self {
            data: data.into(),
            error: Some(code),
            made_at: now,
            kept_secs: STALE_TTL_SECS,
            least_ttl: STALE_TTL_SECS,
            told_at: self.told_at.clone(),
            marks: Marks::default(),
            ..*self
        }
    }

    /// What it is kept under.
    pub(super) fn key_bytes(&self) -> &[u8] {
        &self.data[..usize::from(self.key_len)]
    }

    /// The name in wire form.
    pub(super) fn name_bytes(&self) -> &[u8] {
        &self.data[..usize::from(self.key_len) - 3]
    }

    /// Whether it was replaced, flushed or evicted.
    pub(super) fn is_gone(&self) -> bool {
        self.marks.gone.load(Ordering::Relaxed)
    }

    /// Whoever holds it lets go of it.
    pub(super) fn go(&self) {
        self.marks.gone.store(true, Ordering::Relaxed);
    }

    /// Until when it is given without asking again.
    pub(super) fn held_until(&self) -> u32 {
        self.made_at.saturating_add(self.kept_secs)
    }

    /// Whether whoever gives it is to fetch another: its time is nearly over, and it is being asked for. Said once.
    pub(super) fn is_to_be_renewed(&self, now: u32) -> bool {
        let left = self.held_until().saturating_sub(now);
        self.kept_secs >= RENEWED_SECS_MIN
            && left <= self.kept_secs / RENEWED_PART
            && !self.is_failure()
            && self.marks.given.load(Ordering::Relaxed) > 0
            && !self.marks.renewing.swap(true, Ordering::Relaxed)
    }

    /// Counts that it was given.
    pub(super) fn give(&self) {
        // Written once only: what many threads write is slow for all.
        if self.marks.given.load(Ordering::Relaxed) == 0 {
            self.marks.given.store(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn key(&self) -> Option<Key> {
        read_key(self.key_bytes())
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn whence(&self) -> Whence {
        self.whence
    }

    pub(crate) fn rcode(&self) -> ResponseCode {
        ResponseCode::from((self.rcode >> 4) as u8, (self.rcode & 0x0f) as u8)
    }

    pub(crate) fn is_failure(&self) -> bool {
        self.rcode == u16::from(ResponseCode::ServFail)
    }

    pub(crate) fn verified(&self) -> bool {
        self.verified
    }

    /// The number of its extended error.
    pub(crate) fn error(&self) -> Option<u16> {
        self.error
    }

    pub(super) fn age_secs(&self, now: u32) -> u32 {
        now.saturating_sub(self.made_at)
    }

    /// For how long it may still be kept by whoever gets it now.
    pub(crate) fn ttl(&self, now: u32) -> u32 {
        self.least_ttl.saturating_sub(self.age_secs(now))
    }

    /// The memory that it takes, with what the allocator and the tables that hold it add.
    pub(super) fn memory_bytes(&self) -> usize {
        /// The counts of an `Arc`, its places in a map and a queue, and what an allocator rounds up.
        const AROUND_BYTES: usize = 80;
        size_of::<Self>() + self.data.len() + 2 * self.told_at.len() + AROUND_BYTES
    }

    /// The length of its message to a client without EDNS.
    pub(crate) fn wire_bytes(&self) -> usize {
        // The flags of the key are no part of the question; its class is.
        HEAD_BYTES + usize::from(self.key_len) - 1 + 2 + usize::from(self.sections_len)
    }

    /// The answer to a query, in place of whatever `out` holds.
    pub(crate) fn write(&self, query: &Query<'_>, fit: &Fit<'_>, out: &mut Vec<u8>) {
        out.clear();
        let verified = self.verified && query.wants_verified();
        write_head(query, self.rcode(), verified, out);
        let answers_at = out.len();
        out.extend_from_slice(&self.data[self.sections()]);
        let age_secs = self.age_secs(fit.now);
        for place in self.ttl_places() {
            let ttl = &mut out[answers_at + place..][..4];
            let left =
                u32::from_be_bytes([ttl[0], ttl[1], ttl[2], ttl[3]]).saturating_sub(age_secs);
            ttl.copy_from_slice(&left.to_be_bytes());
        }
        out[6..8].copy_from_slice(&self.answers.to_be_bytes());
        out[8..10].copy_from_slice(&self.authorities.to_be_bytes());
        let error = self.error.map(|code| (code, &self.data[self.text_range()]));
        let options = Options {
            query,
            rcode: self.rcode(),
            error,
            fit,
        };
        let limit = match fit.transport {
            Transport::Udp => query.udp_answer_bytes(),
            _ => MESSAGE_BYTES_MAX,
        };
        options.write(out);
        if out.len() > limit {
            // RFC 2181 section 9: part of a set is no set. Who sees TC asks again over TCP.
            out.truncate(answers_at);
            cut_short(out);
            out[6..10].fill(0);
            options.write(out);
        }
    }

    fn sections(&self) -> Range<usize> {
        let start = usize::from(self.key_len);
        start..start + usize::from(self.sections_len)
    }

    /// Where TTLs are, from the start of the sections on.
    fn ttl_places(&self) -> impl Iterator<Item = usize> + '_ {
        let start = self.sections().end;
        let places = &self.data[start..start + 2 * usize::from(self.ttls)];
        places
            .as_chunks()
            .0
            .iter()
            .map(|place| usize::from(u16::from_be_bytes(*place)))
    }

    fn text_range(&self) -> Range<usize> {
        self.sections().end + 2 * usize::from(self.ttls)..self.data.len()
    }
}

/// A text of at most so many bytes, cut between characters.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Set;
    use dotkey_proto::dns::RecordType;
    use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Question};
    use hickory_proto::rr::{Name, Record, RecordType as Type};
    use proptest::prelude::*;

    fn set(owner: &str, rtype: RecordType, ttl: u32, rdata: &[&[u8]]) -> Set {
        Set {
            owner: owner.parse().expect(owner),
            rtype,
            ttl,
            rdata: rdata.iter().map(|rdata| rdata.to_vec()).collect(),
        }
    }

    fn key(name: &str) -> Key {
        Key {
            name: name.parse().expect(name),
            rtype: RecordType::A,
            dnssec: false,
            unchecked: false,
        }
    }

    fn packet(key: &Key, said: &Said) -> Packet {
        let made = Made {
            kind: Kind::Ordinary,
            at: 100,
            kept_secs: 60,
            as_of: 0,
            told_at: Box::default(),
        };
        Packet::new(key, said, made)
    }

    fn asked(name: &str) -> Vec<u8> {
        let mut message = Message::new(9, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        let name = Name::from_ascii(name).expect("a name");
        message.add_query(Question::query(name, Type::A));
        message.set_edns(Edns::new());
        message.to_vec().expect("it encodes")
    }

    fn answer(packet: &Packet, query: &[u8], now: u32) -> Message {
        let fit = Fit {
            transport: Transport::Tcp,
            now,
            cookie: None,
            nsid: b"",
        };
        let mut out = vec![1, 2, 3];
        let query = Query::parse(query).expect("a query");
        packet.write(&query, &fit, &mut out);
        Message::from_vec(&out).expect("hickory reads it")
    }

    fn said() -> Said {
        let mut said = Said::only(ResponseCode::NoError, None);
        said.answers = vec![
            set(
                "www.example.net.",
                RecordType::CNAME,
                300,
                &[b"\x01a\x07example\x03net\0"],
            ),
            set(
                "a.example.net.",
                RecordType::A,
                60,
                &[&[192, 0, 2, 1], &[192, 0, 2, 2]],
            ),
        ];
        said.verified = true;
        said
    }

    #[test]
    fn it_is_given_in_the_case_of_the_question_with_what_is_left_of_each_ttl() {
        let packet = packet(&key("www.example.net."), &said());
        let query = asked("wWw.eXample.net.");
        let given = answer(&packet, &query, 110);
        assert_eq!(given.queries[0].name().to_ascii(), "wWw.eXample.net.");
        assert!(given.metadata.recursion_desired && !given.metadata.authentic_data);
        let shown: Vec<(String, u32)> = given
            .answers
            .iter()
            .map(|one| (one.name.to_ascii(), one.ttl))
            .collect();
        // Whatever points into the question has its case.
        let address = |ttl| ("a.eXample.net.".to_owned(), ttl);
        assert_eq!(shown[1..], [address(50), address(50)]);
        assert_eq!(shown[0].1, 290);
        assert_eq!(answer(&packet, &query, 100_000).answers[2].ttl, 0);
        let stale = answer(&packet.revived(500), &query, 500);
        assert!(stale.answers.iter().all(|one| one.ttl == STALE_TTL_SECS));
        assert!(
            stale
                .edns
                .expect("EDNS")
                .option(hickory_proto::rr::rdata::opt::EdnsCode::Unknown(15))
                .is_some()
        );
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_what_hickory_reads(
            sets in proptest::collection::vec(("[a-z]{1,10}", 0_u32..100_000, proptest::collection::vec(proptest::collection::vec(any::<u8>(), 4..5), 1..20)), 0..10),
            now in 100_u32..100_000, split in 0_usize..10,
        ) {
            let mut said = Said::only(ResponseCode::NoError, None);
            for (at, (owner, ttl, rdata)) in sets.iter().enumerate() {
                let rdata: Vec<&[u8]> = rdata.iter().map(|one| &one[..]).collect();
                let set = set(&format!("{owner}.example.net."), RecordType::A, *ttl, &rdata);
                if at < split { said.answers.push(set) } else { said.authorities.push(set) }
            }
            let given = answer(&packet(&key("example.net."), &said), &asked("example.net."), now);
            let flat = |sets: &[Set]| -> Vec<(String, u32)> {
                let records = sets.iter().flat_map(|set| set.rdata.iter().map(|_| (set.owner.to_string(), set.ttl.saturating_sub(now - 100))));
                records.collect()
            };
            let read = |records: &[Record]| -> Vec<(String, u32)> {
                records.iter().map(|one| (one.name.to_ascii(), one.ttl)).collect()
            };
            prop_assert_eq!(read(&given.answers), flat(&said.answers));
            prop_assert_eq!(read(&given.authorities), flat(&said.authorities));
        }
    }
}
