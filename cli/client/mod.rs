//! Asking a running node over its HTTP API. This module owns where the node is, the time that it gets and the bytes that are
//! taken from it; it promises that every failure ends with a next step. What the node says is for the callers to check.

mod events;
mod gateway;
mod ledger;
mod light;
mod problem;
mod resolver;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dotkey_proto::identity::{Branch, KeyId};
use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_registry::api::Token;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::node::RunFile;

pub(crate) use ledger::{Ledger, refusal};
pub(crate) use light::{LightClient, genesis_of};

/// A node on another continent still answers a connection in this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A node gives up on the network before this.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// What a node knows of itself takes no network: one that is slower is stuck.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// A disk takes longer than a network.
const BACKUP_TIMEOUT: Duration = Duration::from_secs(600);
/// Thousands of peers, each with a few addresses.
const JSON_BYTES_MAX: u64 = 8 << 20;

/// The code of the problem that no node has a record.
const NO_RECORD: &str = "no-record";

/// A node that is asked.
pub(crate) struct NodeClient {
    agent: Agent,
    url: String,
    /// Where its address comes from, for messages: the data folder's node, or nothing where it was named.
    from: String,
    /// The data folder, where the node is the one that runs there.
    data: Option<PathBuf>,
}

/// Where a record that was published is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Nodes that have it.
    pub(crate) stored: u64,
    /// Of how many that should.
    pub(crate) of: u64,
    pub(crate) took_ms: u64,
}

impl NodeClient {
    /// The node that a flag, the environment or the configuration names; else the one that runs in the data folder.
    pub(crate) fn find(flag: Option<&str>, settings: &Settings) -> Result<Self> {
        let asked = flag
            .map(str::to_owned)
            .or_else(|| settings.node.url.clone());
        let data = asked.is_none().then(|| settings.data.clone());
        let (url, from) = match (asked, &data) {
            (None, Some(data)) => running_in(data)?,
            (asked, _) => (asked.unwrap_or_default(), String::new()),
        };
        Self::at(&url, from, data)
    }

    fn at(url: &str, from: String, data: Option<PathBuf>) -> Result<Self> {
        let url = url.trim_end_matches('/').to_owned();
        if !url.starts_with("http://") {
            return Err(CliError::usage(
                format!("`{url}` is no node's address"),
                "name one such as http://127.0.0.1:5380",
            ));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // The node is named; nothing stands between.
            .proxy(None)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(ANSWER_TIMEOUT))
            .user_agent(concat!("dotkey/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: Agent::new_with_config(config),
            url,
            from,
            data,
        })
    }

    /// Finds the node of the data folder where it is now: started anew, it may be elsewhere.
    fn find_again(&mut self) {
        let found = self.data.as_deref().map(running_in);
        if let Some(Ok((url, from))) = found {
            (self.url, self.from) = (url.trim_end_matches('/').to_owned(), from);
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether it is the node that runs in the data folder, asked over loopback: no request leaves this machine.
    pub(crate) fn is_own(&self) -> bool {
        let address = self.url.trim_start_matches("http://");
        let address = address.parse::<SocketAddr>();
        !self.from.is_empty() && address.is_ok_and(|address| address.ip().is_loopback())
    }

    /// One of the node's JSON documents, such as `status`.
    pub(crate) fn json(&self, what: &str) -> Result<Value> {
        let sent = self
            .agent
            .get(format!("{}/v1/{what}", self.url))
            .config()
            .timeout_global(Some(LOOK_TIMEOUT))
            .build()
            .call();
        self.read_json(self.good(self.sent(sent)?)?)
    }

    /// The bytes of a record, as the node has or finds them.
    pub(crate) fn record(
        &self,
        key_id: &KeyId,
        branch: Option<&Branch>,
        fresh: bool,
    ) -> Result<Option<Vec<u8>>> {
        let mut request = self
            .agent
            .get(self.record_url(key_id))
            .header("accept", "application/cbor, application/problem+json");
        if let Some(branch) = branch {
            request = request.query("branch", branch.to_string());
        }
        if fresh {
            request = request.query("fresh", "true");
        }
        let mut response = match self.good(self.sent(request.call())?) {
            // Not any other 404: something else may listen there.
            Err(error) if refusal(&error) == Some(NO_RECORD) => return Ok(None),
            response => response?,
        };
        let limit = RECORD_BYTES_MAX as u64 + 1;
        let bytes = response.body_mut().with_config().limit(limit).read_to_vec();
        bytes.map(Some).map_err(|error| self.broken(&error))
    }

    /// Publishes a record; `watch` hears how far it is: on how many nodes, of how many.
    pub(crate) fn publish(
        &self,
        key_id: &KeyId,
        branch: Option<&Branch>,
        record: &[u8],
        watch: &mut dyn FnMut(u64, u64),
    ) -> Result<Stored> {
        let mut request = self
            .agent
            .put(self.record_url(key_id))
            .content_type("application/cbor")
            .header("accept", "text/event-stream");
        if let Some(branch) = branch {
            request = request.query("branch", branch.to_string());
        }
        let mut response = self.good(self.sent(request.send(record))?)?;
        if response.body().mime_type() != Some("text/event-stream") {
            return self.stored(&self.read_json(response)?);
        }
        let reader = response.body_mut().with_config().limit(JSON_BYTES_MAX);
        for event in events::Events::new(reader.reader()) {
            let (name, data) = event.map_err(|error| self.broken(&error))?;
            let data: Value = serde_json::from_str(&data).map_err(|error| self.broken(&error))?;
            match name.as_str() {
                "progress" => watch(number(&data, "stored"), number(&data, "of")),
                "done" => return self.stored(&data),
                "problem" => return Err(problem::error(&data, &self.url)),
                // What a newer node tells besides.
                _ => {}
            }
        }
        Err(self.broken(&"it ended before the record was stored"))
    }

    /// Lets the node copy its records into a folder of its own machine.
    pub(crate) fn back_up(&self, to: &Path, settings: &Settings) -> Result<Value> {
        // Of a process that died, the port may be anybody's now: nobody but the node is shown the token.
        if let Some(data) = &self.data
            && !RunFile::read(&RunFile::path(data))?.is_some_and(|run| run.runs())
        {
            return Err(self.absent());
        }
        let token = Token::load(&settings.data).map_err(|error| {
            CliError::failed(
                "no-token",
                error,
                "run this where the node runs, with its data folder as --data",
            )
        })?;
        let sent = self
            .agent
            .post(format!("{}/v1/backups", self.url))
            .config()
            .timeout_global(Some(BACKUP_TIMEOUT))
            .build()
            .header("authorization", token.bearer())
            .content_type("application/json")
            .send(json!({"to": to}).to_string());
        self.read_json(self.good(self.sent(sent)?)?)
    }

    fn record_url(&self, key_id: &KeyId) -> String {
        format!("{}/v1/records/{key_id}", self.url)
    }

    fn stored(&self, json: &Value) -> Result<Stored> {
        if json.get("stored").is_none() {
            return Err(self.broken(&"it does not say where the record is"));
        }
        Ok(Stored {
            stored: number(json, "stored"),
            of: number(json, "of"),
            took_ms: number(json, "took_ms"),
        })
    }

    fn sent(&self, sent: Result<Response<Body>, ureq::Error>) -> Result<Response<Body>> {
        sent.map_err(|error| match error {
            ureq::Error::ConnectionFailed
            | ureq::Error::HostNotFound
            | ureq::Error::Timeout(ureq::Timeout::Connect)
            | ureq::Error::Io(_) => self.absent(),
            ureq::Error::BadUri(why) => CliError::usage(
                format!("`{}` is no node's address: {why}", self.url),
                "name one such as http://127.0.0.1:5380",
            ),
            ureq::Error::Timeout(_) => self.silent(),
            error => self.broken(&error),
        })
    }

    /// The answer, unless it is a refusal.
    fn good(&self, response: Response<Body>) -> Result<Response<Body>> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let told = self.read_json(response);
        Err(match told {
            Ok(told) => problem::error(&told, &self.url),
            Err(_) => self.broken(&format!("it answers {status}")),
        })
    }

    fn read_json(&self, mut response: Response<Body>) -> Result<Value> {
        let limited = response.body_mut().with_config().limit(JSON_BYTES_MAX);
        let bytes = limited.read_to_vec().map_err(|error| self.broken(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| self.broken(&error))
    }

    fn absent(&self) -> CliError {
        CliError::failed(
            "no-node",
            format!("no node answers at {}{}", self.url, self.from),
            "start one with `dotkey up`, or name another with --node URL",
        )
    }

    fn silent(&self) -> CliError {
        CliError::failed(
            "node-silent",
            format!(
                "the node at {} does not answer in time{}",
                self.url, self.from
            ),
            "ask again; if it stays so, see its log and start it anew",
        )
    }

    fn broken(&self, why: &dyn std::fmt::Display) -> CliError {
        CliError::failed(
            "node-failed",
            format!("the node at {} gave no usable answer: {why}", self.url),
            "see how it does with `dotkey status`, and whether that is the address of a node's API",
        )
    }
}

/// Where the node of a data folder is, and how that is known.
fn running_in(data: &Path) -> Result<(String, String)> {
    let path = RunFile::path(data);
    let run = RunFile::read(&path)?.ok_or_else(|| none_runs(data))?;
    if run.role.is_some() {
        // Its API is about itself.
        return Err(none_runs(data));
    }
    let from = format!(
        ", where {} says that process {} runs one",
        path.display(),
        run.pid
    );
    Ok((run.api.ok_or_else(|| none_runs(data))?, from))
}

fn none_runs(data: &Path) -> CliError {
    CliError::failed(
        "no-node",
        format!("no node runs in {}", data.display()),
        "start one with `dotkey up`, or name another with --node URL",
    )
}

fn number(json: &Value, field: &str) -> u64 {
    json[field].as_u64().unwrap_or_default()
}
