//! `dotkey zone diff`: what changed, a line for each thing.

use std::collections::BTreeSet;
use std::path::Path;

use dotkey_proto::dns::rdata;
use dotkey_proto::text::toml::Document;
use dotkey_proto::zone::zone_origin;
use serde_json::{Value, json};

use super::file;
use crate::exit::Result;
use crate::output::Answer;

pub(super) fn run(old: &Path, new: &Path) -> Result<Answer> {
    let (_, old) = file::read(old)?;
    let (_, new) = file::read(new)?;
    let (old, new) = (lines(&old)?, lines(&new)?);
    let removed: Vec<&String> = old.difference(&new).collect();
    let added: Vec<&String> = new.difference(&old).collect();
    let same = removed.is_empty() && added.is_empty();
    let mut changes: Vec<(&String, char)> = removed.iter().map(|line| (*line, '-')).collect();
    changes.extend(added.iter().map(|line| (*line, '+')));
    // What replaces something stands beside it: both begin with the same name.
    changes.sort_by_key(|(line, sign)| (*line, *sign == '+'));
    let text = if same {
        "The two zones are the same.".to_owned()
    } else {
        changes
            .iter()
            .map(|(line, sign)| format!("{sign} {line}\n"))
            .collect()
    };
    Ok(Answer::new(
        json!({"same": same, "removed": removed, "added": added}),
        text,
    ))
}

/// Everything that a zone says, a line each.
fn lines(document: &Document) -> Result<BTreeSet<String>> {
    let mut lines = BTreeSet::new();
    let origin = zone_origin();
    for rrset in document.zone.rrsets() {
        for data in rrset.rdata.iter() {
            let data = rdata::display(rrset.rtype, data, Some(&origin));
            lines.insert(format!(
                "{} {} {data} (ttl {})",
                rrset.owner, rrset.rtype, rrset.ttl
            ));
        }
    }
    if let Value::Object(sections) = super::file::zone_json(document)? {
        // The DNS records are above, in the form that people know them in; a TTL for all of them is a matter of writing.
        let shown = ["record", "ttl", "name"];
        for (name, section) in sections
            .iter()
            .filter(|(name, _)| !shown.contains(&name.as_str()))
        {
            flatten(name.clone(), section, &mut lines);
        }
    }
    Ok(lines)
}

/// `resource.www.provider.eu.url = "https://..."`: elements of lists go by what names them, so that moving them is no change.
fn flatten(path: String, value: &Value, lines: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                flatten(format!("{path}.{name}"), field, lines);
            }
        }
        Value::Array(elements) if elements.iter().any(Value::is_object) => {
            for (position, element) in elements.iter().enumerate() {
                flatten(
                    format!(
                        "{path}.{}",
                        called(element).unwrap_or_else(|| position.to_string())
                    ),
                    element,
                    lines,
                );
            }
        }
        leaf => {
            lines.insert(format!("{path} = {leaf}"));
        }
    }
}

fn called(element: &Value) -> Option<String> {
    let text = |field: &str| element.get(field).and_then(Value::as_str);
    if let Some(id) = text("id") {
        return Some(id.to_owned());
    }
    let host = text("host").or_else(|| text("name"))?;
    Some(format!("{host}{}", text("path").unwrap_or_default()))
}
