//! `dotkey trust`: the gateway's authority, and the stores that trust it.

use dotkey_gateway::authority::{Authority, AuthorityError, Described};
use serde_json::{Value, json};

use super::{Context, now};
use crate::args::{StoreKind, StoresArgs, TrustCommand};
use crate::exit::{CliError, Result};
use crate::files;
use crate::output::Answer;
use crate::trust::{self, Outcome, Place, Reason, Root, Standing};

pub(super) fn run(command: &TrustCommand, context: &Context<'_>) -> Result<Answer> {
    match command {
        TrustCommand::Install(args) => {
            let data = &context.settings.data;
            files::check_folder(data)?;
            files::make_private_folder(data)?;
            let made = Authority::open_or_make(data, &context.settings.suffix, now());
            let authority = made.map_err(|error| unusable(&error))?;
            if authority.validity().ends < now() {
                return Err(ended(&authority));
            }
            change(&authority, args, context, "install", Place::install)
        }
        TrustCommand::Uninstall(args) => change(
            &found(context)?,
            args,
            context,
            "uninstall",
            Place::uninstall,
        ),
        TrustCommand::Show(args) => show(&found(context)?, args, context),
    }
}

/// The authority of the data folder, which is not made for being looked at.
fn found(context: &Context<'_>) -> Result<Authority> {
    let data = &context.settings.data;
    files::check_folder(data)?;
    let opened = Authority::open(data, &context.settings.suffix);
    opened.map_err(|error| unusable(&error))?.ok_or_else(|| {
        CliError::not_found(
            format!("{} has no authority", data.display()),
            "make one with `dotkey trust install`, or name another data folder with --data",
        )
    })
}

/// What became of a store, or of a kind of which there is none.
struct Report {
    kind: StoreKind,
    place: Option<String>,
    outcome: Outcome,
}

fn change(
    authority: &Authority,
    args: &StoresArgs,
    context: &Context<'_>,
    verb: &str,
    act: impl Fn(&Place, &Root) -> Outcome,
) -> Result<Answer> {
    let root = Root::of(authority, &context.settings.data);
    let mut reports = Vec::new();
    for kind in kinds(args) {
        match trust::places(kind) {
            Ok(places) => reports.extend(places.iter().map(|place| Report {
                kind,
                place: Some(place.path.display().to_string()),
                outcome: act(place, &root),
            })),
            Err(reason) => reports.push(Report {
                kind,
                place: None,
                outcome: Outcome::Skipped(reason),
            }),
        }
    }
    let (json, text) = told(authority, &reports, verb);
    match amiss(&reports, verb, !args.stores.is_empty()) {
        None => Ok(Answer::new(json, text)),
        Some(reason) => {
            context.output.note(&text);
            let code = match verb {
                "install" => "not-installed",
                _ => "not-uninstalled",
            };
            let error = CliError::failed(code, &reason.why, &reason.next);
            let facts = ["authority", "stores"].map(|key| (key, json[key].clone()));
            let [authority, stores] = facts;
            Err(error
                .with(authority.0, authority.1)
                .with(stores.0, stores.1))
        }
    }
}

/// What went wrong, if anything did: a store that was named is meant, and of all stores one at least.
fn amiss(reports: &[Report], verb: &str, named: bool) -> Option<Reason> {
    let of = |report: &Report| match &report.outcome {
        Outcome::Failed(reason) => Some((report.kind, reason.clone())),
        Outcome::Skipped(reason) if named => Some((report.kind, reason.clone())),
        _ => None,
    };
    let skipped = |report: &Report| match &report.outcome {
        Outcome::Skipped(reason) => Some((report.kind, reason.clone())),
        _ => None,
    };
    let is_there = |report: &Report| matches!(report.outcome, Outcome::Done | Outcome::Already);
    let nowhere = verb == "install" && !reports.iter().any(is_there);
    let first = reports.iter().find_map(of);
    let first = first.or_else(|| reports.iter().find_map(skipped).filter(|_| nowhere));
    first.map(|(kind, reason)| Reason {
        why: format!("{}: {}", kind.word(), reason.why),
        next: reason.next,
    })
}

fn told(authority: &Authority, reports: &[Report], verb: &str) -> (Value, String) {
    let mut text = format!("{}\n", authority.described().subject);
    let mut stores = Vec::new();
    for report in reports {
        let (word, reason) = match &report.outcome {
            Outcome::Done => (
                if verb == "install" {
                    "installed"
                } else {
                    "removed"
                },
                None,
            ),
            Outcome::Already if verb == "install" => ("already installed", None),
            Outcome::Already => ("not there", None),
            Outcome::Skipped(reason) => ("skipped", Some(reason)),
            Outcome::Failed(reason) => ("failed", Some(reason)),
        };
        line(
            &mut text,
            report.kind,
            word,
            report.place.as_deref(),
            reason,
        );
        stores.push(json!({
            "store": report.kind.word(),
            "place": report.place,
            "outcome": word.replace(' ', "-"),
            "why": reason.map(|it| &it.why),
            "next": reason.map(|it| &it.next),
        }));
    }
    if verb == "install" && reports.iter().any(|it| it.outcome == Outcome::Done) {
        text.push_str("\nBrowsers that run see it when they are started anew.");
    }
    (
        json!({"authority": described(authority), "stores": stores}),
        text,
    )
}

fn show(authority: &Authority, args: &StoresArgs, context: &Context<'_>) -> Result<Answer> {
    let root = Root::of(authority, &context.settings.data);
    let it = authority.described();
    let ended = if it.validity.ends < now() {
        " (over)"
    } else {
        ""
    };
    let mut text = format!(
        "{}\nfingerprint  {} (SHA-256)\nmay sign     names under .{}, for servers\nmay not      any other name, e-mail address or URI, any IPv4 or IPv6 address\nvalid        {} to {}{ended}\nfile         {}\n\n",
        it.subject,
        it.fingerprint,
        authority.suffix(),
        it.validity.begins,
        it.validity.ends,
        authority.file().display(),
    );
    let mut stores = Vec::new();
    let mut add = |kind: StoreKind, place: Option<&Place>, standing: Result<Standing, Reason>| {
        let place = place.map(|place| place.path.display().to_string());
        let (word, trusted) = match &standing {
            Ok(Standing::Trusted) => ("trusted", Some(true)),
            Ok(Standing::NotTrusted) => ("not trusted", Some(false)),
            Err(_) => ("not known", None),
        };
        let reason = standing.as_ref().err();
        line(&mut text, kind, word, place.as_deref(), reason);
        stores.push(json!({
            "store": kind.word(),
            "place": place,
            "trusted": trusted,
            "why": reason.map(|it| &it.why),
            "next": reason.map(|it| &it.next),
        }));
    };
    for kind in kinds(args) {
        match trust::places(kind) {
            Ok(places) => places
                .iter()
                .for_each(|place| add(kind, Some(place), place.standing(&root))),
            Err(reason) => add(kind, None, Err(reason)),
        }
    }
    Ok(Answer::new(
        json!({"authority": described(authority), "stores": stores}),
        text,
    ))
}

/// A store's line, and below it why.
fn line(
    text: &mut String,
    kind: StoreKind,
    word: &str,
    place: Option<&str>,
    reason: Option<&Reason>,
) {
    let place = place.unwrap_or_default();
    text.push_str(format!("{:<10} {word:<18} {place}", kind.word()).trim_end());
    text.push('\n');
    if let Some(reason) = reason {
        text.push_str(&format!("           {}; {}\n", reason.why, reason.next));
    }
}

fn described(authority: &Authority) -> Value {
    let of = |it: &Described| {
        json!({
            "subject": it.subject,
            "sha256": it.fingerprint.to_string(),
            "valid_from": it.validity.begins.to_string(),
            "valid_until": it.validity.ends.to_string(),
            "permitted": it.permitted,
            "excluded": it.excluded,
            "critical": it.critical,
            "path_length": it.path_length,
        })
    };
    let mut root = of(authority.described());
    root["pem"] = trust::pem(authority.root()).into();
    root["file"] = authority.file().display().to_string().into();
    root["intermediate"] = of(authority.intermediate());
    root
}

fn kinds(args: &StoresArgs) -> Vec<StoreKind> {
    let chosen = |kind: &StoreKind| args.stores.is_empty() || args.stores.contains(kind);
    StoreKind::ALL.into_iter().filter(chosen).collect()
}

fn ended(authority: &Authority) -> CliError {
    let file = files::quoted(authority.file());
    CliError::failed(
        "authority-over",
        format!(
            "the authority's time was over at {}",
            authority.validity().ends
        ),
        format!("run `dotkey trust uninstall`, then `mv {file} {file}.old`, then this again"),
    )
}

/// The library's message ends with the next step, which stands apart here.
fn unusable(error: &AuthorityError) -> CliError {
    let said = error.to_string();
    let (message, next) = said.rsplit_once("; ").unwrap_or((&said, "report this"));
    CliError::failed("bad-authority", message, next)
}
