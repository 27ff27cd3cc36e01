//! The policy document and its rules: section 3.1.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::{KeyId, PolicyError, PublicKey, Role};
use crate::cbor::CborError;
use crate::limits::{KEY_ROLES_MAX, POLICY_KEYS_MAX};

/// The most that the weights of one policy can sum to, so the highest threshold that could be reached.
pub(super) const THRESHOLD_MAX: u64 = POLICY_KEYS_MAX as u64 * u16::MAX as u64;

/// Recovery takes between an hour, or nobody would notice in time, and 30 days.
pub(super) const RECOVERY_DELAY_SECS: (u64, u64) = (3600, 30 * 86_400);

/// Who may act for an identity, from one update to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// 0 for the genesis policy, one more for each update.
    pub number: u32,
    /// The keys, in the order that their owner gave them.
    pub keys: Vec<Key>,
    /// The least sum of weights that acts in a role.
    pub thresholds: BTreeMap<Role, u32>,
    /// Commitment to the keys and thresholds of the next policy.
    pub next: Option<[u8; 32]>,
    /// Who can undo an update.
    pub recovery: Option<Recovery>,
    /// Digest of the policy before, in all but the genesis policy.
    pub previous: Option<[u8; 32]>,
}

/// A key of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key itself.
    pub public: PublicKey,
    /// How much its signature counts.
    pub weight: u16,
    /// What it may do, in ascending order.
    pub roles: Vec<Role>,
}

/// Who can undo an update, and for how long after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The keys.
    pub keys: Vec<RecoveryKey>,
    /// The least sum of weights that recovers.
    pub threshold: u32,
    /// How long after an update it can be undone, by the ledger's clock.
    pub delay_secs: u32,
}

/// A key that only recovers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveryKey {
    /// The key itself.
    pub public: PublicKey,
    /// How much its signature counts.
    pub weight: u16,
}

impl Policy {
    /// The policy that a bare public key stands for: section 3.8.
    #[must_use]
    pub fn bare(public: PublicKey) -> Self {
        let roles = [Role::Admin, Role::Publish];
        Self {
            number: 0,
            thresholds: roles.iter().cloned().map(|role| (role, 1)).collect(),
            keys: Vec::from([Key {
                public,
                weight: 1,
                roles: roles.into(),
            }]),
            next: None,
            recovery: None,
            previous: None,
        }
    }

    /// The key id of the identity that a bare public key is.
    #[must_use]
    pub fn bare_key_id(public: PublicKey) -> KeyId {
        let policy = Self::bare(public)
            .encode()
            .expect("a bare key's policy breaks no rule");
        key_id_of(&policy)
    }

    /// The key of a signer, where the policy has it.
    #[must_use]
    pub fn key(&self, public: &PublicKey) -> Option<&Key> {
        self.keys.iter().find(|key| key.public == *public)
    }

    /// The sum of the weights of those of `signers` that hold `role`.
    #[must_use]
    pub fn weight_of<'s>(
        &self,
        role: &Role,
        signers: impl IntoIterator<Item = &'s PublicKey>,
    ) -> u32 {
        let holders = signers.into_iter().filter_map(|signer| self.key(signer));
        holders
            .filter(|key| key.roles.contains(role))
            .map(|key| u32::from(key.weight))
            .sum()
    }

    /// The threshold of `role`; `None` where nobody can act in it.
    #[must_use]
    pub fn threshold(&self, role: &Role) -> Option<u32> {
        self.thresholds.get(role).copied()
    }

    /// Holds the policy to every rule of section 3.1 that its types do not hold already.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), PolicyError> {
        let range = |what, found, min, max| in_range(what, found as u64, min, max);
        range(
            "the number of keys",
            self.keys.len(),
            1,
            POLICY_KEYS_MAX as u64,
        )?;
        for key in &self.keys {
            range("the weight of a key", key.weight.into(), 1, u16::MAX.into())?;
            range(
                "the number of roles of a key",
                key.roles.len(),
                1,
                KEY_ROLES_MAX as u64,
            )?;
            if let Some(pair) = key.roles.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(PolicyError::RoleOrder {
                    key: Box::new(key.public),
                    role: pair[1].clone(),
                });
            }
        }
        unique(self.keys.iter().map(|key| &key.public))?;
        for threshold in self.thresholds.values() {
            range("a threshold", *threshold as usize, 1, THRESHOLD_MAX)?;
        }
        self.check_thresholds()?;
        if let Some(recovery) = &self.recovery {
            recovery.check()?;
        }
        match (self.number, &self.previous) {
            (0, Some(_)) => Err(CborError::UnknownKey {
                what: "a genesis policy",
                key: 6,
            }
            .into()),
            (1.., None) => Err(CborError::MissingKey {
                what: "a policy update",
                key: 6,
            }
            .into()),
            _ => Ok(()),
        }
    }

    fn check_thresholds(&self) -> Result<(), PolicyError> {
        let held = self.keys.iter().flat_map(|key| &key.roles);
        for role in [Role::Admin, Role::Publish].iter().chain(held) {
            if !self.thresholds.contains_key(role) {
                return Err(PolicyError::MissingThreshold(role.clone()));
            }
        }
        for (role, needed) in &self.thresholds {
            let available = self.weight_of(role, self.keys.iter().map(|key| &key.public));
            if available < *needed {
                let role = Some(role.clone());
                return Err(PolicyError::UnreachableThreshold {
                    role,
                    needed: *needed,
                    available,
                });
            }
        }
        Ok(())
    }
}

impl Recovery {
    fn check(&self) -> Result<(), PolicyError> {
        in_range(
            "the number of recovery keys",
            self.keys.len() as u64,
            1,
            POLICY_KEYS_MAX as u64,
        )?;
        for key in &self.keys {
            in_range("the weight of a key", key.weight.into(), 1, u16::MAX.into())?;
        }
        in_range(
            "the threshold of recovery",
            self.threshold.into(),
            1,
            THRESHOLD_MAX,
        )?;
        let (min, max) = RECOVERY_DELAY_SECS;
        in_range("the delay of recovery", self.delay_secs.into(), min, max)?;
        unique(self.keys.iter().map(|key| &key.public))?;
        let available = self.keys.iter().map(|key| u32::from(key.weight)).sum();
        if available < self.threshold {
            let needed = self.threshold;
            return Err(PolicyError::UnreachableThreshold {
                role: None,
                needed,
                available,
            });
        }
        Ok(())
    }

    /// The sum of the weights of those of `signers` that are recovery keys.
    #[must_use]
    pub fn weight_of<'s>(&self, signers: impl IntoIterator<Item = &'s PublicKey>) -> u32 {
        let key = |signer: &PublicKey| self.keys.iter().find(|key| key.public == *signer);
        signers
            .into_iter()
            .filter_map(key)
            .map(|key| u32::from(key.weight))
            .sum()
    }
}

fn unique<'k>(keys: impl Iterator<Item = &'k PublicKey> + Clone) -> Result<(), PolicyError> {
    // At most 32 keys, so at most 496 comparisons.
    for (position, key) in keys.clone().enumerate() {
        if keys.clone().take(position).any(|earlier| earlier == key) {
            return Err(PolicyError::DuplicateSigner(Box::new(*key)));
        }
    }
    Ok(())
}

fn in_range(what: &'static str, found: u64, min: u64, max: u64) -> Result<(), CborError> {
    if (min..=max).contains(&found) {
        Ok(())
    } else {
        Err(CborError::OutOfRange {
            what,
            found,
            min,
            max,
        })
    }
}

/// The key id of the identity that begins with this genesis policy: section 3.2.
#[must_use]
pub fn key_id_of(genesis: &[u8]) -> KeyId {
    KeyId::from_bytes(blake3::derive_key("dotkey identity v1", genesis))
}

/// The digest of a policy, by which the next one and the ledger name it: section 3.2.
#[must_use]
pub fn policy_digest(policy: &[u8]) -> [u8; 32] {
    blake3::derive_key("dotkey policy v1", policy)
}
