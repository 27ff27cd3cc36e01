//! `dotkey zone import` and `dotkey zone export`: master files (RFC 1035 section 5).

use std::path::Path;

use dotkey_proto::dns::WireName;
use dotkey_proto::text::master::{self, Entry, FILE_BYTES_MAX, Options};
use dotkey_proto::text::toml::{self, Document};
use dotkey_proto::zone::{Zone, ZoneBuilder, ZoneError};
use serde_json::json;

use super::file;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::files::{self, PUBLIC};
use crate::output::Answer;

pub(super) fn import(path: &Path, origin: &str, out: Option<&Path>) -> Result<Answer> {
    let origin = parse_origin(origin)?;
    let source = files::read_text(path, FILE_BYTES_MAX, "a master file")?;
    let file_name = path.display().to_string();
    let options = Options {
        file_name: &file_name,
        origin: &origin,
        ttl_default: None,
    };
    let entries = master::parse(&source, &options).map_err(|error| {
        CliError::failed(
            error.code(),
            error.to_string().trim_end(),
            "correct that line of the master file",
        )
    })?;
    let zone = to_zone(entries, &origin).map_err(|error| {
        CliError::failed(
            error.code(),
            format!("{file_name}: its records make no valid zone: {error}"),
            "correct the master file",
        )
    })?;
    let document = Document {
        name: None,
        branch: None,
        zone,
    };
    written(toml::write(&document), out, "zone", "dotkey zone check")
}

fn to_zone(entries: Vec<Entry>, origin: &WireName) -> Result<Zone, ZoneError> {
    let mut builder = ZoneBuilder::new();
    for entry in entries {
        builder.rrset(entry.owner, entry.rtype, entry.ttl, [entry.rdata]);
    }
    builder.build(None)?.relativise(origin)
}

pub(super) fn export(
    path: &Path,
    origin: &str,
    out: Option<&Path>,
    context: &Context<'_>,
) -> Result<Answer> {
    let origin = parse_origin(origin)?;
    let (_, document) = file::read(path)?;
    let zone = document.zone.absolutise(&origin).map_err(|error| {
        CliError::failed(
            error.code(),
            format!("{}: {error}", path.display()),
            "give a shorter --origin",
        )
    })?;
    for rrset in zone.rrsets() {
        rrset.owner.in_zone(&origin).map_err(|error| {
            CliError::failed(
                error.code(),
                format!("{}: `{}`: {error}", path.display(), rrset.owner),
                "give a shorter --origin",
            )
        })?;
    }
    let left_out = [
        (zone.resources().len(), "resources"),
        (zone.delegations().len(), "delegations"),
        (usize::from(zone.settings().is_some()), "settings"),
    ];
    let left_out: Vec<_> = left_out
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(_, what)| what)
        .collect();
    if !left_out.is_empty() {
        context.output.note(&format!(
            "note: a master file has no form for {}; they are left out",
            left_out.join(" and ")
        ));
    }
    let entries: Vec<Entry> = entries(&zone);
    written(
        master::write(&origin, &entries),
        out,
        "master_file",
        "named-checkzone",
    )
}

fn entries(zone: &Zone) -> Vec<Entry> {
    let mut rrsets: Vec<_> = zone.rrsets().iter().collect();
    // As people order a zone: the apex, then each name with those below it; SOA before all.
    rrsets.sort_by(|a, b| {
        let soa =
            |rtype: dotkey_proto::dns::RecordType| rtype != dotkey_proto::dns::RecordType::SOA;
        a.owner
            .canonical_cmp(&b.owner)
            .then_with(|| (soa(a.rtype), a.rtype.0).cmp(&(soa(b.rtype), b.rtype.0)))
    });
    let entry = |rrset: &dotkey_proto::zone::Rrset, rdata: &[u8]| Entry {
        owner: rrset.owner.clone(),
        ttl: rrset.ttl,
        rtype: rrset.rtype,
        rdata: rdata.to_vec(),
        line: 0,
    };
    rrsets
        .into_iter()
        .flat_map(|rrset| {
            rrset
                .rdata
                .iter()
                .map(|rdata| entry(rrset, rdata))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn parse_origin(text: &str) -> Result<WireName> {
    WireName::parse(text, Some(&WireName::root())).map_err(|error| {
        CliError::usage(
            format!("--origin `{text}`: {error}"),
            "give the name of the zone, such as mysite.key or example.net",
        )
    })
}

fn written(text: String, out: Option<&Path>, field: &str, then: &str) -> Result<Answer> {
    let Some(path) = out else {
        return Ok(Answer::new(json!({field: text}), text));
    };
    files::write_new(path, text.as_bytes(), PUBLIC)?;
    let shown = path.display();
    let next = if then.starts_with("dotkey") {
        format!("\nNext: check it with `{then} {}`.", files::quoted(path))
    } else {
        String::new()
    };
    Ok(Answer::new(
        json!({"file": shown.to_string()}),
        format!("Wrote {shown}.{next}"),
    ))
}
