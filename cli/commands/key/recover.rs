//! `dotkey key recover`.

use dotkey_proto::identity::{Policy, PublicKey};
use dotkey_proto::keyfile::KeyFile;

use super::new::commit_to;
use super::policy_file;
use super::update::Update;
use crate::args::KeyRecoverArgs;
use crate::commands::Context;
use crate::commands::signing::Hands;
use crate::exit::{CliError, Result};
use crate::files;
use crate::keys::{Identity, Keyring};
use crate::output::Answer;

pub(super) fn run(args: &KeyRecoverArgs, context: &Context<'_>) -> Result<Answer> {
    let identity = context.store.open(&args.name)?;
    let mut keyring = Keyring::new()?;
    let (mut update, new_keys) = if args.draft.exists() {
        if args.policy.is_some() || args.undo.is_some() {
            return Err(CliError::usage(
                "the draft exists, so what it changes to is decided",
                "leave --policy and --undo out to sign it, or name another --draft",
            ));
        }
        (Update::resume(&args.draft, &identity, true)?, Vec::new())
    } else {
        begin(args, &identity, &mut keyring, context)?
    };
    let mut hands = Hands::all(context, &identity)?;
    hands.add(&identity, &new_keys);
    let signed = update.sign(
        &hands,
        args.signature.as_ref(),
        args.yes,
        &mut keyring,
        context,
    )?;
    for key in &new_keys {
        context.store.add_key(&identity, key)?;
    }
    files::write_replacing(&args.draft, &update.draft.encode())?;
    let name = &identity.name;
    let shown = args.draft.display();
    let mut json = update.json(&identity, &hands, &signed);
    json["file"] = shown.to_string().into();
    json["in_force"] = false.into();
    let text = if update.is_complete() {
        format!(
            "The recovery of `{name}` is signed, in {shown}. It is not in force: a recovery counts only once the ledger has taken it in time, within {} of the update that it undoes.\nNext: keep {shown} and have it put on the ledger; until then `{name}` stays as it was, here and elsewhere.",
            super::describe::duration(
                update
                    .old
                    .recovery
                    .as_ref()
                    .map_or(0, |recovery| recovery.delay_secs)
            )
        )
    } else {
        let command = format!(
            "dotkey key recover {name} --draft {}",
            files::quoted(&args.draft)
        );
        format!(
            "The recovery of `{name}` is not complete:\n{}Next: hand {shown} to one of them, who runs `{command}`.",
            update.missing_words(&hands, &command)
        )
    };
    Ok(Answer::new(json, text))
}

fn begin(
    args: &KeyRecoverArgs,
    identity: &Identity,
    keyring: &mut Keyring,
    context: &Context<'_>,
) -> Result<(Update, Vec<KeyFile>)> {
    let newest = identity.chain.len();
    let undo = args.undo.map_or(newest, usize::from);
    if undo > newest {
        return Err(CliError::usage(
            format!(
                "`{}` has no policy number {undo}; its newest is {}",
                identity.name,
                newest - 1
            ),
            "name the first update that is to be undone",
        ));
    }
    let chain = &identity.chain[..undo];
    Update::check_recoverable(chain)?;
    let (new, keys) = match &args.policy {
        Some(path) => (policy_file::read(path, context)?, Vec::new()),
        None => to_new_keys(identity, keyring)?,
    };
    Ok((Update::new(identity, chain, new, true)?, keys))
}

/// A policy of new keys, for an identity with a single one.
fn to_new_keys(identity: &Identity, keyring: &mut Keyring) -> Result<(Policy, Vec<KeyFile>)> {
    let name = &identity.name;
    if identity.single_key().is_none() {
        return Err(CliError::usage(
            format!("`{name}` has several keys"),
            format!(
                "say who acts after the recovery: dotkey key recover {name} --policy FILE --draft FILE"
            ),
        ));
    }
    let made = keyring.make(2, &format!("the new keys of `{name}`"))?;
    let public = |index: usize| PublicKey::Ed25519(made[index].public);
    let mut policy = identity
        .with_single_key(public(0))
        .expect("it was just seen to have one key");
    policy.next = Some(commit_to(&policy, public(1)));
    Ok((policy, made))
}
