//! Writing a zone file that reads back as the same document.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write as _;

use data_encoding::HEXLOWER;

use super::{Document, TTL_DEFAULT, write_resource};
use crate::cbor::Extension;
use crate::dns::{WireName, rdata};
use crate::zone::{Delegation, Rrset, Settings, Zone, zone_origin};

/// The document as a zone file: readable, and read back as the same document.
#[must_use]
pub fn write(document: &Document) -> String {
    let zone = &document.zone;
    let mut out = Lines::default();
    out.text("name", document.name.as_deref());
    out.text(
        "branch",
        document.branch.as_ref().map(ToString::to_string).as_deref(),
    );
    let ttl = common_ttl(zone);
    if !zone.rrsets().is_empty() {
        out.plain("ttl", Some(ttl));
    }
    out.extension(zone.extension());
    if let Some(settings) = zone.settings() {
        write_settings(&mut out, settings);
    }
    let origin = zone_origin();
    for rrset in zone.rrsets() {
        write_record(&mut out, rrset, ttl, &origin);
    }
    for resource in zone.resources() {
        write_resource::resource(&mut out, resource);
    }
    for delegation in zone.delegations() {
        write_delegation(&mut out, delegation);
    }
    out.0
}

/// The TTL that most rrsets have, so that most need not say theirs.
fn common_ttl(zone: &Zone) -> u32 {
    let mut counts = BTreeMap::<u32, usize>::new();
    for rrset in zone.rrsets() {
        *counts.entry(rrset.ttl).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map_or(TTL_DEFAULT, |(ttl, _)| ttl)
}

fn write_settings(out: &mut Lines, settings: &Settings) {
    out.header("[settings]");
    out.plain("ttl", settings.ttl);
    out.text("contact", settings.contact.as_deref());
    out.extension(&settings.extension);
}

fn write_record(out: &mut Lines, rrset: &Rrset, ttl: u32, origin: &WireName) {
    out.header("[[record]]");
    out.text("owner", Some(&rrset.owner.to_string()));
    out.text("type", Some(&rrset.rtype.to_string()));
    out.plain("ttl", Some(rrset.ttl).filter(|own| *own != ttl));
    let show = |data| quote(&rdata::display(rrset.rtype, data, Some(origin)).to_string());
    out.list("data", rrset.rdata.iter().map(show));
}

fn write_delegation(out: &mut Lines, delegation: &Delegation) {
    out.header("[[delegation]]");
    out.text("name", Some(&delegation.owner.to_string()));
    match delegation.to {
        Some(key_id) => out.text("to", Some(&format!("{key_id}.key"))),
        None => out.plain("branch", Some(true)),
    }
    out.extension(&delegation.extension);
}

/// A file that grows line by line.
#[derive(Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    /// Begins a table.
    pub(super) fn header(&mut self, header: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(header);
        self.0.push('\n');
    }

    /// A value that is written as it is.
    pub(super) fn plain(&mut self, key: &str, value: Option<impl core::fmt::Display>) {
        if let Some(value) = value {
            writeln!(self.0, "{key} = {value}").expect("a string takes all that is written");
        }
    }

    pub(super) fn text(&mut self, key: &str, value: Option<&str>) {
        self.plain(key, value.map(quote));
    }

    /// Values that are written as they are: none leaves the key out, one stands alone, several in brackets.
    pub(super) fn list(&mut self, key: &str, mut values: impl Iterator<Item = String>) {
        let first = values.next();
        let second = values.next();
        match (first, second) {
            (None, _) => {}
            (Some(one), None) => self.plain(key, Some(one)),
            (Some(first), Some(second)) => {
                let mut list = String::from("[\n");
                for value in [first, second].into_iter().chain(values) {
                    list.push_str("    ");
                    list.push_str(&value);
                    list.push_str(",\n");
                }
                self.plain(key, Some(list + "]"));
            }
        }
    }

    pub(super) fn extension(&mut self, extension: &Extension) {
        if !extension.is_empty() {
            self.plain("extension", Some(show_extension(extension)));
        }
    }
}

pub(super) fn show_extension(extension: &Extension) -> String {
    let entry = |(key, value): &(u64, _)| {
        let value: &alloc::vec::Vec<u8> = value;
        format!("{key} = \"{}\"", HEXLOWER.encode(value))
    };
    let entries: alloc::vec::Vec<_> = extension.entries().iter().map(entry).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A TOML string: a literal one where that saves escapes.
pub(super) fn quote(text: &str) -> String {
    let escapes = text.contains(['"', '\\']);
    if escapes && !text.contains(|c: char| c == '\'' || c.is_control()) {
        return format!("'{text}'");
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(c))
                    .expect("a string takes all that is written");
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
