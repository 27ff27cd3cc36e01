//! Who certifies blocks: section 8.7.

use alloc::string::String;
use alloc::vec::Vec;

use super::LedgerError;
use super::bls::{VOTING_SIGNATURE_BYTES, VotingKey};
use crate::cbor::{Reader, Writer};
use crate::limits::{VALIDATOR_ADDRESS_BYTES_MAX, VALIDATORS_MAX};
use crate::signature::Ed25519Key;

/// One that votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The ed25519 key by which other validators know it.
    pub identity: Ed25519Key,
    /// The key that it votes with.
    pub key: VotingKey,
}

/// The validators of an epoch, in ascending order of their identities. Each has one vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    digest: [u8; 32],
}

/// One that is to become a validator, with the proof that it knows the secret of its voting key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it will be.
    pub validator: Validator,
    /// See [`VotingKey::is_possessed`].
    pub possession: [u8; VOTING_SIGNATURE_BYTES],
    /// Where the other validators may find it, such as `192.0.2.1:4381`; empty where that is told otherwise. A hint.
    pub address: String,
}

/// Votes that make a certificate: all but the `f` of `3f + 1` that may be malicious.
///
/// # Panics
/// When there are no validators.
#[must_use]
pub const fn quorum(validators: usize) -> usize {
    assert!(validators > 0, "there is a validator");
    validators - (validators - 1) / 3
}

impl ValidatorSet {
    /// A set of validators whose possession of their keys was checked, here or by those who certified the set.
    ///
    /// # Errors
    /// No validator or too many, identities that do not ascend, or a voting key that stands twice.
    pub fn new(validators: Vec<Validator>) -> Result<Self, LedgerError> {
        let count = validators.len();
        if !(1..=VALIDATORS_MAX).contains(&count) {
            return Err(LedgerError::ValidatorCount(count));
        }
        let ascending =
            |pair: &[Validator]| pair[0].identity.as_bytes() < pair[1].identity.as_bytes();
        if let Some(at) = validators.windows(2).position(|pair| !ascending(pair)) {
            return Err(LedgerError::ValidatorOrder(at + 1));
        }
        let mut keys: Vec<_> = validators.iter().map(|one| one.key.to_bytes()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(LedgerError::ValidatorTwice);
        }
        let mut writer = Writer::new();
        write(&validators, &mut writer);
        let digest = blake3::derive_key("dotkey validators v1", &writer.into_bytes());
        Ok(Self { validators, digest })
    }

    /// A set of candidates, in any order.
    ///
    /// # Errors
    /// As [`ValidatorSet::new`], or a key whose possession is not shown.
    pub fn admit<'a>(
        candidates: impl IntoIterator<Item = &'a Candidate>,
    ) -> Result<Self, LedgerError> {
        let admitted = candidates.into_iter().map(Candidate::admit);
        let mut validators = admitted.collect::<Result<Vec<_>, _>>()?;
        validators.sort_unstable_by_key(|one| *one.identity.as_bytes());
        Self::new(validators)
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, LedgerError> {
        let count = r.array("a validator set", 1, VALIDATORS_MAX)?;
        let validators = (0..count).map(|_| {
            r.array("a validator", 2, 2)?;
            read_validator(r)
        });
        Self::new(validators.collect::<Result<_, LedgerError>>()?)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        write(&self.validators, w);
    }

    /// Reads a set.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::new(bytes)?;
        Self::read(&mut reader)
    }

    /// The set's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }

    /// What a header names it by.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// The validators, in ascending order of their identities, which is the order of a certificate's bits.
    #[must_use]
    pub fn validators(&self) -> &[Validator] {
        &self.validators
    }

    /// Votes that make a certificate of this set.
    #[must_use]
    pub fn quorum(&self) -> usize {
        quorum(self.validators.len())
    }
}

fn write(validators: &[Validator], w: &mut Writer) {
    w.array(validators.len());
    for one in validators {
        w.array(2);
        write_validator(one, w);
    }
}

fn read_validator(r: &mut Reader<'_>) -> Result<Validator, LedgerError> {
    let identity = Ed25519Key::from_bytes(r.array_of("a validator's identity")?)?;
    let key = VotingKey::from_bytes(&r.array_of("a validator's voting key")?)?;
    Ok(Validator { identity, key })
}

fn write_validator(validator: &Validator, w: &mut Writer) {
    w.bytes(validator.identity.as_bytes());
    w.bytes(&validator.key.to_bytes());
}

impl Candidate {
    /// The validator, where it is shown to know the secret of its key.
    ///
    /// # Errors
    /// It is not.
    pub fn admit(&self) -> Result<Validator, LedgerError> {
        let identity = self.validator.identity.as_bytes();
        if self.validator.key.is_possessed(identity, &self.possession) {
            Ok(self.validator)
        } else {
            Err(LedgerError::Possession(*identity))
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, LedgerError> {
        r.array("a candidate", 4, 4)?;
        Ok(Self {
            validator: read_validator(r)?,
            possession: r.array_of("a proof of possession")?,
            address: r
                .text("a validator's address", 0, VALIDATOR_ADDRESS_BYTES_MAX)?
                .into(),
        })
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(4);
        write_validator(&self.validator, w);
        w.bytes(&self.possession).text(&self.address);
    }

    /// Reads a candidate. Whether it knows its secret is shown by [`Candidate::admit`].
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        Self::read(&mut Reader::new(bytes)?)
    }

    /// The candidate's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        self.write(&mut writer);
        writer.into_bytes()
    }
}
