//! Zones in files: TOML as people write it, or a record.

use std::path::Path;

use dotkey_proto::limits::{RECORD_BYTES_MAX, ZONE_FILE_BYTES_MAX};
use dotkey_proto::record::Claims;
use dotkey_proto::text::toml::{self, Document};
use dotkey_proto::zone::Zone;
use serde_json::Value;

use crate::exit::{CliError, Result};
use crate::files;

/// The tag of an envelope. Text never begins so: no UTF-8 has a byte 0xd8 followed by one below 0x80.
const ENVELOPE: &[u8] = &[0xd8, 98];

/// A zone, and where it is in a record, what that claims. Nothing is verified.
pub(super) fn read(path: &Path) -> Result<(Option<Claims>, Document)> {
    let bytes = files::read(path, ZONE_FILE_BYTES_MAX, "the zone")?;
    if !is_record(&bytes) {
        return Ok((None, from_toml(path, bytes)?));
    }
    let (claims, _) = resume(path, &bytes)?;
    let zone = zone_of(path, &claims)?;
    let branch = claims.branch.as_ref().map(|branch| branch.owner().clone());
    let document = Document {
        name: None,
        branch,
        zone,
    };
    Ok((Some(claims), document))
}

/// A zone in TOML.
pub(super) fn read_toml(path: &Path) -> Result<Document> {
    let bytes = files::read(path, ZONE_FILE_BYTES_MAX, "the zone")?;
    if bytes.starts_with(ENVELOPE) {
        return Err(CliError::usage(
            format!("{} is a record, not a zone in TOML", path.display()),
            format!(
                "check a record with `dotkey verify {}`",
                files::quoted(path)
            ),
        ));
    }
    from_toml(path, bytes)
}

pub(super) fn is_record(bytes: &[u8]) -> bool {
    bytes.starts_with(ENVELOPE)
}

/// A record, as it is taken up to be signed on or looked into.
pub(super) fn resume(
    path: &Path,
    bytes: &[u8],
) -> Result<(Claims, dotkey_proto::signature::Draft)> {
    files::check_size(path, bytes, RECORD_BYTES_MAX, "a record")?;
    Claims::resume(bytes).map_err(|error| {
        let code = error.code();
        CliError::invalid(
            code,
            format!("{}: not valid ({code}): {error}", path.display()),
            "get a new copy of the record",
        )
    })
}

pub(super) fn zone_of(path: &Path, claims: &Claims) -> Result<Zone> {
    let zone = Zone::decode(
        &claims.body,
        claims.branch.as_ref().map(|branch| branch.owner()),
    );
    zone.map_err(|error| {
        let code = error.code();
        CliError::invalid(
            code,
            format!(
                "{}: the zone in it is not valid ({code}): {error}",
                path.display()
            ),
            "ask its owner to sign a valid zone",
        )
    })
}

pub(super) fn from_toml(path: &Path, bytes: Vec<u8>) -> Result<Document> {
    let text = files::text(
        path,
        bytes,
        ZONE_FILE_BYTES_MAX,
        "a zone in TOML, or a record",
    )?;
    toml::parse(&text, &path.display().to_string()).map_err(|error| {
        if is_policy(&text) {
            return CliError::failed(
                "policy-file",
                format!("{} is a policy file, not a zone", path.display()),
                format!(
                    "make an identity of it: dotkey key new NAME --policy {}",
                    files::quoted(path)
                ),
            );
        }
        CliError::failed(
            error.code(),
            error.to_string().trim_end(),
            "correct the zone; `docs/zones.md` describes zone files, and `zones/` has examples",
        )
    })
}

/// Who may act stands in a policy file, which is TOML too; no zone has these keys.
fn is_policy(text: &str) -> bool {
    let table = text.parse::<::toml::Table>();
    table.is_ok_and(|table| table.contains_key("thresholds") || table.contains_key("member"))
}

/// The zone as its TOML would be, in JSON.
pub(in crate::commands) fn zone_json(document: &Document) -> Result<Value> {
    let shown = |why: String| {
        CliError::failed(
            "zone-text",
            format!("the zone cannot be shown: {why}"),
            "report this",
        )
    };
    let value: ::toml::Value =
        ::toml::from_str(&toml::write(document)).map_err(|error| shown(error.to_string()))?;
    serde_json::to_value(value).map_err(|error| shown(error.to_string()))
}
