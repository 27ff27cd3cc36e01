//! Looking after the records of a node that does not run: bringing back a backup, mending a damaged store.

use dotkey_proto::words::counted;
use std::path::Path;

use dotkey_registry::store::{self, RepairReport, StoreError};
use serde_json::json;

use super::{failures, store_of};
use crate::args::bytes_in_words;
use crate::exit::Result;
use crate::files;
use crate::output::Answer;

/// Takes a backup as the records of a data folder that has none.
pub(crate) fn restore(from: &Path, data: &Path) -> Result<Answer> {
    let folder = store_of(data);
    if from.exists() {
        files::check_folder(data)?;
        files::make_private_folder(data)?;
    }
    let bytes = store::restore(from, &folder).map_err(|error| match error {
        StoreError::Missing { folder } => failures::no_backup(&folder),
        StoreError::Damaged { file, reason, .. } => {
            failures::damaged_backup(from, file.as_deref(), &reason)
        }
        error => failures::store(&error),
    })?;
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
    files::check_folder(data)?;
    let report = store::repair(&store_of(data)).map_err(|error| match error {
        StoreError::Missing { folder } => failures::no_store(&folder),
        error => failures::store(&error),
    })?;
    let moved_to = report
        .damaged
        .as_deref()
        .map(|path| path.display().to_string());
    let text = match &moved_to {
        None => format!(
            "The store is sound: {} read, each verified again. Nothing was changed.\nNext: start the node with `dotkey node --data {}`.",
            counted(report.kept, "record"),
            files::quoted(data)
        ),
        Some(moved_to) => repaired(&report, moved_to, data),
    };
    let json = json!({
        "sound": moved_to.is_none(),
        "kept": report.kept,
        "dropped": report.dropped,
        "log_damaged": report.log_damaged(),
        "ledger_in_doubt": report.cells_lost,
        "files": report.files,
        "moved_to": moved_to,
    });
    Ok(Answer::new(json, text))
}

fn repaired(report: &RepairReport, moved_to: &str, data: &Path) -> String {
    let where_found = match &report.files[..] {
        [] => "Its parts did not agree".to_owned(),
        found => format!("Damage was found in {}", found.join(", ")),
    };
    let lost = match report.dropped {
        0 if report.log_damaged() => "what stood last in the log may be lost without a trace; the other nodes bring back what they have".to_owned(),
        0 => "none is known to be lost".to_owned(),
        dropped => format!("{dropped} could not be read; the other nodes bring back what they have"),
    };
    let mut text = format!(
        "Repaired. {where_found}.\n  kept     {}, each verified again; {lost}\n",
        counted(report.kept, "record"),
    );
    if report.cells_lost {
        text += &format!(
            "  ledger   parts of it may be lost, which the node finds out when it starts. If it halts then, restore a backup; or, where other nodes follow the same network, move {} away and start again: it fetches all from them\n",
            files::quoted(&store_of(data)),
        );
    }
    text += &format!(
        "  moved    the damaged store to {moved_to}\nNext: start the node with `dotkey node --data {}`; remove that folder when all is well.",
        files::quoted(data)
    );
    text
}
