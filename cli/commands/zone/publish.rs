//! `dotkey zone publish`: a record to the nodes that keep it, signed now or before.

use std::path::Path;

use dotkey_proto::identity::{Anchor, Branch, KeyId};
use dotkey_proto::limits::ZONE_FILE_BYTES_MAX;
use dotkey_proto::name::Name;
use dotkey_proto::record::{Record, SEQUENCE_MAX, Verified};
use dotkey_proto::words::counted;
use dotkey_proto::zone::Zone;
use serde_json::json;

use super::{file, sign};
use crate::args::ZonePublishArgs;
use crate::client::{NodeClient, Stored, refusal};
use crate::commands::fetch::{Holding, Whose, newest};
use crate::commands::signing::Hands;
use crate::commands::verify::{
    belongs_to, digest_of, parse_name, record_json, verify_against, verify_bytes,
};
use crate::commands::{Context, now};
use crate::exit::{CliError, Result};
use crate::files;
use crate::keys::{Identity, KeyName, Keyring};
use crate::output::Answer;

pub(super) fn run(args: &ZonePublishArgs, context: &Context<'_>) -> Result<Answer> {
    let (name, path) = what(args, context)?;
    let bytes = files::read(path, ZONE_FILE_BYTES_MAX, "the zone or the record")?;
    let node = || NodeClient::find(args.ledger.ask.node.as_deref(), &context.settings);
    let shown = path.display().to_string();
    let check = |whose: KeyId, called: &str| {
        let name = name.as_ref();
        name.map(|name| check_owner(name, whose, called, args, context))
            .transpose()
    };
    let (record, node, holding) = if file::is_record(&bytes) {
        signed_before(args, &shown)?;
        let (record, _) = verify_bytes(bytes, &shown, now())?;
        if let Some(name) = &name {
            belongs_to(&record, name, &shown)?;
        }
        let holding = check(record.key_id(), &format!("the owner of {shown}"))?;
        (record, node()?, holding)
    } else {
        let identity = context.store.open(needed_key(args, (&bytes, path))?)?;
        let holding = check(identity.key_id(), &format!("`{}`", identity.name))?;
        let node = node()?;
        let anchor = holding.as_ref().and_then(|holding| holding.anchor);
        let bytes = sign_now(args, (bytes, path), (&identity, anchor), &node, context)?;
        (verify_bytes(bytes, &shown, now())?.0, node, holding)
    };
    let anchor = holding.as_ref().and_then(|holding| holding.anchor.as_ref());
    // What the ledger has declared out of date, nobody would take for the name's.
    verify_against(record.as_bytes().to_vec(), &shown, now(), anchor)?;
    let stored = send(&node, &record, context)?;
    if let Some(standing) = holding
        .as_ref()
        .and_then(|holding| holding.standing.as_ref())
    {
        standing.warn(context);
    }
    Ok(answer(name.as_ref(), &record, stored, context))
}

/// The name, where one is given, and the file.
fn what<'a>(args: &'a ZonePublishArgs, context: &Context<'_>) -> Result<(Option<Name>, &'a Path)> {
    match &args.what[..] {
        [name, path] => {
            let text = name.to_string_lossy();
            let name = parse_name(&text, context)?;
            if !name.below().is_empty() {
                return Err(CliError::usage(
                    format!("`{text}` is a name within a zone"),
                    format!("publish the zone of {}", name.apex().as_ascii()),
                ));
            }
            Ok((Some(name), path))
        }
        [path] => Ok((None, path)),
        _ => unreachable!("the command line takes one or two"),
    }
}

fn needed_key<'a>(args: &'a ZonePublishArgs, (bytes, path): (&[u8], &Path)) -> Result<&'a KeyName> {
    if let Some(key) = &args.key {
        return Ok(key);
    }
    // What is neither a zone nor a record wants no key.
    let kinds = "a zone in TOML or a signed record";
    files::text(path, bytes.to_vec(), ZONE_FILE_BYTES_MAX, kinds)?;
    Err(CliError::usage(
        format!("{} is not signed yet", path.display()),
        "say whose zone it is with --key NAME; `dotkey key list` shows who is here",
    ))
}

fn signed_before(args: &ZonePublishArgs, shown: &str) -> Result<()> {
    if args.key.is_none() && !args.terms.are_given() {
        return Ok(());
    }
    Err(CliError::usage(
        format!("{shown} is a record already: what it says is decided and signed"),
        "leave --key, --seq, --days, --branch and --not-before out, or publish the zone's TOML",
    ))
}

/// Refuses a name that is not the publisher's: by the name itself, or by the ledger's proof.
fn check_owner(
    name: &Name,
    whose: KeyId,
    called: &str,
    args: &ZonePublishArgs,
    context: &Context<'_>,
) -> Result<Holding> {
    let holding = Holding::find(name, &args.ledger, false, context)?;
    if holding.key_id == Some(whose) {
        return Ok(holding);
    }
    let Some(standing) = &holding.standing else {
        return Err(CliError::failed(
            "not-yours",
            format!(
                "{} is not the name of {called}, which is {whose}.{}",
                name.as_ascii(),
                name.suffix()
            ),
            "leave the name out, or give the --key that it is of",
        ));
    };
    let Some(holder) = holding.key_id else {
        return Err(standing.nobody(context));
    };
    let error = CliError::failed(
        "not-yours",
        format!(
            "{} belongs to {holder}, not to {called}, which is {whose}",
            name.to_unicode()
        ),
        "give the --key that holds it; `dotkey name list` shows what the identities here hold",
    );
    Err(standing.told(error, context))
}

/// Signs a zone with a sequence above what the network has.
fn sign_now(
    args: &ZonePublishArgs,
    (bytes, path): (Vec<u8>, &Path),
    (identity, anchor): (&Identity, Option<Anchor>),
    node: &NodeClient,
    context: &Context<'_>,
) -> Result<Vec<u8>> {
    let (branch, zone) = sign::zone_of(path, bytes, &args.terms)?;
    let key_id = identity.key_id();
    let known = newest_known(node, &key_id, branch.as_ref())?;
    let sequence = sequence(args, known.as_ref().map(|(record, _)| record))?;
    let least = anchor.and_then(|anchor| anchor.least_sequence).unwrap_or(0);
    // A checkpoint may be above every clock; who says a sequence is told why it is not taken.
    let sequence = match args.terms.seq {
        Some(_) => sequence,
        None => sequence.max(least),
    };
    let claims = sign::claims_of(&args.terms, identity, (branch, &zone), sequence);
    let mut draft = sign::draft_of(&claims, path)?;
    let open = |draft: &_| sign::open(identity.policy(), claims.branch.as_ref(), draft);
    Hands::all(context, identity)?.sign(&mut draft, &open, &mut Keyring::new()?)?;
    if let Some(quorum) = open(&draft).first() {
        return Err(CliError::failed(
            "incomplete",
            format!("the keys here are not enough: {}", quorum.words(&draft)),
            format!(
                "sign it in turns with `dotkey zone sign {} --key {}`, then publish the record",
                files::quoted(path),
                identity.name
            ),
        ));
    }
    let record = draft.encode();
    sign::check(&record, &claims)?;
    Ok(record)
}

/// What the network has. What is there and does not hold any more, or is not even valid, keeps nobody from publishing.
fn newest_known(
    node: &NodeClient,
    key_id: &KeyId,
    branch: Option<&Branch>,
) -> Result<Option<(Verified<Record>, Zone)>> {
    let whose = Whose {
        key_id,
        branch,
        anchor: None,
    };
    match newest(node, &whose, true, now()) {
        Err(error) if error.exit == crate::exit::Exit::Invalid => Ok(None),
        known => known,
    }
}

fn sequence(args: &ZonePublishArgs, known: Option<&Verified<Record>>) -> Result<u64> {
    let clock = now().as_secs();
    let Some(known) = known else {
        return Ok(args.terms.seq.unwrap_or(clock));
    };
    match args.terms.seq {
        Some(asked) if asked <= known.sequence() => Err(not_newer(asked, known)),
        Some(asked) => Ok(asked),
        None if known.sequence() == SEQUENCE_MAX => Err(not_newer(SEQUENCE_MAX, known)),
        None => Ok(clock.max(known.sequence() + 1)),
    }
}

/// The refusal of a record that would replace nothing. It shows the newer one, as the node's own refusal does.
fn not_newer(asked: u64, known: &Record) -> CliError {
    let next = if known.sequence() == SEQUENCE_MAX {
        "no sequence is higher: this identity's record is final until it expires".to_owned()
    } else {
        format!(
            "leave --seq out, or say --seq {} or higher",
            known.sequence() + 1
        )
    };
    let message = format!(
        "the sequence {asked} is not newer than what the network has: {}",
        in_words(known)
    );
    CliError::failed("older", message, next).with("current", current_json(known))
}

fn in_words(record: &Record) -> String {
    format!(
        "sequence {}, from {} until {}, digest {}",
        record.sequence(),
        record.not_before(),
        record.expires(),
        digest_of(record)
    )
}

/// What the refused one is older than.
fn current_json(record: &Record) -> serde_json::Value {
    json!({
        "sequence": record.sequence(),
        "not_before": record.not_before().to_string(),
        "expires": record.expires().to_string(),
        "digest": digest_of(record),
    })
}

fn send(node: &NodeClient, record: &Verified<Record>, context: &Context<'_>) -> Result<Stored> {
    let (key_id, branch) = (record.key_id(), record.branch());
    let mut watch = |stored, of| {
        context
            .output
            .progress(&format!("stored on {stored} of {of} …"))
    };
    let sent = node.publish(&key_id, branch, record.as_bytes(), &mut watch);
    context.output.end_progress();
    sent.map_err(|error| {
        if refusal(&error) != Some("older") {
            return error;
        }
        // The node's word is not taken for it: whoever says that there is a newer one can show it.
        match newest_known(node, &key_id, branch) {
            Ok(Some((newer, _))) if newer.cmp_age(record).is_gt() => {
                let mut refused = not_newer(record.sequence(), &newer);
                refused.next = format!(
                    "see it with `dotkey zone show {key_id}.{}`; publish the zone's TOML, which takes a higher sequence",
                    context.settings.suffix.as_ascii()
                );
                refused
            }
            _ => error,
        }
    })
}

fn answer(name: Option<&Name>, record: &Record, stored: Stored, context: &Context<'_>) -> Answer {
    let mut json = record_json(record, context);
    if let Some(name) = name {
        json["name"] = name.as_ascii().into();
    }
    json["stored"] = stored.stored.into();
    json["of"] = stored.of.into();
    json["took_ms"] = stored.took_ms.into();
    let name = json["name"].as_str().unwrap_or_default().to_owned();
    let branch = record
        .branch()
        .map_or(String::new(), |branch| format!("\n  branch    {branch}"));
    let text = format!(
        "Published: {name}{branch}\n  sequence  {}\n  holds     until {}\n  stored on {}\nNext: read it from anywhere with `dotkey resolve {name}`.",
        record.sequence(),
        record.expires(),
        stored_in_words(stored)
    );
    Answer::new(json, text)
}

/// `20 of 20 closest nodes in 0.4 s`.
fn stored_in_words(stored: Stored) -> String {
    let Stored {
        stored,
        of,
        took_ms,
    } = stored;
    let secs = took_ms as f64 / 1e3;
    let nodes = counted(of, "closest node");
    format!("{stored} of {nodes} in {secs:.1} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_is_stored_is_said_in_words() {
        let check = |stored, of, took_ms, words: &str| {
            let stored = Stored {
                stored,
                of,
                took_ms,
            };
            assert_eq!(stored_in_words(stored), words);
        };
        check(20, 20, 412, "20 of 20 closest nodes in 0.4 s");
        check(1, 1, 7, "1 of 1 closest node in 0.0 s");
    }
}
