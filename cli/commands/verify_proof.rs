//! `dotkey verify --genesis`: a saved proof of who holds a name, with no network and nobody to believe but the genesis.

use std::path::Path;

use data_encoding::HEXLOWER;
use dotkey_proto::ledger::{Bundle, BundleError, Freshness, Genesis, Subject, VerifiedBundle};
use dotkey_proto::limits::{BUNDLE_BYTES_MAX, FRESHNESS_SECS_MAX};
use dotkey_proto::name::Root;
use serde_json::{Value, json};

use super::verify::{parse_name, record_json};
use super::{Context, now};
use crate::args::VerifyArgs;
use crate::exit::{CliError, Result};
use crate::files;
use crate::network;
use crate::output::Answer;

pub(super) fn run(args: &VerifyArgs, genesis: &Path, context: &Context<'_>) -> Result<Answer> {
    let genesis = network::read(genesis)?;
    let bundle = read_bundle(&args.file)?;
    let subject = match &args.name {
        Some(name) => claimed(name, context)?,
        None => bundle.proof.subject.clone(),
    };
    let freshness = Freshness {
        now: args.now.map_or_else(now, |moment| moment.0),
        age_secs_max: args.max_age.unwrap_or(FRESHNESS_SECS_MAX),
    };
    let shown = bundle.verify(&subject, &genesis, freshness);
    let shown = shown.map_err(|error| refusal(&args.file, &error))?;
    let json = as_json(&genesis, &shown, freshness, context);
    let text = in_words(&args.file, &genesis, &shown, freshness);
    Ok(Answer::new(json, text))
}

fn read_bundle(path: &Path) -> Result<Bundle> {
    let bytes = files::read(path, BUNDLE_BYTES_MAX, "the proof")?;
    files::check_size(path, &bytes, BUNDLE_BYTES_MAX, "a proof")
        .map_err(|error| error.with("valid", false))?;
    Bundle::decode(&bytes).map_err(|error| {
        let (shown, code) = (path.display(), error.code());
        CliError::invalid(
            code,
            format!("{shown}: not valid ({code}): {error}"),
            "check that it is a proof that `dotkey resolve NAME --proof FILE` has saved",
        )
        .with("valid", false)
    })
}

fn claimed(name: &str, context: &Context<'_>) -> Result<Subject> {
    let name = parse_name(name, context)?;
    match name.root() {
        Root::Claimed => Ok(Subject::Name(name.root_label().to_owned())),
        Root::KeyId(key_id) => Ok(Subject::Identity(*key_id)),
        _ => Err(CliError::usage(
            format!("{} needs no proof: it is a key", name.to_unicode()),
            "leave out --genesis and give the record",
        )),
    }
}

fn refusal(path: &Path, error: &BundleError) -> CliError {
    let (shown, code) = (path.display(), error.code());
    let next = match code {
        "stale" | "expired" => {
            "get a newer one with `dotkey resolve NAME --proof FILE`, or say how old it may be with --max-age"
        }
        "ahead" | "not-yet-valid" => "check this machine's clock",
        "network" => "give the genesis of the network that the proof is of",
        "other-validators" => {
            "get it again: the changes of the validators since the genesis are not all in it"
        }
        "other-subject" => "check the name, or get the proof of that name",
        "rolled-back" => "ask for its owner's newest record",
        _ => "do not use it; get another copy from another node",
    };
    CliError::invalid(code, format!("{shown}: not valid ({code}): {error}"), next)
        .with("valid", false)
}

fn as_json(
    genesis: &Genesis,
    shown: &VerifiedBundle,
    freshness: Freshness,
    context: &Context<'_>,
) -> Value {
    let proof = &shown.proof;
    let (signed, validators) = proof.signers();
    let about = match proof.subject() {
        Subject::Name(label) => format!("{label}.{}", context.settings.suffix),
        Subject::Identity(key_id) => key_id.to_string(),
    };
    let entry = proof.entry();
    json!({
        "valid": true,
        "about": about,
        "network": HEXLOWER.encode(&genesis.network()),
        "height": proof.header().height,
        "time": proof.time().to_string(),
        "age_secs": freshness.now.secs_since(proof.time()),
        "signed": signed,
        "validators": validators,
        "handovers": shown.walked.len() - 1,
        "holder": entry.map(|entry| entry.key_id.to_string()),
        "lease_ends": entry.map(|entry| entry.lease_ends.to_string()),
        "record": shown.record.as_ref().map(|record| record_json(record, context)),
    })
}

/// Each step, from the genesis on.
fn in_words(
    path: &Path,
    genesis: &Genesis,
    shown: &VerifiedBundle,
    freshness: Freshness,
) -> String {
    let proof = &shown.proof;
    let (signed, all) = proof.signers();
    let all = validators_in_words(all);
    let mut lines = vec![
        format!("{}: valid", path.display()),
        format!("  about      {}", proof.subject()),
        format!(
            "  network    {} ({})",
            genesis.name,
            HEXLOWER.encode(&genesis.network())
        ),
        format!(
            "  genesis    {}, of {}",
            validators_in_words(genesis.validators.len()),
            genesis.began
        ),
    ];
    for trusted in &shown.walked[1..] {
        let count = validators_in_words(trusted.validators.validators().len());
        let (epoch, since) = (trusted.epoch, trusted.since);
        lines.push(format!(
            "  handover   to {count} from epoch {epoch} on, at {since}"
        ));
    }
    let age = freshness.now.secs_since(proof.time());
    lines.push(format!(
        "  block      {} of {}, {age} seconds ago",
        proof.header().height,
        proof.time()
    ));
    lines.push(format!("  signed by  {signed} of {all}"));
    match (proof.entry(), proof.account()) {
        (Some(entry), _) => {
            lines.push(format!("  holder     {}", entry.key_id));
            lines.push(format!(
                "  lease      {} to {}",
                entry.claimed, entry.lease_ends
            ));
        }
        (None, Some(account)) => lines.push(format!(
            "  account    {} transactions, {} names",
            account.nonce,
            account.names.len()
        )),
        (None, None) => {
            lines.push("  holder     nobody: the ledger holds nothing for it".to_owned())
        }
    }
    if let Some(pin) = proof.anchor() {
        let least = pin.least_sequence.map_or(String::new(), |least| {
            format!(", records from sequence {least} on")
        });
        lines.push(format!("  pinned     policy {}{least}", pin.number));
    }
    if let Some(record) = &shown.record {
        lines.push(format!(
            "  record     sequence {}, good until {}",
            record.sequence(),
            record.expires()
        ));
    }
    lines.join("\n")
}

fn validators_in_words(count: usize) -> String {
    match count {
        1 => "1 validator".to_owned(),
        count => format!("{count} validators"),
    }
}
