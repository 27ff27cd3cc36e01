//! `dotkey resolver`: run a resolver by itself, or show the anchor of what it signs.

use serde_json::json;

use super::Context;
use crate::args::{ResolverArgs, ResolverCommand, ResolverRunArgs};
use crate::exit::{CliError, Result};
use crate::output::Answer;
use crate::resolver;

pub(super) fn run(args: &ResolverArgs, context: &Context<'_>) -> Result<Answer> {
    match &args.command {
        None => resolver::serve(&args.run, &context.settings, context.output),
        Some(_) if args.run != ResolverRunArgs::default() => Err(CliError::usage(
            "these options are for running a resolver, and this command runs none",
            "leave them out; only --data, --config and --json go with it",
        )),
        Some(ResolverCommand::Anchor) => anchor(context),
    }
}

/// The DS of the key that answers are signed with, as those who validate take it. The key is made where there is none yet.
fn anchor(context: &Context<'_>) -> Result<Answer> {
    let signer = resolver::signer(&context.settings.data, &context.settings.suffix)?;
    let (zone, ds) = (signer.zone().to_string(), signer.ds());
    let (tag, rest) = ds.split_once(' ').unwrap_or((&ds, ""));
    let (algorithm, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let (digest_type, digest) = rest.split_once(' ').unwrap_or((rest, ""));
    let unbound = format!("trust-anchor: \"{zone} DS {ds}\"");
    let bind = format!(
        "trust-anchors {{ {zone} static-ds {tag} {algorithm} {digest_type} \"{digest}\"; }};"
    );
    let text = format!(
        "{zone} DS {ds}\n\nunbound.conf, under server:\n  {unbound}\ndelv -a FILE, named.conf:\n  {bind}"
    );
    let json = json!({"zone": zone, "ds": ds, "unbound": unbound, "bind": bind});
    Ok(Answer::new(json, text))
}
