//! How it stands with a name, as it was proved: for people, for programs, and in the refusals of what cannot be done with it.

use data_encoding::HEXLOWER;
use dotkey_proto::identity::{Anchor, KeyId};
use dotkey_proto::ledger::{Entry, Phase, VerifiedProof};
use dotkey_proto::name::Name;
use dotkey_proto::time::Timestamp;
use dotkey_proto::words::counted;
use serde_json::{Value, json};

use super::identity_of;
use crate::client::Ledger;
use crate::commands::{Context, now};
use crate::exit::CliError;
use crate::names::lease::{Lease, distance, span};

/// What a proof says of a name.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Standing {
    /// Its apex.
    name: Name,
    proof: VerifiedProof,
    lease: Option<Lease>,
    now: Timestamp,
    network: (String, [u8; 32]),
}

impl Standing {
    pub(in crate::commands) fn new(name: &Name, proof: VerifiedProof, ledger: &Ledger) -> Self {
        let genesis = ledger.genesis();
        let lease = |entry: &Entry| Lease::of(entry, ledger.charter());
        Self {
            name: name.apex(),
            lease: proof.entry().map(lease),
            now: now(),
            network: (genesis.name.clone(), genesis.network()),
            proof,
        }
    }

    /// Who holds it: nobody once anybody may claim it.
    pub(in crate::commands) fn holder(&self) -> Option<KeyId> {
        let entry = self.proof.entry()?;
        (self.phase() != Phase::Free).then_some(entry.key_id)
    }

    pub(in crate::commands) fn anchor(&self) -> Option<Anchor> {
        self.proof.anchor()
    }

    pub(in crate::commands) fn phase(&self) -> Phase {
        self.lease
            .map_or(Phase::Free, |lease| lease.phase(self.now))
    }

    pub(super) fn lease(&self) -> Option<Lease> {
        self.lease
    }

    pub(super) fn entry(&self) -> Option<&Entry> {
        self.proof.entry()
    }

    pub(super) fn name(&self) -> &Name {
        &self.name
    }

    /// When it was so, by the network's time.
    pub(super) fn time(&self) -> Timestamp {
        self.proof.time()
    }

    /// The name and its state with the time until which it is so, in a line of a list.
    pub(super) fn line(&self) -> String {
        let state = self.lease.map_or_else(
            || "free".to_owned(),
            |lease| {
                let (until, time) = match lease.phase(self.now) {
                    Phase::Held => ("held until", lease.ends),
                    Phase::Grace => ("in grace until", lease.free),
                    Phase::Free => ("free since", lease.free),
                };
                format!("{until} {time} ({})", distance(time, self.now))
            },
        );
        format!("{}  {state}", self.shown())
    }

    fn shown(&self) -> String {
        self.name.to_unicode().into_owned()
    }

    /// Tells who uses the name when its lease nears its end.
    pub(in crate::commands) fn warn(&self, context: &Context<'_>) {
        if let Some(warning) = self.warning() {
            context.output.note(&format!("warning: {warning}"));
        }
    }

    fn warning(&self) -> Option<String> {
        self.lease?.warning(&self.shown(), self.now)
    }

    pub(in crate::commands) fn json(&self, context: &Context<'_>) -> Value {
        let (signed, validators) = self.proof.signers();
        let header = self.proof.header();
        let time = |time: fn(&Lease) -> Timestamp| {
            self.lease.as_ref().map(|lease| time(lease).to_string())
        };
        let key = self.holder().and_then(|key_id| local(key_id, context));
        json!({
            "name": self.name.as_ascii(),
            "state": self.phase().word(),
            "owner": self.holder().map(|key_id| key_id.to_string()),
            "key": key,
            "claimed": time(|lease| lease.claimed),
            "lease_ends": time(|lease| lease.ends),
            "renewable_from": time(|lease| lease.renewable),
            "free_at": time(|lease| lease.free),
            "warning": self.warning(),
            "pinned": self.anchor().map(|pin| json!({
                "policy": pin.number,
                "digest": HEXLOWER.encode(&pin.digest),
                "least_sequence": pin.least_sequence,
            })),
            "proof": {
                "network": HEXLOWER.encode(&self.network.1),
                "height": header.height,
                "time": header.time.to_string(),
                "age_secs": self.now.secs_since(header.time),
                "signed": signed,
                "validators": validators,
            },
        })
    }

    /// A few lines for people.
    pub(in crate::commands) fn words(&self, context: &Context<'_>) -> String {
        let mut lines = vec![self.shown()];
        lines.extend(self.facts(context));
        lines.push(format!("  proved    {}", self.proved()));
        lines.join("\n")
    }

    /// The holder, the lease and what is pinned, a line each.
    pub(in crate::commands) fn facts(&self, context: &Context<'_>) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(key_id) = self.holder() {
            let here =
                local(key_id, context).map_or(String::new(), |key| format!(" (`{key}` here)"));
            lines.push(format!("  owner     {key_id}.{}{here}", self.name.suffix()));
        }
        if let Some(lease) = self.lease {
            let (verb, distance) = match self.phase() {
                Phase::Held => ("ends", distance(lease.ends, self.now)),
                Phase::Grace | Phase::Free => ("ended", distance(lease.ends, self.now)),
            };
            lines.push(format!(
                "  lease     {} to {}, {verb} {distance}",
                lease.claimed, lease.ends
            ));
        }
        let pinned = self.anchor().map(|pin| {
            let least = pin.least_sequence.map_or(String::new(), |least| {
                format!(", records from sequence {least} on")
            });
            format!("  pinned    policy number {}{least}", pin.number)
        });
        lines.extend(pinned);
        lines
    }

    /// What it rests on.
    pub(in crate::commands) fn proved(&self) -> String {
        let (signed, validators) = self.proof.signers();
        let header = self.proof.header();
        format!(
            "in block {} of network {}, {} old, signed by {signed} of {}",
            header.height,
            self.network.0,
            span(self.now.secs_since(header.time)),
            counted(validators, "validator"),
        )
    }

    /// That nobody holds it, for whom that is an end.
    pub(in crate::commands) fn nobody(&self, context: &Context<'_>) -> CliError {
        let name = self.shown();
        let since = match self.lease {
            Some(lease) => format!(
                " any more: its lease ended {} ({}), and so did its grace",
                distance(lease.ends, self.now),
                lease.ends
            ),
            None => String::new(),
        };
        let error = CliError::not_found(
            format!("nobody holds {name}{since}"),
            format!("claim it with `dotkey name claim {}`", self.name.as_ascii()),
        );
        self.told(error, context)
    }

    /// That it is somebody else's.
    pub(super) fn foreign(&self, context: &Context<'_>) -> CliError {
        let owner = self
            .holder()
            .map_or_else(String::new, |key_id| key_id.to_string());
        let error = CliError::failed(
            "not-holder",
            format!(
                "{} belongs to {owner}, and only that identity can do this",
                self.shown()
            ),
            "give the --key that holds it; `dotkey name list` shows what the identities here hold",
        );
        self.told(error, context)
    }

    /// That it is somebody else's, for who wanted to claim it.
    pub(super) fn taken(&self, context: &Context<'_>) -> CliError {
        let owner = self
            .holder()
            .map_or_else(String::new, |key_id| key_id.to_string());
        let times = self.lease.map_or_else(String::new, |lease| {
            format!(
                "; its lease ends {} ({}), and if it is not renewed, the name becomes free {} ({})",
                distance(lease.ends, self.now),
                lease.ends,
                distance(lease.free, self.now),
                lease.free
            )
        });
        let error = CliError::failed(
            "taken",
            format!("{} belongs to {owner}{times}", self.shown()),
            format!(
                "choose another name, or wait with `dotkey name watch {}`",
                self.name.as_ascii()
            ),
        );
        self.told(error, context)
    }

    /// An error with all that is known of the name beside it.
    pub(in crate::commands) fn told(&self, mut error: CliError, context: &Context<'_>) -> CliError {
        if let Value::Object(facts) = self.json(context) {
            error.facts.extend(facts);
        }
        error
    }
}

/// What an identity is called here, if it is here.
fn local(key_id: KeyId, context: &Context<'_>) -> Option<String> {
    let identity = identity_of(key_id, context).ok()??;
    Some(identity.name.as_str().to_owned())
}
