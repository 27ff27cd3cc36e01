//! What is asked of a running resolver by who runs it: the one beside a node, or one by itself.

use dotkey_registry::api::Token;
use serde_json::Value;

use super::NodeClient;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::node::RunFile;

impl NodeClient {
    /// The resolver that a flag names; else the one that runs in the data folder.
    pub(crate) fn find_resolver(flag: Option<&str>, settings: &Settings) -> Result<Self> {
        if let Some(url) = flag {
            return Self::at(url, String::new(), None);
        }
        let data = &settings.data;
        for path in [RunFile::path_of_resolver(data), RunFile::path(data)] {
            // Of a process that died, the port may be anybody's now: nobody but the resolver is shown the token.
            let Some(run) = RunFile::read(&path)?.filter(RunFile::runs) else {
                continue;
            };
            // A node without a resolver has an API too.
            let serves = [&run.dns, &run.dot, &run.doq, &run.doh];
            let serves = serves.iter().any(|address| address.is_some());
            if let (Some(api), true) = (run.api, serves) {
                let (path, pid) = (path.display(), run.pid);
                let from = format!(", where {path} says that process {pid} runs a resolver");
                return Self::at(&api, from, None);
            }
        }
        Err(CliError::failed(
            "no-resolver",
            format!("no resolver runs in {}", data.display()),
            "start one with `dotkey up` or `dotkey resolver`, or name its API with --resolver URL",
        ))
    }

    /// The kept answers of a name and of those below it, or of all.
    pub(crate) fn kept_answers(&self, name: Option<&str>, settings: &Settings) -> Result<Value> {
        let request = self.agent.get(format!("{}/v1/resolver/cache", self.url));
        let request = match name {
            Some(name) => request.query("name", name),
            None => request,
        };
        let token = token(settings)?.bearer();
        let sent = request.header("authorization", token).call();
        self.read_json(self.good(self.sent(sent)?)?)
    }

    /// Lets the resolver go of the same.
    pub(crate) fn flush_answers(&self, name: Option<&str>, settings: &Settings) -> Result<Value> {
        let url = format!("{}/v1/resolver/cache/flush", self.url);
        let request = match name {
            Some(name) => self.agent.post(url).query("name", name),
            None => self.agent.post(url),
        };
        let token = token(settings)?.bearer();
        let sent = request.header("authorization", token).send_empty();
        self.read_json(self.good(self.sent(sent)?)?)
    }
}

/// What only who can read the data folder knows: what was asked is nobody else's to see.
pub(super) fn token(settings: &Settings) -> Result<Token> {
    Token::load(&settings.data).map_err(|error| {
        CliError::failed(
            "no-token",
            error,
            "run this where the resolver runs, with its data folder as --data",
        )
    })
}
