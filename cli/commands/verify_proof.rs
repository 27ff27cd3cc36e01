//! `dotkey verify --genesis`: a saved proof of who holds a name, with no network and nobody to believe but the genesis.

use std::path::Path;

use data_encoding::HEXLOWER;
use dotkey_proto::ledger::{
    Bundle, BundleError, Freshness, Genesis, Phase, Subject, Tenure, VerifiedBundle, VerifiedProof,
};
use dotkey_proto::limits::{BUNDLE_BYTES_MAX, FRESHNESS_SECS_MAX};
use dotkey_proto::name::Root;
use dotkey_proto::record::Claims;
use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;
use serde_json::{Value, json};

use super::verify::{damaged_proof, parse_name, record_json};
use super::{Context, now};
use crate::args::VerifyArgs;
use crate::exit::{CliError, Result};
use crate::files;
use crate::names::lease::distance;
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
        if Bundle::is_meant(&bytes) {
            return damaged_proof(path, &error);
        }
        let (shown, code) = (path.display(), error.code());
        let (why, next) = match Claims::resume(&bytes) {
            Ok(_) => (
                "it is a record, not a proof".to_owned(),
                "leave out --genesis to check the record alone, or save a proof with `dotkey resolve NAME --proof FILE`",
            ),
            Err(_) => (
                format!("it does not begin as a proof does: {error}"),
                "check that it is a proof that `dotkey resolve NAME --proof FILE` has saved",
            ),
        };
        let message = format!("{shown}: not valid ({code}): {why}");
        CliError::invalid(code, message, next).with("valid", false)
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
        "path" | "certificate" | "signers" | "quorum" | "other-leaf" | "handover" | "backwards" => {
            "do not use it: it was changed or made up. Get it anew with `dotkey resolve NAME --proof FILE`"
        }
        "other-validators" => {
            "do not use it. Get it anew with `dotkey resolve NAME --proof FILE`, which takes all handovers since the genesis along"
        }
        "nobody-holds" => {
            "nobody's record counts under this name; claim it with `dotkey name claim NAME`, or get a newer proof if its holder has renewed it since"
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
    let tenure = shown.tenure.as_ref();
    let holder = tenure.and_then(Tenure::holder);
    let ends = tenure.and_then(Tenure::ends);
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
        "checked_at": freshness.now.to_string(),
        "state": tenure.map(|tenure| tenure.now.word()),
        "state_in_block": tenure.map(|tenure| tenure.proved.word()),
        "holder": holder.map(|holder| holder.to_string()),
        "claimed": entry.map(|entry| entry.claimed.to_string()),
        "lease_ends": ends.map(|(ends, _)| ends.to_string()),
        "free_at": ends.map(|(_, free)| free.to_string()),
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
    let all = counted(all, "validator");
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
            counted(genesis.validators.len(), "validator"),
            genesis.began
        ),
    ];
    for trusted in &shown.walked[1..] {
        let count = counted(trusted.validators.validators().len(), "validator");
        let (epoch, since) = (trusted.epoch, trusted.since);
        lines.push(format!(
            "  handover   to {count} from epoch {epoch} on, at {since}"
        ));
    }
    lines.push(format!(
        "  block      {} of {}, {}",
        proof.header().height,
        proof.time(),
        distance(proof.time(), freshness.now)
    ));
    lines.push(format!("  signed by  {signed} of {all}"));
    match (&shown.tenure, proof.account()) {
        (Some(tenure), _) => lines.extend(tenure_in_words(tenure, proof, freshness.now)),
        (None, Some(account)) => lines.push(format!(
            "  account    {}, {}",
            counted(account.nonce, "transaction"),
            counted(account.names.len(), "name")
        )),
        (None, None) => lines.push("  account    none: it has done nothing yet".to_owned()),
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

/// Whose the name is, by the block and now.
fn tenure_in_words(tenure: &Tenure, proof: &VerifiedProof, now: Timestamp) -> Vec<String> {
    let holder = match tenure.holder() {
        Some(holder) => holder.to_string(),
        None => "nobody".to_owned(),
    };
    let mut lines = vec![format!("  holder     {holder}")];
    let (Some(entry), Some((ends, free))) = (proof.entry(), tenure.ends()) else {
        lines.push("  state      free: the ledger holds nothing for it".to_owned());
        return lines;
    };
    let in_block = match tenure.proved == tenure.now {
        true => String::new(),
        false => format!(
            "; in the block it was {}, and a renewal since then does not show here",
            tenure.proved.word()
        ),
    };
    let state = match tenure.now {
        Phase::Held => format!("held until {ends}, {}", distance(ends, now)),
        Phase::Grace => format!(
            "in grace until {free}, {}: its holder alone can renew it",
            distance(free, now)
        ),
        Phase::Free => format!("free since {free}, {}", distance(free, now)),
    };
    lines.push(format!("  state      {state}{in_block}"));
    lines.push(format!("  lease      {} to {ends}", entry.claimed));
    lines
}
