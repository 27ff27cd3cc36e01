//! `dotkey network`: a network's genesis, its validators' folders, which network a data folder follows, and who is to vote.

mod candidate;
mod changes;
mod now;

use std::fmt::Write;
use std::path::Path;

use data_encoding::HEXLOWER;
use dotkey_proto::ledger::{Genesis, quorum};
use dotkey_proto::words::counted;
use serde_json::{Value, json};

use super::Context;
use crate::args::{NetworkCommand, NetworkInitArgs, NetworkShowArgs};
use crate::client::NodeClient;
use crate::exit::{CliError, Result};
use crate::files;
use crate::network;
use crate::output::Answer;

pub(super) fn run(command: &NetworkCommand, context: &Context<'_>) -> Result<Answer> {
    match command {
        NetworkCommand::Init(args) => init(args),
        NetworkCommand::Join { file } => join(file, context),
        NetworkCommand::Show(args) => show(args, context),
        NetworkCommand::Candidate(args) => candidate::run(args, context),
        NetworkCommand::Add { file, change } => changes::add(file, change, context),
        NetworkCommand::Remove { identity, change } => changes::remove(identity, change, context),
        NetworkCommand::Approve(args) => changes::approve(args, context),
    }
}

fn init(args: &NetworkInitArgs) -> Result<Answer> {
    let founded = network::found(args)?;
    let network::Founded {
        genesis,
        file,
        members,
    } = &founded;
    let mut text = format!(
        "Made the network `{}` with {}.\n  genesis  {}\n  id       {}\n",
        genesis.name,
        counted(members.len(), "validator"),
        file.display(),
        network::id(genesis)
    );
    let mut listed = Vec::new();
    for member in members {
        let folder = member.folder.display().to_string();
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {folder}, reached at {}", member.address());
        let identity = HEXLOWER.encode(&member.identity);
        listed.push(json!({"folder": folder, "identity": identity, "address": member.address()}));
    }
    let faulty = members.len() - quorum(members.len());
    let _ = writeln!(
        text,
        "It goes on while {} of them {}. Each folder has secrets: give each validator its own, and keep no second copy running.",
        members.len() - faulty,
        if members.len() - faulty == 1 {
            "runs"
        } else {
            "run"
        },
    );
    let first = members.first().map_or(Path::new("DIR"), |one| &one.folder);
    let _ = writeln!(
        text,
        "Next: start each with `dotkey node --data {}`; others join with `dotkey network join {}`.",
        files::quoted(first),
        files::quoted(file)
    );
    let mut object = in_json(genesis);
    object["genesis"] = file.display().to_string().into();
    object["validators"] = listed.into();
    Ok(Answer::new(object, text))
}

fn join(file: &Path, context: &Context<'_>) -> Result<Answer> {
    let data = &context.settings.data;
    check_no_address(file)?;
    let genesis = network::read(file)?;
    files::check_folder(data)?;
    files::make_private_folder(data)?;
    network::save(data, &genesis)?;
    let text = format!(
        "{} follows the network `{}` from now on.\n  id  {}\nNext: start the node with `dotkey node --data {} --join ADDRESS`. ADDRESS is that of any node of that network: it prints it when it starts, and keeps it under `peers` in its run.json; it is written as {}",
        data.display(),
        genesis.name,
        network::id(&genesis),
        files::quoted(data),
        network::ADDRESS_EXAMPLE
    );
    let mut object = in_json(&genesis);
    object["genesis"] = network::file_of(data).display().to_string().into();
    Ok(Answer::new(object, text))
}

/// A network is joined by its genesis; whoever has a node's address instead is told what that is for.
fn check_no_address(file: &Path) -> Result<()> {
    let given = file.display().to_string();
    let begins = ["/ip4/", "/ip6/", "/dns"];
    if file.exists() || !begins.iter().any(|begin| given.starts_with(begin)) {
        return Ok(());
    }
    Err(CliError::usage(
        format!("`{given}` is the address of a node, and no genesis"),
        format!(
            "give the genesis of the network, which who founded it gives out; the address is for the start of the node: `dotkey node --join {given}`"
        ),
    ))
}

fn show(args: &NetworkShowArgs, context: &Context<'_>) -> Result<Answer> {
    let data = &context.settings.data;
    let genesis = match args.file.as_deref() {
        Some(file) => network::read(file)?,
        None => network::of(data)?.ok_or_else(|| {
            CliError::not_found(
                format!("{} follows no network yet", data.display()),
                "join one with `dotkey network join FILE`, or let `dotkey up` make one of its own",
            )
        })?,
    };
    let own = network::own_identity(data)?;
    let mut object = in_json(&genesis);
    let parameters = &genesis.parameters;
    let mut text = format!(
        "Network `{}`\n  id          {}\n  began       {}\n  stamps      {} for a long name\n  lease       {}, renewed in its last {}, with {} of grace\n  validators  may change every {}\n",
        genesis.name,
        network::id(&genesis),
        genesis.began,
        counted(parameters.stamp_bits, "bit"),
        days(parameters.lease_secs),
        days(parameters.renewal_secs),
        days(parameters.grace_secs),
        counted(parameters.epoch_blocks, "block")
    );
    for one in &genesis.validators {
        let identity = one.validator.identity.as_bytes();
        let address = match one.address.as_str() {
            "" => "with no address",
            address => address,
        };
        let mine = if own == Some(*identity) {
            ", this one"
        } else {
            ""
        };
        let _ = writeln!(text, "  {}  {address}{mine}", HEXLOWER.encode(identity));
    }
    let own = own.map(|own| HEXLOWER.encode(&own));
    let said = said(args, &genesis, context)?;
    text.push_str(&match &said {
        Some(said) => now::in_words(said, own.as_deref()),
        None => "These are the first validators; who votes now is shown while a node runs here, or with --node.\n".to_owned(),
    });
    object["own_identity"] = own.into();
    object["now"] = said.map_or(Value::Null, |said| {
        json!({
            "height": said["height"], "epoch": said["epoch"], "validators": said["validators"],
            "changes": said["changes"], "barred": said["barred"],
        })
    });
    Ok(Answer::new(object, text))
}

/// What the node of the data folder says of the network, where one runs and follows it; of one that is named, it has to.
fn said(args: &NetworkShowArgs, genesis: &Genesis, context: &Context<'_>) -> Result<Option<Value>> {
    let settings = &context.settings;
    let asked = args.ask.node.is_some() || settings.node.url.is_some();
    let said =
        NodeClient::find(args.ask.node.as_deref(), settings).and_then(|node| node.json("ledger"));
    match said {
        Ok(said) if said["network"] == network::id(genesis) => Ok(Some(said)),
        Err(error) if asked => Err(error),
        _ => Ok(None),
    }
}

fn days(secs: u64) -> String {
    match secs % 86_400 {
        0 => counted(secs / 86_400, "day").to_string(),
        _ => counted(secs, "second").to_string(),
    }
}

fn in_json(genesis: &Genesis) -> Value {
    let validators = genesis.validators.iter().map(|one| {
        json!({
            "identity": HEXLOWER.encode(one.validator.identity.as_bytes()),
            "address": one.address,
        })
    });
    let parameters = &genesis.parameters;
    json!({
        "network": network::id(genesis),
        "name": genesis.name,
        "began": genesis.began.as_secs(),
        "validators": validators.collect::<Vec<_>>(),
        "parameters": {
            "stamp_bits": parameters.stamp_bits,
            "claims_per_day": parameters.claims_per_day,
            "lease_secs": parameters.lease_secs,
            "renewal_secs": parameters.renewal_secs,
            "grace_secs": parameters.grace_secs,
            "epoch_blocks": parameters.epoch_blocks,
            "block_interval_ms": parameters.block_interval_ms,
            "heartbeat_ms": parameters.heartbeat_ms,
        },
    })
}
