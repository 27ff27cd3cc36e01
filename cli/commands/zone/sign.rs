//! `dotkey zone sign`: makes a record of a zone, or adds a signature to one that lacks some.

use std::path::Path;

use dotkey_proto::identity::{Branch, Chain, Policy, PublicKey, Role};
use dotkey_proto::limits::ZONE_FILE_BYTES_MAX;
use dotkey_proto::record::{Claims, SignedRecord, VALIDITY_SECS_DEFAULT};
use dotkey_proto::signature::Draft;
use dotkey_proto::text::toml::{self, Document};
use dotkey_proto::zone::Zone;
use serde_json::json;

use super::file;
use super::target::Target;
use crate::args::{Terms, ZoneSignArgs};
use crate::commands::signing::{self, Hands, Quorum};
use crate::commands::{Context, now};
use crate::exit::{CliError, Result};
use crate::files;
use crate::keys::{Identity, Keyring};
use crate::output::Answer;

/// Protocol section 5.3: a verifier whose clock is a little slow accepts what was just signed.
const BACKDATED_SECS: u64 = 600;

/// A record that is being signed.
struct Turn {
    claims: Claims,
    draft: Draft,
    policy: Policy,
    hands: Hands,
    /// Its zone, where it was a record already: another wrote it.
    resumed: Option<Zone>,
    target: Target,
}

pub(super) fn run(args: &ZoneSignArgs, context: &Context<'_>) -> Result<Answer> {
    if args.file == Path::new("-") && args.out.is_none() {
        return Err(CliError::usage(
            "standard input has no name to call the record by",
            "name the record's file with --out",
        ));
    }
    let identity = context.store.open(&args.key)?;
    let bytes = files::read(&args.file, ZONE_FILE_BYTES_MAX, "the zone")?;
    let mut turn = if file::is_record(&bytes) {
        resume(args, &bytes, &identity, context)?
    } else {
        begin(args, bytes, &identity, context)?
    };
    turn.target.check_newer(&turn.claims, &turn.draft)?;
    turn.show(args, context)?;
    let mut signed = Vec::new();
    let mut draft = turn.draft.clone();
    if let Some(signature) = &args.signature {
        let open = turn.open(&draft);
        signed.push(signing::take_signature(&mut draft, &open, signature)?);
    }
    signed.extend(
        turn.hands
            .sign(&mut draft, &|draft| turn.open(draft), &mut Keyring::new()?)?,
    );
    turn.draft = draft;
    turn.check_progress(&signed, &identity)?;
    let bytes = turn.draft.encode();
    if turn.is_complete() {
        check(&bytes, &turn.claims)?;
    }
    turn.target.write(&bytes)?;
    Ok(turn.answer(&signed, args, context))
}

/// A new record of a zone.
fn begin(
    args: &ZoneSignArgs,
    bytes: Vec<u8>,
    identity: &Identity,
    context: &Context<'_>,
) -> Result<Turn> {
    let out = || {
        args.out
            .clone()
            .unwrap_or_else(|| args.file.with_extension("record"))
    };
    let (branch, zone) = zone_of(&args.file, bytes, &args.terms)?;
    let target = Target::find(out(), identity.key_id(), branch.as_ref())?;
    let sequence = match args.terms.seq {
        Some(sequence) => sequence,
        None => target.next_sequence(now().as_secs())?,
    };
    let claims = claims_of(&args.terms, identity, (branch, &zone), sequence);
    let draft = draft_of(&claims, &args.file)?;
    Ok(Turn {
        claims,
        draft,
        policy: identity.policy().clone(),
        hands: Hands::all(context, identity)?,
        resumed: None,
        target,
    })
}

/// The zone that a file in TOML says, and the branch that it is.
pub(super) fn zone_of(
    path: &Path,
    bytes: Vec<u8>,
    terms: &Terms,
) -> Result<(Option<Branch>, Zone)> {
    let document = file::from_toml(path, bytes)?;
    let branch = branch_of(path, terms, &document)?;
    let zone = within(document.zone, branch.as_ref(), path)?;
    Ok((branch, zone))
}

/// What a new record claims.
pub(super) fn claims_of(
    terms: &Terms,
    identity: &Identity,
    (branch, zone): (Option<Branch>, &Zone),
    sequence: u64,
) -> Claims {
    let clock = now();
    let not_before = terms
        .not_before
        .map_or(clock.saturating_sub(BACKDATED_SECS), |moment| moment.0);
    let validity = terms
        .days
        .map_or(VALIDITY_SECS_DEFAULT, |days| days * 86_400);
    // Counted from now, so that `--days 30` means 30 days; but never past what one record may span.
    let from = if terms.not_before.is_some() {
        not_before
    } else {
        clock
    };
    let longest = not_before.saturating_add(dotkey_proto::record::VALIDITY_SECS_MAX);
    Claims {
        key_id: identity.key_id(),
        sequence,
        not_before,
        expires: from.saturating_add(validity).min(longest),
        branch,
        chain: identity.chain.clone(),
        body: zone.encode(),
    }
}

/// Claims as they are signed.
pub(super) fn draft_of(claims: &Claims, path: &Path) -> Result<Draft> {
    claims.draft().map_err(|error| {
        CliError::failed(
            error.code(),
            format!("{}: {error}", path.display()),
            "make the zone smaller, or delegate a part of it",
        )
    })
}

/// The branch that the file names, or the one asked for.
fn branch_of(path: &Path, terms: &Terms, document: &Document) -> Result<Option<Branch>> {
    let shown = path.display();
    let Some(owner) = &document.branch else {
        return Ok(terms.branch.clone());
    };
    let named = Branch::new(owner.clone()).ok_or_else(|| {
        CliError::failed(
            "branch",
            format!("{shown}: `{owner}` cannot be a branch"),
            "name one of letters, digits, hyphens and underscores below the apex",
        )
    })?;
    match &terms.branch {
        Some(asked) if *asked != named => Err(CliError::usage(
            format!("{shown} is the branch `{named}`, not `{asked}`"),
            "leave --branch out, or correct `branch` in the file",
        )),
        _ => Ok(Some(named)),
    }
}

/// The zone, checked to be within a branch where there is one.
fn within(zone: Zone, branch: Option<&Branch>, path: &Path) -> Result<Zone> {
    let Some(branch) = branch else {
        return Ok(zone);
    };
    Zone::decode(&zone.encode(), Some(branch.owner())).map_err(|error| {
        CliError::failed(
            error.code(),
            format!("{}: {error}", path.display()),
            format!("keep only what is at `{branch}` or below it in this file"),
        )
    })
}

/// A record that others have signed before.
fn resume(
    args: &ZoneSignArgs,
    bytes: &[u8],
    identity: &Identity,
    context: &Context<'_>,
) -> Result<Turn> {
    if args.terms.are_given() {
        return Err(CliError::usage(
            format!(
                "{} is a record already: what it says is decided, and can only be signed",
                args.file.display()
            ),
            "leave --seq, --days, --branch and --not-before out, or sign the zone's TOML anew",
        ));
    }
    let (claims, draft) = file::resume(&args.file, bytes)?;
    let zone = file::zone_of(&args.file, &claims)?;
    let encoded = Chain::encode(&claims.chain);
    let authority = Chain::decode(&encoded)
        .and_then(|chain| chain.verify(claims.key_id, None))
        .map_err(|error| {
            let code = error.code();
            CliError::invalid(
                code,
                format!("{}: not valid ({code}): {error}", args.file.display()),
                "get a new copy of the record",
            )
        })?;
    let own = claims.key_id == identity.key_id();
    if own && authority.policy() != identity.policy() {
        return Err(CliError::invalid(
            "rotated-away",
            format!(
                "{} was begun under policy number {}, but `{}` is at number {} here",
                args.file.display(),
                authority.policy().number,
                identity.name,
                identity.policy().number
            ),
            "sign the zone's TOML anew, or take in the newer identity with `dotkey key import`",
        ));
    }
    let hands = if own {
        Hands::all(context, identity)?
    } else {
        Hands::of_member(identity)
    };
    let out = args.out.clone().unwrap_or_else(|| args.file.clone());
    let target = Target::find(out, claims.key_id, claims.branch.as_ref())?;
    Ok(Turn {
        claims,
        draft,
        policy: authority.policy().clone(),
        hands,
        resumed: Some(zone),
        target,
    })
}

/// What is signed must be what everyone accepts: the same check as theirs, at a time when it holds.
pub(super) fn check(bytes: &[u8], claims: &Claims) -> Result<()> {
    let verified = SignedRecord::new(bytes).verify(claims.not_before, None);
    verified.map(|_| ()).map_err(|error| {
        CliError::invalid(
            error.code(),
            format!("the signed record would not be accepted: {error}"),
            "nothing was written; sign the zone's TOML anew",
        )
    })
}

/// Nothing when a record is complete; else each of the roles that could complete it, the closest first.
pub(super) fn open(policy: &Policy, branch: Option<&Branch>, draft: &Draft) -> Vec<Quorum> {
    let roles = policy
        .thresholds
        .keys()
        .filter(|role| role.may_publish(branch));
    let mut quorums: Vec<_> = roles
        .map(|role: &Role| Quorum::of_role(policy, role, role.as_text()))
        .collect();
    if quorums.iter().any(|quorum| quorum.missing(draft) == 0) {
        return Vec::new();
    }
    quorums.sort_by_key(|quorum| quorum.missing(draft));
    quorums
}

impl Turn {
    fn open(&self, draft: &Draft) -> Vec<Quorum> {
        open(&self.policy, self.claims.branch.as_ref(), draft)
    }

    /// Says what is signed, as far as that is not what the signer just wrote; a person has to agree before a passphrase is asked for.
    fn show(&self, args: &ZoneSignArgs, context: &Context<'_>) -> Result<()> {
        if self.claims.expires <= now() {
            context.output.note(&format!(
                "warning: this record holds until {}, which is over: nobody will accept it",
                self.claims.expires
            ));
        }
        let Some(zone) = &self.resumed else {
            return Ok(());
        };
        let signs = self.hands.can_sign(&self.draft, &self.open(&self.draft));
        if args.yes || !signs || !context.output.can_ask() {
            context.output.note(&format!(
                "You sign the zone of {}.{}, sequence {}; see it with `dotkey zone show {}`.",
                self.claims.key_id,
                context.settings.suffix.as_ascii(),
                self.claims.sequence,
                files::quoted(&args.file)
            ));
            return Ok(());
        }
        let document = Document {
            name: None,
            branch: self.claims.branch.as_ref().map(|at| at.owner().clone()),
            zone: zone.clone(),
        };
        context.output.note(&format!(
            "You sign this:\n{}{}",
            super::show::unverified_heading(&self.claims, zone, context),
            toml::write(&document)
        ));
        context.output.agree("Sign it?")
    }

    fn is_complete(&self) -> bool {
        self.open(&self.draft).is_empty()
    }

    /// Refuses a turn that changed nothing, and says why it could not.
    fn check_progress(&self, signed: &[PublicKey], identity: &Identity) -> Result<()> {
        if !signed.is_empty() || self.resumed.is_none() {
            return Ok(());
        }
        let Some(quorum) = self.open(&self.draft).into_iter().next() else {
            return Ok(());
        };
        if !self
            .hands
            .texts(&self.draft, std::slice::from_ref(&quorum))
            .is_empty()
        {
            return Ok(());
        }
        Err(CliError::failed(
            "nothing-to-sign-with",
            format!(
                "no key of `{}` here can add to it: {}",
                identity.name,
                quorum.words(&self.draft)
            ),
            "hand the file to one of those, who runs this command with their own --key",
        ))
    }

    fn answer(&self, signed: &[PublicKey], args: &ZoneSignArgs, context: &Context<'_>) -> Answer {
        let open = self.open(&self.draft);
        let texts = self.hands.texts(&self.draft, &open);
        let shown = self.target.path.display().to_string();
        let quoted = files::quoted(&self.target.path);
        let name = format!(
            "{}.{}",
            self.claims.key_id,
            context.settings.suffix.as_ascii()
        );
        let json = json!({
            "file": shown,
            "complete": open.is_empty(),
            "name": name,
            "key_id": self.claims.key_id.to_string(),
            "branch": self.claims.branch.as_ref().map(ToString::to_string),
            "sequence": self.claims.sequence,
            "not_before": self.claims.not_before.to_string(),
            "expires": self.claims.expires.to_string(),
            "signed_now": signed.iter().map(PublicKey::to_string).collect::<Vec<_>>(),
            "signed_by": self.draft.signers().map(PublicKey::to_string).collect::<Vec<_>>(),
            "missing": open.first().map(|quorum| quorum.json(&self.draft)),
            "to_sign": signing::texts_json(&texts),
        });
        let text = match open.first() {
            None => format!(
                "Signed: {shown}\n  name      {name}\n  sequence  {}\n  holds     until {}\nNext: publish it with `dotkey zone publish {quoted}`; anyone can check it with `dotkey verify {quoted}`.",
                self.claims.sequence, self.claims.expires
            ),
            Some(closest) => {
                let command = format!("dotkey zone sign {quoted} --key {}", args.key);
                let next = if texts.is_empty() {
                    format!(
                        "Next: hand {shown} to one of those, who runs `dotkey zone sign {quoted} --key NAME`."
                    )
                } else {
                    signing::texts_in_words(&texts, &command)
                };
                format!(
                    "Not valid yet: {shown} is {}.\n{next}",
                    closest.words(&self.draft)
                )
            }
        };
        Answer::new(json, text)
    }
}
