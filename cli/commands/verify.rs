//! `dotkey verify`: a saved record, with no network.

use std::path::Path;

use dotkey_proto::identity::{Anchor, KeyId, Policy, PublicKey};
use dotkey_proto::ledger::{Bundle, LedgerError};
use dotkey_proto::limits::{BUNDLE_BYTES_MAX, RECORD_BYTES_MAX};
use dotkey_proto::name::{Name, Root};
use dotkey_proto::record::{Claims, Record, SignedRecord, Verified};
use dotkey_proto::signature::Ed25519Key;
use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;
use dotkey_proto::zone::Zone;
use serde_json::{Value, json};

use super::{Context, now};
use crate::args::VerifyArgs;
use crate::exit::{CliError, Result};
use crate::files;
use crate::output::Answer;

pub(super) fn run(args: &VerifyArgs, context: &Context<'_>) -> Result<Answer> {
    let now = args.now.map_or_else(now, |moment| moment.0);
    let (record, zone) = verify_file(&args.file, now)?;
    if let Some(name) = &args.name {
        let name = parse_name(name, context)?;
        if !belongs_to(&record, &name, &args.file.display().to_string())? {
            return Err(needs_ledger(&name));
        }
    }
    let mut json = record_json(&record, context);
    json["valid"] = true.into();
    json["checked_at"] = now.to_string().into();
    json["zone"] = zone_counts(&zone);
    let (sequence, not_before, expires) =
        (record.sequence(), record.not_before(), record.expires());
    let branch = record
        .branch()
        .map_or(String::new(), |branch| format!("\n  branch    {branch}"));
    let text = format!(
        "{}: valid\n  name      {}{branch}\n  sequence  {sequence}\n  holds     {not_before} to {expires}; checked at {now}\n  signed by {}\n  policy    number {}\n  zone      {}",
        args.file.display(),
        domain(&record, context),
        signers(&record)
            .iter()
            .map(PublicKey::to_string)
            .collect::<Vec<_>>()
            .join(", "),
        record.authority().policy().number,
        count_words(&zone),
    );
    Ok(Answer::new(json, text))
}

/// A record that holds at `now`, with a valid zone in it. Anything else in the file is a failed verification.
pub(super) fn verify_file(path: &Path, now: Timestamp) -> Result<(Verified<Record>, Zone)> {
    let bytes = files::read(path, BUNDLE_BYTES_MAX, "the record")?;
    // The two are saved beside one another, and a proof must not be called a bad record.
    if Bundle::is_meant(&bytes) {
        return Err(instead_of_record(path, &bytes));
    }
    files::check_size(path, &bytes, RECORD_BYTES_MAX, "a record")
        .map_err(|error| error.with("valid", false))?;
    verify_bytes(bytes, &path.display().to_string(), now)
}

/// What a proof is told as that was given as a record: sound, it lacks its genesis; damaged, no genesis helps.
fn instead_of_record(path: &Path, bytes: &[u8]) -> CliError {
    let shown = path.display();
    match Bundle::decode(bytes) {
        Ok(_) => CliError::usage(
            format!("{shown} is not a record but a proof, which is checked from a genesis on"),
            format!(
                "say whose with `dotkey verify {} --genesis FILE`",
                files::quoted(path)
            ),
        ),
        Err(error) => damaged_proof(path, &error),
    }
}

/// A file that is no proof, or not any more.
pub(super) fn damaged_proof(path: &Path, error: &LedgerError) -> CliError {
    let (shown, code) = (path.display(), error.code());
    CliError::invalid(
        code,
        format!("{shown}: not valid ({code}): it is a proof that was damaged or cut off: {error}"),
        "get it anew with `dotkey resolve NAME --proof FILE`, or another copy of it",
    )
    .with("valid", false)
}

/// As [`verify_file`], from anywhere; `shown` says where.
pub(super) fn verify_bytes(
    bytes: Vec<u8>,
    shown: &str,
    now: Timestamp,
) -> Result<(Verified<Record>, Zone)> {
    verify_against(bytes, shown, now, None)
}

/// As [`verify_bytes`], with what the ledger pins of the identity.
pub(super) fn verify_against(
    bytes: Vec<u8>,
    shown: &str,
    now: Timestamp,
    anchor: Option<&Anchor>,
) -> Result<(Verified<Record>, Zone)> {
    let invalid = |code: &str, why: &dyn std::fmt::Display, next: &str| {
        CliError::invalid(code, format!("{shown}: not valid ({code}): {why}"), next)
            .with("valid", false)
    };
    let unsigned = unsigned(&bytes);
    let toml = is_toml(&bytes);
    let record = SignedRecord::new(bytes).verify(now, anchor).map_err(|error| {
        let code = error.code();
        let next = match code {
            _ if unsigned => "it is a draft that nobody has signed; sign it with `dotkey zone sign FILE --key NAME`",
            _ if toml => "it is TOML as people write it, not a record; make one with `dotkey zone sign FILE --key NAME`",
            "wrong-tag" => "it is neither a record nor a proof, or its beginning is damaged: check where it comes from",
            "expired" | "rolled-back" => "ask its owner for a newer record",
            "not-yet-valid" => "check this machine's clock, or try again later",
            "threshold" => "let another of its keys sign it with `dotkey zone sign FILE --key NAME`",
            _ => "do not use it; get another copy, or ask its owner",
        };
        invalid(code, &error, next)
    })?;
    let zone = Zone::decode(record.body(), record.branch().map(|branch| branch.owner()));
    let zone = zone.map_err(|error| {
        invalid(
            error.code(),
            &format!("its signatures hold, but its zone does not: {error}"),
            "ask its owner to sign a valid zone",
        )
    })?;
    Ok((record, zone))
}

/// A zone, most likely, that someone took for its record.
fn is_toml(bytes: &[u8]) -> bool {
    let table = std::str::from_utf8(bytes).map(str::parse::<toml::Table>);
    matches!(table, Ok(Ok(table)) if !table.is_empty())
}

fn unsigned(bytes: &[u8]) -> bool {
    Claims::resume(bytes).is_ok_and(|(_, draft)| draft.signers().len() == 0)
}

pub(super) fn parse_name(text: &str, context: &Context<'_>) -> Result<Name> {
    Name::parse(text, &context.settings.suffix).map_err(|error| {
        CliError::usage(
            format!("`{text}`: {error}"),
            "give a name such as www.mysite.key",
        )
    })
}

/// Whose record a name leads to.
pub(super) enum Holder {
    /// Who claimed it, which the ledger knows.
    Ledger,
    /// The name says it itself. Nobody, where it has the form of a key that is none.
    Known(Option<KeyId>),
}

impl Holder {
    pub(super) fn of(name: &Name) -> Self {
        let bare = |public: PublicKey| Policy::bare_key_id(public);
        Self::Known(match name.root() {
            Root::Claimed => return Self::Ledger,
            Root::KeyId(key_id) => Some(*key_id),
            Root::Ed25519(bytes) => Ed25519Key::from_bytes(*bytes)
                .ok()
                .map(|key| bare(PublicKey::Ed25519(key))),
            Root::Wallet(address) => Some(bare(PublicKey::Wallet(
                dotkey_proto::signature::WalletAddress::from_bytes(*address),
            ))),
        })
    }
}

pub(super) fn needs_ledger(name: &Name) -> CliError {
    CliError::failed(
        "needs-ledger",
        format!(
            "who holds {} is decided by the ledger, which is not asked here",
            name.to_unicode()
        ),
        "check a proof of it: save one with `dotkey resolve NAME --proof FILE`, and give the network's genesis with --genesis",
    )
}

/// Whether the record is shown to be the name's by the name itself: `false` for a claimed one, which only the ledger can
/// tell, and an error where it is another's. `shown` says where it comes from.
pub(super) fn belongs_to(record: &Record, name: &Name, shown: &str) -> Result<bool> {
    match Holder::of(name) {
        Holder::Ledger => return Ok(false),
        Holder::Known(Some(key_id)) if key_id == record.key_id() => return Ok(true),
        Holder::Known(_) => {}
    }
    Err(CliError::invalid(
        "key-id",
        format!(
            "{shown} is valid, but is the record of {}.{}, not of {}",
            record.key_id(),
            name.suffix(),
            name.apex().as_ascii()
        ),
        "check the name, or get the record of that name",
    )
    .with("valid", false))
}

fn domain(record: &Record, context: &Context<'_>) -> String {
    Name::of_key_id(&record.key_id(), &context.settings.suffix)
        .as_ascii()
        .to_owned()
}

/// Who signed a verified record.
pub(super) fn signers(record: &Record) -> Vec<PublicKey> {
    let resumed = Claims::resume(record.as_bytes());
    resumed
        .map(|(_, draft)| draft.signers().copied().collect())
        .unwrap_or_default()
}

pub(super) fn record_json(record: &Record, context: &Context<'_>) -> Value {
    json!({
        "name": domain(record, context),
        "key_id": record.key_id().to_string(),
        "branch": record.branch().map(ToString::to_string),
        "sequence": record.sequence(),
        "not_before": record.not_before().to_string(),
        "expires": record.expires().to_string(),
        "signed_by": signers(record).iter().map(PublicKey::to_string).collect::<Vec<_>>(),
        "policy": record.authority().policy().number,
        "digest": digest_of(record),
    })
}

/// What tells two records apart, as it is shown.
pub(super) fn digest_of(record: &Record) -> String {
    data_encoding::HEXLOWER.encode(&record.digest())
}

pub(super) fn zone_counts(zone: &Zone) -> Value {
    json!({
        "rrsets": zone.rrsets().len(),
        "resources": zone.resources().len(),
        "delegations": zone.delegations().len(),
    })
}

/// `2 record sets, 1 resource, no delegations`.
pub(super) fn count_words(zone: &Zone) -> String {
    let count = |number: usize, one: &str| match number {
        0 => format!("no {one}s"),
        number => counted(number, one).to_string(),
    };
    [
        count(zone.rrsets().len(), "record set"),
        count(zone.resources().len(), "resource"),
        count(zone.delegations().len(), "delegation"),
    ]
    .join(", ")
}
