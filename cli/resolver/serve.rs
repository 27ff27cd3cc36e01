//! Running a resolver: beside a node of this process, or by itself with nodes that it asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dotkey_proto::name::Suffix;
use dotkey_registry::node::Node;
use dotkey_resolver::server::{Config, Listen, ListenError, Server, Service};
use dotkey_resolver::tls::Certificate;
use dotkey_resolver::{Builder, Resolver};
use serde_json::json;
use tokio::runtime::Builder as RuntimeBuilder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::{Plan, Registry, keys, signer};
use crate::args::{ResolverRunArgs, TrustArgs};
use crate::client::{LightClient, NodeClient, genesis_of};
use crate::commands::now;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::files;
use crate::limits;
use crate::node::{RunFile, Stop, log_begin};
use crate::output::{Answer, Output};

/// What still runs when the resolver has stopped is left behind after this.
const STOP_REST: Duration = Duration::from_millis(500);

/// A resolver that runs.
#[derive(Debug)]
pub(crate) struct Running {
    server: Server,
    /// Ended with it: what hears of changes, and of signals.
    tasks: JoinSet<()>,
    resolver: Resolver,
}

impl Running {
    /// Beside a node, whose registry is its one source.
    pub(crate) fn beside(
        plan: &Plan,
        node: &Node,
        (data, suffix): (&Path, &Suffix),
    ) -> Result<Self> {
        let mut builder = Resolver::builder().source(Registry(node.clone()));
        if let Some(ledger) = node.ledger() {
            builder = builder.genesis(ledger.genesis().clone());
        }
        let mut running = Self::start(plan, builder, (data, suffix), true)?;
        let (service, mut changes) = (running.1, node.changes());
        running.0.tasks.spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(record) => service.changed(&record.key_id()),
                    // Some were missed: any of what is kept may be old.
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => service.flush(),
                    Err(_) => return,
                }
            }
        });
        Ok(running.0)
    }

    fn start(
        plan: &Plan,
        builder: Builder,
        (data, suffix): (&Path, &Suffix),
        told_of_changes: bool,
    ) -> Result<(Self, Arc<Service>)> {
        let wrong = |error| CliError::usage(error, "correct it; `docs/cli.md` has every setting");
        let resolver = builder.suffix(suffix.clone()).build().map_err(wrong)?;
        let mut config = Config::new(resolver.clone(), signer(data, suffix)?, plan.via.clone());
        config.told_of_changes = told_of_changes;
        config.ordinary = Arc::clone(&plan.ordinary);
        config.access.clone_from(&plan.access);
        config.nsid.clone_from(&plan.nsid);
        if let Some(answers) = plan.answers_per_sec {
            config.answers_per_sec = answers;
        }
        if let Some(bytes) = plan.cache_bytes {
            config.cache_bytes = bytes;
        }
        let certificate = keys::certificate(data, plan.certificate.as_ref())?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| {
            CliError::failed(
                "system",
                format!("no randomness: {error}"),
                "see what limits this machine sets for processes",
            )
        })?;
        let service = Arc::new(Service::new(config, secret));
        let listen = Listen {
            connections: Some(limits::connections()),
            ..plan.listen.clone()
        };
        let server =
            Server::start(&listen, &service, Some(&certificate)).map_err(|error| port(&error))?;
        let mut running = Self {
            server,
            tasks: JoinSet::new(),
            resolver,
        };
        let (data, named) = (data.to_owned(), plan.certificate.clone());
        running.tasks.spawn(reload(certificate, data, named));
        Ok((running, service))
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
    }
}

/// Reads the certificate again with each SIGHUP. One that cannot be used is not shown, and the one before is.
async fn reload(certificate: Certificate, data: PathBuf, named: Option<(PathBuf, PathBuf)>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else {
        return;
    };
    while hangup.recv().await.is_some() {
        match keys::reload(&certificate, &data, named.as_ref()) {
            Ok(()) => tracing::info!("the certificate was read again"),
            Err(error) => tracing::error!("{}; {}", error.message, error.next),
        }
    }
}

/// Runs a resolver by itself until SIGTERM or SIGINT.
pub(crate) fn serve(
    args: &ResolverRunArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Answer> {
    let plan = Plan::new(args, settings)?;
    log_begin(args.log.as_ref(), args.log_format, settings)?;
    files::check_folder(&settings.data)?;
    files::make_private_folder(&settings.data)?;
    let runtime = RuntimeBuilder::new_multi_thread()
        .thread_name("dotkey")
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        CliError::failed(
            "system",
            format!("no thread can be made: {error}"),
            "see what limits this machine sets for processes",
        )
    })?;
    let ended = runtime.block_on(run(&plan, args, settings, output));
    runtime.shutdown_timeout(STOP_REST);
    ended.map(|()| Answer::said())
}

async fn run(
    plan: &Plan,
    args: &ResolverRunArgs,
    settings: &Settings,
    output: &Output,
) -> Result<()> {
    let mut stop = Stop::new().map_err(|error| {
        CliError::failed(
            "system",
            format!("no signal is heard: {error}"),
            "see what limits this machine sets for processes",
        )
    })?;
    let mut light = light(args, settings)?;
    let mut builder = Resolver::builder();
    if let Some(light) = &light {
        builder = builder
            .genesis(light.genesis().clone())
            .trusted(light.trusted().clone());
    }
    for node in nodes(plan, settings)? {
        builder = builder.node(&node);
    }
    let folder = (&*settings.data, &settings.suffix);
    let (running, _service) = Running::start(plan, builder, folder, false)?;
    let mut run = RunFile::of_this_process();
    running.write_into(&mut run);
    let mut json = json!(run);
    json["ready"] = true.into();
    output.answer(&Answer::new(json, format!("ready {}", run.shown())))?;
    stop.asked().await;
    let learned = running.resolver.light();
    running.stop().await;
    // What is not written down is walked again.
    if let (Some(light), Some(learned)) = (&mut light, learned) {
        light.learn(learned);
    }
    Ok(())
}

/// What is known of the ledger that decides about names; nothing where the data folder follows none, and then names that are keys
/// are resolved alone.
fn light(args: &ResolverRunArgs, settings: &Settings) -> Result<Option<LightClient>> {
    let genesis = match genesis_of(&settings.data, args.network.as_deref()) {
        Err(error) if error.code == "no-network" => return Ok(None),
        genesis => genesis?,
    };
    LightClient::open(&settings.data, genesis, &TrustArgs::default(), now()).map(Some)
}

/// Those that were named, else the one that commands ask.
fn nodes(plan: &Plan, settings: &Settings) -> Result<Vec<String>> {
    match &plan.nodes[..] {
        [] => Ok(vec![NodeClient::find(None, settings)?.url().to_owned()]),
        nodes => Ok(nodes.to_vec()),
    }
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
        "stop what uses it, name another under [resolver] of the configuration, or let free ones be found with --ports auto; ports below 1024 need root",
    )
}
