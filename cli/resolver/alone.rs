//! `dotkey resolver`: a resolver without a node, which asks those that it was told of and believes none.

use std::time::Duration;

use dotkey_registry::api::{self, ApiConfig, Token};
use dotkey_resolver::Resolver;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Builder as RuntimeBuilder;

use super::plan::Api;
use super::{Plan, Running};
use crate::args::{ResolverRunArgs, TrustArgs};
use crate::client::{LightClient, NodeClient, genesis_of};
use crate::commands::now;
use crate::config::Settings;
use crate::exit::Result;
use crate::files;
use crate::node::{
    Activated, Placed, Role, RunFile, Stop, api_port, listener as handed_over, log_begin, no_token,
    system, tell,
};
use crate::output::{Answer, Output};

/// What still runs when the resolver has stopped is left behind after this.
const STOP_REST: Duration = Duration::from_millis(500);

/// Runs a resolver by itself until SIGTERM or SIGINT.
pub(crate) fn serve(
    args: &ResolverRunArgs,
    settings: &Settings,
    output: &Output,
) -> Result<Answer> {
    // Before there is a second thread.
    let activated = Activated::take()?;
    let plan = Plan::new(args, settings)?;
    log_begin(args.log.as_ref(), args.log_format, settings)?;
    files::check_folder(&settings.data)?;
    files::make_private_folder(&settings.data)?;
    let runtime = RuntimeBuilder::new_multi_thread()
        .thread_name("dotkey")
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| system("no thread can be made", &error))?;
    let ended = runtime.block_on(run(&plan, activated, settings, output));
    runtime.shutdown_timeout(STOP_REST);
    ended.map(|()| Answer::said())
}

async fn run(
    plan: &Plan,
    activated: Activated,
    settings: &Settings,
    output: &Output,
) -> Result<()> {
    let mut stop = Stop::new().map_err(|error| system("no signal is heard", &error))?;
    let mut light = light(&plan.args, settings)?;
    let mut builder = Resolver::builder();
    if let Some(light) = &light {
        builder = builder
            .genesis(light.genesis().clone())
            .trusted(light.trusted().clone());
    }
    for node in nodes(plan, settings)? {
        builder = builder.node(&node);
    }
    let running = Running::start(plan, builder, settings, activated.handed, false)?;
    let mut run = RunFile {
        role: Some(Role::Resolver),
        ..RunFile::of_this_process()
    };
    running.write_into(&mut run);
    let api = match listener(plan.api, activated.api).await? {
        Some(listener) => Some(serve_api(listener, &running, settings)?),
        None => None,
    };
    run.api = api.as_ref().map(|api| format!("http://{}", api.address()));
    let placed = place(&run, settings)?;
    let mut json = json!(run);
    json["ready"] = true.into();
    output.answer(&Answer::new(json, format!("ready {}", run.shown())))?;
    tell("READY=1");
    stop.asked().await;
    tell("STOPPING=1");
    // Nobody is sent here any more.
    drop(placed);
    let learned = running.resolver.light();
    if let Some(api) = api {
        api.stop().await;
    }
    running.stop().await;
    // What is not written down is walked again.
    if let (Some(light), Some(learned)) = (&mut light, learned) {
        light.learn(learned);
    }
    Ok(())
}

/// Where the API listens: the socket that was handed over, else its address.
async fn listener(
    api: Option<Api>,
    handed: Option<std::net::TcpListener>,
) -> Result<Option<TcpListener>> {
    if let Some(handed) = handed {
        return handed_over(handed).map(Some);
    }
    let Some(Api {
        address,
        or_another,
    }) = api
    else {
        return Ok(None);
    };
    let bound = match TcpListener::bind(address).await {
        Err(error) if or_another && error.kind() == std::io::ErrorKind::AddrInUse => {
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
    let served = api::serve_beside(listener, &running.operated(), config);
    served.map_err(|error| system("the API does not serve", &error))
}

/// Says where it is: in a file of its own, and in the folder's, unless that is a running node's.
fn place(run: &RunFile, settings: &Settings) -> Result<Vec<Placed>> {
    let mut placed = vec![run.write(&RunFile::path_of_resolver(&settings.data))?];
    let path = RunFile::path(&settings.data);
    let others = RunFile::read(&path).ok().flatten();
    let is_free = others.is_none_or(|other| other.role.is_some() || !other.runs());
    if is_free {
        placed.push(run.write(&path)?);
    }
    Ok(placed)
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
