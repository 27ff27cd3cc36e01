//! An identity in words and in JSON.

use dotkey_proto::identity::{Policy, PublicKey, Role};
use dotkey_proto::name::{Name, Suffix};
use dotkey_proto::words::counted;
use serde_json::{Value, json};

use crate::keys::{Held, Identity};

/// The name that needs no claim.
pub(super) fn domain(identity: &Identity, suffix: &Suffix) -> String {
    Name::of_key_id(&identity.key_id(), suffix)
        .as_ascii()
        .to_owned()
}

/// Every self-certifying name of an identity; a bare key has a second one.
pub(super) fn domains(identity: &Identity, suffix: &Suffix) -> Vec<String> {
    let mut names = vec![domain(identity, suffix)];
    if let Some(key) = identity.single_key()
        && Policy::bare_key_id(key.public) == identity.key_id()
    {
        let other = match key.public {
            PublicKey::Ed25519(key) => Name::of_ed25519(key.as_bytes(), suffix),
            PublicKey::Wallet(address) => Name::of_wallet(address.as_bytes(), suffix),
        };
        names.push(other.as_ascii().to_owned());
    }
    names
}

pub(super) fn json(identity: &Identity, suffix: &Suffix) -> Value {
    let secrets = identity.keys.iter().map(|key| {
        json!({
            "public": PublicKey::Ed25519(key.file.public).to_string(),
            "is": identity.held(key).word(),
            "file": key.path.display().to_string(),
        })
    });
    json!({
        "name": identity.name.as_str(),
        "key_id": identity.key_id().to_string(),
        "domains": domains(identity, suffix),
        "policy": policy_json(identity.policy()),
        "secret_keys": secrets.collect::<Vec<_>>(),
        "folder": identity.folder.display().to_string(),
    })
}

pub(super) fn policy_json(policy: &Policy) -> Value {
    let roles = |roles: &[Role]| {
        roles
            .iter()
            .map(|role| role.to_string())
            .collect::<Vec<_>>()
    };
    let keys = policy.keys.iter();
    let keys = keys.map(|key| json!({"public": key.public.to_string(), "weight": key.weight, "roles": roles(&key.roles)}));
    let recovery = policy.recovery.as_ref().map(|recovery| {
        let keys = recovery.keys.iter().map(|key| json!({"public": key.public.to_string(), "weight": key.weight}));
        json!({"keys": keys.collect::<Vec<_>>(), "threshold": recovery.threshold, "delay_secs": recovery.delay_secs})
    });
    let thresholds = policy
        .thresholds
        .iter()
        .map(|(role, needed)| (role.to_string(), json!(needed)));
    json!({
        "number": policy.number,
        "keys": keys.collect::<Vec<_>>(),
        "thresholds": Value::Object(thresholds.collect()),
        "next_committed": policy.next.is_some(),
        "recovery": recovery,
    })
}

/// One line for a list.
pub(super) fn summary(identity: &Identity) -> String {
    let keys = &identity.policy().keys;
    let kind = match &keys[..] {
        [key] if matches!(key.public, PublicKey::Wallet(_)) => "wallet".to_owned(),
        [_] => "one key".to_owned(),
        keys => counted(keys.len(), "key").to_string(),
    };
    let mut here: Vec<_> = identity.keys.iter().map(|key| identity.held(key)).collect();
    here.sort();
    here.dedup();
    let here: Vec<_> = here
        .into_iter()
        .filter(|held| *held != Held::Aside)
        .map(Held::word)
        .collect();
    match &here[..] {
        [] => format!("{kind}; no secret key here"),
        here => format!("{kind}; here: {}", here.join(", ")),
    }
}

pub(super) fn words(identity: &Identity, suffix: &Suffix) -> String {
    let mut text = format!("{}\n", identity.name);
    for name in domains(identity, suffix) {
        text += &format!("  name    {name}\n");
    }
    text += &format!("  folder  {}\n\n", identity.folder.display());
    text += &policy_words(identity.policy());
    text += "\nSecret keys here, each under its passphrase\n";
    if identity.keys.is_empty() {
        text += "  none\n";
    }
    let mut keys: Vec<_> = identity
        .keys
        .iter()
        .map(|key| (identity.held(key), key))
        .collect();
    keys.sort_by_key(|(held, _)| *held);
    for (held, key) in keys {
        let file = key
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        text += &format!(
            "  {:<10}  {}  in {file}\n",
            held.word(),
            PublicKey::Ed25519(key.file.public)
        );
    }
    text
}

/// Who may do what.
pub(super) fn policy_words(policy: &Policy) -> String {
    let mut text = format!("Who may act (policy number {})\n", policy.number);
    for (role, needed) in &policy.thresholds {
        let holders: Vec<_> = policy
            .keys
            .iter()
            .filter(|key| key.roles.contains(role))
            .collect();
        let members: Vec<_> = holders.iter().map(|key| (key.public, key.weight)).collect();
        text += &format!(
            "  {role} ({}): {}\n",
            meaning(role),
            members_words(&members, *needed)
        );
    }
    text += match policy.next {
        Some(_) => {
            "  next keys: committed to, so a thief of the keys in use cannot take the identity\n"
        }
        None => "  next keys: none committed to\n",
    };
    match &policy.recovery {
        Some(recovery) => {
            let members: Vec<_> = recovery
                .keys
                .iter()
                .map(|key| (key.public, key.weight))
                .collect();
            let delay = duration(recovery.delay_secs);
            text += &format!(
                "  recovery (undoes an update within {delay}, through the ledger): {}\n",
                members_words(&members, recovery.threshold)
            );
        }
        None => text += "  recovery: no keys for it\n",
    }
    text
}

fn meaning(role: &Role) -> String {
    match role {
        Role::Admin => "changes the keys, acts on the ledger".to_owned(),
        Role::Publish => "signs the zone".to_owned(),
        Role::PublishBranch(branch) => format!("signs the branch `{branch}`"),
    }
}

fn members_words(members: &[(PublicKey, u16)], needed: u32) -> String {
    let equal = members.iter().all(|(_, weight)| *weight == 1);
    let line = |(key, weight): &(PublicKey, u16)| {
        let weight = if equal {
            String::new()
        } else {
            format!("  (weight {weight})")
        };
        format!("\n    {key}{weight}")
    };
    let lines: String = members.iter().map(line).collect();
    match (equal, members.len()) {
        (true, 1) => format!("one key{lines}"),
        (true, count) => format!("{needed} of these {}{lines}", counted(count, "key")),
        (false, _) => format!("weight {needed} of these keys{lines}"),
    }
}

/// 259200 as `72 hours`.
pub(super) fn duration(secs: u32) -> String {
    match secs {
        secs if secs % 86_400 == 0 && secs > 3 * 86_400 => counted(secs / 86_400, "day"),
        secs if secs % 3600 == 0 => counted(secs / 3600, "hour"),
        secs => counted(secs, "second"),
    }
    .to_string()
}
