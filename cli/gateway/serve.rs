//! A gateway that runs, beside a node of this process or by itself: what it is put together from, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use dotkey_gateway::authority::{
    Authority, HTTP_PROTOCOLS, Leaves, Operated as Certificates, TlsAcceptor,
};
use dotkey_gateway::server::{Gateway, Links, Operated, Settings as GatewaySettings};
use dotkey_gateway::site::{PrivateNames, Sites};
use dotkey_gateway::tcp;
use dotkey_registry::api::{Beside, BesideGateway, Way};
use dotkey_resolver::Resolver;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, block_in_place};

use super::Plan;
use super::reload::Reload;
use crate::commands::now;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::limits;
use crate::node::{RunFile, system};

/// A gateway that runs.
pub(crate) struct Running {
    gateway: Gateway,
    tcp: Vec<tcp::Listener>,
    operated: Arc<Looked>,
    /// What hears of signals; ended with it.
    tasks: JoinSet<()>,
}

/// A running gateway, for the API.
struct Looked {
    gateway: Operated,
    tcp: Vec<tcp::Operated>,
}

/// What happens at a TCP listener goes to the log.
struct Logged;

impl tcp::Observer for Logged {
    fn notice(&self, event: &tcp::Event) {
        if let tcp::Event::EpochsNotKept { name, reason } = event {
            tracing::warn!(
                name,
                reason,
                "the epochs of a shard set cannot be kept: make room for `epochs` in the data folder and let this program write there, or a restart may believe an older record"
            );
            return;
        }
        tracing::info!(?event, "a TCP listener of the gateway");
    }
}

impl Beside for Looked {
    fn word(&self) -> &'static str {
        "gateway"
    }

    fn metrics(&self, names: bool) -> String {
        self.gateway.metrics(names) + &tcp::metrics(&self.tcp, names)
    }

    fn reasons(&self) -> Vec<String> {
        self.gateway.reasons()
    }
}

impl BesideGateway for Looked {
    fn providers(&self, name: Option<&str>) -> Value {
        let mut shown = self.gateway.providers(name);
        let listeners = self.tcp.iter().map(|listener| listener.explain(name));
        shown["listeners"] = listeners.collect();
        shown
    }

    fn route<'a>(&'a self, url: &'a str) -> Way<'a> {
        Box::pin(async move {
            let (host, path) = split(url);
            self.gateway.route(host, path).await
        })
    }
}

/// The host and the path of a URL, its scheme and its fragment left out.
fn split(url: &str) -> (&str, &str) {
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    let after = after.split('#').next().unwrap_or(after);
    match after.find(['/', '?']) {
        Some(at) if after[at..].starts_with('/') => after.split_at(at),
        _ => (after.split('?').next().unwrap_or(after), "/"),
    }
}

impl Running {
    /// Starts listening. Names that `also_private` lists may lead to this machine, besides those of the settings.
    pub(crate) async fn start(
        plan: &Plan,
        resolver: Resolver,
        settings: &Settings,
        links: Arc<dyn Links>,
        also_private: &[String],
    ) -> Result<Self> {
        // As many open files as the system allows: each visitor takes one, and each provider's connection.
        limits::connections();
        let listed = plan.private_names.iter().chain(also_private);
        let private = PrivateNames::new(listed.map(String::as_str));
        let sites = Arc::new(Sites::new(
            resolver.clone(),
            private,
            plan.region.as_deref(),
        ));
        let https = match plan.https {
            Some(address) => Some((address, Arc::new(acceptor(plan, settings)?))),
            None => None,
        };
        let gateway = Gateway::start(
            GatewaySettings {
                http: plan.http,
                https,
                suffixes: plan.suffixes.clone(),
                traces: plan.traces.clone(),
            },
            sites,
            links,
            plan.open_log()?,
        );
        let gateway = gateway.await.map_err(|error| port(plan, &error))?;
        let mut listeners = Vec::new();
        for config in &plan.tcp {
            let started =
                tcp::Listener::start(config.clone(), resolver.clone(), Arc::new(Logged)).await;
            listeners.push(started.map_err(|error| {
                let next = match error {
                    tcp::StartError::Address { .. } => {
                        "correct `tcp` under [gateway]; `docs/cli.md` has every setting"
                    }
                    tcp::StartError::Epochs(_) => {
                        "`docs/architecture/shards.md` says what epochs are for"
                    }
                };
                CliError::failed("gateway", error.to_string(), next)
            })?);
        }
        let hangup = signal(SignalKind::hangup());
        let reload = Reload {
            settings: settings.clone(),
            operated: gateway.operated(),
            also_private: also_private.to_vec(),
            hangup: hangup.map_err(|error| system("no signal is heard", &error))?,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(reload.run());
        Ok(Self {
            operated: Arc::new(Looked {
                gateway: gateway.operated(),
                tcp: listeners.iter().map(tcp::Listener::operated).collect(),
            }),
            gateway,
            tcp: listeners,
            tasks,
        })
    }

    /// For the API.
    pub(crate) fn operated(&self) -> Arc<dyn BesideGateway> {
        self.operated.clone()
    }

    /// Where it listens for HTTPS, if it does.
    pub(crate) const fn https(&self) -> Option<SocketAddr> {
        self.gateway.https()
    }

    /// Adds where it listens to what others read.
    pub(crate) fn write_into(&self, run: &mut RunFile) {
        run.gateway_http = self
            .gateway
            .http()
            .map(|address| format!("http://{address}"));
        run.gateway_https = self
            .gateway
            .https()
            .map(|address| format!("https://{address}"));
    }

    /// Takes no more connections, lets requests end, and closes what is left.
    pub(crate) async fn stop(mut self) {
        let tcp = async {
            for listener in &mut self.tcp {
                listener.drain().await;
            }
        };
        self.tasks.shutdown().await;
        let operated = self.gateway.operated();
        tokio::join!(self.gateway.drain(), tcp);
        block_in_place(|| operated.end_log());
    }
}

/// What is shown to visitors over TLS: leaves of this folder's authority, and an operator's own certificates.
fn acceptor(plan: &Plan, settings: &Settings) -> Result<TlsAcceptor> {
    let failed = |error: &dyn std::fmt::Display| {
        CliError::failed(
            "no-authority",
            error.to_string(),
            "or serve no HTTPS, with `https = \"off\"` under [gateway]",
        )
    };
    let authority = Authority::open_or_make(&settings.data, &settings.suffix, now());
    let authority = authority.map_err(|error| failed(&error))?;
    let certificates = Certificates::read(&plan.certificates).map_err(|error| failed(&error))?;
    let leaves = Arc::new(Leaves::new(authority));
    TlsAcceptor::new(leaves, Arc::new(certificates), HTTP_PROTOCOLS).map_err(|error| failed(&error))
}

fn port(plan: &Plan, error: &std::io::Error) -> CliError {
    let shown = |address: Option<std::net::SocketAddr>| address.map(|address| address.to_string());
    let wanted: Vec<String> = [shown(plan.http), shown(plan.https)]
        .into_iter()
        .flatten()
        .collect();
    CliError::failed(
        "gateway-port",
        format!(
            "the gateway cannot listen at {}: {error}",
            wanted.join(" and ")
        ),
        "stop what listens there, choose others with `http` and `https` under [gateway], or use `--ports auto`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_a_host_and_a_path() {
        for (url, expected) in [
            ("http://mysite.key/a?b#c", ("mysite.key", "/a?b")),
            ("https://mysite.key:8443", ("mysite.key:8443", "/")),
            ("mysite.key/x", ("mysite.key", "/x")),
            ("mysite.key", ("mysite.key", "/")),
            ("http://mysite.key?x=/", ("mysite.key", "/")),
        ] {
            assert_eq!(split(url), expected, "{url}");
        }
    }
}
