//! What is asked of a running gateway by who runs it: the one beside a node, or one by itself.

use serde_json::Value;

use super::NodeClient;
use super::resolver::token;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::node::RunFile;

impl NodeClient {
    /// The gateway that a flag names; else the one that runs in the data folder.
    pub(crate) fn find_gateway(flag: Option<&str>, settings: &Settings) -> Result<Self> {
        if let Some(url) = flag {
            return Self::at(url, String::new(), None);
        }
        let data = &settings.data;
        for path in [RunFile::path_of_gateway(data), RunFile::path(data)] {
            // Of a process that died, the port may be anybody's now: nobody but the gateway is shown the token.
            let Some(run) = RunFile::read(&path)?.filter(RunFile::runs) else {
                continue;
            };
            let serves = run.gateway_http.is_some() || run.gateway_https.is_some();
            if let (Some(api), true) = (run.api, serves) {
                let (path, pid) = (path.display(), run.pid);
                let from = format!(", where {path} says that process {pid} runs a gateway");
                return Self::at(&api, from, None);
            }
        }
        Err(CliError::failed(
            "no-gateway",
            format!("no gateway runs in {}", data.display()),
            "start one with `dotkey up` or `dotkey gateway`, or name its API with --gateway URL",
        ))
    }

    /// The way that a request for a URL would take.
    pub(crate) fn route(&self, url: &str, settings: &Settings) -> Result<Value> {
        let request = self.agent.get(format!("{}/v1/gateway/route", self.url));
        let token = token(settings)?.bearer();
        let sent = request
            .query("url", url)
            .header("authorization", token)
            .call();
        self.read_json(self.good(self.sent(sent)?)?)
    }
}
