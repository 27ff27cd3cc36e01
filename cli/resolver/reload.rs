//! Reading the configuration again with SIGHUP, while queries go on being answered.
//!
//! All that can fail is done before anything is changed, so that a configuration which cannot be used changes nothing. Which settings
//! a change is of is found by comparing all of them: one that is added later is applied without a word here, unless it is one of
//! those that need a restart.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dotkey_proto::time::Timestamp;
use dotkey_resolver::answer::made_up::Via;
use dotkey_resolver::server::{Flush, Rules, Service};
use dotkey_resolver::tls::Certificate;
use serde_json::{Value, json};
use tokio::signal::unix::Signal;
use tokio::task::block_in_place;

use super::{Plan, keys};
use crate::args::ResolverRunArgs;
use crate::commands::now;
use crate::config::{ResolverSettings, Settings, changed};
use crate::exit::Result;

/// What listens stays where it is, and who is asked for names under the suffix is asked on.
const NEEDS_RESTART: &[&str] = &["api", "cache_max", "dns", "doh", "doq", "dot", "nodes"];

/// Settings that ordinary answers do not depend on. A change of any other begins anew with the upstreams, and lets go of what they said.
const NOT_OF_ORDINARY_NAMES: &[&str] = &[
    "allow",
    "answers_per_second",
    "certificate",
    "certificate_key",
    "nsid",
    "query_log",
    "resources",
];

/// Settings that answers under the suffix depend on.
const OF_OURS: &[&str] = &["private_answers", "private_names", "resources"];

/// What a reload works on.
pub(super) struct Reload {
    pub(super) args: ResolverRunArgs,
    pub(super) settings: Settings,
    pub(super) service: Arc<Service>,
    pub(super) certificate: Certificate,
    pub(super) data: PathBuf,
    pub(super) gateway: BesideGateway,
    pub(super) last: LastReload,
    /// Heard from before anything is served: one that nobody hears ends the process.
    pub(super) hangup: Signal,
}

/// Where the gateway of this process listens for HTTPS, once it does: what it is told goes before what the settings say.
#[derive(Clone, Debug, Default)]
pub(super) struct BesideGateway(Arc<OnceLock<Option<u16>>>);

impl BesideGateway {
    /// It listens.
    pub(super) fn listens(&self, https: Option<u16>) {
        self.0.set(https).expect("a gateway starts once");
    }

    /// HTTPS records say so.
    pub(super) fn tell(&self, rules: &mut Rules) {
        if let (Some(port), Via::Gateway(gateway)) = (self.0.get(), &mut rules.via) {
            gateway.https_port = *port;
        }
    }
}

/// How the last one went, for who asks.
#[derive(Clone, Debug, Default)]
pub(super) struct LastReload(Arc<Mutex<Option<Outcome>>>);

#[derive(Clone, Debug)]
struct Outcome {
    at: Timestamp,
    applied: Vec<String>,
    restart: Vec<String>,
    error: Option<String>,
}

impl Reload {
    /// Reads it again with each SIGHUP, for ever.
    pub(super) async fn run(mut self) {
        while self.hangup.recv().await.is_some() {
            // It reads files.
            let outcome = block_in_place(|| self.once());
            self.service.reloaded(outcome.error.is_none());
            self.last.set(outcome);
        }
    }

    fn once(&mut self) -> Outcome {
        let mut outcome = Outcome {
            at: now(),
            applied: Vec::new(),
            restart: Vec::new(),
            error: None,
        };
        match self.apply() {
            Ok(keys) => {
                let restarts = |key: &String| NEEDS_RESTART.contains(&key.as_str());
                (outcome.restart, outcome.applied) = keys.into_iter().partition(restarts);
                tracing::info!("{}", outcome.in_words());
            }
            Err(error) => {
                let error = format!("{}; {}", error.message, error.next);
                tracing::error!("the configuration is left as it was: {error}");
                outcome.error = Some(error);
            }
        }
        outcome
    }

    /// The keys that changed.
    fn apply(&mut self) -> Result<Vec<String>> {
        let settings = self.settings.again()?;
        let plan = Plan::new(&self.args, &settings)?;
        let keys = changed(&self.settings.resolver, &settings.resolver);
        let any = |of: &dyn Fn(&str) -> bool| keys.iter().any(|key| of(key));
        let ordinary =
            any(&|key| !NOT_OF_ORDINARY_NAMES.contains(&key) && !NEEDS_RESTART.contains(&key));
        let flush = Flush {
            ours: any(&|key| OF_OURS.contains(&key)),
            // Files that are named may say something else under the same name.
            ordinary: ordinary || reads_files(&settings.resolver),
        };
        let mut rules = plan.rules()?;
        self.gateway.tell(&mut rules);
        if !flush.ordinary {
            // Its connections stand, and it knows who is fast.
            rules.ordinary = self.service.rules().ordinary;
        }
        // The last thing that can fail.
        keys::reload(&self.certificate, &self.data, plan.certificate.as_ref())?;
        self.service.reconfigure(rules, flush);
        let mut keys = keys;
        if settings.suffix.as_ascii() != self.settings.suffix.as_ascii() {
            keys.push("suffix".to_owned());
        }
        self.settings = settings;
        Ok(keys)
    }
}

/// Whether ordinary names are answered by what stands in other files.
fn reads_files(set: &ResolverSettings) -> bool {
    set.hosts.is_some() || set.upstream_authorities.is_some() || set.trust_anchors_file.is_some()
}

impl Outcome {
    fn in_words(&self) -> String {
        let mut text = "the configuration was read again, and the certificate".to_owned();
        match &self.applied[..] {
            [] => text.push_str("; nothing else changed"),
            keys => text.push_str(&format!("; applied: {}", keys.join(", "))),
        }
        if !self.restart.is_empty() {
            text.push_str(&format!("; needs a restart: {}", self.restart.join(", ")));
        }
        text
    }
}

impl LastReload {
    fn set(&self, outcome: Outcome) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
    }

    /// As JSON has it; `null` where there was none.
    pub(super) fn json(&self) -> Value {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map_or(Value::Null, |last| {
            json!({
                "at": last.at.as_secs(),
                "applied": last.applied,
                "restart": last.restart,
                "error": last.error,
            })
        })
    }
}
