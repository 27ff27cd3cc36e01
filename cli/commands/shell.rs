//! Completions and manual pages, made from the command line's own description.

use std::fs;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use serde_json::json;

use crate::args::Args;
use crate::exit::{CliError, Result};
use crate::files::unwritable;
use crate::output::Answer;

pub(super) fn completions(shell: Shell) -> Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "dotkey", &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(Answer::new(
        json!({"shell": shell.to_string(), "script": script}),
        script,
    ))
}

pub(super) fn man(out: Option<&Path>) -> Result<Answer> {
    let Some(folder) = out else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(Args::command()).render(&mut page);
        rendered.map_err(|error| CliError::failed("man", error, "report this"))?;
        let page = String::from_utf8_lossy(&page).into_owned();
        return Ok(Answer::new(json!({"page": page}), page));
    };
    let written =
        fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Args::command(), folder));
    written.map_err(|error| unwritable(folder, &error))?;
    let shown = folder.display().to_string();
    Ok(Answer::new(
        json!({"folder": shown}),
        format!("The manual pages are in {shown}; read one with: man {shown}/dotkey.1"),
    ))
}
