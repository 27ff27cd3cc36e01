//! `dotkey gateway`: a gateway without a node, which asks those that it was told of and believes none.

use std::sync::Arc;

use dotkey_gateway::server::Links;
use dotkey_registry::api;
use dotkey_resolver::Resolver;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Plan, Running, TextLinks};
use crate::alone::{self, Api, Ledger};
use crate::args::{GatewayRunArgs, ResolverRunArgs};
use crate::client::NodeClient;
use crate::config::Settings;
use crate::exit::{CliError, Result};
use crate::node::{Role, RunFile, Stop, log_begin, system, tell};
use crate::output::{Answer, Output};
use crate::resolver::Plan as ResolverPlan;

/// Runs a gateway by itself until SIGTERM or SIGINT.
pub(crate) fn serve(args: &GatewayRunArgs, settings: &Settings, output: &Output) -> Result<Answer> {
    let plan = Plan::new(args.ports, settings)?;
    let ports = args.ports.or(settings.node.ports).unwrap_or_default();
    let api = Api::read(args.api.as_deref(), ports)?;
    log_begin(args.log.as_ref(), args.log_format, settings)?;
    alone::run(settings, run(&plan, api, args, settings, output)).map(|()| Answer::said())
}

async fn run(
    plan: &Plan,
    api: Option<Api>,
    args: &GatewayRunArgs,
    settings: &Settings,
    output: &Output,
) -> Result<()> {
    let mut stop = Stop::new().map_err(|error| system("no signal is heard", &error))?;
    let mut ledger = Ledger::open(args.network.as_deref(), settings)?;
    if !ledger.is_known() {
        tracing::warn!(
            "no ledger is followed: names that are keys are served, claimed names are not; give the network's genesis with `--network FILE`"
        );
    }
    let resolver = resolver(&ledger, args, settings)?;
    let running = Running::start(plan, resolver.clone(), settings, links(settings)?, &[]).await?;
    let mut run = RunFile {
        role: Some(Role::Gateway),
        ..RunFile::of_this_process()
    };
    running.write_into(&mut run);
    let api = match api {
        Some(api) => Some(serve_api(api.listen().await?, &running, settings)?),
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
    ledger.learn(&resolver);
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
fn resolver(ledger: &Ledger, args: &GatewayRunArgs, settings: &Settings) -> Result<Resolver> {
    let set = &settings.gateway;
    let wrong = |error| CliError::usage(error, "correct it; `docs/cli.md` has every setting");
    let mut builder = ledger.tell(Resolver::builder().suffix(settings.suffix.clone()));
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

fn serve_api(listener: TcpListener, running: &Running, settings: &Settings) -> Result<api::Server> {
    let config = alone::api_config(settings)?;
    let gateway: Arc<dyn api::BesideGateway> = running.operated();
    let served = api::serve_gateway(listener, &gateway, config);
    served.map_err(|error| system("the API does not serve", &error))
}
