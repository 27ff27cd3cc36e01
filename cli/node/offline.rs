//! Looking after the records of a node that does not run: bringing back a backup, mending a damaged store.

use std::path::Path;

use dotkey_registry::store::{self, RepairReport};
use serde_json::json;

use super::{failures, store_of};
use crate::args::bytes_in_words;
use crate::exit::Result;
use crate::files;
use crate::output::Answer;

/// Takes a backup as the records of a data folder that has none.
pub(crate) fn restore(from: &Path, data: &Path) -> Result<Answer> {
    files::make_private_folder(data)?;
    let folder = store_of(data);
    let bytes = store::restore(from, &folder).map_err(|error| failures::store(&error))?;
    let shown = folder.display().to_string();
    let text = format!(
        "Restored {} to {shown}, every block of it checked.\nNext: start the node with `dotkey node --data {}`.",
        bytes_in_words(bytes),
        files::quoted(data)
    );
    Ok(Answer::new(json!({"folder": shown, "bytes": bytes}), text))
}

/// Keeps what is whole of a damaged store.
pub(crate) fn repair(data: &Path) -> Result<Answer> {
    let report = store::repair(&store_of(data)).map_err(|error| failures::store(&error))?;
    let RepairReport {
        damaged,
        files: found,
        kept,
        dropped,
        ..
    } = report;
    let shown = damaged.display();
    let where_found = match &found[..] {
        [] => "No damage was found in its files".to_owned(),
        found => format!("Damage was found in {}", found.join(", ")),
    };
    let lost = match dropped {
        0 => "none is known to be lost".to_owned(),
        dropped => {
            format!("{dropped} could not be read; the other nodes bring back what they have")
        }
    };
    let text = format!(
        "Repaired. {where_found}.\n  kept     {kept} records, each verified again; {lost}\n  moved    the damaged store to {shown}\nNext: start the node with `dotkey node --data {}`; remove that folder when all is well.",
        files::quoted(data)
    );
    let json =
        json!({"kept": kept, "dropped": dropped, "files": found, "moved_to": shown.to_string()});
    Ok(Answer::new(json, text))
}
