//! `dotkey name`: readable names, who holds them, and what their holders do with them. What the ledger says is proved before anything
//! is decided by it; the way of a claim is [`crate::names::claim`]'s.

mod change;
mod claim;
mod hand_over;
mod list;
mod pace;
mod renew;
mod sign;
mod standing;
mod watch;

use std::path::Path;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Bundle, Phase, Subject};
use dotkey_proto::limits::BUNDLE_BYTES_MAX;
use dotkey_proto::name::{Name, Root};

use super::Context;
use super::verify::parse_name;
use crate::args::{NameCommand, NameShowArgs};
use crate::client::Ledger;
use crate::exit::{CliError, Result};
use crate::files::{self, PUBLIC};
use crate::keys::{Identity, KeyName};
use crate::output::Answer;

pub(super) use pace::Pace;
pub(super) use standing::Standing;

pub(super) fn run(command: &NameCommand, context: &Context<'_>) -> Result<Answer> {
    match command {
        NameCommand::Claim(args) => claim::run(args, context),
        NameCommand::Renew(args) => renew::run(args, context),
        NameCommand::Transfer(args) => hand_over::transfer(args, context),
        NameCommand::Release(args) => hand_over::release(args, context),
        NameCommand::Show(args) => show(args, context),
        NameCommand::List(args) => list::run(args, context),
        NameCommand::Watch(args) => watch::run(args, context),
    }
}

fn show(args: &NameShowArgs, context: &Context<'_>) -> Result<Answer> {
    let name = claimed(&args.name, context)?;
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    let subject = subject(&name);
    let proof = match &args.proof {
        Some(path) => {
            let (bundle, proof) = ledger.bundle(&subject)?;
            save_proof(path, &bundle)?;
            proof
        }
        None => ledger.proof(&subject)?,
    };
    let standing = Standing::new(&name, proof, &ledger);
    if standing.phase() == Phase::Free {
        return Err(standing.nobody(context));
    }
    standing.warn(context);
    Ok(Answer::new(standing.json(context), standing.words(context)))
}

/// A name that the ledger decides about, and not one within its zone.
fn claimed(text: &str, context: &Context<'_>) -> Result<Name> {
    let name = parse_name(text, context)?;
    if !matches!(name.root(), Root::Claimed) {
        return Err(CliError::usage(
            format!(
                "{} needs no claim: it is a key, and its holder's for ever",
                name.to_unicode()
            ),
            "publish its zone with `dotkey zone publish`; to claim, choose a name such as mysite.key",
        ));
    }
    if !name.below().is_empty() {
        return Err(CliError::usage(
            format!("{} is a name within a zone", name.to_unicode()),
            format!(
                "name {}, whose holder decides about it",
                name.apex().as_ascii()
            ),
        ));
    }
    Ok(name)
}

/// A name, as proofs are about it.
pub(super) fn subject(name: &Name) -> Subject {
    Subject::Name(name.root_label().to_owned())
}

/// Writes what proves a name to a file: a new one, or one in the place of an earlier proof.
pub(super) fn save_proof(path: &Path, bundle: &Bundle) -> Result<()> {
    let is_proof = path.is_file()
        && files::read(path, BUNDLE_BYTES_MAX, "the earlier proof")
            .is_ok_and(|bytes| Bundle::decode(&bytes).is_ok());
    match is_proof {
        true => files::write_replacing(path, &bundle.encode()),
        false => files::write_new(path, &bundle.encode(), PUBLIC),
    }
}

/// The identity here that holds a name, or the one that is named, where it is the holder.
fn holder(standing: &Standing, key: Option<&KeyName>, context: &Context<'_>) -> Result<Identity> {
    let Some(key_id) = standing.holder() else {
        return Err(standing.nobody(context));
    };
    let found = match key {
        Some(key) => Some(context.store.open(key)?).filter(|one| one.key_id() == key_id),
        None => identity_of(key_id, context)?,
    };
    found.ok_or_else(|| standing.foreign(context))
}

/// The identity of this data folder with this key id.
fn identity_of(key_id: KeyId, context: &Context<'_>) -> Result<Option<Identity>> {
    let all = context.store.list()?;
    // One damaged identity does not hide another.
    let mut sound = all.into_iter().filter_map(|(_, identity)| identity.ok());
    Ok(sound.find(|identity| identity.key_id() == key_id))
}

/// Tells who waits why: another command of this data folder makes transactions.
fn busy(context: &Context<'_>) {
    context
        .output
        .note("another `dotkey name` command of this data folder is at work; waiting for it");
}
