//! `dotkey network candidate`: the keys of a validator to come, and what the others are told of it.

use std::path::Path;

use data_encoding::HEXLOWER;
use dotkey_registry::node::ledger::ValidatorKey;
use serde_json::json;

use crate::args::NetworkCandidateArgs;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::files;
use crate::network;
use crate::output::Answer;

pub(super) fn run(args: &NetworkCandidateArgs, context: &Context<'_>) -> Result<Answer> {
    let data = &context.settings.data;
    let genesis = network::of(data)?.ok_or_else(|| {
        CliError::not_found(
            format!("{} follows no network yet", data.display()),
            "join one with `dotkey network join FILE`, then run this again before its node is started",
        )
    })?;
    let address = args.address.as_deref().unwrap_or_default();
    if !address.is_empty() {
        network::check_address(address)?;
    }
    let key = match network::own_key(data)? {
        Some(key) => key,
        None => make(data)?,
    };
    let candidate = key.candidate(address);
    let identity = HEXLOWER.encode(candidate.validator.identity.as_bytes());
    let encoded = HEXLOWER.encode(&candidate.encode());
    files::write_new(&args.out, format!("{encoded}\n").as_bytes(), files::PUBLIC)?;
    let consensus = match address {
        "" => String::new(),
        address => format!(" --consensus {address}"),
    };
    let text = format!(
        "A candidate for the validators of `{}`.\n  identity   {identity}\n  address    {}\n  candidate  {}\nIts secrets are in validator.key of {}: keep no second copy running.\nNext: start its node with `dotkey node --data {}{consensus}`, and let the operators of the validators run `dotkey network add {}`.",
        genesis.name,
        if address.is_empty() {
            "none: it dials the others"
        } else {
            address
        },
        args.out.display(),
        data.display(),
        files::quoted(data),
        files::quoted(&args.out),
    );
    let json = json!({
        "network": network::id(&genesis),
        "identity": identity,
        "address": address,
        "candidate": encoded,
        "file": args.out.display().to_string(),
    });
    Ok(Answer::new(json, text))
}

/// Secrets for a folder that has none. One that followed the ledger without them could not tell that it never voted.
fn make(data: &Path) -> Result<ValidatorKey> {
    if data.join("store").exists() {
        return Err(CliError::failed(
            "not-new",
            format!(
                "{} has a ledger already, and a validator begins with an empty folder",
                data.display()
            ),
            "take another folder: `dotkey network join FILE --data DIR`, then `dotkey network candidate --data DIR`",
        ));
    }
    ValidatorKey::make(data).map_err(|error| {
        CliError::failed("no-validator", error, "check the disk, then run this again")
    })
}
