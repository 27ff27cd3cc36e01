//! `dotkey gateway`: a gateway without a node, which asks those that it was told of and believes none.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dotkey_gateway::server::Links;
use dotkey_registry::api::{self, ApiConfig, Token};
use dotkey_resolver::Resolver;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder as RuntimeBuilder;

use super::{Plan, Running, TextLinks};
use crate::args::{GatewayRunArgs, ResolverRunArgs, TrustArgs};
use crate::client::{LightClient, NodeClient, genesis_of};
use crate::commands::now;
use crate::config::{Settings, bad};
use crate::exit::{CliError, Result};
use crate::files;
use crate::node::{API_PORT, Role, RunFile, Stop, api_port, log_begin, no_token, system, tell};
use crate::output::{Answer, Output};
use crate::resolver::Plan as ResolverPlan;

/// What still runs when the gateway has stopped is left behind after this.
const STOP_REST: Duration = Duration::from_millis(500);

/// Runs a gateway by itself until SIGTERM or SIGINT.
pub(crate) fn serve(args: &GatewayRunArgs, settings: &Settings, output: &Output) -> Result<Answer> {
    let plan = Plan::new(args.ports, settings)?;
    log_begin(args.log.as_ref(), args.log_format, settings)?;
    files::check_folder(&settings.data)?;
    files::make_private_folder(&settings.data)?;
    let runtime = RuntimeBuilder::new_multi_thread()
        .thread_name("dotkey")
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| system("no thread can be made", &error))?;
    let ended = runtime.block_on(run(&plan, args, settings, output));
    runtime.shutdown_timeout(STOP_REST);
    ended.map(|()| Answer::said())
}

async fn run(
    plan: &Plan,
    args: &GatewayRunArgs,
    settings: &Settings,
    output: &Output,
) -> Result<()> {
    let mut stop = Stop::new().map_err(|error| system("no signal is heard", &error))?;
    let resolver = resolver(args, settings)?;
    let running = Running::start(plan, resolver, settings, links(settings)?, &[]).await?;
    let mut run = RunFile {
        role: Some(Role::Gateway),
        ..RunFile::of_this_process()
    };
    running.write_into(&mut run);
    let api = match listener(args, settings).await? {
        Some(listener) => Some(serve_api(listener, &running, settings)?),
        None => None,
    };
    run.api = api.as_ref().map(|api| format!("http://{}", api.address()));
    let placed = run.write(&RunFile::path_of_gateway(&settings.data))?;
    let mut json = json!(run);
    json["ready"] = true.into();
    output.answer(&Answer::new(json, format!("ready {}", run.shown())))?;
    tell("READY=1");
    stop.asked().await;
    tell("STOPPING=1");
    // Nobody is sent here any more.
    drop(placed);
    if let Some(api) = api {
        api.stop().await;
    }
    running.stop().await;
    Ok(())
}

/// By the upstreams of `[resolver]`.
fn links(settings: &Settings) -> Result<Arc<dyn Links>> {
    let ordinary = ResolverPlan::new(&ResolverRunArgs::default(), settings)?.ordinary();
    Ok(Arc::new(TextLinks::new(
        ordinary,
        settings.suffix.as_ascii(),
    )))
}

/// Asks nodes, and a folder of records where one is set, and believes none of them.
fn resolver(args: &GatewayRunArgs, settings: &Settings) -> Result<Resolver> {
    let set = &settings.gateway;
    let wrong = |error| CliError::usage(error, "correct it; `docs/cli.md` has every setting");
    let mut builder = Resolver::builder().suffix(settings.suffix.clone());
    match genesis_of(&settings.data, args.network.as_deref()) {
        Err(error) if error.code == "no-network" => {}
        genesis => {
            let light = LightClient::open(&settings.data, genesis?, &TrustArgs::default(), now())?;
            builder = builder
                .genesis(light.genesis().clone())
                .trusted(light.trusted().clone());
        }
    }
    if let Some(folder) = &set.folder {
        builder = builder.folder(folder);
    }
    let named = if args.nodes.is_empty() {
        set.nodes.clone().unwrap_or_default()
    } else {
        args.nodes.clone()
    };
    for node in &named {
        builder = builder.node(node);
    }
    if named.is_empty() && set.folder.is_none() {
        builder = builder.node(NodeClient::find(None, settings)?.url());
    }
    builder.build().map_err(wrong)
}

/// Where the API listens; nowhere where it is `off`.
async fn listener(args: &GatewayRunArgs, settings: &Settings) -> Result<Option<TcpListener>> {
    let auto = args.ports.or(settings.node.ports) == Some(crate::args::Ports::Auto);
    let address: SocketAddr = match args.api.as_deref() {
        Some("off") => return Ok(None),
        Some(text) => text.parse().map_err(|_| {
            bad(
                "api",
                text,
                "it is written as 127.0.0.1:5380 or [::1]:5380, or `off`",
            )
        })?,
        None if auto => ([127, 0, 0, 1], 0).into(),
        None => ([127, 0, 0, 1], API_PORT).into(),
    };
    let bound = match TcpListener::bind(address).await {
        // Nobody asked for this port: a node's API may have it, and another is as good.
        Err(error) if args.api.is_none() && error.kind() == std::io::ErrorKind::AddrInUse => {
            TcpListener::bind((address.ip(), 0)).await
        }
        bound => bound,
    };
    bound.map(Some).map_err(|error| api_port(address, &error))
}

fn serve_api(listener: TcpListener, running: &Running, settings: &Settings) -> Result<api::Server> {
    let mut config = ApiConfig::new(now);
    config.token = Some(Token::load_or_make(&settings.data).map_err(|error| no_token(&error))?);
    config.hosts = settings.node.hosts.clone().unwrap_or_default();
    let gateway: Arc<dyn api::BesideGateway> = running.operated();
    let served = api::serve_gateway(listener, &gateway, config);
    served.map_err(|error| system("the API does not serve", &error))
}
