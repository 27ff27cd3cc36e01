//! `dotkey key new`.

use dotkey_proto::identity::{Key, Policy, PublicKey, Recovery, RecoveryKey};
use dotkey_proto::keyfile::KeyFile;
use serde_json::Value;

use super::{describe, policy_file};
use crate::args::KeyNewArgs;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::keys::{Held, Identity, Keyring};
use crate::output::Answer;

/// DESIGN section 4: time enough to notice over a weekend.
pub(super) const RECOVERY_DELAY_SECS: u32 = 72 * 3600;

pub(super) fn run(args: &KeyNewArgs, context: &Context<'_>) -> Result<Answer> {
    let name = &args.name;
    context.store.check_free(name)?;
    let (policy, keys) = match (&args.policy, &args.wallet) {
        (Some(path), _) => (policy_file::read(path, context)?, Vec::new()),
        (None, Some(PublicKey::Ed25519(_))) => {
            return Err(CliError::usage(
                "--wallet takes an address of the form 0x and 40 digits",
                "give the wallet's address",
            ));
        }
        (None, Some(wallet)) => (Policy::bare(*wallet), Vec::new()),
        (None, None) => with_new_keys(args)?,
    };
    let genesis = crate::keys::genesis(&policy)?;
    let identity = context.store.create(name, &[genesis], &keys)?;
    Ok(answer(&identity, context))
}

/// A policy of new keys: one to use, the next one, and one to recover with, as far as they are wanted.
fn with_new_keys(args: &KeyNewArgs) -> Result<(Policy, Vec<KeyFile>)> {
    let count = if args.bare {
        1
    } else {
        2 + usize::from(args.recovery)
    };
    let keys = Keyring::new()?.make(count, &format!("`{}`", args.name))?;
    let public = |index: usize| PublicKey::Ed25519(keys[index].public);
    let mut policy = Policy::bare(public(0));
    if !args.bare {
        policy.next = Some(commit_to(&policy, public(1)));
    }
    if args.recovery {
        let key = RecoveryKey {
            public: public(2),
            weight: 1,
        };
        policy.recovery = Some(Recovery {
            keys: vec![key],
            threshold: 1,
            delay_secs: RECOVERY_DELAY_SECS,
        });
    }
    Ok((policy, keys))
}

/// The commitment to a policy with one key, like `policy` but for the key itself.
pub(super) fn commit_to(policy: &Policy, public: PublicKey) -> [u8; 32] {
    let keys = policy
        .keys
        .iter()
        .map(|key| Key {
            public,
            ..key.clone()
        })
        .collect();
    Policy {
        keys,
        ..policy.clone()
    }
    .authority_commitment()
}

fn answer(identity: &Identity, context: &Context<'_>) -> Answer {
    let suffix = &context.settings.suffix;
    let name = &identity.name;
    let public = |held: Held| {
        let key = identity
            .keys
            .iter()
            .find(|key| identity.held(key) == held)?;
        Some((
            PublicKey::Ed25519(key.file.public).to_string(),
            key.path.display().to_string(),
        ))
    };
    let mut text = format!("Made `{name}`. Its name, which needs no claim, is\n");
    for domain in describe::domains(identity, suffix) {
        text += &format!("  {domain}\n");
    }
    let mut json = describe::json(identity, suffix);
    for (held, field, label) in [
        (Held::InUse, "public", "public key    "),
        (Held::Next, "next_public", "next key      "),
        (Held::Recovery, "recovery_public", "recovery key  "),
    ] {
        let found = public(held);
        if let Some((key, _)) = &found {
            text += &format!("  {label}{key}\n");
        }
        json[field] = found.map_or(Value::Null, |(key, _)| key.into());
    }
    for held in [Held::Next, Held::Recovery] {
        if let Some((_, path)) = public(held) {
            let when = if held == Held::Next {
                "rotate"
            } else {
                "recover"
            };
            text += &format!(
                "The {} key is in\n  {path}\nMove it to another place, such as a memory stick, and bring it back to {when}.\n",
                held.word()
            );
        }
    }
    if identity.keys.is_empty() {
        text += &describe::policy_words(identity.policy());
    }
    text += &format!(
        "Next: write a zone with `dotkey zone new mysite.toml`, publish it with `dotkey zone publish mysite.toml --key {name}`.\nFor a name that people can read, claim one with `dotkey name claim mysite.key --key {name}`; both need a node, such as that of `dotkey up`."
    );
    Answer::new(json, text)
}
