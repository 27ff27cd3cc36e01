//! From bytes to a verified record: section 5.2, in its order.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::ops::{Deref, Range};

use super::claims::Parts;
use super::{Kind, RecordError, place};
use crate::cbor::check_size;
use crate::identity::{Anchor, Authority, Branch, KeyId, PublicKey, Role};
use crate::limits::RECORD_SIGNATURES_MAX;
use crate::signature::Envelope;
use crate::time::Timestamp;
use crate::zone::{Zone, ZoneError};

/// The proof that a value was verified. Only verification in this crate makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The value, and the proof given up.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Bytes that claim to be a record. Cloning shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedRecord(Arc<[u8]>);

/// What bytes say of themselves before anything of it is verified: enough to see whether they are held already, and what
/// verifying them costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outline {
    /// Where it would live: section 5.6.
    pub place: [u8; 32],
    /// Of what was signed: section 5.4.
    pub digest: [u8; 32],
    /// Its own and those of its chain.
    pub signatures: usize,
}

/// What a verified record says. Cloning shares its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    bytes: Arc<[u8]>,
    /// Of the payload: whoever stores, compares or announces a record asks for it.
    digest: [u8; 32],
    body: Range<usize>,
    kind: Kind,
    sequence: u64,
    not_before: Timestamp,
    expires: Timestamp,
    branch: Option<Branch>,
    authority: Authority,
}

impl SignedRecord {
    /// Takes bytes as they came.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the bytes say of themselves, with nothing verified.
    ///
    /// # Errors
    /// A malformed record, or one with more signatures than any may have.
    pub fn outline(&self) -> Result<Outline, RecordError> {
        check_size("a record", &self.0)?;
        let envelope = Envelope::decode(&self.0)?;
        let parts = Parts::read(envelope.payload)?;
        check_signature_count(&envelope, &parts)?;
        Ok(Outline {
            place: place(parts.kind, parts.key_id, parts.branch.as_ref()),
            digest: digest(envelope.payload),
            signatures: envelope.signatures.len() + parts.chain.signature_count(),
        })
    }

    /// Verifies the record at a time, and against what a ledger says of its identity where that is known. It says whose
    /// record it is; who asked for a certain one uses [`SignedRecord::verify_for`].
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(
        &self,
        now: Timestamp,
        anchor: Option<&Anchor>,
    ) -> Result<Verified<Record>, RecordError> {
        check_size("a record", &self.0)?;
        let envelope = Envelope::decode(&self.0)?;
        let parts = Parts::read(envelope.payload)?;
        check_time(&parts, now)?;
        check_signature_count(&envelope, &parts)?;
        let authority = parts.chain.verify(parts.key_id, anchor)?;
        if let Some(least) = anchor.and_then(|anchor| anchor.least_sequence)
            && parts.sequence < least
        {
            return Err(RecordError::RolledBack {
                sequence: parts.sequence,
                least,
            });
        }
        check_signatures(&envelope, &parts, &authority)?;
        Ok(Verified(self.record(envelope.payload, &parts, authority)))
    }

    /// As [`SignedRecord::verify`], for who asked for the record of a certain identity and branch: another one is refused,
    /// however valid it is.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify_for(
        &self,
        key_id: KeyId,
        branch: Option<&Branch>,
        now: Timestamp,
        anchor: Option<&Anchor>,
    ) -> Result<Verified<Record>, RecordError> {
        let record = self.verify(now, anchor)?;
        if record.key_id() == key_id && record.branch() == branch {
            return Ok(record);
        }
        Err(RecordError::OtherRecord {
            expected: key_id,
            found: record.key_id(),
            branch: record.branch().cloned(),
        })
    }

    fn record(&self, payload: &[u8], parts: &Parts<'_>, authority: Authority) -> Record {
        // Both are slices of the whole, so their places are where they begin in it.
        let range = |part: &[u8]| {
            let begin = part.as_ptr() as usize - self.0.as_ptr() as usize;
            begin..begin + part.len()
        };
        Record {
            bytes: Arc::clone(&self.0),
            digest: digest(payload),
            body: range(parts.body),
            kind: parts.kind,
            sequence: parts.sequence,
            not_before: parts.not_before,
            expires: parts.expires,
            branch: parts.branch.clone(),
            authority,
        }
    }
}

fn digest(payload: &[u8]) -> [u8; 32] {
    blake3::derive_key("dotkey record v1", payload)
}

fn check_time(parts: &Parts<'_>, now: Timestamp) -> Result<(), RecordError> {
    let Parts {
        not_before,
        expires,
        ..
    } = *parts;
    if now < not_before {
        return Err(RecordError::NotYetValid { not_before, now });
    }
    if now >= expires {
        return Err(RecordError::Expired { expires, now });
    }
    Ok(())
}

/// Counts before anything is verified: a hostile record buys no work with a long chain.
fn check_signature_count(envelope: &Envelope<'_>, parts: &Parts<'_>) -> Result<(), RecordError> {
    let found = envelope.signatures.len() + parts.chain.signature_count();
    if found > RECORD_SIGNATURES_MAX {
        let max = RECORD_SIGNATURES_MAX;
        return Err(RecordError::TooManySignatures { found, max });
    }
    Ok(())
}

fn check_signatures(
    envelope: &Envelope<'_>,
    parts: &Parts<'_>,
    authority: &Authority,
) -> Result<(), RecordError> {
    let policy = authority.policy();
    let branch = parts.branch.as_ref();
    let mut signers: Vec<PublicKey> = Vec::with_capacity(envelope.signatures.len());
    for signature in &envelope.signatures {
        let Some(key) = policy.keys.iter().find(|key| signature.is_by(&key.public)) else {
            return Err(RecordError::UnknownSigner {
                signer: signature.signer(),
                policy: policy.number,
            });
        };
        if !key.roles.iter().any(|role| role.may_publish(branch)) {
            return Err(RecordError::WrongRole {
                signer: Box::new(key.public),
                needed: branch.map_or(Role::Publish, |branch| Role::PublishBranch(branch.clone())),
                held: key.roles.clone().into(),
            });
        }
        signers.push(key.public);
    }
    let subject = parts.subject();
    let mut buffer = Vec::with_capacity(envelope.payload.len() + 128);
    for (signature, signer) in envelope.signatures.iter().zip(&signers) {
        signature.verify(signer, &subject, envelope.payload, &mut buffer)?;
    }
    check_threshold(&signers, branch, authority)
}

/// One role alone must reach its threshold: weights that are held under different roles do not add up.
fn check_threshold(
    signers: &[PublicKey],
    branch: Option<&Branch>,
    authority: &Authority,
) -> Result<(), RecordError> {
    let policy = authority.policy();
    let mut closest: Option<(u32, RecordError)> = None;
    for (role, needed) in policy
        .thresholds
        .iter()
        .filter(|(role, _)| role.may_publish(branch))
    {
        let reached = policy.weight_of(role, signers);
        if reached >= *needed {
            return Ok(());
        }
        let missing = needed - reached;
        if closest.as_ref().is_none_or(|(least, _)| missing < *least) {
            let (role, needed) = (role.clone(), *needed);
            closest = Some((
                missing,
                RecordError::Threshold {
                    role,
                    reached,
                    needed,
                },
            ));
        }
    }
    let (_, error) = closest.expect("every policy has a threshold for `publish`");
    Err(error)
}

impl Record {
    /// The whole record as it was signed and may be passed on.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What kind of thing the body is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose it is.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.authority.key_id()
    }

    /// Its sequence.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// From when it holds.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until just before when it holds.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The branch of the zone, where it is not the whole.
    #[must_use]
    pub fn branch(&self) -> Option<&Branch> {
        self.branch.as_ref()
    }

    /// The policy that it was signed under.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The signed body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.bytes[self.body.clone()]
    }

    /// The zone in the body. Verification does not look into it, so this is where a malformed one is found.
    ///
    /// # Errors
    /// The first rule of section 7 that is broken.
    pub fn zone(&self) -> Result<Zone, ZoneError> {
        Zone::decode(self.body(), self.branch.as_ref().map(Branch::owner))
    }

    /// The digest of what was signed: section 5.4.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Whether this record or `other` is newer, of two of the same place: section 5.5. Equal are those that differ at most
    /// in their signatures.
    #[must_use]
    pub fn cmp_age(&self, other: &Self) -> Ordering {
        let number = |record: &Self| record.authority.policy().number;
        let order = number(self)
            .cmp(&number(other))
            .then(self.sequence.cmp(&other.sequence));
        order.then_with(|| self.digest().cmp(&other.digest()))
    }
}
