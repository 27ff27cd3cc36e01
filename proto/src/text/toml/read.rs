//! Reading a zone file: its records, delegations and settings.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use super::error::{Found, TomlError};
use super::section::{Read, Section, bad_value};
use super::{Document, TTL_DEFAULT, read_resource, values};
use crate::dns::{Owner, RecordType, WireName, rdata};
use crate::limits::{CONTACT_BYTES_MAX, NAME_BYTES_MAX, TTL_MAX};
use crate::zone::{Delegation, Settings, ZoneBuilder, ZoneError, zone_origin};

/// Where the owners of a zone stand in the file, for errors that name one.
type Places = Vec<(Owner, Range<usize>)>;

/// Reads a zone file; `file_name` is for errors.
///
/// # Errors
/// The first thing that is wrong, with its line and what would be right.
pub fn parse(source: &str, file_name: &str) -> Result<Document, TomlError> {
    read(source).map_err(|found| TomlError::new(file_name, source, found))
}

fn read(source: &str) -> Read<Document> {
    let mut top = Section::whole("zone file", source)?;
    let name = top.text("name", NAME_BYTES_MAX)?.map(|name| name.value);
    let branch = top.typed("branch", str::parse::<Owner>)?;
    let ttl = read_ttl(&mut top)?.unwrap_or(TTL_DEFAULT);
    let (mut builder, mut places) = (ZoneBuilder::new(), Places::new());
    let origin = zone_origin();
    for record in top.tables("record", "record")? {
        let (span, owner) = read_record(record, ttl, &origin, &mut builder)?;
        places.push((owner, span));
    }
    for resource in top.tables("resource", "resource")? {
        let span = resource.span.clone();
        let resource = read_resource::resource(resource)?;
        places.push((resource.host.clone(), span));
        builder.resource(resource);
    }
    for delegation in top.tables("delegation", "delegation")? {
        let span = delegation.span.clone();
        let delegation = read_delegation(delegation)?;
        places.push((delegation.owner.clone(), span));
        builder.delegation(delegation);
    }
    if let Some(settings) = top.table("settings", "settings table")? {
        builder.settings(read_settings(settings)?);
    }
    builder.extension(top.extension(4)?);
    top.finish()?;
    let built = builder.build(branch.as_ref());
    let zone = built.map_err(|error| Found::new(place(&error, &places), error))?;
    Ok(Document { name, branch, zone })
}

fn read_ttl(section: &mut Section<'_>) -> Read<Option<u32>> {
    let ttl = section.seconds("ttl", u64::from(TTL_MAX))?;
    Ok(ttl.map(|ttl| ttl as u32)) // At most the limit.
}

fn read_record(
    mut record: Section<'_>,
    ttl: u32,
    origin: &WireName,
    builder: &mut ZoneBuilder,
) -> Read<(Range<usize>, Owner)> {
    let span = record.span.clone();
    let owner = record.typed("owner", str::parse::<Owner>)?;
    let owner = record.need(
        "owner",
        owner,
        "the name, `owner = \"www\"`, or \"@\" for the zone itself",
    )?;
    let rtype = record.typed("type", str::parse::<RecordType>)?;
    let rtype = record.need("type", rtype, "the record type, such as `type = \"AAAA\"`")?;
    let ttl = read_ttl(&mut record)?.unwrap_or(ttl);
    let data = record.texts("data")?;
    let data = record.need(
        "data",
        data,
        "the data as in a master file, such as `data = [\"192.0.2.1\"]`",
    )?;
    record.finish()?;
    if data.is_empty() {
        let problem = "expected one string at least".to_owned();
        return Err(bad_value(span, "data", problem));
    }
    let mut wire = Vec::with_capacity(data.len());
    for text in data {
        let one = rdata::from_text(rtype, &text.value, Some(origin));
        wire.push(one.map_err(|error| Found::new(text.span, error))?);
    }
    builder.rrset(owner.clone(), rtype, ttl, wire);
    Ok((span, owner))
}

fn read_delegation(mut section: Section<'_>) -> Read<Delegation> {
    let name = section.typed("name", str::parse::<Owner>)?;
    let owner = section.need(
        "name",
        name,
        "the name that is delegated, such as `name = \"blog\"`",
    )?;
    let to = section.parsed("to", values::read_key_id)?;
    let branch = section.flag("branch")?;
    let extension = section.extension(2)?;
    let span = section.span.clone();
    section.finish()?;
    match (to, branch.map(|branch| branch.value)) {
        (Some(_), None | Some(false)) | (None, Some(true)) => Ok(Delegation {
            owner,
            to,
            extension,
        }),
        _ => {
            let problem = "write either `to` and the key id of another identity, or `branch = true` for a branch of this one";
            Err(bad_value(span, "delegation", problem.to_owned()))
        }
    }
}

fn read_settings(mut section: Section<'_>) -> Read<Settings> {
    let ttl = read_ttl(&mut section)?;
    let contact = section.text("contact", CONTACT_BYTES_MAX)?;
    let extension = section.extension(2)?;
    section.finish()?;
    Ok(Settings {
        ttl,
        contact: contact.map(|contact| String::into_boxed_str(contact.value)),
        extension,
    })
}

/// Where in the file the owner stands that a broken rule is about; the last one, because order and repetition are found
/// at the later of two.
fn place(error: &ZoneError, places: &Places) -> Range<usize> {
    let owner = match error {
        ZoneError::Type { owner, .. }
        | ZoneError::Rdata { owner, .. }
        | ZoneError::SingleRdata { owner, .. }
        | ZoneError::SoaOwner { owner }
        | ZoneError::WildcardOwner { owner, .. }
        | ZoneError::Resource { host: owner, .. }
        | ZoneError::ResourceOrder { host: owner, .. }
        | ZoneError::DelegationOwner { owner, .. }
        | ZoneError::DelegationOrder { owner }
        | ZoneError::OutsideBranch { owner, .. }
        | ZoneError::CnameAlone { owner }
        | ZoneError::BelowDname { name: owner, .. }
        | ZoneError::BelowCut { name: owner, .. }
        | ZoneError::BelowDelegation { name: owner, .. } => owner,
        _ => return 0..0,
    };
    let found = places.iter().rfind(|(place, _)| place == owner);
    found.map_or(0..0, |(_, span)| span.clone())
}
