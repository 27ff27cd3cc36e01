//! `dotkey key rotate`.

use std::path::Path;

use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::keyfile::KeyFile;
use serde_json::json;

use super::new::commit_to;
use super::update::Update;
use super::{describe, policy_file};
use crate::args::KeyRotateArgs;
use crate::commands::Context;
use crate::commands::signing::Hands;
use crate::exit::{CliError, Result};
use crate::files;
use crate::keys::{Identity, Keyring, verify_chain};
use crate::output::Answer;

pub(super) fn run(args: &KeyRotateArgs, context: &Context<'_>) -> Result<Answer> {
    let identity = context.store.open(&args.name)?;
    if let Some(path) = args.draft.as_deref().filter(|draft| draft.exists())
        && let Some(policy) = Update::in_force(path, &identity)?
    {
        return Ok(nothing_to_do(&policy, &identity));
    }
    let mut keyring = Keyring::new()?;
    let (mut update, new_keys) = match args.draft.as_deref().filter(|draft| draft.exists()) {
        Some(_) if args.policy.is_some() => {
            return Err(CliError::usage(
                "the draft exists, so what it changes to is decided",
                "leave --policy out to sign it, or name another --draft",
            ));
        }
        Some(path) => (Update::resume(path, &identity, false)?, Vec::new()),
        None => begin(args, &identity, &mut keyring, context)?,
    };
    check_next(&update)?;
    let mut hands = Hands::all(context, &identity)?;
    hands.add(&identity, &new_keys);
    let signed = update.sign(
        &hands,
        args.signature.as_ref(),
        args.yes,
        &mut keyring,
        context,
    )?;
    if !update.is_complete() && args.draft.is_none() {
        return Err(CliError::usage(
            format!(
                "others have to sign this too: {}",
                update.missing_words(&hands, "").trim_end()
            ),
            "name a file that goes from one to the next: --draft FILE",
        ));
    }
    // The next key is kept before anything can commit to it.
    for key in &new_keys {
        context.store.add_key(&identity, key)?;
    }
    finish(
        &update,
        &identity,
        args.draft.as_deref(),
        &signed,
        &hands,
        context,
    )
}

/// Whoever was the last to sign, or took the update in before, has it.
fn nothing_to_do(policy: &Policy, identity: &Identity) -> Answer {
    let (name, number) = (&identity.name, policy.number);
    Answer::new(
        json!({
            "name": name.as_str(),
            "key_id": identity.key_id().to_string(),
            "policy": describe::policy_json(policy),
            "complete": true,
            "signed_now": [],
            "missing": [],
            "to_sign": [],
        }),
        format!(
            "Policy number {number} of `{name}` is already in force here; nothing was changed.\nNext: see it with `dotkey key show {name}`."
        ),
    )
}

fn begin(
    args: &KeyRotateArgs,
    identity: &Identity,
    keyring: &mut Keyring,
    context: &Context<'_>,
) -> Result<(Update, Vec<KeyFile>)> {
    let (new, keys) = match &args.policy {
        Some(path) => (policy_file::read(path, context)?, Vec::new()),
        None => to_next_key(identity, keyring)?,
    };
    Ok((Update::new(identity, &identity.chain, new, false)?, keys))
}

/// The policy with the next key in use and a new next one, for an identity with a single key.
fn to_next_key(identity: &Identity, keyring: &mut Keyring) -> Result<(Policy, Vec<KeyFile>)> {
    let name = &identity.name;
    let Some(PublicKey::Ed25519(current)) = identity.single_key().map(|key| key.public) else {
        return Err(CliError::usage(
            format!(
                "`{name}` is not an identity of one key that this program made, so it cannot know the new ones"
            ),
            format!(
                "say who acts from now on: dotkey key rotate {name} --policy FILE --draft FILE"
            ),
        ));
    };
    let away = |which: &str| {
        CliError::failed(
            "key-not-here",
            format!("the {which} key of `{name}` is not in this data folder"),
            format!("bring its file back: dotkey key import FILE {name}"),
        )
    };
    let in_use = identity.stored(&current).ok_or_else(|| away("current"))?;
    // Opened first, so that a wrong passphrase never seals a new key.
    keyring.open(in_use, &format!("`{name}`"))?;
    let ready = match identity.policy().next {
        Some(_) => Some(identity.next_key().ok_or_else(|| away("next"))?.file.public),
        None => None,
    };
    let made = keyring.make(if ready.is_some() { 1 } else { 2 }, &format!("`{name}`"))?;
    let public = PublicKey::Ed25519(ready.unwrap_or(made[0].public));
    let next = PublicKey::Ed25519(made[made.len() - 1].public);
    let mut policy = identity
        .with_single_key(public)
        .expect("it was just seen to have one key");
    policy.next = Some(commit_to(&policy, next));
    Ok((policy, made))
}

fn check_next(update: &Update) -> Result<()> {
    if update
        .old
        .next
        .is_none_or(|next| next == update.new.authority_commitment())
    {
        return Ok(());
    }
    Err(CliError::failed(
        "next-mismatch",
        "the new policy names other keys than the present one committed to",
        "give each member as `key` what was its `next`, in the same order, with the same weights, roles and thresholds",
    ))
}

fn finish(
    update: &Update,
    identity: &Identity,
    draft: Option<&Path>,
    signed: &[PublicKey],
    hands: &Hands,
    context: &Context<'_>,
) -> Result<Answer> {
    let name = &identity.name;
    let bytes = update.draft.encode();
    let complete = update.is_complete();
    if complete {
        let mut chain = identity.chain.clone();
        chain.push(bytes.clone());
        verify_chain(&chain, "the update")?;
        context
            .store
            .add_update(identity, update.new.number, &bytes)?;
    }
    if let Some(path) = draft {
        files::write_replacing(path, &bytes)?;
    }
    let json = update.json(identity, hands, signed);
    let number = update.new.number;
    let text = match (complete, draft) {
        (true, None) => format!(
            "Rotated `{name}`: policy number {number} is in force here. The key before it signs nothing any more.\nNext: sign and publish its zones again, and make a new backup with `dotkey key export {name}`."
        ),
        (true, Some(path)) => format!(
            "Rotated `{name}`: policy number {number} is complete and in force here.\nNext: everyone else who has `{name}` runs `dotkey key rotate {name} --draft {}` with this file.",
            files::quoted(path)
        ),
        (false, path) => {
            let shown = path.map(files::quoted).unwrap_or_default();
            let command = format!("dotkey key rotate {name} --draft {shown}");
            format!(
                "Policy number {number} of `{name}` is not in force yet:\n{}Next: hand {shown} to one of them, who runs `{command}`.",
                update.missing_words(hands, &command)
            )
        }
    };
    Ok(Answer::new(json, text))
}
