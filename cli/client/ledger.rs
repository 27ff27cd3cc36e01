//! The ledger by way of a node: what it holds, proved; and transactions for it.
//!
//! Who holds a name, until when, and how many transactions an identity has made come from proofs alone. Of what a node merely says,
//! one thing is used: the beacon and the demand that a stamp is made for. Whoever lies about them can waste work, at most that of
//! the highest demand, and gain nothing.

use std::thread;
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Bundle, BundleError, Genesis, Subject, VerifiedProof};
use dotkey_proto::limits::BUNDLE_BYTES_MAX;
use dotkey_proto::stamp::Beacon;
use dotkey_proto::words::counted;
use dotkey_registry::ledger::{Charter, DEMAND_MAX};
use serde_json::Value;

use super::light::{LightClient, Unproved, genesis_of};
use super::{NodeClient, number};
use crate::args::LedgerArgs;
use crate::commands::now;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::names::claim::View;
use crate::output::Output;

/// How long a node that lags gets to catch up with what was seen elsewhere.
const BEHIND: Duration = Duration::from_secs(10);

/// How long a network that has just begun gets for its first block.
const BEGINNING: Duration = Duration::from_secs(30);

/// The code of the problem that no block is certified yet.
const UNCERTIFIED: &str = "uncertified";

/// Between two looks at it.
const BEHIND_PAUSE: Duration = Duration::from_millis(500);

/// How long a node is waited for that was there and is gone: it may be started anew.
const GONE: Duration = Duration::from_secs(30);

/// Between two looks whether it is back.
const GONE_PAUSE: Duration = Duration::from_millis(500);

/// A bundle has at most 256 handovers, which at an epoch of half a day are months.
const WALKS_MAX: usize = 64;

/// The ledger of a network.
pub(crate) struct Ledger {
    node: NodeClient,
    light: LightClient,
    charter: Charter,
    /// Who hears that a node is waited for, where it is.
    waits: Option<Output>,
    /// Whether the node has answered yet: one that was never there is not waited for.
    heard: bool,
}

impl Ledger {
    /// That of the network that the data folder is part of, by way of the node that commands ask.
    pub(crate) fn open(args: &LedgerArgs, settings: &Settings) -> Result<Self> {
        let genesis = genesis_of(&settings.data, args.trust.genesis.as_deref())?;
        let node = NodeClient::find(args.ask.node.as_deref(), settings)?;
        let charter = Charter::of(&genesis);
        let light = LightClient::open(&settings.data, genesis, &args.trust, now())?;
        Ok(Self {
            node,
            light,
            charter,
            waits: None,
            heard: false,
        })
    }

    /// From now on a node that goes away is waited for, for commands that are in the middle of something.
    pub(crate) fn wait_for_node(&mut self, output: &Output) {
        self.waits = Some(*output);
    }

    pub(crate) fn genesis(&self) -> &Genesis {
        self.light.genesis()
    }

    /// The numbers of the network's rules.
    pub(crate) fn charter(&self) -> &Charter {
        &self.charter
    }

    /// Whether the node is this data folder's own, on this machine: what it is asked, nobody else hears.
    pub(crate) fn is_own(&self) -> bool {
        self.node.is_own()
    }

    /// What the ledger holds of something.
    pub(crate) fn proof(&mut self, subject: &Subject) -> Result<VerifiedProof> {
        self.fetch(subject, false).map(|(_, proof)| proof)
    }

    /// As [`Ledger::proof`], with all that anyone needs to check it from the genesis on.
    pub(crate) fn bundle(&mut self, subject: &Subject) -> Result<(Bundle, VerifiedProof)> {
        self.fetch(subject, true)
    }

    /// A name and an identity together. The identity is looked at first, so that what it has just done shows in the name.
    pub(crate) fn view(&mut self, label: &str, key_id: KeyId) -> Result<View> {
        let mut view = self.account(key_id)?;
        self.look(label, &mut view)?;
        Ok(view)
    }

    /// An identity alone: the node hears of no name.
    pub(crate) fn account(&mut self, key_id: KeyId) -> Result<View> {
        let proof = self.proof(&Subject::Identity(key_id))?;
        Ok(View {
            height: proof.header().height,
            time: proof.time(),
            entry: None,
            account: proof.account().cloned().unwrap_or_default(),
        })
    }

    /// Adds a name to what was seen of an identity.
    pub(crate) fn look(&mut self, label: &str, view: &mut View) -> Result<()> {
        let name = self.proof(&Subject::Name(label.to_owned()))?;
        if name.header().height < view.height {
            return Err(CliError::failed(
                "node-failed",
                format!(
                    "the node at {} went back from block {} to {}",
                    self.node.url,
                    view.height,
                    name.header().height
                ),
                "ask again; if it stays so, name another node with --node",
            ));
        }
        view.entry = name.entry().cloned();
        Ok(())
    }

    /// What a stamp is made for now, as the node says: the newest beacon and the demand.
    pub(crate) fn beacon(&mut self) -> Result<(Beacon, u64)> {
        let said = self.ask(|node| node.json("ledger"))?;
        let costs = &said["costs"];
        let beacon = &costs["beacon"];
        let digest = beacon["digest"].as_str().unwrap_or_default();
        let digest = HEXLOWER.decode(digest.as_bytes()).ok();
        let digest = digest.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let (Some(digest), Some(hour)) = (digest, beacon["hour"].as_u64()) else {
            return Err(self.node.broken(&"it names no beacon for stamps"));
        };
        let demand = number(costs, "demand");
        if demand > DEMAND_MAX {
            let why = format!("it asks for demand {demand}, and {DEMAND_MAX} is the most there is");
            return Err(self.node.broken(&why));
        }
        Ok((Beacon { hour, digest }, demand))
    }

    /// Sends a transaction. A refusal is the node's word. Sent again after an answer that was lost, it counts once.
    pub(crate) fn submit(&mut self, transaction: &[u8]) -> Result<()> {
        self.ask(|node| node.take(transaction))
    }

    /// Asks the node, again and again while it is gone and is waited for.
    fn ask<T>(&mut self, question: impl Fn(&NodeClient) -> Result<T>) -> Result<T> {
        let mut gone: Option<Instant> = None;
        loop {
            let error = match question(&self.node) {
                Err(error) if is_gone(&error) => error,
                answer => {
                    // A refusal shows as well that a node is there.
                    self.heard = true;
                    return answer;
                }
            };
            let Some(output) = self.waits.as_ref().filter(|_| self.heard) else {
                return Err(error);
            };
            if gone.is_none() {
                output.end_progress();
                let patience = counted(GONE.as_secs(), "second");
                output.note(&format!("{}; asking again for {patience}", error.message));
            }
            if gone.get_or_insert_with(Instant::now).elapsed() > GONE {
                return Err(error);
            }
            thread::sleep(GONE_PAUSE);
            self.node.find_again();
        }
    }

    /// What the node says of the network now, which nothing here proves.
    pub(crate) fn said(&self) -> Result<Value> {
        self.node.json("ledger")
    }

    fn fetch(&mut self, subject: &Subject, whole: bool) -> Result<(Bundle, VerifiedProof)> {
        let begun = Instant::now();
        let mut walks = 0;
        loop {
            let epoch = if whole { 0 } else { self.light.epoch() };
            let bytes = match self.ask(|node| node.proof_bytes(subject, epoch)) {
                // A network that has just begun has its first block in a moment.
                Err(error)
                    if refusal(&error) == Some(UNCERTIFIED) && begun.elapsed() < BEGINNING =>
                {
                    thread::sleep(BEHIND_PAUSE);
                    continue;
                }
                bytes => bytes?,
            };
            let bundle = Bundle::decode(&bytes).map_err(|error| {
                let why = format!("what should be a proof is none: {error}");
                self.node.broken(&why)
            })?;
            let error = match self.light.verify(&bundle, subject, now()) {
                Ok(proof) if !whole => return Ok((bundle, proof)),
                // Who checks it elsewhere knows the genesis alone.
                Ok(proof) => match self.check_from_genesis(&bundle, subject) {
                    Ok(()) => return Ok((bundle, proof)),
                    Err(error) => error,
                },
                Err(Unproved::Further) if walks < WALKS_MAX => {
                    walks += 1;
                    continue;
                }
                Err(Unproved::Further) => {
                    return Err(self.node.broken(&"its validators change without end"));
                }
                Err(Unproved::Behind(_)) if begun.elapsed() < BEHIND => {
                    thread::sleep(BEHIND_PAUSE);
                    continue;
                }
                Err(Unproved::Behind(error) | Unproved::Invalid(error)) => error,
            };
            return Err(self.unproved(subject, &error));
        }
    }

    fn check_from_genesis(&self, bundle: &Bundle, subject: &Subject) -> Result<(), BundleError> {
        let freshness = self.light.freshness(now());
        let verified = bundle.verify(subject, self.genesis(), freshness);
        verified.map(drop)
    }

    fn unproved(&self, subject: &Subject, error: &BundleError) -> CliError {
        let (url, code) = (&self.node.url, error.code());
        let next = match code {
            "stale" => {
                "see whether the network's validators run, ask another node with --node, or say with --max-age how old it may be"
            }
            "ahead" => "check this machine's clock",
            "network" => {
                "ask a node of your network with --node, or give the genesis of that one with --genesis"
            }
            "backwards" | "epoch-passed" => {
                "that node lags behind what was seen here before: ask again later, or another one with --node"
            }
            _ => "do not use that node; name another with --node",
        };
        CliError::invalid(
            code,
            format!("what {url} gave as proof of {subject} is refused ({code}): {error}"),
            next,
        )
    }
}

impl NodeClient {
    /// Lets it take a transaction.
    fn take(&self, transaction: &[u8]) -> Result<()> {
        let request = self
            .agent
            .post(format!("{}/v1/transactions", self.url))
            .content_type("application/cbor")
            .header("accept", "application/json, application/problem+json");
        let sent = self.sent(request.send(transaction))?;
        self.good(sent).map(drop)
    }

    /// What a node gives as proof, from an epoch on.
    fn proof_bytes(&self, subject: &Subject, epoch: u64) -> Result<Vec<u8>> {
        let what = match subject {
            Subject::Name(label) => format!("names/{label}.key"),
            Subject::Identity(key_id) => format!("identities/{key_id}"),
        };
        let request = self
            .agent
            .get(format!("{}/v1/{what}", self.url))
            .query("epoch", epoch.to_string())
            .header("accept", "application/cbor, application/problem+json")
            .header("cache-control", "no-cache");
        let mut response = self.good(self.sent(request.call())?)?;
        let limit = BUNDLE_BYTES_MAX as u64 + 1;
        let bytes = response.body_mut().with_config().limit(limit).read_to_vec();
        bytes.map_err(|error| self.broken(&error))
    }
}

/// Whether there is no node that works, now: none answers, or it says that it stops or has too much to do.
fn is_gone(error: &CliError) -> bool {
    let code = refusal(error).unwrap_or(&error.code);
    [
        "no-node",
        "node-silent",
        "stopping",
        "overloaded",
        "timed-out",
    ]
    .contains(&code)
}

/// The code of a node's refusal, where it is one: not of a node that does not answer.
pub(crate) fn refusal(error: &CliError) -> Option<&str> {
    error.node_code.as_deref()
}
