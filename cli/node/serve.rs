//! Running a node until someone says stop.

use std::io;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use dotkey_registry::api::{self, ApiConfig, Server, Token};
use dotkey_registry::node::ledger::{Ledger, LedgerConfig};
use dotkey_registry::node::{self, Node, NodeConfig, Status};
use dotkey_resolver::server::Handed;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::announce;
use super::demo::Demo;
use super::failures;
use super::log;
use super::manager::{self, Activated, tell};
use super::plan::Plan;
use super::run_file::{Placed, RunFile};
use crate::args::RunArgs;
use crate::commands::now;
use crate::config::{Settings, bad};
use crate::exit::Result;
use crate::files;
use crate::gateway::{self, DemoProviders, TextLinks};
use crate::network;
use crate::output::{Answer, Output};
use crate::resolver;

/// A node waits for peers and for its disk, not for processors; each thread costs memory.
const WORKERS: usize = 2;

/// File operations and look-ups of host names at once.
const BLOCKING_THREADS_MAX: usize = 8;

/// At the same time the API's requests and streams end, and the node hands over what it keeps. Then what still runs is left
/// behind. Together less than the 5 s that are promised.
const STOP_API: Duration = Duration::from_millis(4_000);
const STOP_NODE: Duration = Duration::from_millis(4_000);
const STOP_REST: Duration = Duration::from_millis(500);

const _: () = assert!(
    STOP_API.as_millis() + STOP_REST.as_millis() < 5_000
        && STOP_NODE.as_millis() + STOP_REST.as_millis() < 5_000,
    "`docs/cli.md` promises five seconds"
);

/// How much of the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// The registry node and its API.
    Node,
    /// All that there is.
    Everything,
}

/// Runs a node until SIGTERM or SIGINT. What is to be said is said on the way.
pub(crate) fn serve(
    args: &RunArgs,
    settings: &Settings,
    output: &Output,
    extent: Extent,
) -> Result<Answer> {
    // Before there is a second thread.
    let activated = Activated::take()?;
    let plan = Plan::new(args, settings)?;
    let demo = match extent {
        Extent::Node => None,
        Extent::Everything => Demo::due(&plan, settings)?,
    };
    let beside = match extent {
        Extent::Node => None,
        Extent::Everything => Some(resolver::Plan::beside_a_node(args.ports, settings)?),
    };
    let beside = match beside {
        Some(resolver) => Some(Beside {
            resolver,
            gateway: gateway::Plan::new(args.ports, settings)?,
            settings: settings.clone(),
        }),
        None => None,
    };
    log::begin(&plan.log, plan.log_format)?;
    files::check_folder(&plan.data)?;
    files::make_private_folder(&plan.data)?;
    demo.as_ref().map(Demo::prepare).transpose()?;
    let runtime = runtime().map_err(|error| failures::system("no thread can be made", &error))?;
    let shown = Shown {
        output,
        extent,
        demo: demo.as_ref(),
    };
    let ended = runtime.block_on(run(&plan, beside.as_ref(), activated, &shown));
    // What still writes to the disk is done; what waits for peers is not waited for.
    runtime.shutdown_timeout(STOP_REST);
    ended.map(|()| Answer::said())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .thread_name("dotkey")
        .enable_all()
        .build()
}

/// What is to run beside the node.
struct Beside {
    resolver: resolver::Plan,
    gateway: gateway::Plan,
    settings: Settings,
}

/// What a person sees of it.
struct Shown<'a> {
    output: &'a Output,
    extent: Extent,
    demo: Option<&'a Demo>,
}

async fn run(
    plan: &Plan,
    beside: Option<&Beside>,
    activated: Activated,
    shown: &Shown<'_>,
) -> Result<()> {
    let mut stop = Stop::new().map_err(|error| failures::system("no signal is heard", &error))?;
    let Activated { handed, api } = activated;
    let listener = match api {
        Some(handed) => manager::listener(handed)?,
        None => bind(plan.api).await?,
    };
    let started = tokio::select! {
        started = Running::start(plan, beside, listener, handed, shown.demo) => started?,
        () = stop.asked() => return Ok(()),
    };
    let (mut running, placed) = started;
    let announced = announce(&running, plan, shown).await;
    let ended = match announced {
        Err(error) => Err(error),
        Ok(run) => {
            tell("READY=1");
            tokio::select! {
                () = stop.asked() => Ok(()),
                _ = &mut running.task => Err(failures::ended()),
                () = demo(shown, &run, running.providers.as_ref()) => unreachable!("it goes on for ever"),
            }
        }
    };
    tell("STOPPING=1");
    // Nobody is sent here any more.
    drop(placed);
    running.stop().await;
    ended
}

/// The two signals that say stop.
pub(crate) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => (),
            _ = self.interrupt.recv() => (),
        }
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| failures::api_port(address, &error))
}

/// What runs.
struct Running {
    node: Node,
    task: JoinHandle<()>,
    server: Server,
    api: String,
    resolver: Option<resolver::Running>,
    gateway: Option<gateway::Running>,
    providers: Option<DemoProviders>,
}

impl Running {
    async fn start(
        plan: &Plan,
        beside: Option<&Beside>,
        listener: TcpListener,
        handed: Handed,
        demo: Option<&Demo>,
    ) -> Result<(Self, Placed)> {
        let address = listener
            .local_addr()
            .map_err(|error| failures::system("the API has no address", &error))?;
        let (node, task) = node::start(config(plan)?)
            .await
            .map_err(|error| failures::start(&error, plan))?;
        if let Some(ledger) = node.ledger() {
            // For light clients, which know the network by it.
            network::save(&plan.data, ledger.genesis())?;
        }
        let resolver = beside
            .map(|beside| {
                resolver::Running::beside(&beside.resolver, &node, &beside.settings, handed)
            })
            .transpose()?;
        let gateway = match (beside, &resolver) {
            (Some(beside), Some(resolver)) => {
                // The demo's providers are on this machine, and so its name may lead here.
                let ours: Vec<String> = demo.iter().map(|demo| demo.name().to_owned()).collect();
                let (plan, found) = (&beside.gateway, resolver.resolver().clone());
                let set = &beside.settings;
                let links = TextLinks::new(beside.resolver.ordinary(), set.suffix.as_ascii());
                let links = Arc::new(links);
                let gateway = gateway::Running::start(plan, found, set, links, &ours).await?;
                resolver.gateway_listens(gateway.https());
                Some(gateway)
            }
            _ => None,
        };
        let providers =
            match (demo, &gateway) {
                (Some(_), Some(_)) => Some(DemoProviders::start().await.map_err(|error| {
                    failures::system("the demo's providers have no port", &error)
                })?),
                _ => None,
            };
        let token = Token::load_or_make(&plan.data).map_err(|error| failures::token(&error))?;
        let mut config = ApiConfig::new(now);
        config.token = Some(token);
        config.hosts.clone_from(&plan.hosts);
        config.resolver = resolver.as_ref().map(resolver::Running::operated);
        config.gateway = gateway.as_ref().map(gateway::Running::operated);
        let server = api::serve(listener, node.clone(), config)
            .map_err(|error| failures::system("the API does not serve", &error))?;
        let running = Self {
            node,
            task,
            server,
            api: format!("http://{address}"),
            resolver,
            gateway,
            providers,
        };
        let placed = running
            .run_file()
            .await?
            .write(&RunFile::path(&plan.data))?;
        Ok((running, placed))
    }

    async fn status(&self) -> Result<Status> {
        self.node.status().await.map_err(|_| failures::ended())
    }

    /// Where others find what runs.
    async fn run_file(&self) -> Result<RunFile> {
        let status = self.status().await?;
        let peer = format!("/p2p/{}", status.peer_id);
        let with_id = |address: &String| match address.contains("/p2p/") {
            true => address.clone(),
            false => format!("{address}{peer}"),
        };
        let mut run = RunFile {
            api: Some(self.api.clone()),
            peers: status.listening.iter().map(with_id).collect(),
            ..RunFile::of_this_process()
        };
        if let Some(resolver) = &self.resolver {
            resolver.write_into(&mut run);
        }
        if let Some(gateway) = &self.gateway {
            gateway.write_into(&mut run);
        }
        Ok(run)
    }

    async fn stop(self) {
        let Self {
            node,
            task,
            server,
            resolver,
            gateway,
            ..
        } = self;
        let beside = async {
            let gateway = gateway.map(gateway::Running::stop);
            futures_util::future::OptionFuture::from(gateway).await;
            let resolver = resolver.map(resolver::Running::stop);
            futures_util::future::OptionFuture::from(resolver).await;
        };
        let left = async {
            node.leave().await;
            // A task that has given its result must not be asked again.
            if !task.is_finished() {
                // Its store is closed with it; that it panicked is in the log.
                let _ = task.await;
            }
        };
        // Whoever does not end in time is left behind: what was acknowledged is on disk.
        let _ = tokio::join!(
            timeout(STOP_API, beside),
            timeout(STOP_API, server.stop()),
            timeout(STOP_NODE, left)
        );
    }
}

fn config(plan: &Plan) -> Result<NodeConfig> {
    let mut config = NodeConfig::new(&plan.data);
    config.listen = multiaddresses("listen", &plan.listen)?;
    config.announce = multiaddresses("announce", &plan.announce)?;
    config.bootstrap = multiaddresses("join", &plan.join)?;
    config.mdns = plan.mdns;
    config.store_bytes_max = plan.store_max;
    config.connections_max = plan.connections_max;
    config.local_addresses = plan.private_addresses;
    if plan.ledger {
        config.ledger = Some(LedgerConfig {
            network: network::choose(&plan.data, plan.network.as_deref())?,
            listen: plan.consensus,
            clock: now,
        });
    }
    Ok(config)
}

fn multiaddresses<T: FromStr<Err: std::fmt::Display>>(
    setting: &str,
    texts: &[String],
) -> Result<Vec<T>> {
    let read = |text: &String| {
        text.parse().map_err(|error| {
            let why = format!("{error}; it is written as {}", example(setting));
            bad(setting, text, &why)
        })
    };
    texts.iter().map(read).collect()
}

fn example(setting: &str) -> &'static str {
    match setting {
        "join" => {
            "/ip4/192.0.2.7/udp/4380/quic-v1/p2p/12D3KooW…, which that node prints when it starts, and keeps under `peers` in its run.json"
        }
        "announce" => "/ip4/192.0.2.7/udp/4380/quic-v1",
        _ => "/ip4/0.0.0.0/udp/4380/quic-v1",
    }
}

/// Makes the demo name, if it is due, and then waits for ever.
async fn demo(shown: &Shown<'_>, run: &RunFile, providers: Option<&DemoProviders>) {
    if let Some((demo, providers)) = shown.demo.zip(providers) {
        demo.show(run, providers, shown.output).await;
    }
    core::future::pending().await
}

/// A few lines for people, then `ready` for whoever waits for it.
async fn announce(running: &Running, plan: &Plan, shown: &Shown<'_>) -> Result<RunFile> {
    let status = running.status().await?;
    let run = running.run_file().await?;
    let ledger = running.node.ledger().map(Ledger::status);
    let told = (&status, ledger.as_ref());
    let words = announce::start_in_words(told, plan, &run, shown.extent);
    shown.output.note(&words);
    let mut json = json!(run);
    json["network"] = ledger.map(|ledger| ledger.network).into();
    json["ready"] = true.into();
    let text = format!("ready {}", run.shown());
    shown.output.answer(&Answer::new(json, text))?;
    Ok(run)
}
