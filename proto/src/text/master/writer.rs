//! From entries to a master file that [`super::parse`] reads back to the same entries.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
};
use core::fmt::Write as _;

use super::Entry;
use crate::dns::{WireName, rdata};

/// Owners longer than this stand out of their column rather than push all others away.
const OWNER_COLUMN_MAX: usize = 32;

/// Writes `entries` in the order they are given: `$ORIGIN`, the commonest TTL as `$TTL`, then one line each, all of its
/// owner, class, type and data, so that a line can be searched for and moved.
///
/// Names below `origin` are written relative. Owners and `origin` together fit a name, and RDATA is valid for its type.
#[must_use]
pub fn write(origin: &WireName, entries: &[Entry]) -> String {
    let ttl_common = commonest_ttl(entries);
    let owners = entries.iter().map(|entry| entry.owner.to_string().len());
    let owner_column = owners
        .filter(|length| *length <= OWNER_COLUMN_MAX)
        .max()
        .unwrap_or(1);
    let types = entries.iter().map(|entry| entry.rtype.to_string().len());
    let type_column = types.max().unwrap_or(1);
    let ttls = entries.iter().filter(|entry| Some(entry.ttl) != ttl_common);
    let ttl_column = ttls.map(|entry| entry.ttl.to_string().len()).max();

    let mut out = alloc::format!("$ORIGIN {origin}\n");
    if let Some(ttl) = ttl_common {
        let _ = writeln!(out, "$TTL {ttl}");
    }
    for entry in entries {
        let _ = write!(out, "{:owner_column$} ", entry.owner.to_string());
        if let Some(column) = ttl_column {
            let ttl = Some(entry.ttl).filter(|ttl| Some(*ttl) != ttl_common);
            let ttl = ttl.map(|ttl| ttl.to_string()).unwrap_or_default();
            let _ = write!(out, "{ttl:>column$} ");
        }
        let data = rdata::display(entry.rtype, &entry.rdata, Some(origin));
        let _ = writeln!(out, "IN {:type_column$} {data}", entry.rtype);
    }
    out
}

/// The TTL that most entries have; of several, the smallest.
fn commonest_ttl(entries: &[Entry]) -> Option<u32> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.ttl).or_insert(0_usize) += 1;
    }
    let most = counts.values().copied().max()?;
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(ttl, _)| ttl)
}
