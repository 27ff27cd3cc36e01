//! What is answered to a question about a name under our suffix: pure, from a verified zone to signed sets of records.
//!
//! This module owns the rules of the answer: explicit records, wildcards, aliases ([`local`]), what resources are answered with
//! ([`made_up`]), the names of signed denial ([`denial`]), the top of the suffix itself ([`apex`]) and the signatures ([`sign`]).
//! Everything under the suffix is one DNS zone, whose apex is the suffix: so one key signs all of it, one DS is its anchor, and a
//! name that is delegated to another identity needs no chain of its own. Getting the zones is for [`crate::Resolver`], messages and
//! sockets are for [`crate::server`].

pub mod apex;
pub mod denial;
pub mod local;
pub mod made_up;
pub mod sign;

use dotkey_proto::dns::{RecordType, WireName};
use hickory_proto::op::ResponseCode;

/// A day: whatever an owner writes, a change of theirs is everywhere a day later.
pub const TTL_SECS_MAX: u32 = 86_400;

/// Records of one type at one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The name.
    pub owner: WireName,
    /// The type.
    pub rtype: RecordType,
    /// How long they may be kept.
    pub ttl: u32,
    /// Each RDATA in wire form, its names absolute and not compressed.
    pub rdata: Vec<Vec<u8>>,
}

/// An extended error (RFC 8914): a number, and text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extended {
    /// Its number in IANA's registry.
    pub code: u16,
    /// What a person is told; no client decides by it.
    pub text: String,
}

/// An answer, not yet signed and not yet a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it went.
    pub rcode: ResponseCode,
    /// The answer section. A CNAME that a DNAME amounts to follows it.
    pub answers: Vec<Set>,
    /// The authority section: the SOA of a denial.
    pub authorities: Vec<Set>,
    /// What denial is proved with, for who asks for DNSSEC.
    pub denial: Vec<Set>,
    /// Why there is no answer.
    pub extended: Option<Extended>,
    /// Whether ordinary names came into it: the signature is then for our own part alone.
    pub foreign: Vec<Set>,
    /// Aliases followed so far.
    pub aliases: usize,
}

impl Answer {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rcode: ResponseCode::NoError,
            answers: Vec::new(),
            authorities: Vec::new(),
            denial: Vec::new(),
            extended: None,
            foreign: Vec::new(),
            aliases: 0,
        }
    }

    /// There is no answer, and why. What was collected before is dropped: half a chain is no answer.
    #[must_use]
    pub fn failed(code: u16, text: String) -> Self {
        Self {
            rcode: ResponseCode::ServFail,
            extended: Some(Extended { code, text }),
            ..Self::new()
        }
    }

    /// How long all of it may be kept.
    #[must_use]
    pub fn ttl(&self) -> Option<u32> {
        let sets = self
            .answers
            .iter()
            .chain(&self.authorities)
            .chain(&self.foreign);
        sets.map(|set| set.ttl).min()
    }
}

impl Default for Answer {
    fn default() -> Self {
        Self::new()
    }
}

/// The numbers of extended errors (IANA, RFC 8914 section 5.2).
pub mod extended {
    /// Anything else: the text says what.
    pub const OTHER: u16 = 0;
    /// The answer is older than it should be, because nobody gave a newer one.
    pub const STALE: u16 = 3;
    /// A check failed.
    pub const BOGUS: u16 = 6;
    /// What was signed has expired.
    pub const SIGNATURE_EXPIRED: u16 = 7;
    /// What was signed is not valid yet.
    pub const SIGNATURE_NOT_YET_VALID: u16 = 8;
    /// A zone has no key that fits what names or uses it.
    pub const DNSKEY_MISSING: u16 = 9;
    /// What should be signed is not.
    pub const SIGNATURES_MISSING: u16 = 10;
    /// What is said to be absent is not proved to be.
    pub const NSEC_MISSING: u16 = 12;
    /// The same of a denial.
    pub const STALE_NXDOMAIN: u16 = 19;
    /// The server is not to answer this client, or this question.
    pub const PROHIBITED: u16 = 18;
    /// It is not done here.
    pub const NOT_SUPPORTED: u16 = 21;
    /// Nobody who should know answered.
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    /// The way to who should know is broken.
    pub const NETWORK: u16 = 23;
    /// Data of the owner's that cannot be used.
    pub const INVALID_DATA: u16 = 24;
}
