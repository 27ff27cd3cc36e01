//! `dotkey zone show`: a zone in a file, or the one that the network has for a name.

use std::path::Path;

use dotkey_proto::name::{Name, Root};
use dotkey_proto::record::{Claims, Record, Verified};
use dotkey_proto::text::toml::{self, Document};
use dotkey_proto::zone::Zone;
use serde_json::{Value, json};

use super::file::{self, zone_json};
use crate::args::ZoneShowArgs;
use crate::client::NodeClient;
use crate::commands::fetch::{Holding, Wanted, fetch};
use crate::commands::verify::{count_words, record_json};
use crate::commands::{Context, now};
use crate::exit::{CliError, Result};
use crate::files::{self, PUBLIC};
use crate::output::Answer;

pub(super) fn run(args: &ZoneShowArgs, context: &Context<'_>) -> Result<Answer> {
    match name_of(&args.what, context) {
        Some(name) => from_network(&name, args, context),
        None => from_file(args, context),
    }
}

/// The name that is meant. What is there as a file, or has the form of a path, is a file.
fn name_of(what: &Path, context: &Context<'_>) -> Option<Name> {
    let text = what.to_str().filter(|_| !what.exists())?;
    let suffix = &context.settings.suffix;
    Name::parse(text, suffix).ok().or_else(|| {
        // The label of a key id alone names one zone, as the API's paths do; other words alone may be files.
        let name = Name::parse(&format!("{text}.{}", suffix.as_ascii()), suffix).ok()?;
        let alone = name.root_label() == text.to_ascii_lowercase();
        (alone && matches!(name.root(), Root::KeyId(_))).then_some(name)
    })
}

fn from_network(name: &Name, args: &ZoneShowArgs, context: &Context<'_>) -> Result<Answer> {
    if !name.below().is_empty() {
        return Err(CliError::usage(
            format!("{} is a name within a zone", name.to_unicode()),
            format!(
                "show the zone of {}, or ask `dotkey resolve {}`",
                name.apex().as_ascii(),
                name.as_ascii()
            ),
        ));
    }
    let node = NodeClient::find(args.ledger.ask.node.as_deref(), &context.settings)?;
    let wanted = Wanted {
        name,
        branch: args.branch.as_ref(),
        fresh: args.fresh,
    };
    let holding = Holding::find(name, &args.ledger, false, context)?;
    let (record, zone) = fetch(&node, &wanted, &holding, (context, now()))?;
    if let Some(standing) = &holding.standing {
        standing.warn(context);
    }
    if let Some(out) = &args.out {
        files::write_new(out, record.as_bytes(), PUBLIC)?;
    }
    verified(&record, zone, context)
}

fn verified(record: &Verified<Record>, zone: Zone, context: &Context<'_>) -> Result<Answer> {
    let mut json = record_json(record, context);
    json["verified"] = true.into();
    let claims = Claims::resume(record.as_bytes()).map_err(|error| {
        CliError::invalid(error.code(), error, "do not use it; ask another node")
    })?;
    let heading = heading("A record, verified", &claims.0, &zone, context);
    let document = Document {
        name: None,
        branch: record.branch().map(|branch| branch.owner().clone()),
        zone,
    };
    let answer = json!({"record": json, "zone": zone_json(&document)?});
    let text = format!("{heading}{}", toml::write(&document));
    Ok(Answer::new(answer, text))
}

fn from_file(args: &ZoneShowArgs, context: &Context<'_>) -> Result<Answer> {
    if args.out.is_some() || args.branch.is_some() || args.fresh {
        return Err(CliError::usage(
            format!("{} is a file", args.what.display()),
            "leave --out, --branch and --fresh out, or give a name such as mysite.key",
        ));
    }
    let (claims, document) = file::read(&args.what)?;
    let toml = toml::write(&document);
    let record = claims
        .as_ref()
        .map(|claims| unverified_json(claims, context));
    let json = json!({"record": record, "zone": zone_json(&document)?});
    let heading = claims
        .map(|claims| unverified_heading(&claims, &document.zone, context))
        .unwrap_or_default();
    Ok(Answer::new(json, format!("{heading}{toml}")))
}

fn unverified_json(claims: &Claims, context: &Context<'_>) -> Value {
    json!({
        "verified": false,
        "name": format!("{}.{}", claims.key_id, context.settings.suffix.as_ascii()),
        "key_id": claims.key_id.to_string(),
        "branch": claims.branch.as_ref().map(ToString::to_string),
        "sequence": claims.sequence,
        "not_before": claims.not_before.to_string(),
        "expires": claims.expires.to_string(),
    })
}

/// What a record that nobody checked says of itself.
pub(super) fn unverified_heading(claims: &Claims, zone: &Zone, context: &Context<'_>) -> String {
    let what = "A record, not verified here: see `dotkey verify`";
    heading(what, claims, zone, context)
}

/// What a record says of itself, as a comment above its zone.
fn heading(what: &str, claims: &Claims, zone: &Zone, context: &Context<'_>) -> String {
    let branch = claims
        .branch
        .as_ref()
        .map_or(String::new(), |branch| format!("\n# branch    {branch}"));
    format!(
        "# {what}.\n# name      {}.{}{branch}\n# sequence  {}\n# holds     {} to {}\n# zone      {}\n\n",
        claims.key_id,
        context.settings.suffix.as_ascii(),
        claims.sequence,
        claims.not_before,
        claims.expires,
        count_words(zone),
    )
}
