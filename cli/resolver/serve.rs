//! A resolver that runs, beside a node of this process or by itself: what it is put together from, and how it ends.

use std::net::SocketAddr;
use std::sync::Arc;

use dotkey_registry::api::BesideResolver;
use dotkey_registry::node::Node;
use dotkey_resolver::linelog::END_WAIT;
use dotkey_resolver::server::{Config, Flush, Handed, Listen, ListenError, Server, Service};
use dotkey_resolver::{Builder, Resolver};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinSet, block_in_place};

use super::operated::Operated;
use super::reload::{BesideGateway, LastReload, Reload};
use super::{Plan, Registry, claims, keys, signer};
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::limits;
use crate::node::{RunFile, system};

/// A resolver that runs.
pub(crate) struct Running {
    server: Server,
    /// Ended with it: what hears of changes, and of signals.
    tasks: JoinSet<()>,
    pub(super) resolver: Resolver,
    service: Arc<Service>,
    operated: Arc<dyn BesideResolver>,
    gateway: BesideGateway,
}

impl Running {
    /// Beside a node, whose registry is its one source.
    pub(crate) fn beside(
        plan: &Plan,
        node: &Node,
        settings: &Settings,
        handed: Handed,
    ) -> Result<Self> {
        let mut builder = Resolver::builder().source(Registry(node.clone()));
        if let Some(ledger) = node.ledger() {
            builder = builder.genesis(ledger.genesis().clone());
        }
        let mut running = Self::start(plan, builder, settings, handed, true)?;
        let (service, mut changes) = (Arc::clone(&running.service), node.changes());
        running.tasks.spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(record) => service.changed(&record.key_id()),
                    // Some were missed: any of what is kept may be old.
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                        service.flush();
                    }
                    Err(_) => return,
                }
            }
        });
        if let Some(ledger) = node.ledger() {
            let telling = claims::tell(ledger.clone(), Arc::clone(&running.service));
            running.tasks.spawn(telling);
        }
        Ok(running)
    }

    pub(super) fn start(
        plan: &Plan,
        builder: Builder,
        settings: &Settings,
        handed: Handed,
        told_of_changes: bool,
    ) -> Result<Self> {
        let wrong = |error| CliError::usage(error, "correct it; `docs/cli.md` has every setting");
        let (data, suffix) = (&settings.data, &settings.suffix);
        let resolver = builder.suffix(suffix.clone()).build().map_err(wrong)?;
        let mut config = Config::new(resolver.clone(), signer(data, suffix)?, plan.via.clone());
        config.told_of_changes = told_of_changes;
        config.rules = plan.rules()?;
        if let Some(bytes) = plan.cache_bytes {
            config.cache_bytes = bytes;
        }
        let certificate = keys::certificate(data, plan.certificate.as_ref())?;
        let service = Arc::new(Service::new(config, secret()?));
        let listen = Listen {
            connections: Some(limits::connections()),
            ..plan.listen.clone()
        };
        let server = Server::start_with(&listen, handed, &service, Some(&certificate))
            .map_err(|error| port(&error))?;
        let hangup = signal(SignalKind::hangup());
        let hangup = hangup.map_err(|error| system("no signal is heard", &error))?;
        let last_reload = LastReload::default();
        let operated = Arc::new(Operated {
            service: Arc::clone(&service),
            listen: server.addresses().clone(),
            last_reload: last_reload.clone(),
        });
        let gateway = BesideGateway::default();
        let reload = Reload {
            args: plan.args.clone(),
            settings: settings.clone(),
            service: Arc::clone(&service),
            certificate,
            data: data.clone(),
            gateway: gateway.clone(),
            last: last_reload,
            hangup,
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(reload.run());
        Ok(Self {
            server,
            tasks,
            resolver,
            service,
            operated,
            gateway,
        })
    }

    /// The gateway beside it listens for HTTPS there, or nowhere: HTTPS records say so from now on.
    pub(crate) fn gateway_listens(&self, https: Option<SocketAddr>) {
        self.gateway.listens(https.map(|address| address.port()));
        let mut rules = self.service.rules();
        self.gateway.tell(&mut rules);
        let flush = Flush {
            ours: true,
            ordinary: false,
        };
        self.service.reconfigure(rules, flush);
    }

    /// What answers are made of, for the gateway beside it.
    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// For the API.
    pub(crate) fn operated(&self) -> Arc<dyn BesideResolver> {
        Arc::clone(&self.operated)
    }

    /// Adds where it listens to what others read.
    pub(crate) fn write_into(&self, run: &mut RunFile) {
        let Listen {
            dns, dot, doq, doh, ..
        } = self.server.addresses();
        let shown =
            |address: &Option<std::net::SocketAddr>| address.map(|address| address.to_string());
        run.dns = shown(dns);
        run.dot = shown(dot);
        run.doq = shown(doq);
        run.doh = doh.map(|address| format!("https://{address}/dns-query"));
    }

    pub(crate) async fn stop(mut self) {
        self.tasks.shutdown().await;
        self.server.stop().await;
        if let Some(log) = &self.service.rules().query_log {
            // It waits for a disk.
            block_in_place(|| log.end(END_WAIT));
        }
    }
}

/// For the cookies of one run.
fn secret() -> Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        CliError::failed(
            "system",
            format!("no randomness: {error}"),
            "see what limits this machine sets for processes",
        )
    })?;
    Ok(secret)
}

fn port(error: &ListenError) -> CliError {
    let ListenError {
        what,
        address,
        error,
    } = error;
    let code = match error.kind() {
        std::io::ErrorKind::AddrInUse => "port-in-use",
        _ => "no-port",
    };
    CliError::failed(
        code,
        format!(
            "port {} ({what}, for DNS) cannot be listened on at {}: {error}",
            address.port(),
            address.ip()
        ),
        "stop what uses it, name another under [resolver] of the configuration, or let free ones be found with --ports auto; ports below 1024 need root, or systemd's sockets",
    )
}
