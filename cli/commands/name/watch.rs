//! `dotkey name watch`: says how it stands with a name, and again whenever that changes.

use std::thread;
use std::time::Duration;

use dotkey_proto::ledger::{Entry, Phase};

use super::standing::Standing;
use super::{claimed, subject};
use crate::args::NameWatchArgs;
use crate::client::Ledger;
use crate::commands::Context;
use crate::exit::{Exit, Result};
use crate::output::Answer;

/// Between two looks: a change shows in a block, and those come at the heartbeat where nothing happens.
const PAUSE_MS: (u64, u64) = (500, 10_000);

pub(super) fn run(args: &NameWatchArgs, context: &Context<'_>) -> Result<Answer> {
    let name = claimed(&args.name, context)?;
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    let heartbeat = ledger.genesis().parameters.heartbeat_ms;
    let pause = Duration::from_millis(heartbeat.clamp(PAUSE_MS.0, PAUSE_MS.1));
    let mut before: Option<(Option<Entry>, Phase)> = None;
    let mut silent = false;
    loop {
        match ledger.proof(&subject(&name)) {
            Ok(proof) => {
                silent = false;
                let standing = Standing::new(&name, proof, &ledger);
                let state = (standing.entry().cloned(), standing.phase());
                if before.as_ref() != Some(&state) {
                    let answer = Answer::new(standing.json(context), words(&standing, context));
                    context.output.answer(&answer)?;
                    if args.once && before.is_some() {
                        return Ok(Answer::said());
                    }
                    before = Some(state);
                }
            }
            // What cannot be verified is no reason to go on. A node that is started anew comes back.
            Err(error) if error.exit == Exit::Invalid || before.is_none() => return Err(error),
            Err(error) => {
                if !silent {
                    context
                        .output
                        .note(&format!("{}; asking on", error.message));
                }
                silent = true;
            }
        }
        thread::sleep(pause);
    }
}

fn words(standing: &Standing, context: &Context<'_>) -> String {
    match standing.holder() {
        Some(_) => standing.words(context),
        None => format!("{}\n  owner     nobody: it can be claimed", standing.line()),
    }
}
