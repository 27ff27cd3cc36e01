//! `dotkey up` and `dotkey node`: run a node, or look after one.

use std::path::{Path, PathBuf};

use super::{Context, status};
use crate::args::{AskArgs, NodeArgs, NodeCommand, RunArgs, bytes_in_words};
use crate::client::NodeClient;
use crate::exit::{CliError, Result};
use crate::files;
use crate::node;
use crate::output::Answer;

pub(super) fn up(args: &RunArgs, context: &Context<'_>) -> Result<Answer> {
    node::serve(
        args,
        &context.settings,
        context.output,
        node::Extent::Everything,
    )
}

pub(super) fn run(args: &NodeArgs, context: &Context<'_>) -> Result<Answer> {
    if args.command.is_some() && args.run != RunArgs::default() {
        return Err(CliError::usage(
            "these options are for running a node, and this command runs none",
            "leave them out; only --data, --config and --json go with it",
        ));
    }
    match &args.command {
        None => node::serve(
            &args.run,
            &context.settings,
            context.output,
            node::Extent::Node,
        ),
        Some(NodeCommand::Peers { ask }) => status::peers(ask, context),
        Some(NodeCommand::Backup { folder, ask }) => back_up(folder, ask, context),
        Some(NodeCommand::Restore { folder }) => node::restore(folder, &context.settings.data),
        Some(NodeCommand::Repair) => node::repair(&context.settings.data),
    }
}

fn back_up(folder: &Path, ask: &AskArgs, context: &Context<'_>) -> Result<Answer> {
    let client = NodeClient::find(ask.node.as_deref(), &context.settings)?;
    let told = client.back_up(&absolute(folder)?, &context.settings)?;
    let bytes = told["bytes"].as_u64().unwrap_or_default();
    let shown = folder.display().to_string();
    let text = format!(
        "Backed up to {shown}: {}. Keys are not in it.\nNext: bring it back elsewhere with `dotkey node restore {} --data DIR`.",
        bytes_in_words(bytes),
        files::quoted(folder)
    );
    Ok(Answer::new(
        serde_json::json!({"folder": shown, "bytes": bytes}),
        text,
    ))
}

/// As the node sees it, which runs in another folder.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        CliError::failed(
            "no-folder",
            format!("{}: {error}", path.display()),
            "name a folder that can be made",
        )
    })
}
