//! A name's record from a node. The node is asked, never believed: what it gives is verified, and is that name's or nothing.

use dotkey_proto::identity::{Branch, KeyId};
use dotkey_proto::name::Name;
use dotkey_proto::record::{Record, Verified};
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::Zone;

use super::verify::{Holder, needs_ledger, verify_bytes};
use crate::client::NodeClient;
use crate::exit::{CliError, Result};

/// Which record.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a Name,
    pub(super) branch: Option<&'a Branch>,
    /// Ask every node that should have it.
    pub(super) fresh: bool,
}

impl<'a> Wanted<'a> {
    /// The record of a name's whole zone.
    pub(super) fn whole(name: &'a Name, fresh: bool) -> Self {
        Self {
            name,
            branch: None,
            fresh,
        }
    }
}

/// The newest record that the node finds.
pub(super) fn fetch(
    node: &NodeClient,
    wanted: &Wanted<'_>,
    now: Timestamp,
) -> Result<(Verified<Record>, Zone)> {
    let key_id = match Holder::of(wanted.name) {
        Holder::Ledger => return Err(needs_ledger(wanted.name)),
        Holder::Known(key_id) => key_id.ok_or_else(|| nothing(wanted))?,
    };
    newest(node, &key_id, wanted.branch, wanted.fresh, now)?.ok_or_else(|| nothing(wanted))
}

/// As [`fetch`], for whom to have none is no error.
pub(super) fn newest(
    node: &NodeClient,
    key_id: &KeyId,
    branch: Option<&Branch>,
    fresh: bool,
    now: Timestamp,
) -> Result<Option<(Verified<Record>, Zone)>> {
    let Some(bytes) = node.record(key_id, branch, fresh)? else {
        return Ok(None);
    };
    let shown = format!("what {} gave for {key_id}", node.url());
    let (record, zone) = verify_bytes(bytes, &shown, now)?;
    if record.key_id() != *key_id || record.branch() != branch {
        return Err(CliError::invalid(
            "key-id",
            format!("{shown} is another's record, of {}", record.key_id()),
            "do not use that node; name another with --node",
        ));
    }
    Ok(Some((record, zone)))
}

fn nothing(wanted: &Wanted<'_>) -> CliError {
    let apex = wanted.name.apex();
    let branch = wanted
        .branch
        .map_or(String::new(), |branch| format!(" (branch `{branch}`)"));
    CliError::not_found(
        format!("no record for {}{branch}", apex.to_unicode()),
        format!(
            "its owner publishes one with `dotkey zone publish {} FILE --key NAME`",
            apex.as_ascii()
        ),
    )
}
