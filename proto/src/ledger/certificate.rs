//! The validators' word that a header is final: section 8.5.

use alloc::vec::Vec;

use thiserror::Error;

use super::bls::{self, VOTING_SIGNATURE_BYTES};
use super::{Header, LedgerError, ValidatorSet};
use crate::cbor::{MapWriter, Reader};
use crate::limits::VALIDATORS_MAX;
use crate::record::SEQUENCE_MAX;
use crate::words::counted;

/// A bit for each validator.
const SIGNERS_BYTES_MAX: usize = VALIDATORS_MAX.div_ceil(8);

/// Votes of a quorum for one header: with it, what the votes signed can be put together again, so that it says nothing twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The view of the consensus in which the header was proposed.
    pub view: u64,
    /// The view of the block before it.
    pub parent_view: u64,
    /// Who signed: bit `i` of byte `i / 8`, the lowest first, is validator `i` of the set.
    pub signers: Vec<u8>,
    /// Their aggregated BLS signature.
    pub signature: [u8; VOTING_SIGNATURE_BYTES],
}

/// Why a certificate shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The bits of the signers are not those of the set.
    #[error(
        "the certificate has {} of signers, or a bit beyond its {}", counted(*bytes, "byte"), counted(*validators, "validator")
    )]
    Signers {
        /// How many bytes.
        bytes: usize,
        /// How many validators there are.
        validators: usize,
    },
    /// Too few of them signed.
    #[error("{signed} of {} signed; {needed} have to", counted(*validators, "validator"))]
    Quorum {
        /// How many signed.
        signed: usize,
        /// How many there are.
        validators: usize,
        /// How many have to.
        needed: usize,
    },
    /// The signature is not theirs, or of another header.
    #[error("the validators' signature does not hold for this header")]
    Signature,
}

impl CertificateError {
    /// The stable name of the broken rule, as `docs/protocol/` writes it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Signers { .. } => "signers",
            Self::Quorum { .. } => "quorum",
            Self::Signature => "certificate",
        }
    }
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a certificate")?;
        let certificate = Self {
            view: map.required(1, |r| r.uint_in("a view", 0, SEQUENCE_MAX))?,
            parent_view: map.required(2, |r| r.uint_in("the view before", 0, SEQUENCE_MAX))?,
            signers: map
                .required(3, |r| r.bytes("the signers", 1, SIGNERS_BYTES_MAX))?
                .to_vec(),
            signature: map.required(4, |r| r.array_of("a certificate's signature"))?,
        };
        map.close()?;
        Ok(certificate)
    }

    /// The certificate's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_uint(1, self.view);
        map.set_uint(2, self.parent_view);
        map.set_bytes(3, &self.signers);
        map.set_bytes(4, &self.signature);
        map.to_bytes()
    }

    /// How many signed, by the bits.
    #[must_use]
    pub fn signed(&self) -> usize {
        let ones = self.signers.iter().map(|byte| byte.count_ones() as usize);
        ones.sum()
    }

    /// Checks that a quorum of the set finalised the header. Whether it is the set that had to is not looked at.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(&self, header: &Header, set: &ValidatorSet) -> Result<(), CertificateError> {
        let (bytes, validators) = (self.signers.len(), set.validators().len());
        let beyond = self.bits().skip(validators).any(|signed| signed);
        if bytes != validators.div_ceil(8) || beyond {
            return Err(CertificateError::Signers { bytes, validators });
        }
        let (signed, needed) = (self.signed(), set.quorum());
        if signed < needed {
            return Err(CertificateError::Quorum {
                signed,
                validators,
                needed,
            });
        }
        let signers = self.bits().zip(set.validators());
        let keys = signers.filter_map(|(signed, one)| signed.then_some(&one.key));
        let message = self.signed_bytes(header);
        if bls::verify_together(keys, &message, &self.signature) {
            Ok(())
        } else {
            Err(CertificateError::Signature)
        }
    }

    fn bits(&self) -> impl Iterator<Item = bool> {
        let bits = |byte: &u8| {
            let byte = *byte;
            (0..8).map(move |at| byte >> at & 1 == 1)
        };
        self.signers.iter().flat_map(bits)
    }

    /// What each signer signed: the engine's vote to finalise the proposal of this header.
    #[must_use]
    pub fn signed_bytes(&self, header: &Header) -> Vec<u8> {
        let namespace = bls::vote_namespace(&header.network);
        let namespace = [&namespace[..], b"_FINALIZE"].concat();
        let mut proposal = Vec::with_capacity(64);
        for number in [header.epoch, self.view, self.parent_view] {
            bls::push_varint(&mut proposal, number);
        }
        proposal.extend_from_slice(&header.digest());
        bls::framed(&namespace, &proposal)
    }
}
