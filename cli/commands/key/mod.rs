//! `dotkey key`: identities.

mod carry;
mod describe;
mod new;
mod policy_file;
mod recover;
mod rotate;
mod update;

use serde_json::json;

use super::Context;
use crate::args::KeyCommand;
use crate::exit::Result;
use crate::keys::KeyName;
use crate::output::Answer;

pub(super) fn run(command: &KeyCommand, context: &Context<'_>) -> Result<Answer> {
    match command {
        KeyCommand::New(args) => new::run(args, context),
        KeyCommand::List => list(context),
        KeyCommand::Show { name } => show(name, context),
        KeyCommand::Import { file, name } => carry::import(file, name.as_ref(), context),
        KeyCommand::Export { name, out, public } => {
            carry::export(name, out.as_deref(), *public, context)
        }
        KeyCommand::Rotate(args) => rotate::run(args, context),
        KeyCommand::Recover(args) => recover::run(args, context),
    }
}

fn show(name: &KeyName, context: &Context<'_>) -> Result<Answer> {
    let identity = context.store.open(name)?;
    let json = describe::json(&identity, &context.settings.suffix);
    Ok(Answer::new(
        json,
        describe::words(&identity, &context.settings.suffix),
    ))
}

fn list(context: &Context<'_>) -> Result<Answer> {
    let mut identities = Vec::new();
    let mut unreadable = Vec::new();
    let mut text = String::new();
    let listed = context.store.list()?;
    let width = listed
        .iter()
        .map(|(name, _)| name.as_str().len())
        .max()
        .unwrap_or(0);
    for (name, identity) in listed {
        match identity {
            Ok(identity) => {
                let suffix = &context.settings.suffix;
                text += &format!(
                    "{:width$}  {}  {}\n",
                    name.as_str(),
                    describe::domain(&identity, suffix),
                    describe::summary(&identity)
                );
                identities.push(describe::json(&identity, suffix));
            }
            Err(error) => {
                text += &format!(
                    "{:width$}  unreadable: {}; {}\n",
                    name.as_str(),
                    error.message,
                    error.next
                );
                unreadable.push(json!({"name": name.as_str(), "code": error.code, "message": error.message, "next": error.next}));
            }
        }
    }
    if text.is_empty() {
        context.output.note(&format!(
            "no keys in {}; make one with `dotkey key new NAME`",
            context.settings.keys().display()
        ));
    }
    Ok(Answer::new(
        json!({"identities": identities, "unreadable": unreadable}),
        text,
    ))
}
