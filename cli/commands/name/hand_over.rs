//! `dotkey name transfer` and `dotkey name release`: a name goes to somebody else, or to nobody.

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::Phase;
use dotkey_proto::name::{Name, Root};

use super::change::{Change, Changer};
use super::sign::Signer;
use super::standing::Standing;
use super::{busy, claimed, holder, subject};
use crate::args::{NameReleaseArgs, NameTransferArgs};
use crate::client::Ledger;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::keys::{Identity, KeyName};
use crate::names::journal::Turn;
use crate::output::Answer;

pub(super) fn transfer(args: &NameTransferArgs, context: &Context<'_>) -> Result<Answer> {
    let name = claimed(&args.name, context)?;
    let to = receiver(&args.to, context)?;
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    ledger.wait_for_node(context.output);
    let standing = look(&name, &mut ledger)?;
    if standing.holder() == Some(to) {
        // It was interrupted after it was done, or is asked for twice.
        let text = format!("It is there already: {}", standing.words(context));
        let mut json = standing.json(context);
        json["transferred"] = false.into();
        return Ok(Answer::new(json, text));
    }
    let identity = holder(&standing, args.key.as_ref(), context)?;
    if standing.phase() == Phase::Grace {
        return Err(standing.told(
            CliError::failed(
                "lease-ended",
                format!("the lease of {} has ended", name.to_unicode()),
                format!(
                    "renew it first, with `dotkey name renew {}`",
                    name.as_ascii()
                ),
            ),
            context,
        ));
    }
    let question = format!(
        "{} goes from `{}` to {to}, who alone decides about it from then on.",
        name.to_unicode(),
        identity.name
    );
    agree(args.yes, &question, "Give it away?", context)?;
    change(&name, &identity, Change::Transfer(to), &mut ledger, context)?;
    let standing = look(&name, &mut ledger)?;
    if standing.holder() != Some(to) {
        return Err(standing.foreign(context));
    }
    let mut json = standing.json(context);
    json["transferred"] = true.into();
    standing.warn(context);
    let text = format!("Transferred: {}", standing.words(context));
    Ok(Answer::new(json, text))
}

pub(super) fn release(args: &NameReleaseArgs, context: &Context<'_>) -> Result<Answer> {
    let name = claimed(&args.name, context)?;
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    ledger.wait_for_node(context.output);
    let standing = look(&name, &mut ledger)?;
    if standing.phase() == Phase::Free {
        // It was interrupted after it was done, or is asked for twice.
        let text = format!("Nobody holds it already: {}", standing.line());
        let mut json = standing.json(context);
        json["released"] = false.into();
        return Ok(Answer::new(json, text));
    }
    let identity = holder(&standing, args.key.as_ref(), context)?;
    let question = format!(
        "{} is `{}`'s no more from then on, and anybody can claim it at once.",
        name.to_unicode(),
        identity.name
    );
    agree(args.yes, &question, "Give it up?", context)?;
    change(&name, &identity, Change::Release, &mut ledger, context)?;
    let mut json = look(&name, &mut ledger)?.json(context);
    json["released"] = true.into();
    let text = format!(
        "Released: {}\nNext: whoever wants it claims it with `dotkey name claim {}`.",
        name.to_unicode(),
        name.as_ascii()
    );
    Ok(Answer::new(json, text))
}

fn look(name: &Name, ledger: &mut Ledger) -> Result<Standing> {
    let proof = ledger.proof(&subject(name))?;
    Ok(Standing::new(name, proof, ledger))
}

fn change(
    name: &Name,
    identity: &Identity,
    change: Change,
    ledger: &mut Ledger,
    context: &Context<'_>,
) -> Result<()> {
    let _turn = Turn::take(&context.settings.data, || busy(context))?;
    let key_id = identity.key_id();
    let mut changer = Changer {
        signer: Signer::new(identity, context)?,
        ledger,
        context,
    };
    // It is done when the name is the identity's no more.
    let mut is_due = |view: &crate::names::claim::View| {
        Ok(view
            .entry
            .as_ref()
            .is_some_and(|entry| entry.key_id == key_id))
    };
    changer.bring_about(name.root_label(), change, &mut is_due)?;
    Ok(())
}

/// A key id, or an identity here.
fn receiver(text: &str, context: &Context<'_>) -> Result<KeyId> {
    let suffix = &context.settings.suffix;
    let full = match text.contains('.') {
        true => text.to_owned(),
        false => format!("{text}.{suffix}"),
    };
    let name = Name::parse(&full, suffix)
        .ok()
        .filter(|name| name.below().is_empty());
    if let Some(Root::KeyId(key_id)) = name.as_ref().map(Name::root) {
        return Ok(*key_id);
    }
    match text.parse::<KeyName>() {
        Ok(key) => Ok(context.store.open(&key)?.key_id()),
        Err(_) => Err(CliError::usage(
            format!("`{text}` is no identity"),
            "give a key id of 56 characters, as `dotkey key show` prints it, or the name of an identity here",
        )),
    }
}

/// What cannot be undone is agreed to: by who sits there, or beforehand.
fn agree(yes: bool, what: &str, question: &str, context: &Context<'_>) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !context.output.can_ask() {
        return Err(CliError::usage(
            format!("{what} Nobody can be asked here, and nothing was done"),
            "say --yes if that is meant",
        ));
    }
    context.output.note(what);
    context.output.agree(question)
}
