//! Chains of policies from arbitrary bytes: mostly sound, with every kind of fault at times, and a second opinion on which
//! of them are valid.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use dotkey_proto::identity::{
    Anchor, Key, KeyId, Policy, PublicKey, Recovery, RecoveryKey, Role, key_id_of, policy_digest,
};
use dotkey_proto::signature::{Algorithm, Draft, Subject};

use crate::actor::{any_actors, some_actors};

/// A chain, with what its builder knows of it.
pub struct Built {
    /// The hash of the first element, also where that is no genesis policy.
    pub key_id: KeyId,
    /// The first policy and the updates, encoded.
    pub elements: Vec<Vec<u8>>,
    /// The policies of the elements.
    pub policies: Vec<Policy>,
    /// Their digests.
    pub digests: Vec<[u8; 32]>,
    /// Who signed each update after the first policy, and whether their signatures are good for it.
    signed: Vec<(Vec<PublicKey>, bool)>,
}

impl Built {
    /// A chain of one to four policies.
    pub fn arbitrary(input: &mut Unstructured<'_>) -> Result<Self> {
        let mut policies = Vec::new();
        for _ in 0..input.int_in_range(1..=4)? {
            policies.push(policy(input)?);
        }
        let first_number = input.int_in_range(0..=9)? / 9; // Seldom a chain that begins after its genesis.
        for at in 0..policies.len() {
            policies[at].next = match input.int_in_range(0..=4)? {
                0 => Some([0; 32]),
                1 | 2 => policies.get(at + 1).map(Policy::authority_commitment),
                _ => None,
            };
            policies[at].number = first_number + at as u32;
        }
        policies[0].previous = (first_number > 0).then_some([7; 32]);
        let first = policies[0].encode().expect("its rules are kept");
        let key_id = key_id_of(&first);
        let digests = vec![policy_digest(&first)];
        let mut built = Self {
            key_id,
            elements: vec![first],
            policies,
            digests,
            signed: Vec::new(),
        };
        for at in 1..built.policies.len() {
            built.update(at, input)?;
        }
        Ok(built)
    }

    fn update(&mut self, at: usize, input: &mut Unstructured<'_>) -> Result<()> {
        let fault = input.int_in_range(0..=31)?;
        let policy = &mut self.policies[at];
        policy.previous = Some(if fault == 1 {
            [0; 32]
        } else {
            self.digests[at - 1]
        });
        policy.number += u32::from(fault == 2);
        let payload = policy.encode().expect("its rules are kept");
        let mut policy = Box::new(policy.clone());
        let key_id = match fault {
            3 => KeyId::from_bytes([0; 32]),
            _ => self.key_id,
        };
        let subject = match fault {
            5 => Subject::Record {
                key_id,
                branch: None,
                sequence: policy.number.into(),
            },
            _ => {
                policy.number += u32::from(fault == 4);
                Subject::PolicyUpdate { key_id, policy }
            }
        };
        let mut draft = Draft::new(subject, payload);
        let signers = any_actors(input)?;
        signers.iter().for_each(|actor| actor.sign(&mut draft));
        self.digests.push(policy_digest(draft.payload()));
        self.elements.push(draft.encode());
        // An ed25519 key signs the kind of thing and the payload, which names number and policy before; a wallet also
        // signs the text that it shows (section 4.4).
        let honest = match fault {
            3 | 4 => signers
                .iter()
                .all(|actor| actor.public.algorithm() == Algorithm::Ed25519),
            5 => false,
            _ => true,
        };
        let signers = signers.iter().map(|actor| actor.public).collect();
        self.signed.push((signers, honest));
        Ok(())
    }

    /// No anchor, one at any policy of the chain, or one at a policy of another chain.
    pub fn anchor(&self, input: &mut Unstructured<'_>) -> Result<Option<Anchor>> {
        let Some(at) = input.int_in_range(0..=5_usize)?.checked_sub(1) else {
            return Ok(None);
        };
        let number = self
            .policies
            .get(at)
            .map_or(at as u32, |policy| policy.number);
        let digest = self.digests.get(at).copied().unwrap_or([1; 32]);
        let fault = input.int_in_range(0..=15)?;
        Ok(Some(Anchor {
            key_id: if fault == 1 {
                KeyId::from_bytes([0; 32])
            } else {
                self.key_id
            },
            number: number + u32::from(fault == 2),
            digest,
            least_sequence: None,
        }))
    }

    /// The newest policy.
    pub fn newest(&self) -> &Policy {
        self.policies.last().expect("a chain has a first policy")
    }

    /// Whether section 3.7 accepts the chain. Written from that page, without a look at the implementation.
    pub fn is_valid(&self, anchor: Option<&Anchor>) -> bool {
        let own = anchor.is_none_or(|anchor| anchor.key_id == self.key_id);
        let has_digest = |digest: &[u8; 32]| anchor.is_some_and(|anchor| anchor.digest == *digest);
        let first = self.policies[0].number == 0 || has_digest(&self.digests[0]);
        let is_pinned = |(policy, digest): (&Policy, &[u8; 32])| {
            anchor.is_some_and(|anchor| anchor.number == policy.number && anchor.digest == *digest)
        };
        let updates = (1..self.policies.len()).all(|at| self.is_valid_update(at, anchor));
        let mut all = self.policies.iter().zip(&self.digests);
        own && first && updates && (anchor.is_none() || all.any(is_pinned))
    }

    /// Section 3.5, rules 2 to 7.
    fn is_valid_update(&self, at: usize, anchor: Option<&Anchor>) -> bool {
        let (old, new) = (&self.policies[at - 1], &self.policies[at]);
        let (signers, honest) = &self.signed[at - 1];
        let linked = new.number == old.number + 1 && new.previous == Some(self.digests[at - 1]);
        let recovery = |signer: &PublicKey| weight_in_recovery(old, signer);
        let has_say = |signer: &PublicKey| {
            admin_weight(old, signer) > 0 || admin_weight(new, signer) > 0 || recovery(signer) > 0
        };
        let sum = |weight: &dyn Fn(&PublicKey) -> u32| signers.iter().map(weight).sum::<u32>();
        let recovers = old
            .recovery
            .as_ref()
            .is_some_and(|rule| sum(&recovery) >= rule.threshold);
        let promised = old
            .next
            .is_none_or(|next| next == new.authority_commitment());
        let ordinary =
            promised && sum(&|signer| admin_weight(old, signer)) >= old.thresholds[&Role::Admin];
        let in_time = anchor.is_some_and(|anchor| anchor.number >= new.number);
        let allowed = ordinary || (recovers && in_time);
        let accepted_by_new =
            sum(&|signer| admin_weight(new, signer)) >= new.thresholds[&Role::Admin];
        linked
            && *honest
            && !signers.is_empty()
            && signers.iter().all(has_say)
            && allowed
            && accepted_by_new
    }
}

fn admin_weight(policy: &Policy, signer: &PublicKey) -> u32 {
    let held = policy
        .keys
        .iter()
        .find(|key| key.public == *signer && key.roles.contains(&Role::Admin));
    held.map_or(0, |key| key.weight.into())
}

fn weight_in_recovery(policy: &Policy, signer: &PublicKey) -> u32 {
    let keys = policy.recovery.iter().flat_map(|recovery| &recovery.keys);
    keys.filter(|key| key.public == *signer)
        .map(|key| u32::from(key.weight))
        .sum()
}

/// Keys, roles and thresholds that keep section 3.1; number and links are the chain's to set.
fn policy(input: &mut Unstructured<'_>) -> Result<Policy> {
    let mut keys: Vec<Key> = Vec::new();
    for actor in some_actors(input)? {
        let held: u8 = input.int_in_range(1..=7)?;
        let branch = || Role::PublishBranch("blog".parse().expect("a branch"));
        let roles = [Role::Admin, Role::Publish, branch()];
        let roles = roles
            .into_iter()
            .enumerate()
            .filter(|(at, _)| held >> at & 1 == 1)
            .map(|(_, role)| role)
            .collect();
        keys.push(Key {
            public: actor.public,
            weight: input.int_in_range(1..=3)?,
            roles,
        });
    }
    // Someone has to hold these two.
    for role in [Role::Admin, Role::Publish] {
        if !keys.iter().any(|key| key.roles.contains(&role)) {
            keys[0].roles.push(role);
            keys[0].roles.sort();
        }
    }
    let mut thresholds = BTreeMap::new();
    for role in keys.iter().flat_map(|key| &key.roles) {
        let available: u32 = keys
            .iter()
            .filter(|key| key.roles.contains(role))
            .map(|key| u32::from(key.weight))
            .sum();
        thresholds.insert(role.clone(), input.int_in_range(1..=available)?);
    }
    let recovery = if input.ratio(1, 4)? {
        Some(recovery(input)?)
    } else {
        None
    };
    Ok(Policy {
        number: 0,
        keys,
        thresholds,
        next: None,
        recovery,
        previous: None,
    })
}

fn recovery(input: &mut Unstructured<'_>) -> Result<Recovery> {
    let mut keys = Vec::new();
    for actor in some_actors(input)? {
        keys.push(RecoveryKey {
            public: actor.public,
            weight: input.int_in_range(1..=3)?,
        });
    }
    let available = keys.iter().map(|key| u32::from(key.weight)).sum();
    Ok(Recovery {
        keys,
        threshold: input.int_in_range(1..=available)?,
        delay_secs: 72 * 3600,
    })
}
