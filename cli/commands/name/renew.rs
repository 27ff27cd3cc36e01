//! `dotkey name renew`: one name, or with `--all` whatever is due, which cron may ask for as often as it likes.

use dotkey_proto::ledger::{Phase, Subject};
use dotkey_proto::name::Name;
use serde_json::{Value, json};

use super::change::{Change, Changer};
use super::list::names_of;
use super::sign::Signer;
use super::standing::Standing;
use super::{busy, claimed, holder, subject};
use crate::args::NameRenewArgs;
use crate::client::Ledger;
use crate::commands::Context;
use crate::exit::{CliError, Exit, Result};
use crate::keys::Identity;
use crate::names::journal::Turn;
use crate::output::Answer;

pub(super) fn run(args: &NameRenewArgs, context: &Context<'_>) -> Result<Answer> {
    match &args.name {
        Some(name) => one(name, args, context),
        None => all(args, context),
    }
}

fn one(text: &str, args: &NameRenewArgs, context: &Context<'_>) -> Result<Answer> {
    let name = claimed(text, context)?;
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    ledger.wait_for_node(context.output);
    let proof = ledger.proof(&subject(&name))?;
    let standing = Standing::new(&name, proof, &ledger);
    let identity = holder(&standing, args.key.as_ref(), context)?;
    let renewed = renew(&name, &identity, standing, &mut ledger, context)?;
    Ok(Answer::new(renewed.json(context), renewed.line()))
}

fn all(args: &NameRenewArgs, context: &Context<'_>) -> Result<Answer> {
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    ledger.wait_for_node(context.output);
    let (mut shown, mut lines) = (Vec::new(), Vec::new());
    let mut failed: Option<CliError> = None;
    for identity in super::list::identities(args.key.as_ref(), context)? {
        for standing in names_of(&identity, &mut ledger, context)? {
            let name = standing.name().clone();
            match renew(&name, &identity, standing, &mut ledger, context) {
                Ok(renewed) => {
                    if renewed.outcome == Outcome::Lapsed {
                        renewed.standing.warn(context);
                    }
                    shown.push(renewed.json(context));
                    lines.push(renewed.line());
                }
                Err(error) => {
                    // One that cannot be renewed does not keep the others from it.
                    shown.push(json!({"name": name.as_ascii(), "renewed": false, "error": {"code": error.code, "message": error.message}}));
                    context.output.note(&format!(
                        "{} is not renewed: {}",
                        name.to_unicode(),
                        error.message
                    ));
                    failed = Some(error);
                }
            }
        }
    }
    let json = json!({"names": shown});
    let Some(error) = failed else {
        let text = match lines.is_empty() {
            true => "no identity here holds a name".to_owned(),
            false => lines.join("\n"),
        };
        return Ok(Answer::new(json, text));
    };
    let mut error = CliError {
        exit: Exit::Failed,
        message: format!(
            "not every name was renewed; the last reason: {}",
            error.message
        ),
        ..error
    };
    if let Value::Object(facts) = json {
        // Of the last one, what was proved is of another name than the list; what a node said is its word still.
        error.facts.retain(|name, _| name == "node_said");
        error.facts.extend(facts);
    }
    Err(error)
}

/// How it stands with a name after it was renewed, or why it was not.
struct Renewed {
    standing: Standing,
    outcome: Outcome,
}

/// What was done with a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Renewed,
    NotDue,
    /// Too late: anybody may claim it, and no renewal brings it back.
    Lapsed,
}

fn renew(
    name: &Name,
    identity: &Identity,
    standing: Standing,
    ledger: &mut Ledger,
    context: &Context<'_>,
) -> Result<Renewed> {
    let lease = standing.lease().ok_or_else(|| standing.nobody(context))?;
    // By the network's time, which decides; a clock that is ahead would only be refused.
    if !lease.is_renewable(standing.time()) {
        let outcome = match standing.phase() {
            Phase::Free => Outcome::Lapsed,
            Phase::Held | Phase::Grace => Outcome::NotDue,
        };
        return Ok(Renewed { standing, outcome });
    }
    let _turn = Turn::take(&context.settings.data, || busy(context))?;
    let mut changer = Changer {
        signer: Signer::new(identity, context)?,
        ledger,
        context,
    };
    let key_id = identity.key_id();
    let mut is_due = |view: &crate::names::claim::View| match &view.entry {
        Some(entry) if entry.key_id == key_id => Ok(entry.lease_ends == lease.ends),
        _ => Err(standing.foreign(context)),
    };
    changer.bring_about(name.root_label(), Change::Renew, &mut is_due)?;
    let proof = ledger.proof(&Subject::Name(name.root_label().to_owned()))?;
    Ok(Renewed {
        standing: Standing::new(name, proof, ledger),
        outcome: Outcome::Renewed,
    })
}

impl Renewed {
    fn json(&self, context: &Context<'_>) -> Value {
        let mut json = self.standing.json(context);
        json["renewed"] = (self.outcome == Outcome::Renewed).into();
        json
    }

    fn line(&self) -> String {
        let what = match self.outcome {
            Outcome::Renewed => "renewed",
            Outcome::NotDue => "not due yet",
            Outcome::Lapsed => "too late to renew; claim it anew",
        };
        format!("{}  ({what})", self.standing.line())
    }
}
