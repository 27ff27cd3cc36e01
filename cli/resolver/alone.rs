//! `dotkey resolver`: a resolver without a node, which asks those that it was told of and believes none.

use dotkey_registry::api;
use dotkey_resolver::Resolver;
use serde_json::json;
use tokio::net::TcpListener;

use super::{Plan, Running};
use crate::alone::{self, Api, Ledger};
use crate::args::ResolverRunArgs;
use crate::client::NodeClient;
use crate::config::Settings;
use crate::exit::Result;
use crate::node::{
    Activated, Placed, Role, RunFile, Stop, listener as handed_over, log_begin, system, tell,
};
use crate::output::{Answer, Output};

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
    alone::run(settings, run(&plan, activated, settings, output)).map(|()| Answer::said())
}

async fn run(
    plan: &Plan,
    activated: Activated,
    settings: &Settings,
    output: &Output,
) -> Result<()> {
    let mut stop = Stop::new().map_err(|error| system("no signal is heard", &error))?;
    let mut ledger = Ledger::open(plan.args.network.as_deref(), settings)?;
    let mut builder = ledger.tell(Resolver::builder());
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
    let resolver = running.resolver.clone();
    if let Some(api) = api {
        api.stop().await;
    }
    running.stop().await;
    ledger.learn(&resolver);
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
    match api {
        Some(api) => api.listen().await.map(Some),
        None => Ok(None),
    }
}

fn serve_api(listener: TcpListener, running: &Running, settings: &Settings) -> Result<api::Server> {
    let config = alone::api_config(settings)?;
    let served = api::serve_resolver(listener, &running.operated(), config);
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

/// Those that were named, else the one that commands ask.
fn nodes(plan: &Plan, settings: &Settings) -> Result<Vec<String>> {
    match &plan.nodes[..] {
        [] => Ok(vec![NodeClient::find(None, settings)?.url().to_owned()]),
        nodes => Ok(nodes.to_vec()),
    }
}
