//! A policy as bytes.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::policy::{RECOVERY_DELAY_SECS, THRESHOLD_MAX};
use super::{Key, Policy, PolicyError, PublicKey, Recovery, RecoveryKey, Role};
use crate::cbor::{MapWriter, Reader, Writer, check_size};
use crate::limits::{KEY_ROLES_MAX, POLICY_KEYS_MAX, POLICY_THRESHOLDS_MAX};

impl Policy {
    /// Reads a policy and holds it to its rules.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, PolicyError> {
        check_size("a policy", bytes)?;
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a policy")?;
        let numbers = u32::MAX.into();
        let number = map.required(1, |r| r.uint_in("the number of a policy", 0, numbers))?;
        let keys = map.required(2, |r| read_list(r, "the keys of a policy", Key::read))?;
        let thresholds = map.required(3, read_thresholds)?;
        let next = map.optional(4, |r| r.array_of("the commitment to the next keys"))?;
        let recovery = map.optional(5, Recovery::read)?;
        let previous = map.optional(6, |r| r.array_of("the digest of the policy before"))?;
        map.close()?;
        let number = number as u32;
        let policy = Self {
            number,
            keys,
            thresholds,
            next,
            recovery,
            previous,
        };
        policy.check()?;
        Ok(policy)
    }

    /// The policy's bytes.
    ///
    /// # Errors
    /// The first rule that it breaks: nothing that would not be read again is written.
    pub fn encode(&self) -> Result<Vec<u8>, PolicyError> {
        self.check()?;
        let mut map = MapWriter::new();
        map.set_uint(1, self.number.into());
        map.set(2, |w| self.write_keys(w));
        map.set(3, |w| self.write_thresholds(w));
        if let Some(next) = &self.next {
            map.set_bytes(4, next);
        }
        map.set_some(5, self.recovery.as_ref(), |w, recovery| recovery.write(w));
        if let Some(previous) = &self.previous {
            map.set_bytes(6, previous);
        }
        Ok(map.to_bytes())
    }

    /// What the policy before this one commits to as its `next`: section 3.4.
    #[must_use]
    pub fn authority_commitment(&self) -> [u8; 32] {
        let mut writer = Writer::new();
        writer.array(2);
        self.write_keys(&mut writer);
        self.write_thresholds(&mut writer);
        blake3::derive_key("dotkey next authority v1", &writer.into_bytes())
    }

    fn write_keys(&self, writer: &mut Writer) {
        writer.array(self.keys.len());
        for key in &self.keys {
            writer.array(4);
            key.public.write(writer);
            writer.uint(key.weight.into()).array(key.roles.len());
            for role in &key.roles {
                writer.text(&role.as_text());
            }
        }
    }

    /// The thresholds in the order of their encoding, where a shorter text comes first.
    pub(crate) fn thresholds_as_encoded(&self) -> Vec<(Cow<'static, str>, u32)> {
        let entry = |(role, threshold): (&Role, &u32)| (role.as_text(), *threshold);
        let mut entries: Vec<_> = self.thresholds.iter().map(entry).collect();
        entries.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
        entries
    }

    fn write_thresholds(&self, writer: &mut Writer) {
        let entries = self.thresholds_as_encoded();
        writer.map(entries.len());
        for (role, threshold) in entries {
            writer.text(&role).uint(threshold.into());
        }
    }
}

impl Key {
    fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        reader.array("a key", 4, 4)?;
        let public = PublicKey::read(reader)?;
        let weight = reader.uint_in("the weight of a key", 1, u16::MAX.into())? as u16;
        let count = reader.array("the roles of a key", 1, KEY_ROLES_MAX)?;
        let mut roles = Vec::with_capacity(reader.room(count, 2));
        for _ in 0..count {
            roles.push(reader.text("a role", 0, usize::MAX)?.parse()?);
        }
        Ok(Self {
            public,
            weight,
            roles,
        })
    }
}

impl Recovery {
    fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        let mut map = reader.closed_map("the recovery of a policy")?;
        let keys = map.required(1, |r| read_list(r, "the recovery keys", RecoveryKey::read))?;
        let threshold = map.required(2, |r| {
            r.uint_in("the threshold of recovery", 1, THRESHOLD_MAX)
        })?;
        let (min, max) = RECOVERY_DELAY_SECS;
        let delay = map.required(3, |r| r.uint_in("the delay of recovery", min, max))?;
        map.close()?;
        Ok(Self {
            keys,
            threshold: threshold as u32,
            delay_secs: delay as u32,
        })
    }

    fn write(&self, writer: &mut Writer) {
        let mut map = MapWriter::new();
        map.set(1, |w| {
            w.array(self.keys.len());
            for key in &self.keys {
                w.array(3);
                key.public.write(w);
                w.uint(key.weight.into());
            }
        });
        map.set_uint(2, self.threshold.into());
        map.set_uint(3, self.delay_secs.into());
        map.write(writer);
    }
}

impl RecoveryKey {
    fn read(reader: &mut Reader<'_>) -> Result<Self, PolicyError> {
        reader.array("a recovery key", 3, 3)?;
        let public = PublicKey::read(reader)?;
        let weight = reader.uint_in("the weight of a key", 1, u16::MAX.into())? as u16;
        Ok(Self { public, weight })
    }
}

fn read_list<T>(
    reader: &mut Reader<'_>,
    what: &'static str,
    read: impl Fn(&mut Reader<'_>) -> Result<T, PolicyError>,
) -> Result<Vec<T>, PolicyError> {
    let count = reader.array(what, 1, POLICY_KEYS_MAX)?;
    (0..count).map(|_| read(reader)).collect()
}

fn read_thresholds(reader: &mut Reader<'_>) -> Result<BTreeMap<Role, u32>, PolicyError> {
    let count = reader.entries("the thresholds of a policy", 1, POLICY_THRESHOLDS_MAX)?;
    let mut thresholds = BTreeMap::new();
    for _ in 0..count {
        let role = reader.text("a role", 0, usize::MAX)?.parse()?;
        let threshold = reader.uint_in("a threshold", 1, THRESHOLD_MAX)?;
        thresholds.insert(role, threshold as u32);
    }
    Ok(thresholds)
}
