//! `dotkey resolve`: what a resolver would answer, from what the network has or from a record at hand.

use dotkey_proto::dns::{Owner, RecordType, WireName, rdata};
use dotkey_proto::name::Name;
use dotkey_proto::record::{Record, Verified};
use dotkey_proto::signature::PublicKey;
use dotkey_proto::time::Timestamp;
use dotkey_proto::zone::{Delegation, Next, Outcome, Rrset, Zone, absolutise};
use serde_json::{Value, json};

use super::fetch::{Holding, Wanted, fetch};
use super::name::{Standing, save_proof};
use super::trace::Trace;
use super::verify::{belongs_to, parse_name, record_json, signers, verify_file};
use super::{Context, now};
use crate::args::ResolveArgs;
use crate::client::NodeClient;
use crate::exit::{CliError, Exit, Result};
use crate::files;
use crate::output::Answer;

/// What is asked for where no type is: no data has this one, so a zone answers with the name's resources.
const NO_TYPE: RecordType = RecordType(0);

/// Everything that there is.
const ANY: RecordType = RecordType(255);

/// A question, and where its answers are written.
struct Asked<'a> {
    apex: WireName,
    suffix: &'a str,
}

/// What was found, as it is shown.
#[derive(Default)]
struct Found {
    outcome: &'static str,
    /// Lines of DNS data.
    answers: Vec<Value>,
    resources: Vec<Value>,
    /// What a person reads.
    lines: Vec<String>,
}

pub(super) fn run(args: &ResolveArgs, context: &Context<'_>) -> Result<Answer> {
    let name = parse_name(&args.name, context)?;
    let rtype = args.rtype.as_deref().map(parse_type).transpose()?;
    // RFC 8482 leaves it to whoever answers what ANY is.
    let rtype = rtype.filter(|rtype| *rtype != ANY);
    let at = args.now.map_or_else(now, |moment| moment.0);
    let source = Source::of(args, &name);
    let mut trace = Trace::begin();
    let (record, zone, holding) = match &args.record {
        Some(path) => {
            let (record, zone) = verify_file(path, at)?;
            trace.note(&format!("read and verified {}", source.shown));
            (record, zone, None)
        }
        None => {
            let (record, zone, holding) = fetched(args, &name, (at, &mut trace), context)?;
            (record, zone, Some(holding))
        }
    };
    let standing = holding.as_ref().and_then(|one| one.standing.as_ref());
    let owned = belongs_to(&record, &name, &source.shown)? || standing.is_some();
    if !owned {
        context.output.note(&format!(
            "note: who holds {} is decided by the ledger, which is not asked here; this is what the record's owner says",
            name.apex().to_unicode()
        ));
    }
    let owner = owner_of(&name)?;
    check_branch(&record, &owner, &source)?;
    let asked = Asked {
        apex: wire(name.apex().as_ascii())?,
        suffix: context.settings.suffix.as_ascii(),
    };
    let found = look_up(&zone, &owner, rtype, &asked)?;
    trace.note("looked the name up in its zone");
    let mut json = json!({
        "name": name.as_ascii(),
        "type": rtype.map(|rtype| rtype.to_string()),
        "outcome": found.outcome,
        "answers": found.answers,
        "resources": found.resources,
        "name_checked": owned,
    });
    json["record"] = record_json(&record, context);
    json["proof_file"] = args
        .proof
        .as_ref()
        .map(|path| path.display().to_string())
        .into();
    let mut lines = Vec::new();
    if args.trace {
        json["trace"] = trace.json();
    }
    if let Some(standing) = standing {
        standing.warn(context);
        json["holding"] = standing.json(context);
        lines = heading(&name, standing, &record, context);
    }
    lines.extend(found.lines);
    lines.extend(trace.lines().filter(|_| args.trace));
    match found.outcome {
        "no-name" | "no-data" => Err(nothing(&name, rtype, &zone, json, &source)),
        _ => Ok(Answer::new(json, lines.join("\n"))),
    }
}

/// A record of one branch says nothing of names outside of it.
fn check_branch(record: &Record, owner: &Owner, source: &Source) -> Result<()> {
    if let Some(branch) = record.branch()
        && !owner.is_at_or_below(branch.owner())
    {
        return Err(CliError::not_found(
            format!(
                "{} is the record of the branch `{branch}` only",
                source.shown
            ),
            "give the record of the whole zone",
        ));
    }
    Ok(())
}

/// The record of the name from the network, and whose it is. What proves both is saved where that was asked for, also where there is
/// no record: that nobody holds a name can be proved as well.
fn fetched(
    args: &ResolveArgs,
    name: &Name,
    (at, trace): (Timestamp, &mut Trace),
    context: &Context<'_>,
) -> Result<(Verified<Record>, Zone, Holding)> {
    let node = NodeClient::find(args.ledger.ask.node.as_deref(), &context.settings)?;
    let mut holding = Holding::find(name, &args.ledger, args.proof.is_some(), context)?;
    trace.note(match holding.standing {
        Some(_) => "asked for and verified the proof of who holds the name",
        None => "read whose the name is from the name itself",
    });
    let wanted = Wanted::whole(name, args.fresh);
    let fetched = fetch(&node, &wanted, &holding, (context, at));
    if let (Err(error), Some(standing)) = (&fetched, &holding.standing)
        && error.exit == Exit::NotFound
        && standing.holder().is_some()
    {
        // Only what it contains was not found.
        context.output.note(&without_record(standing, context));
    }
    trace.note(&format!(
        "fetched and verified the record, from {}",
        node.url()
    ));
    let mut saved = None;
    if let (Some(path), Some(bundle)) = (&args.proof, &mut holding.bundle) {
        let record = fetched.as_ref().ok();
        bundle.record = record.map(|(record, _)| record.as_bytes().to_vec());
        save_proof(path, bundle)?;
        context.output.note(&format!(
            "saved what proves it; `dotkey verify {} --genesis GENESIS` checks it",
            files::quoted(path)
        ));
        saved = Some(path.display().to_string());
    }
    // That nothing is there was proved as well.
    let fetched = fetched.map_err(|error| match saved {
        Some(file) => error.with("proof_file", file),
        None => error,
    });
    let (record, zone) = fetched?;
    Ok((record, zone, holding))
}

/// Who holds a name that has no record, for whom it was asked.
fn without_record(standing: &Standing, context: &Context<'_>) -> String {
    let mut lines = vec![standing.words(context)];
    if standing.anchor().is_none() {
        lines.push("  policy    of which the ledger pins none".to_owned());
    }
    lines.push("  record    none".to_owned());
    lines.join("\n")
}

/// Who holds the name, and what was verified on the way to the answer.
fn heading(
    name: &Name,
    standing: &Standing,
    record: &Record,
    context: &Context<'_>,
) -> Vec<String> {
    let mut lines = vec![name.apex().to_unicode().into_owned()];
    lines.extend(standing.facts(context));
    let policy = record.authority().policy().number;
    let pinned = match standing.anchor() {
        Some(_) => "no older than the ledger pins",
        None => "of which the ledger pins none",
    };
    lines.push(format!("  policy    number {policy}, {pinned}"));
    lines.push(format!(
        "  record    sequence {}, until {}",
        record.sequence(),
        record.expires()
    ));
    lines.push(format!("  verified  the name, {}", standing.proved()));
    let signed_by: Vec<String> = signers(record).iter().map(PublicKey::to_string).collect();
    lines.push(format!(
        "            the record, signed by {}",
        signed_by.join(", ")
    ));
    lines.push(String::new());
    lines
}

/// Where the record comes from.
struct Source {
    /// In a sentence.
    shown: String,
    /// In a command.
    argument: String,
}

impl Source {
    fn of(args: &ResolveArgs, name: &Name) -> Self {
        let apex = name.apex();
        let (shown, argument) = match &args.record {
            Some(path) => (path.display().to_string(), files::quoted(path)),
            None => ("what the node has".to_owned(), apex.as_ascii().to_owned()),
        };
        Self { shown, argument }
    }
}

fn nothing(
    name: &Name,
    rtype: Option<RecordType>,
    zone: &Zone,
    json: Value,
    source: &Source,
) -> CliError {
    let shown = name.to_unicode();
    let what = match (json["outcome"].as_str(), rtype) {
        (Some("no-data"), Some(rtype)) => format!("{shown} exists, but has no {rtype} records"),
        (Some("no-data"), None) => {
            format!("{shown} exists, but only because there are names below it")
        }
        _ => format!("there is no {shown} in the zone"),
    };
    let next = if zone.rrsets().is_empty() && zone.resources().is_empty() {
        "the zone is empty; ask its owner".to_owned()
    } else if rtype.is_some() && json["outcome"] == "no-data" {
        "leave the type out to see all that the name has".to_owned()
    } else {
        format!(
            "see which names there are with `dotkey zone show {}`",
            source.argument
        )
    };
    let mut error = CliError::not_found(what, next);
    if let Value::Object(facts) = json {
        error.facts = facts;
    }
    error
}

fn owner_of(name: &Name) -> Result<Owner> {
    if name.below().is_empty() {
        return Ok(Owner::apex());
    }
    Owner::parse(name.below())
        .map_err(|error| CliError::usage(format!("`{name}`: {error}"), "check the name"))
}

fn wire(text: &str) -> Result<WireName> {
    WireName::parse(text, Some(&WireName::root()))
        .map_err(|error| CliError::usage(format!("`{text}`: {error}"), "check the name"))
}

fn parse_type(text: &str) -> Result<RecordType> {
    text.to_ascii_uppercase().parse().map_err(|error| {
        CliError::usage(
            format!("`{text}`: {error}"),
            "give a type such as A, AAAA, MX or TXT, or leave it out to see everything",
        )
    })
}

fn look_up(
    zone: &Zone,
    owner: &Owner,
    rtype: Option<RecordType>,
    asked: &Asked<'_>,
) -> Result<Found> {
    let resolution = zone.resolve(owner.as_wire(), rtype.unwrap_or(NO_TYPE));
    let mut found = Found::default();
    let mut at = owner.clone();
    for step in &resolution.steps {
        found.add_alias(step.rrset, &at, &asked.full(&step.to), asked)?;
        at = step.to.clone();
    }
    let outcome = resolution.outcome;
    found.outcome = match outcome {
        Outcome::Answer { rrset, .. } => {
            found.add(rrset, &at, asked)?;
            "answer"
        }
        Outcome::Alias { rrset, .. } | Outcome::Rewrite { rrset, .. } => {
            let to = match outcome.next(at.as_wire()) {
                Some(Next::Absolute(name)) => name.to_string(),
                _ => return Err(too_far("it leads to a name that is too long")),
            };
            found.add_alias(rrset, &at, &to, asked)?;
            found.say("It goes on at that name, which is not in this zone.");
            "alias"
        }
        Outcome::NoData { resources, .. } => {
            resources
                .iter()
                .for_each(|resource| found.add_resource(resource, &asked.full(&at)));
            if rtype.is_none() {
                found.add_all(zone, &at, asked)?;
            }
            let nothing =
                found.resources.is_empty() && (rtype.is_some() || found.answers.is_empty());
            if nothing { "no-data" } else { "answer" }
        }
        Outcome::Referral(delegation) => {
            found.add_delegation(delegation, asked);
            "delegation"
        }
        Outcome::Cut(rrset) => {
            found.add(rrset, &rrset.owner, asked)?;
            found.say("These name servers of the ordinary DNS have the answer.");
            "name-servers"
        }
        Outcome::NoName { .. } => "no-name",
        Outcome::Outside => {
            found
                .say("The name is outside the branch that this record is for; ask the whole zone.");
            "outside"
        }
        Outcome::Loop => {
            return Err(too_far(
                "its aliases lead in a circle, or through more than 8 names",
            ));
        }
        Outcome::TooLong { .. } => {
            return Err(too_far("its DNAME leads to a name that is too long"));
        }
    };
    Ok(found)
}

fn too_far(why: &str) -> CliError {
    CliError::failed(
        "unresolvable",
        format!("the name cannot be resolved: {why}"),
        "ask the owner of the zone to correct it",
    )
}

impl Asked<'_> {
    /// A name of the zone, as it was asked for.
    fn full(&self, owner: &Owner) -> String {
        owner
            .in_zone(&self.apex)
            .map_or_else(|_| owner.to_string(), |name| name.to_string())
    }
}

impl Found {
    fn add(&mut self, rrset: &Rrset, owner: &Owner, asked: &Asked<'_>) -> Result<()> {
        let name = asked.full(owner);
        for data in rrset.rdata.iter() {
            let data = absolutise(rrset.rtype, data, &asked.apex).map_err(|error| {
                CliError::failed(
                    "server-failure",
                    format!("{name}: {error}"),
                    "ask the owner of the zone to shorten its names",
                )
            })?;
            let data = rdata::display(rrset.rtype, &data, None).to_string();
            self.add_line(&name, rrset.rtype, rrset.ttl, &data);
        }
        Ok(())
    }

    fn say(&mut self, line: &str) {
        self.lines.push(line.to_owned());
    }

    fn add_line(&mut self, name: &str, rtype: RecordType, ttl: u32, data: &str) {
        self.lines.push(format!("{name} {ttl} IN {rtype} {data}"));
        self.answers
            .push(json!({"name": name, "type": rtype.to_string(), "ttl": ttl, "data": data}));
    }

    /// A CNAME as it stands; with a DNAME the CNAME that it amounts to (RFC 6672 section 3.1).
    fn add_alias(&mut self, rrset: &Rrset, at: &Owner, to: &str, asked: &Asked<'_>) -> Result<()> {
        if rrset.rtype == RecordType::DNAME {
            self.add(rrset, &rrset.owner, asked)?;
            self.add_line(&asked.full(at), RecordType::CNAME, rrset.ttl, to);
            return Ok(());
        }
        self.add(rrset, at, asked)
    }

    fn add_delegation(&mut self, delegation: &Delegation, asked: &Asked<'_>) {
        let at = asked.full(&delegation.owner);
        let to = match &delegation.to {
            Some(key_id) => format!("{key_id}.{}", asked.suffix),
            None => format!(
                "the record of the branch `{}` of this zone",
                delegation.owner
            ),
        };
        self.say(&format!(
            "{at} and all below it is delegated to {to}; ask there."
        ));
        self.answers.push(json!({"delegated_at": at, "to": to}));
    }

    /// Every rrset of a name, wildcards included.
    fn add_all(&mut self, zone: &Zone, owner: &Owner, asked: &Asked<'_>) -> Result<()> {
        let mut types: Vec<_> = zone.rrsets().iter().map(|rrset| rrset.rtype).collect();
        types.sort_by_key(|rtype| rtype.0);
        types.dedup();
        for rtype in types {
            if let Outcome::Answer { rrset, .. } = zone.lookup(owner.as_wire(), rtype) {
                self.add(rrset, owner, asked)?;
            }
        }
        Ok(())
    }

    fn add_resource(&mut self, resource: &dotkey_proto::zone::Resource, name: &str) {
        let path = resource.path_prefix();
        let kind = resource.kind.word();
        let shards = resource.shards.as_ref().map_or(&[][..], |set| &set.shards);
        let mut lines = vec![format!("{name} {kind} at path {path}:")];
        let mut providers = Vec::new();
        let mut provider = |role: String, provider: &dotkey_proto::zone::Provider| {
            let region = provider
                .region
                .as_ref()
                // Free text of the owner's: a line feed in it must not make another answer.
                .map_or(String::new(), |region| {
                    format!("  ({})", region.escape_debug())
                });
            lines.push(format!(
                "  {role}{}  {}{region}",
                provider.id,
                provider.url.as_str()
            ));
            providers.push(
                json!({"id": provider.id, "url": provider.url.as_str(), "region": provider.region}),
            );
        };
        resource
            .providers
            .iter()
            .for_each(|one| provider(String::new(), one));
        for shard in shards {
            provider(format!("shard {}: primary ", shard.id), &shard.primary);
            shard
                .replicas
                .iter()
                .for_each(|one| provider(format!("shard {}: replica ", shard.id), one));
        }
        let content = resource
            .content
            .map(|root| data_encoding::HEXLOWER.encode(&root));
        if let Some(root) = &content {
            lines.push(format!("  content {root}"));
        }
        self.lines.extend(lines);
        self.resources
            .push(json!({"kind": kind, "path": path, "providers": providers, "content": content}));
    }
}
