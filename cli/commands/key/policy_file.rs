//! The policy file: who may do what, as people write it. `docs/keys.md`.

use std::collections::BTreeMap;
use std::path::Path;

use dotkey_proto::identity::{Key, Policy, PublicKey, Recovery, RecoveryKey, Role};
use serde::Deserialize;

use super::new::RECOVERY_DELAY_SECS;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::files;
use crate::keys::KeyName;

const POLICY_FILE_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    thresholds: BTreeMap<String, u32>,
    member: Vec<Member>,
    recovery: Option<RecoveryTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    key: String,
    next: Option<String>,
    #[serde(default = "one")]
    weight: u16,
    roles: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryTable {
    #[serde(default = "one_of_them")]
    threshold: u32,
    delay: Option<String>,
    member: Vec<RecoveryMember>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryMember {
    key: String,
    #[serde(default = "one")]
    weight: u16,
}

fn one() -> u16 {
    1
}

fn one_of_them() -> u32 {
    1
}

/// Reads a policy file as a genesis policy. Who makes an update of it sets the number and the digest of the one before.
pub(super) fn read(path: &Path, context: &Context<'_>) -> Result<Policy> {
    let text = files::read_text(path, POLICY_FILE_BYTES_MAX, "the policy")?;
    let bad = |why: &dyn std::fmt::Display| {
        CliError::failed(
            "bad-policy",
            format!("{}: {}", path.display(), why.to_string().trim_end()),
            "correct it; `docs/keys.md` describes policy files",
        )
    };
    let file: File = toml::from_str(&text).map_err(|error| bad(&error))?;
    let policy = file.to_policy(context).map_err(|why| bad(&why))?;
    policy.check().map_err(|error| bad(&error))?;
    if policy.next.is_none() {
        context.output.note(
            "note: no next keys are committed to, so whoever steals enough keys in use can take the identity; give every member a `next`",
        );
    }
    Ok(policy)
}

impl File {
    fn to_policy(&self, context: &Context<'_>) -> Result<Policy, String> {
        let mut keys = Vec::new();
        let mut next_keys = Vec::new();
        for member in &self.member {
            let (public, prepared) = find(&member.key, context)?;
            let next = match &member.next {
                Some(next) => Some(find(next, context)?.0),
                None => prepared,
            };
            let roles = roles(&member.roles)?;
            keys.push(Key {
                public,
                weight: member.weight,
                roles: roles.clone(),
            });
            next_keys.extend(next.map(|public| Key {
                public,
                weight: member.weight,
                roles,
            }));
        }
        let explicit = self.member.iter().any(|member| member.next.is_some());
        if explicit && next_keys.len() < keys.len() {
            let without = self
                .member
                .iter()
                .find(|member| member.next.is_none())
                .map_or("", |member| &member.key);
            return Err(format!(
                "either every member has a `next` key or none; {without} has none"
            ));
        }
        let thresholds = self.thresholds.iter();
        let thresholds = thresholds
            .map(|(role, needed)| Ok((role.parse::<Role>().map_err(|e| e.to_string())?, *needed)));
        let mut policy = Policy {
            number: 0,
            keys,
            thresholds: thresholds.collect::<Result<_, String>>()?,
            next: None,
            recovery: self
                .recovery
                .as_ref()
                .map(|table| table.to_recovery(context))
                .transpose()?,
            previous: None,
        };
        if next_keys.len() == policy.keys.len() {
            let next = Policy {
                keys: next_keys,
                ..policy.clone()
            };
            next.check()
                .map_err(|error| format!("the next keys: {error}"))?;
            policy.next = Some(next.authority_commitment());
        }
        Ok(policy)
    }
}

impl RecoveryTable {
    fn to_recovery(&self, context: &Context<'_>) -> Result<Recovery, String> {
        let keys = self.member.iter();
        let keys = keys.map(|member| {
            Ok(RecoveryKey {
                public: find(&member.key, context)?.0,
                weight: member.weight,
            })
        });
        let delay_secs = self
            .delay
            .as_deref()
            .map_or(Ok(RECOVERY_DELAY_SECS), delay)?;
        Ok(Recovery {
            keys: keys.collect::<Result<_, String>>()?,
            threshold: self.threshold,
            delay_secs,
        })
    }
}

fn roles(texts: &[String]) -> Result<Vec<Role>, String> {
    let roles: Result<Vec<Role>, _> = texts.iter().map(|role| role.parse()).collect();
    let mut roles = roles.map_err(|error| error.to_string())?;
    // In a file their order means nothing.
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// A public key, or the one of a local identity, with the next one of that where it is ready.
fn find(text: &str, context: &Context<'_>) -> Result<(PublicKey, Option<PublicKey>), String> {
    if text.contains(':') || text.starts_with("0x") {
        return text
            .parse()
            .map(|public| (public, None))
            .map_err(|error: dotkey_proto::signature::SignatureError| error.to_string());
    }
    let name: KeyName = text.parse().map_err(|_| {
        format!("`{text}` is neither a public key (`ed25519:` and 64 digits, or `0x` and 40) nor the name of a key here")
    })?;
    let identity = context.store.open(&name).map_err(|error| error.message)?;
    let Some(key) = identity.single_key() else {
        return Err(format!(
            "`{name}` has several keys; name each of its members by its public key"
        ));
    };
    let next = identity
        .next_key()
        .map(|next| PublicKey::Ed25519(next.file.public));
    Ok((key.public, next))
}

/// `72h` or `3d`, in seconds.
fn delay(text: &str) -> Result<u32, String> {
    let unit = match text.chars().last() {
        Some('h') => 3600,
        Some('d') => 86_400,
        _ => 0,
    };
    let number = text
        .get(..text.len().saturating_sub(1))
        .and_then(|number| number.parse::<u32>().ok());
    number
        .and_then(|number| number.checked_mul(unit))
        .filter(|secs| *secs > 0)
        .ok_or_else(|| {
            format!("`{text}` is not a delay; write hours or days, such as \"72h\" or \"3d\"")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_hours_or_days() {
        for (text, secs) in [("72h", 259_200), ("3d", 259_200), ("1h", 3600)] {
            assert_eq!(delay(text), Ok(secs));
        }
        for bad in ["", "h", "72", "72m", "-1h", "0h", "99999999d", "1é"] {
            assert!(delay(bad).is_err(), "{bad}");
        }
    }
}
