//! All that it takes to check a name offline, in one file: section 8.12.

use alloc::vec::Vec;

use thiserror::Error;

use super::walk::check_size;
use super::{
    Freshness, Genesis, Handover, LedgerError, Proof, ProofError, Subject, Tenure, Trusted,
    VerifiedProof, WalkError,
};
use crate::cbor::{MapWriter, Reader};
use crate::identity::KeyId;
use crate::limits::{BUNDLE_BYTES_MAX, HANDOVERS_MAX, RECORD_BYTES_MAX};
use crate::record::{Record, RecordError, SignedRecord, Verified};
use crate::time::Timestamp;

/// A proof, how its validators came to be, and the record of who holds the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The changes of the validator set since the genesis, the oldest first.
    pub handovers: Vec<Handover>,
    /// The proof.
    pub proof: Proof,
    /// The record as it was received; `None` where there is none.
    pub record: Option<Vec<u8>>,
}

/// What a bundle showed, check by check.
#[derive(Clone, Debug)]
pub struct VerifiedBundle {
    /// The validators after each handover, the last of which certify the proof; first of all those of the genesis.
    pub walked: Vec<Trusted>,
    /// What the ledger holds.
    pub proof: VerifiedProof,
    /// Whose the name is; `None` where it is not about a name.
    pub tenure: Option<Tenure>,
    /// What the holder has published.
    pub record: Option<Verified<Record>>,
}

/// Which check of a bundle failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BundleError {
    /// A handover.
    #[error("handover {number} of the validators: {error}")]
    Handover {
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        error: WalkError,
    },
    /// The proof.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A record of a name that nobody holds.
    #[error("it holds a record, but nobody holds the name in the ledger")]
    NobodyHolds,
    /// A record of a name that nobody holds any more.
    #[error(
        "it holds a record, but nobody holds the name any more: its lease ended at {ended}, and it is free since {free}"
    )]
    Lapsed {
        /// When the lease ended.
        ended: Timestamp,
        /// When its grace did.
        free: Timestamp,
    },
    /// The record.
    #[error("its record: {0}")]
    Record(#[from] RecordError),
}

impl BundleError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Handover { error, .. } => error.code(),
            Self::Proof(error) => error.code(),
            Self::NobodyHolds | Self::Lapsed { .. } => "nobody-holds",
            Self::Record(error) => error.code(),
        }
    }
}

impl Bundle {
    /// Checks all of it against a network's genesis. The record is checked at the time of `freshness`, against what the ledger
    /// pins of its identity, and is nobody's where the name is free by then.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(
        &self,
        subject: &Subject,
        genesis: &Genesis,
        freshness: Freshness,
    ) -> Result<VerifiedBundle, BundleError> {
        let mut walked = Vec::from([genesis.trusted()]);
        for (handover, number) in self.handovers.iter().zip(1..) {
            let trusted = walked.last().expect("the genesis is there");
            let next = trusted.follow(handover);
            walked.push(next.map_err(|error| BundleError::Handover { number, error })?);
        }
        let trusted = walked.last().expect("the genesis is there");
        let proof = self.proof.verify(subject, trusted, freshness)?;
        let tenure = match subject {
            Subject::Name(_) => {
                let (parameters, time) = (&genesis.parameters, proof.time());
                let entry = proof.entry();
                Some(Tenure::new(entry, parameters, time, freshness.now))
            }
            Subject::Identity(_) => None,
        };
        let record = match &self.record {
            None => None,
            Some(bytes) => {
                let key_id = holder(&proof, tenure.as_ref())?;
                Some(verify_record(bytes, key_id, &proof, freshness.now)?)
            }
        };
        Ok(VerifiedBundle {
            walked,
            proof,
            tenure,
            record,
        })
    }

    /// Reads a bundle.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_size("a bundle", bytes, BUNDLE_BYTES_MAX)?;
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a bundle")?;
        let version = map.required(1, |r| r.uint("the version of a bundle"))?;
        if version != 1 {
            return Err(LedgerError::UnknownVersion {
                what: "the bundle",
                found: version,
            });
        }
        let handovers = map.required(2, |r| {
            let count = r.array("the handovers", 0, HANDOVERS_MAX)?;
            let read = |_| Handover::decode(r.bytes("a handover", 0, BUNDLE_BYTES_MAX)?);
            (0..count).map(read).collect::<Result<_, _>>()
        })?;
        let proof = map.required(3, |r| r.bytes("a proof", 0, BUNDLE_BYTES_MAX))?;
        let proof = Proof::decode(proof)?;
        let record = map.optional(4, |r| r.bytes("a record", 1, RECORD_BYTES_MAX))?;
        let record = record.map(<[u8]>::to_vec);
        map.close()?;
        Ok(Self {
            handovers,
            proof,
            record,
        })
    }

    /// Whether bytes begin as a bundle of this version does, sound or not: to say what is damaged, never what it is worth.
    #[must_use]
    pub fn is_meant(bytes: &[u8]) -> bool {
        // A map of three or four, its version, and the key of the handovers.
        matches!(bytes, [0xa3 | 0xa4, 1, 1, 2, ..])
    }

    /// The bundle's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_uint(1, 1);
        map.set(2, |w| {
            w.array(self.handovers.len());
            for handover in &self.handovers {
                w.bytes(&handover.encode());
            }
        });
        map.set_bytes(3, &self.proof.encode());
        map.set_some(4, self.record.as_ref(), |w, record| {
            w.bytes(record);
        });
        map.to_bytes()
    }
}

/// Whose the record has to be: who holds the name, or the identity that the proof is about.
fn holder(proof: &VerifiedProof, tenure: Option<&Tenure>) -> Result<KeyId, BundleError> {
    if let Subject::Identity(key_id) = proof.subject() {
        return Ok(*key_id);
    }
    let held = tenure.and_then(Tenure::holder);
    held.ok_or_else(|| match tenure.and_then(Tenure::ends) {
        Some((ended, free)) => BundleError::Lapsed { ended, free },
        None => BundleError::NobodyHolds,
    })
}

fn verify_record(
    bytes: &[u8],
    key_id: KeyId,
    proof: &VerifiedProof,
    now: Timestamp,
) -> Result<Verified<Record>, BundleError> {
    let anchor = proof.anchor();
    let record = SignedRecord::new(bytes.to_vec());
    Ok(record.verify_for(key_id, None, now, anchor.as_ref())?)
}
