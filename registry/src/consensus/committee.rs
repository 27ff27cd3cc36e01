//! Keys, and the sets of validators that they make for the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use commonware_cryptography::bls12381::primitives::ops;
use commonware_utils::TryCollect;
use commonware_utils::ordered::BiMap;
use dotkey_proto::ledger::Certificate;
use thiserror::Error;

use super::library::{
    Encode, Epoch, IdentityKey, Signer, ValidatorKey, Variant, VoteKey, VoteSecret, Votes,
    certificate, decode,
};
use super::{Application, Validator};

/// Sets that are kept at hand; older ones are made anew when somebody asks.
const COMMITTEES_MAX: usize = 16;

/// What a key is no key for, or a set no set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Not the secret of an ed25519 key.
    #[error("the secret of the validator's identity is not one; restore it from its copy")]
    Identity,
    /// Not the secret of a BLS key.
    #[error("the secret that the validator votes with is not one; restore it from its copy")]
    Vote,
    /// A validator whose keys are none.
    #[error("validator {0} of the set has a key that is none; the set is damaged")]
    Validator(usize),
    /// A key stands twice.
    #[error("a key stands twice in the set of validators, or there is none; the set is damaged")]
    Set,
}

/// The secrets of a validator. Not printed.
pub struct Identity {
    pub(super) key: IdentityKey,
    vote: VoteSecret,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.key.public_key())
    }
}

impl Identity {
    /// The ed25519 secret by which the others know it, and the BLS secret that it votes with.
    ///
    /// # Errors
    /// Bytes that are no secret: for BLS, about every second 32 bytes are none.
    pub fn new(identity: &[u8; 32], vote: &[u8; 32]) -> Result<Self, KeyError> {
        Ok(Self {
            key: decode::<IdentityKey>(&identity[..]).map_err(|_| KeyError::Identity)?,
            vote: decode::<VoteSecret>(&vote[..]).map_err(|_| KeyError::Vote)?,
        })
    }

    /// What the others are told.
    #[must_use]
    pub fn validator(&self, address: &str) -> Validator {
        let identity = self.key.public_key().encode();
        let vote = ops::compute_public::<Variant>(&self.vote).encode();
        Validator {
            identity: identity[..]
                .try_into()
                .expect("an ed25519 key has 32 bytes"),
            vote_key: vote[..].try_into().expect("a BLS key in G2 has 96 bytes"),
            address: address.to_owned(),
        }
    }

    /// Shows that the secret of the vote key is known to this identity: section 8.7.
    #[must_use]
    pub fn possession(&self) -> [u8; 48] {
        let namespace = [
            &b"dotkey validator possession v1"[..],
            &self.key.public_key().encode(),
        ]
        .concat();
        let signature = ops::sign_proof_of_possession::<Variant>(&self.vote, &namespace).encode();
        signature[..]
            .try_into()
            .expect("a BLS signature in G1 has 48 bytes")
    }
}

/// A set of validators as the engine takes it; with an identity that is one of them, it can sign.
pub(super) fn committee(
    network: &[u8; 32],
    validators: &[Validator],
    identity: Option<&Identity>,
) -> Result<Votes, KeyError> {
    let namespace = [&b"dotkey consensus v1"[..], network].concat();
    let keys = |(at, one): (usize, &Validator)| {
        let identity = decode::<ValidatorKey>(&one.identity[..]);
        let vote = decode::<VoteKey>(&one.vote_key[..]);
        Ok((
            identity.map_err(|_| KeyError::Validator(at))?,
            vote.map_err(|_| KeyError::Validator(at))?,
        ))
    };
    let keys: Vec<_> = validators
        .iter()
        .enumerate()
        .map(keys)
        .collect::<Result<_, _>>()?;
    let participants: BiMap<ValidatorKey, VoteKey> =
        keys.into_iter().try_collect().map_err(|_| KeyError::Set)?;
    if participants.is_empty() {
        return Err(KeyError::Set);
    }
    let signer = identity.and_then(|identity| {
        let member = identity.validator("");
        let is_member = validators
            .iter()
            .any(|one| one.identity == member.identity && one.vote_key == member.vote_key);
        is_member.then(|| identity.vote.clone())
    });
    let signing = signer.and_then(|secret| Votes::signer(&namespace, participants.clone(), secret));
    Ok(signing.unwrap_or_else(|| Votes::verifier(&namespace, participants)))
}

/// The sets of all epochs that the application knows.
#[derive(Clone)]
pub(super) struct Committees {
    application: Arc<dyn Application>,
    network: [u8; 32],
    identity: Arc<Identity>,
    known: Arc<Mutex<BTreeMap<u64, Arc<Votes>>>>,
}

impl Committees {
    pub(super) fn new(
        application: Arc<dyn Application>,
        network: [u8; 32],
        identity: Arc<Identity>,
    ) -> Self {
        let known = Arc::default();
        Self {
            application,
            network,
            identity,
            known,
        }
    }

    /// The set of an epoch; `None` when the application does not know it yet, or it is damaged.
    pub(super) fn of(&self, epoch: u64) -> Option<Arc<Votes>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(votes) = known.get(&epoch) {
            return Some(Arc::clone(votes));
        }
        let validators = self.application.validators(epoch)?;
        let votes = committee(&self.network, &validators, Some(&self.identity))
            .inspect_err(|error| tracing::error!(epoch, %error, "no votes count in this epoch"))
            .ok()?;
        let votes = Arc::new(votes);
        known.insert(epoch, Arc::clone(&votes));
        while known.len() > COMMITTEES_MAX {
            known.pop_first();
        }
        Some(votes)
    }
}

impl certificate::Provider for Committees {
    type Scope = Epoch;
    type Scheme = Votes;

    fn scoped(&self, epoch: Epoch) -> Option<certificate::Scoped<Votes>> {
        self.of(epoch.get()).map(certificate::Scoped::scheme)
    }
}

/// What the rest of the world reads of a quorum's votes.
pub(super) fn certificate(
    finalization: &super::library::Finalization,
    validators: usize,
) -> Option<Certificate> {
    let mut signers = vec![0; validators.div_ceil(8)];
    for signer in finalization.certificate.signers.iter() {
        let at = signer.get() as usize;
        *signers.get_mut(at / 8)? |= 1 << (at % 8);
    }
    let signature = finalization.certificate.signature.encode();
    Some(Certificate {
        view: finalization.proposal.round.view().get(),
        parent_view: finalization.proposal.parent.get(),
        signers,
        signature: signature[..].try_into().ok()?,
    })
}
