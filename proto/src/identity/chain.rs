//! Rotation: from the first policy to the newest, each step signed. Sections 3.5 to 3.7.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{ChainError, KeyId, Policy, PolicyError, PublicKey, Role, key_id_of, policy_digest};
use crate::cbor::{Reader, Writer, check_size};
use crate::limits::POLICY_CHAIN_MAX;
use crate::signature::{Draft, Envelope, Subject};

/// No update takes less: one signature alone takes more than that.
const UPDATE_BYTES_MIN: usize = 64;

/// What a ledger says of an identity: the policy that it pins, and the least sequence that is still good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor {
    /// Whose it is.
    pub key_id: KeyId,
    /// The number of the pinned policy.
    pub number: u32,
    /// The digest of the pinned policy.
    pub digest: [u8; 32],
    /// The owner's checkpoint: records with a lower sequence are rolled back.
    pub least_sequence: Option<u64>,
}

/// The newest policy of an identity. Only [`Chain::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    key_id: KeyId,
    policy: Policy,
    digest: [u8; 32],
}

impl Authority {
    /// Whose it is.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The newest policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }
}

/// A policy and the updates since, taken apart but not believed.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    first: &'a [u8],
    updates: Vec<(&'a [u8], Envelope<'a>)>,
}

impl<'a> Chain<'a> {
    /// Reads a chain that stands by itself.
    ///
    /// # Errors
    /// A malformed chain or envelope.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ChainError> {
        check_size("a policy chain", bytes)?;
        Self::read(&mut Reader::new(bytes)?)
    }

    /// Reads the item that is a chain.
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, ChainError> {
        let count = reader.array("a policy chain", 1, POLICY_CHAIN_MAX)?;
        let first = reader.bytes("the first policy of a chain", 0, usize::MAX)?;
        let mut updates = Vec::with_capacity(reader.room(count - 1, UPDATE_BYTES_MIN));
        for _ in 1..count {
            let update = reader.bytes("a policy update", 0, usize::MAX)?;
            updates.push((update, Envelope::decode(update)?));
        }
        Ok(Self { first, updates })
    }

    /// The encoding of a chain of these elements.
    #[must_use]
    pub fn encode<E: AsRef<[u8]>>(elements: &[E]) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.array(elements.len());
        for element in elements {
            writer.bytes(element.as_ref());
        }
        writer.into_bytes()
    }

    /// Its elements, each as it came.
    pub fn elements(&self) -> impl Iterator<Item = &'a [u8]> {
        core::iter::once(self.first).chain(self.updates.iter().map(|(bytes, _)| *bytes))
    }

    /// How many signatures its verification checks.
    #[must_use]
    pub fn signature_count(&self) -> usize {
        self.updates
            .iter()
            .map(|(_, update)| update.signatures.len())
            .sum()
    }

    /// Walks from the first policy to the newest: section 3.7.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify(&self, key_id: KeyId, anchor: Option<&Anchor>) -> Result<Authority, ChainError> {
        let digest = policy_digest(self.first);
        let pinned = anchor.is_some_and(|anchor| anchor.digest == digest);
        // By hash, before anything of a foreign policy is looked at: whoever made it up has not bought any work.
        let found = match anchor {
            Some(anchor) if anchor.key_id != key_id => anchor.key_id,
            _ if pinned => key_id,
            _ => key_id_of(self.first),
        };
        if found != key_id {
            let expected = key_id;
            return Err(ChainError::KeyId { expected, found });
        }
        let policy = Policy::decode(self.first)?;
        if policy.number > 0 && !pinned {
            let number = policy.number;
            return Err(ChainError::NotPinned { number });
        }
        let mut authority = Authority {
            key_id,
            policy,
            digest,
        };
        let is_pinned = |authority: &Authority, anchor: &Anchor| {
            anchor.digest == authority.digest && anchor.number == authority.policy.number
        };
        let mut seen = anchor.is_some_and(|anchor| is_pinned(&authority, anchor));
        let mut buffer = Vec::new();
        for (_, update) in &self.updates {
            authority = authority.updated(update, anchor, &mut buffer)?;
            seen |= anchor.is_some_and(|anchor| is_pinned(&authority, anchor));
        }
        match anchor {
            Some(anchor) if !seen => Err(ChainError::RotatedAway {
                pinned: anchor.number,
                newest: authority.policy.number,
            }),
            _ => Ok(authority),
        }
    }
}

impl Chain<'_> {
    /// Walks to the policy that `before` says, and from there by one recovery, which ends the chain: section 10.9. Only a
    /// ledger asks for this, when the recovery comes in time.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn verify_recovery(&self, key_id: KeyId, before: &Anchor) -> Result<Authority, ChainError> {
        let mut to_before = self.clone();
        let Some((_, recovery)) = to_before.updates.pop() else {
            let number = before.number;
            return Err(ChainError::NotARecovery { number });
        };
        let authority = to_before.verify(key_id, Some(before))?;
        if authority.digest != before.digest {
            let (pinned, newest) = (before.number, authority.policy.number);
            return Err(ChainError::RotatedAway { pinned, newest });
        }
        let old = authority.policy.clone();
        let new = Policy::decode(recovery.payload)?;
        if !Signers::of(&recovery, &old, &new)?.recover(&old) {
            let number = new.number;
            return Err(ChainError::NotARecovery { number });
        }
        let number = new.number;
        let in_time = Anchor { number, ..*before };
        authority.updated(&recovery, Some(&in_time), &mut Vec::new())
    }

    /// The numbers and digests of its policies, in order, of a chain that was verified.
    ///
    /// # Errors
    /// A malformed policy.
    pub fn policies(&self) -> Result<Vec<(Policy, [u8; 32])>, PolicyError> {
        let payloads = self.updates.iter().map(|(_, update)| update.payload);
        core::iter::once(self.first)
            .chain(payloads)
            .map(|bytes| Ok((Policy::decode(bytes)?, policy_digest(bytes))))
            .collect()
    }
}

impl Authority {
    /// This authority after one update: section 3.5.
    fn updated(
        self,
        update: &Envelope<'_>,
        anchor: Option<&Anchor>,
        buffer: &mut Vec<u8>,
    ) -> Result<Self, ChainError> {
        let old = &self.policy;
        let new = Policy::decode(update.payload)?;
        let number = new.number;
        let expected = old.number.saturating_add(1);
        if number != expected || number == old.number {
            return Err(ChainError::PolicyNumber {
                expected,
                found: number,
            });
        }
        if new.previous != Some(self.digest) {
            return Err(ChainError::PolicyPrevious { number });
        }
        let signers = Signers::of(update, old, &new)?;
        let subject = Subject::PolicyUpdate {
            key_id: self.key_id,
            policy: Box::new(new.clone()),
        };
        for (signature, signer) in update.signatures.iter().zip(&signers.0) {
            signature.verify(signer, &subject, update.payload, buffer)?;
        }
        if let Err(refused) = signers.update(old, &new) {
            if !signers.recover(old) {
                return Err(refused);
            }
            if anchor.is_none_or(|anchor| anchor.number < number) {
                return Err(ChainError::RecoveryUnanchored { number });
            }
        }
        signers.reach_admin(&new, number, true)?;
        let digest = policy_digest(update.payload);
        Ok(Self {
            key_id: self.key_id,
            policy: new,
            digest,
        })
    }
}

/// Who signed an update, each known to have a say in it.
struct Signers(Vec<PublicKey>);

impl Signers {
    fn of(update: &Envelope<'_>, old: &Policy, new: &Policy) -> Result<Self, ChainError> {
        let admin = |key: &&super::Key| key.roles.contains(&Role::Admin);
        let admins = old
            .keys
            .iter()
            .filter(admin)
            .chain(new.keys.iter().filter(admin));
        let recovery = old.recovery.iter().flat_map(|recovery| &recovery.keys);
        let known = || {
            admins
                .clone()
                .map(|key| &key.public)
                .chain(recovery.clone().map(|key| &key.public))
        };
        let mut signers = Vec::with_capacity(update.signatures.len());
        for signature in &update.signatures {
            match known().find(|key| signature.is_by(key)) {
                Some(key) => signers.push(*key),
                None => {
                    return Err(ChainError::UnknownSigner {
                        signer: signature.signer(),
                        number: new.number,
                    });
                }
            }
        }
        Ok(Self(signers))
    }

    /// The ordinary rule: the old admins, and the keys that they committed to.
    fn update(&self, old: &Policy, new: &Policy) -> Result<(), ChainError> {
        let number = new.number;
        self.reach_admin(old, number, false)?;
        match old.next {
            Some(next) if next != new.authority_commitment() => {
                Err(ChainError::NextMismatch { number })
            }
            _ => Ok(()),
        }
    }

    fn recover(&self, old: &Policy) -> bool {
        let reached =
            |recovery: &super::Recovery| recovery.weight_of(&self.0) >= recovery.threshold;
        old.recovery.as_ref().is_some_and(reached)
    }

    fn reach_admin(&self, policy: &Policy, number: u32, by_new: bool) -> Result<(), ChainError> {
        let reached = policy.weight_of(&Role::Admin, &self.0);
        let needed = policy
            .threshold(&Role::Admin)
            .expect("every policy has a threshold for `admin`");
        if reached < needed {
            return Err(ChainError::Threshold {
                number,
                by_new,
                reached,
                needed,
            });
        }
        Ok(())
    }
}

/// A draft of the update to `new`, to be signed by the admins of the policy before it and of `new` itself.
///
/// # Errors
/// The first rule that `new` breaks.
pub fn policy_update(key_id: KeyId, new: &Policy) -> Result<Draft, PolicyError> {
    let subject = Subject::PolicyUpdate {
        key_id,
        policy: Box::new(new.clone()),
    };
    Ok(Draft::new(subject, new.encode()?))
}
