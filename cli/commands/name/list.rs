//! `dotkey name list`: what the identities here hold, and the claims that are under way.

use dotkey_proto::ledger::Subject;
use dotkey_proto::name::Name;
use serde_json::json;

use super::standing::Standing;
use crate::args::NameListArgs;
use crate::client::Ledger;
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::keys::{Identity, KeyName};
use crate::names::claim::Claim;
use crate::names::journal;
use crate::output::Answer;

pub(super) fn run(args: &NameListArgs, context: &Context<'_>) -> Result<Answer> {
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    let identities = identities(args.key.as_ref(), context)?;
    let (mut names, mut lines) = (Vec::new(), Vec::new());
    for identity in &identities {
        for standing in names_of(identity, &mut ledger, context)? {
            standing.warn(context);
            names.push(standing.json(context));
            lines.push(format!("{}  `{}`", standing.line(), identity.name));
        }
    }
    let network = ledger.genesis().network();
    let begun = journal::under_way(&context.settings.data, &network);
    let mut under_way = Vec::new();
    for claim in begun {
        let owner = identities.iter().find(|one| one.key_id() == claim.key_id);
        let Some(owner) = owner else { continue };
        let name = format!("{}.{}", claim.label, context.settings.suffix);
        let step = step(&claim);
        lines.push(format!(
            "{name}  claim under way ({step}): `dotkey name claim {name} --key {}` goes on  `{}`",
            owner.name, owner.name
        ));
        under_way.push(json!({"name": name, "key": owner.name.as_str(), "step": step}));
    }
    if lines.is_empty() {
        lines.push(
            "no identity here holds a name; claim one with `dotkey name claim NAME`".to_owned(),
        );
    }
    let json = json!({"names": names, "under_way": under_way});
    Ok(Answer::new(json, lines.join("\n")))
}

/// How far a claim has come, by what is written down.
fn step(claim: &Claim) -> &'static str {
    match (&claim.stamp, &claim.commit, &claim.reveal) {
        (_, _, Some(_)) => "claimed, not seen to be final",
        (_, Some(_), None) => "announced",
        (Some(_), None, None) => "worked for",
        (None, None, None) => "begun",
    }
}

/// All that are here, or the one that is named.
pub(super) fn identities(key: Option<&KeyName>, context: &Context<'_>) -> Result<Vec<Identity>> {
    if let Some(key) = key {
        return Ok(vec![context.store.open(key)?]);
    }
    let mut sound = Vec::new();
    for (name, identity) in context.store.list()? {
        match identity {
            Ok(identity) => sound.push(identity),
            Err(error) => context
                .output
                .note(&format!("`{name}` is left out: {}", error.message)),
        }
    }
    Ok(sound)
}

/// The names that an identity holds, each proved.
pub(super) fn names_of(
    identity: &Identity,
    ledger: &mut Ledger,
    context: &Context<'_>,
) -> Result<Vec<Standing>> {
    let key_id = identity.key_id();
    let proof = ledger.proof(&Subject::Identity(key_id))?;
    let labels = proof.account().map_or(&[][..], |account| &account.names);
    let mut names = Vec::new();
    for label in labels {
        let text = format!("{label}.{}", context.settings.suffix);
        let name = Name::parse(&text, &context.settings.suffix).map_err(|error| {
            CliError::failed(
                "bad-name",
                format!("`{text}`: {error}"),
                "update this program",
            )
        })?;
        let proof = ledger.proof(&Subject::Name(label.clone()))?;
        // It may have gone to somebody else between the two proofs.
        if proof.entry().is_some_and(|entry| entry.key_id == key_id) {
            names.push(Standing::new(&name, proof, ledger));
        }
    }
    Ok(names)
}
