//! `dotkey zone`: what a name contains.

mod convert;
mod diff;
mod file;
mod publish;
mod show;
mod sign;
mod target;

use std::path::Path;

use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_proto::name::Name;
use dotkey_proto::text::toml::Document;
use dotkey_proto::words::counted;
use serde_json::json;

use super::Context;
use super::verify::{count_words, zone_counts};
use crate::args::ZoneCommand;
use crate::exit::{CliError, Result};
use crate::files::{self, PUBLIC};
use crate::output::Answer;

/// A zone to start from.
const STARTER: &str = include_str!("starter.toml");

pub(super) fn run(command: &ZoneCommand, context: &Context<'_>) -> Result<Answer> {
    match command {
        ZoneCommand::New { file } => new(file),
        ZoneCommand::Check { file } => check(file, context),
        ZoneCommand::Sign(args) => sign::run(args, context),
        ZoneCommand::Publish(args) => publish::run(args, context),
        ZoneCommand::Show(args) => show::run(args, context),
        ZoneCommand::Diff { old, new } => diff::run(old, new),
        ZoneCommand::Import { file, origin, out } => convert::import(file, origin, out.as_deref()),
        ZoneCommand::Export { file, origin, out } => {
            convert::export(file, origin, out.as_deref(), context)
        }
    }
}

fn new(path: &Path) -> Result<Answer> {
    files::write_new(path, STARTER.as_bytes(), PUBLIC)?;
    let shown = path.display();
    Ok(Answer::new(
        json!({"file": shown.to_string()}),
        format!(
            "Wrote {shown}, a zone with a comment on each line.\nNext: change it to what your name contains, then run `dotkey zone check {}`.",
            files::quoted(path)
        ),
    ))
}

fn check(path: &Path, context: &Context<'_>) -> Result<Answer> {
    let Document { name, zone, .. } = file::read_toml(path)?;
    if let Some(name) = name {
        Name::parse(&name, &context.settings.suffix).map_err(|error| {
            CliError::failed(
                error.code(),
                format!("{}: name = \"{name}\": {error}", path.display()),
                "correct `name` in the file, or leave it out",
            )
        })?;
    }
    let bytes = zone.encode().len();
    let mut json = zone_counts(&zone);
    json["valid"] = true.into();
    json["bytes"] = bytes.into();
    let (shown, quoted) = (path.display(), files::quoted(path));
    let text = format!(
        "{shown}: valid: {}; {} of at most {RECORD_BYTES_MAX}.\nNext: publish it with `dotkey zone publish {quoted} --key NAME`, or only sign it with `dotkey zone sign {quoted} --key NAME`.",
        count_words(&zone),
        counted(bytes, "byte")
    );
    Ok(Answer::new(json, text))
}
