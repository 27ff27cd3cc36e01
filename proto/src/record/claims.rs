//! What a record says, before anyone has signed it: section 5.1.

use alloc::vec::Vec;

use core::ops::Range;

use super::{RecordError, SignedRecord};
use crate::cbor::{CborError, MapWriter, Reader, Writer, check_size};
use crate::identity::{Branch, Chain, KeyId, Policy};
use crate::limits::RECORD_BYTES_MAX;
use crate::signature::{Draft, PublicKey, SecretKey, SignatureError, Subject};
use crate::time::Timestamp;

/// 2^53 - 1, the largest integer that JSON carries everywhere.
pub const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// A forgotten record ends after 400 days.
pub const VALIDITY_SECS_MAX: u64 = 400 * 86_400;

/// How long a record holds unless its owner says otherwise.
pub const VALIDITY_SECS_DEFAULT: u64 = 30 * 86_400;

/// The least that a signature adds to an envelope: a wallet's, with the header that names it.
const SIGNATURE_BYTES_MIN: usize = 100;

const _: () = assert!(VALIDITY_SECS_DEFAULT < VALIDITY_SECS_MAX);

/// What a record's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A zone: section 7.
    Zone,
}

impl Kind {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            Self::Zone => 1,
        }
    }
}

/// The claims of a zone record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Whose record it is.
    pub key_id: KeyId,
    /// Higher replaces lower.
    pub sequence: u64,
    /// From when it holds.
    pub not_before: Timestamp,
    /// Until just before when it holds.
    pub expires: Timestamp,
    /// The branch of the zone, where it is not the whole.
    pub branch: Option<Branch>,
    /// The first policy and the updates since.
    pub chain: Vec<Vec<u8>>,
    /// The zone's encoding.
    pub body: Vec<u8>,
}

impl Claims {
    /// A draft of the record, to be signed by its publishers.
    ///
    /// # Errors
    /// A rule that no signature could mend: the range of the sequence, the window, the size.
    pub fn draft(&self) -> Result<Draft, RecordError> {
        check_window(self.not_before, self.expires)?;
        let payload = self.encode();
        // The rules of form are a reader's. Whether the chain is the key id's, and the body a zone, is the caller's to know:
        // a recovery and a pinned chain cannot be told here.
        Parts::read(&payload)?;
        let subject = Subject::Record {
            key_id: self.key_id,
            branch: self.branch.clone(),
            sequence: self.sequence,
        };
        let draft = Draft::new(subject, payload);
        let (len, max) = (draft.encode().len() + SIGNATURE_BYTES_MIN, RECORD_BYTES_MAX);
        if len > max {
            let what = "the record with one signature";
            return Err(CborError::TooLarge { what, len, max }.into());
        }
        Ok(draft)
    }

    fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_uint(1, 1);
        map.set_uint(2, Kind::Zone.number());
        map.set_bytes(3, self.key_id.as_bytes());
        map.set_uint(4, self.sequence);
        map.set_uint(5, self.not_before.as_secs());
        map.set_uint(6, self.expires.as_secs());
        if let Some(branch) = &self.branch {
            map.set_bytes(7, branch.owner().as_wire());
        }
        map.set(8, |w| {
            w.raw(&Chain::encode(&self.chain));
        });
        map.set_bytes(9, &self.body);
        map.to_bytes()
    }
}

impl SignedRecord {
    /// A record of the identity that is nothing but this key, signed with it: the shortest way from a key to a record.
    ///
    /// # Errors
    /// As [`Claims::draft`].
    pub fn of_bare_key(
        secret: &SecretKey,
        sequence: u64,
        window: Range<Timestamp>,
        body: Vec<u8>,
    ) -> Result<Self, RecordError> {
        let key = PublicKey::Ed25519(secret.public());
        let policy = Policy::bare(key).encode();
        let claims = Claims {
            key_id: Policy::bare_key_id(key),
            sequence,
            not_before: window.start,
            expires: window.end,
            branch: None,
            chain: Vec::from([policy.expect("the policy of one key is sound")]),
            body,
        };
        let mut draft = claims.draft()?;
        draft.sign(secret);
        Ok(Self::new(draft.encode()))
    }
}

/// The claims of a payload, taken apart without copying the chain or the body.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) kind: Kind,
    pub(super) key_id: KeyId,
    pub(super) sequence: u64,
    pub(super) not_before: Timestamp,
    pub(super) expires: Timestamp,
    pub(super) branch: Option<Branch>,
    pub(super) chain: Chain<'a>,
    pub(super) body: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads a payload and holds it to the rules 1 to 4 of section 5.2.
    pub(super) fn read(payload: &'a [u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(payload)?;
        let mut map = reader.closed_map("a record")?;
        let version = map.required(1, |r| r.uint("the version of a record"))?;
        if version != 1 {
            return Err(RecordError::UnknownVersion(version));
        }
        let kind = match map.required(2, |r| r.uint("the kind of a record"))? {
            1 => Kind::Zone,
            other => return Err(RecordError::UnknownKind(other)),
        };
        let key_id = KeyId::from_bytes(map.required(3, |r| r.array_of("the key id of a record"))?);
        let sequence = map.required(4, |r| {
            r.uint_in("the sequence of a record", 1, SEQUENCE_MAX)
        })?;
        let not_before = map.required(5, |r| read_time(r, "the begin of a record's validity"))?;
        let expires = map.required(6, |r| read_time(r, "the end of a record's validity"))?;
        let branch = map.optional(7, |r| r.bytes("the branch of a record", 1, 254))?;
        let chain = map.required(8, Chain::read)?;
        let body = map.required(9, |r| r.bytes("the body of a record", 1, RECORD_BYTES_MAX))?;
        map.close()?;
        check_window(not_before, expires)?;
        let branch = branch
            .map(|wire| Branch::from_wire(wire).ok_or_else(|| RecordError::Branch(wire.into())))
            .transpose()?;
        Ok(Self {
            kind,
            key_id,
            sequence,
            not_before,
            expires,
            branch,
            chain,
            body,
        })
    }

    pub(super) fn subject(&self) -> Subject {
        Subject::Record {
            key_id: self.key_id,
            branch: self.branch.clone(),
            sequence: self.sequence,
        }
    }

    fn to_claims(&self, chain: Vec<Vec<u8>>) -> Claims {
        Claims {
            key_id: self.key_id,
            sequence: self.sequence,
            not_before: self.not_before,
            expires: self.expires,
            branch: self.branch.clone(),
            chain,
            body: self.body.to_vec(),
        }
    }
}

impl Claims {
    /// What a record claims, signed or not. Nothing is verified: this is for looking into a record, and for signing on.
    ///
    /// # Errors
    /// A malformed payload.
    pub fn decode(payload: &[u8]) -> Result<Self, RecordError> {
        let parts = Parts::read(payload)?;
        let chain = parts.chain.elements().map(<[u8]>::to_vec).collect();
        Ok(parts.to_claims(chain))
    }

    /// Takes up a record that lacks signatures. Those that it has are checked.
    ///
    /// # Errors
    /// A malformed record, or a signature that does not hold.
    pub fn resume(bytes: &[u8]) -> Result<(Self, Draft), RecordError> {
        check_size("a record", bytes)?;
        let draft = Draft::decode(bytes, |payload| {
            Parts::read(payload).map(|parts| parts.subject())
        })?;
        Ok((Self::decode(draft.payload())?, draft))
    }
}

fn check_window(not_before: Timestamp, expires: Timestamp) -> Result<(), RecordError> {
    if expires <= not_before || expires.secs_since(not_before) > VALIDITY_SECS_MAX {
        return Err(RecordError::ValidityWindow {
            not_before,
            expires,
        });
    }
    Ok(())
}

pub(crate) fn read_time(
    reader: &mut Reader<'_>,
    what: &'static str,
) -> Result<Timestamp, CborError> {
    let secs = reader.uint_in(what, 0, Timestamp::MAX.as_secs())?;
    Ok(Timestamp::from_secs(secs).expect("the range was just checked"))
}

/// Where a record lives in the key space: section 5.6.
#[must_use]
pub fn place(kind: Kind, key_id: KeyId, branch: Option<&Branch>) -> [u8; 32] {
    let mut writer = Writer::new();
    writer.array(3).uint(kind.number()).bytes(key_id.as_bytes());
    writer.bytes(branch.map_or(&[], |branch| branch.owner().as_wire()));
    blake3::derive_key("dotkey record place v1", &writer.into_bytes())
}

impl From<CborError> for RecordError {
    fn from(error: CborError) -> Self {
        Self::Form(SignatureError::Cbor(error))
    }
}
