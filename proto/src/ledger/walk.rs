//! From a validator set that is trusted to the one that certifies now: section 8.8.

use alloc::vec::Vec;

use thiserror::Error;

use super::{Certificate, CertificateError, Header, LedgerError, ValidatorSet};
use crate::cbor::{CborError, MapWriter, Reader};
use crate::limits::{CHECKPOINT_BYTES_MAX, HANDOVER_BYTES_MAX};
use crate::record::{SEQUENCE_MAX, read_time};
use crate::signature::Hex;
use crate::time::Timestamp;
use crate::words::lasting;

/// What a light client believes: the network, and who certifies its blocks from an epoch on. It comes from a genesis, from
/// [`Trusted::follow`], or from where the client has kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The network.
    pub network: [u8; 32],
    /// The first epoch that the set certifies.
    pub epoch: u64,
    /// When that was known: the time of the header that handed over, or of the genesis.
    pub since: Timestamp,
    /// Who certifies.
    pub validators: ValidatorSet,
}

/// The last header of an epoch, certified by its validators, and the set that it names for the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The header.
    pub header: Header,
    /// The validators' word for it.
    pub certificate: Certificate,
    /// Who certifies from then on.
    pub next: ValidatorSet,
}

/// Why a header or a handover is not one of the trusted validators'.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WalkError {
    /// Another network's.
    #[error("it is of network {}, not of {}", Hex(found), Hex(expected))]
    OtherNetwork {
        /// The network that is trusted.
        expected: [u8; 32],
        /// The network of the header.
        found: [u8; 32],
    },
    /// An epoch before the one that is trusted.
    #[error("it is of epoch {found}, but the validators of epoch {trusted} are known already")]
    EpochPassed {
        /// The epoch of the header.
        found: u64,
        /// The epoch that is trusted.
        trusted: u64,
    },
    /// Other validators than those that are trusted.
    #[error("its block of epoch {found} names other validators than those known from epoch {trusted} on: {}", why_other(*found, *trusted))]
    OtherValidators {
        /// The epoch of the header.
        found: u64,
        /// The epoch that is trusted.
        trusted: u64,
    },
    /// The certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The header names no next set, or another.
    #[error("the header of epoch {epoch} does not hand over to the validators that come with it")]
    NotHandedOver {
        /// The epoch of the header.
        epoch: u64,
    },
    /// A header before the one that is known already.
    #[error("its header is of {found}, before {known}, the time of what is known already")]
    Backwards {
        /// The header's time.
        found: Timestamp,
        /// The time of what is trusted.
        known: Timestamp,
    },
    /// What is trusted is too old to walk from.
    #[error(
        "what is known of the validators is of {since}, {} ago; at most {} is allowed here",
        lasting(*age_secs),
        lasting(*age_secs_max)
    )]
    TrustExpired {
        /// Of when it is.
        since: Timestamp,
        /// Seconds since then.
        age_secs: u64,
        /// How many are allowed.
        age_secs_max: u64,
    },
}

/// Within an epoch that is known nothing can be missing: its validators do not change.
fn why_other(found: u64, trusted: u64) -> &'static str {
    if found == trusted {
        "that part of it was changed, or made by somebody else"
    } else {
        "the handovers between them are missing, or that part of it was changed"
    }
}

impl WalkError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherNetwork { .. } => "network",
            Self::EpochPassed { .. } => "epoch-passed",
            Self::OtherValidators { .. } => "other-validators",
            Self::Certificate(error) => error.code(),
            Self::NotHandedOver { .. } => "handover",
            Self::Backwards { .. } => "backwards",
            Self::TrustExpired { .. } => "trust-expired",
        }
    }
}

impl Trusted {
    /// Checks that a header is one of the trusted validators', before its certificate is: the costly check comes last.
    pub(super) fn expect(&self, header: &Header) -> Result<(), WalkError> {
        let (found, trusted) = (header.epoch, self.epoch);
        if header.network != self.network {
            return Err(WalkError::OtherNetwork {
                expected: self.network,
                found: header.network,
            });
        }
        if found < trusted {
            return Err(WalkError::EpochPassed { found, trusted });
        }
        if header.validators != self.validators.digest() {
            return Err(WalkError::OtherValidators { found, trusted });
        }
        if header.time < self.since {
            return Err(WalkError::Backwards {
                found: header.time,
                known: self.since,
            });
        }
        Ok(())
    }

    /// Takes one step: what is trusted once the handover is checked.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn follow(&self, handover: &Handover) -> Result<Self, WalkError> {
        let header = &handover.header;
        self.expect(header)?;
        if header.next_validators != Some(handover.next.digest()) {
            let epoch = header.epoch;
            return Err(WalkError::NotHandedOver { epoch });
        }
        handover.certificate.verify(header, &self.validators)?;
        Ok(Self {
            network: self.network,
            epoch: header.epoch + 1,
            since: header.time,
            validators: handover.next.clone(),
        })
    }

    /// Refuses to go on from what is too old: validators that left long ago may have sold their keys, and could then certify
    /// another history to who has seen nothing since.
    ///
    /// # Errors
    /// It is older than `age_secs_max` at `now`.
    pub fn check_age(&self, now: Timestamp, age_secs_max: u64) -> Result<(), WalkError> {
        let (since, age_secs) = (self.since, now.secs_since(self.since));
        if age_secs <= age_secs_max {
            return Ok(());
        }
        Err(WalkError::TrustExpired {
            since,
            age_secs,
            age_secs_max,
        })
    }

    /// Reads what a client has kept, or was given by someone whom it believes.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_size("a checkpoint", bytes, CHECKPOINT_BYTES_MAX)?;
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a checkpoint")?;
        let trusted = Self {
            network: map.required(1, |r| r.array_of("the network of a checkpoint"))?,
            epoch: map.required(2, |r| r.uint_in("an epoch", 0, SEQUENCE_MAX))?,
            since: map.required(3, |r| read_time(r, "the time of a checkpoint"))?,
            validators: map.required(4, ValidatorSet::read)?,
        };
        map.close()?;
        Ok(trusted)
    }

    /// What a client keeps.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_bytes(1, &self.network);
        map.set_uint(2, self.epoch);
        map.set_uint(3, self.since.as_secs());
        map.set(4, |w| self.validators.write(w));
        map.to_bytes()
    }
}

impl Handover {
    /// Reads a handover. What it is worth is for [`Trusted::follow`].
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_size("a handover", bytes, HANDOVER_BYTES_MAX)?;
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a handover")?;
        let header = map.required(1, |r| r.bytes("a header", 0, HANDOVER_BYTES_MAX))?;
        let header = Header::decode(header)?;
        let certificate = map.required(2, |r| r.bytes("a certificate", 0, HANDOVER_BYTES_MAX))?;
        let certificate = Certificate::decode(certificate)?;
        let next = map.required(3, ValidatorSet::read)?;
        map.close()?;
        Ok(Self {
            header,
            certificate,
            next,
        })
    }

    /// The handover's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_bytes(1, &self.header.encode());
        map.set_bytes(2, &self.certificate.encode());
        map.set(3, |w| self.next.write(w));
        map.to_bytes()
    }
}

pub(super) fn check_size(what: &'static str, bytes: &[u8], max: usize) -> Result<(), CborError> {
    let len = bytes.len();
    if len <= max {
        Ok(())
    } else {
        Err(CborError::TooLarge { what, len, max })
    }
}
