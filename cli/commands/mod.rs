//! One module a command. Each gives an answer or an error; printing is `output`'s.

mod cache;
mod fetch;
mod gateway;
mod key;
mod name;
mod network;
mod node;
mod resolve;
mod resolver;
mod shell;
mod signing;
mod status;
mod trace;
mod trust;
mod verify;
mod verify_proof;
mod zone;

use std::time::SystemTime;

use dotkey_proto::time::Timestamp;

use crate::args::{Args, Command};
use crate::config::Settings;
use crate::exit::Result;
use crate::keys::Store;
use crate::output::{Answer, Output};

/// What a command works with.
pub(crate) struct Context<'a> {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) output: &'a Output,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<Answer> {
    let context = || {
        let settings = Settings::load(&args.global)?;
        let store = Store::new(settings.keys());
        Ok(Context {
            settings,
            store,
            output,
        })
    };
    match &args.command {
        Command::Up(args) => node::up(args, &context()?),
        Command::Node(args) => node::run(args, &context()?),
        Command::Gateway(args) => gateway::run(args, &context()?),
        Command::Route(command) => gateway::route(command, &context()?),
        Command::Resolver(args) => resolver::run(args, &context()?),
        Command::Cache(command) => cache::run(command, &context()?),
        Command::Status { ask } => status::run(ask, &context()?),
        Command::Network(command) => network::run(command, &context()?),
        Command::Key(command) => key::run(command, &context()?),
        Command::Name(command) => name::run(command, &context()?),
        Command::Zone(command) => zone::run(command, &context()?),
        Command::Verify(args) => match &args.genesis {
            None => verify::run(args, &context()?),
            Some(genesis) => verify_proof::run(args, genesis, &context()?),
        },
        Command::Resolve(args) => resolve::run(args, &context()?),
        Command::Trust(command) => trust::run(command, &context()?),
        Command::Completions { shell } => shell::completions(*shell),
        Command::Man { out } => shell::man(out.as_deref()),
    }
}

/// The time on this machine's clock: the one place that asks for it.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_secs(since.as_secs()).unwrap_or(Timestamp::MAX)
}
