//! `dotkey name claim`: drives a claim to its end, each step written down before anybody hears of it.

use dotkey_proto::ledger::{Action, Entry};
use dotkey_proto::name::Name;
use dotkey_proto::stamp::Purpose;
use dotkey_proto::words::counted;

use super::pace::Pace;
use super::sign::{Signer, stamp};
use super::standing::Standing;
use super::{busy, claimed, save_proof, subject};
use crate::args::NameClaimArgs;
use crate::client::{Ledger, refusal};
use crate::commands::Context;
use crate::exit::{CliError, Result};
use crate::files::quoted;
use crate::keys::{Identity, KeyName};
use crate::names::claim::{
    Claim, Course, Obstacle, Part, Reaction, Signed, Step, View, Waiting, Work,
};
use crate::names::journal::{Journal, Turn};
use crate::names::lease::{distance, span};
use crate::output::Answer;

pub(super) fn run(args: &NameClaimArgs, context: &Context<'_>) -> Result<Answer> {
    let name = claimed(&args.name, context)?;
    let identity = claimer(args.key.as_ref(), context)?;
    let mut ledger = Ledger::open(&args.ledger, &context.settings)?;
    ledger.wait_for_node(context.output);
    let _turn = Turn::take(&context.settings.data, || busy(context))?;
    let (network, label) = (ledger.genesis().network(), name.root_label().to_owned());
    let journal = Journal::of(&context.settings.data, &network, &label, &identity.key_id());
    let begun = journal.read()?;
    let goes_on = begun.is_some();
    if goes_on {
        context
            .output
            .note(&format!("going on with the claim of {}", name.to_unicode()));
    }
    let claim = match begun {
        Some(claim) => claim,
        None => Claim::new(network, label, identity.key_id(), new_salt()?),
    };
    let mut claiming = Claiming {
        pace: Pace::of(&ledger),
        course: Course::new(claim),
        signer: None,
        identity: &identity,
        journal: &journal,
        ledger: &mut ledger,
        context,
        worked: goes_on,
    };
    let end = claiming.run();
    context.output.end_progress();
    let worked = claiming.worked;
    match end {
        Ok(End::Held) => held(args, (&name, &identity), worked, ledger, context),
        Ok(End::Refused(obstacle)) => Err(refused(&obstacle, &name, &mut ledger, context)),
        Err(error) => {
            if journal.path().exists() {
                context.output.note(
                    "the claim is written down: the same command goes on where this one ended",
                );
            }
            Err(error)
        }
    }
}

/// Who claims: the one identity that is here, or the one that is named.
fn claimer(key: Option<&KeyName>, context: &Context<'_>) -> Result<Identity> {
    if let Some(key) = key {
        return context.store.open(key);
    }
    let mut names: Vec<KeyName> = context
        .store
        .list()?
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    match (names.pop(), names.len()) {
        (Some(only), 0) => context.store.open(&only),
        (None, _) => Err(CliError::usage(
            "there is no identity here that could hold a name",
            "make one with `dotkey key new NAME`",
        )),
        _ => Err(CliError::usage(
            "several identities are here",
            "say with --key NAME who is to hold the name; `dotkey key list` shows them",
        )),
    }
}

fn new_salt() -> Result<[u8; 16]> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| {
        CliError::failed(
            "no-randomness",
            format!("the system gives no random numbers: {error}"),
            "try again; if it stays so, the system is at fault",
        )
    })?;
    Ok(salt)
}

/// A claim at work.
struct Claiming<'a> {
    course: Course,
    pace: Pace,
    /// Opened when it is needed: who holds the name already is asked for no passphrase.
    signer: Option<Signer<'a>>,
    identity: &'a Identity,
    journal: &'a Journal,
    ledger: &'a mut Ledger,
    context: &'a Context<'a>,
    worked: bool,
}

/// How it ended, by the network's proofs.
enum End {
    Held,
    Refused(Obstacle),
}

impl Claiming<'_> {
    fn run(&mut self) -> Result<End> {
        loop {
            let claim = &self.course.claim;
            let (label, key_id) = (claim.label.clone(), claim.key_id);
            let mut view = self.ledger.account(key_id)?;
            // The own node tells nobody, and a beginner is spared the work for a name that is taken.
            if self.ledger.is_own() || claim.is_told(&view) {
                self.ledger.look(&label, &mut view)?;
            }
            match self.course.next(&view, self.ledger.charter()) {
                Step::Stamp(work) => self.stamp(work)?,
                Step::Sign(part, nonce) => self.sign(part, nonce, &view)?,
                Step::Send(part) => self.send(part, &view)?,
                Step::Wait(waiting) => {
                    self.context.output.progress(&in_words(waiting));
                    self.pace.wait(view.height, self.context.output)?;
                }
                Step::Done(Entry { .. }) => {
                    self.journal.remove()?;
                    return Ok(End::Held);
                }
                Step::Refused(obstacle) => {
                    // What waiting may still bring is kept.
                    if !matches!(
                        obstacle,
                        Obstacle::NamesFull { .. } | Obstacle::CommitmentsFull { .. }
                    ) {
                        self.journal.remove()?;
                    }
                    return Ok(End::Refused(obstacle));
                }
            }
        }
    }

    fn stamp(&mut self, work: Work) -> Result<()> {
        self.open()?;
        let label = self.course.claim.label.clone();
        let purpose = match work {
            Work::Opening => Purpose::Opening,
            Work::Claim => Purpose::Claim(&label),
        };
        let stamp = stamp(self.ledger, self.identity, purpose, self.context)?;
        self.course.stamped(work, stamp);
        self.write()
    }

    fn sign(&mut self, part: Part, nonce: u64, view: &View) -> Result<()> {
        self.open()?;
        let claim = &self.course.claim;
        let action = match part {
            Part::Commit => Action::Commit {
                commitment: claim.commitment(),
            },
            Part::Reveal => Action::Claim {
                label: claim.label.clone(),
                salt: claim.salt,
                stamp: claim.stamp.clone().expect("the course has it made first"),
            },
        };
        let opening = claim.opening.clone().filter(|_| nonce == 0);
        let anchor = view.account.anchor(claim.key_id);
        let signer = self.signer.as_mut().expect("it was opened");
        let bytes = signer.sign(self.ledger, (nonce, opening), action, anchor.as_ref())?;
        self.course.signed(part, Signed { nonce, bytes });
        self.write()
    }

    fn send(&mut self, part: Part, view: &View) -> Result<()> {
        let signed = self
            .course
            .claim
            .part(part)
            .expect("the course has it signed first");
        let Err(error) = self.ledger.submit(&signed.bytes) else {
            self.course.sent(part, view);
            return Ok(());
        };
        let reaction = refusal(&error).map(|code| self.course.refused(part, code, view));
        match reaction {
            Some(Reaction::LookAgain) => Ok(()),
            Some(Reaction::GiveUp) | None => Err(error),
        }
    }

    fn open(&mut self) -> Result<()> {
        if self.signer.is_none() {
            self.signer = Some(Signer::new(self.identity, self.context)?);
        }
        self.worked = true;
        Ok(())
    }

    fn write(&self) -> Result<()> {
        self.journal.write(&self.course.claim)
    }
}

fn in_words(waiting: Waiting) -> String {
    match waiting {
        Waiting::Final(Part::Commit) => "announced; waiting until that is final …".to_owned(),
        Waiting::Final(Part::Reveal) => "claimed; waiting until that is final …".to_owned(),
        Waiting::Block => "waiting for the next block …".to_owned(),
        Waiting::Blocks(left) => {
            let blocks = counted(left, "block");
            format!(
                "announced; waiting for {blocks}, so that nobody can be first who sees the claim …"
            )
        }
    }
}

/// The name is the claimer's, which is proved once more for who asked.
fn held(
    args: &NameClaimArgs,
    (name, identity): (&Name, &Identity),
    worked: bool,
    mut ledger: Ledger,
    context: &Context<'_>,
) -> Result<Answer> {
    let (bundle, proof) = ledger.bundle(&subject(name))?;
    let standing = Standing::new(name, proof, &ledger);
    let mut json = standing.json(context);
    json["claimed_now"] = worked.into();
    let mut text = match worked {
        true => format!("Claimed: {}", standing.words(context)),
        false => format!("Held already: {}", standing.words(context)),
    };
    if let Some(path) = &args.proof {
        save_proof(path, &bundle)?;
        json["file"] = path.display().to_string().into();
        text += &format!("\n  saved     {}", path.display());
    }
    let (ascii, key) = (name.as_ascii(), &identity.name);
    text += &format!(
        "\nNext: say what it contains with `dotkey zone publish {ascii} FILE --key {key}`."
    );
    if let Some(path) = &args.proof {
        text += &format!(
            " Anyone checks the proof with `dotkey verify {} --genesis GENESIS`.",
            quoted(path)
        );
    }
    standing.warn(context);
    Ok(Answer::new(json, text))
}

/// What stands in the way, with who holds the name and when it could become free.
fn refused(
    obstacle: &Obstacle,
    name: &Name,
    ledger: &mut Ledger,
    context: &Context<'_>,
) -> CliError {
    let shown = name.to_unicode();
    match obstacle {
        Obstacle::Taken { .. } | Obstacle::Grace { .. } => {
            let proof = match ledger.proof(&subject(name)) {
                Ok(proof) => proof,
                Err(error) => return error,
            };
            let standing = Standing::new(name, proof, ledger);
            match obstacle {
                Obstacle::Grace { entry, free } => standing.told(
                    CliError::failed(
                        "grace",
                        format!(
                            "{shown} is yours still, but its lease ended {}; until {free} you alone can renew it",
                            distance(entry.lease_ends, crate::commands::now())
                        ),
                        format!("renew it with `dotkey name renew {}`", name.as_ascii()),
                    ),
                    context,
                ),
                _ => standing.taken(context),
            }
        }
        Obstacle::Reserved => CliError::failed(
            "reserved",
            format!("{shown} is reserved by the genesis of this network, and nobody can hold it"),
            "choose another name",
        ),
        Obstacle::NamesFull { held } => CliError::failed(
            "names-full",
            format!(
                "this identity holds {}, and an identity holds no more",
                counted(*held, "name")
            ),
            "release one with `dotkey name release`, or claim with another --key",
        ),
        Obstacle::CommitmentsFull { until } => CliError::failed(
            "commitments-full",
            format!(
                "this identity has announced as many claims as may wait at once; the oldest ends at {until}, in {}",
                span(until.secs_since(crate::commands::now()))
            ),
            "finish those claims (`dotkey name list` shows them), claim with another --key, or wait",
        ),
    }
}
