//! The commands that run a node, or ask one.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde::Deserialize;

use super::values::Bytes;

#[derive(Debug, ClapArgs)]
pub(crate) struct NodeArgs {
    #[command(subcommand)]
    pub(crate) command: Option<NodeCommand>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// The peers that the running node knows
    Peers {
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Copy the records of the running node into a new folder
    Backup {
        /// The folder, which must not exist
        folder: PathBuf,
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Take a backup as the records of this data folder, whose node must not run
    Restore {
        /// What `dotkey node backup` wrote
        folder: PathBuf,
    },
    /// Save what can be saved of a damaged store; the node must not run
    Repair,
}

/// Which node is asked.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct AskArgs {
    /// The node to ask, such as http://127.0.0.1:5380 [env: DOTKEY_NODE_URL; default: the one that runs in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) node: Option<String>,
}

/// How a node runs. What is not said here comes from the environment and the configuration.
#[derive(Debug, Default, PartialEq, ClapArgs)]
pub(crate) struct RunArgs {
    /// Where peers reach this node; may be repeated [default: QUIC and TCP on loopback, port 4380]
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// An address under which others reach it, where it cannot know
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) announce: Vec<String>,
    /// A node to begin with: its address with /p2p/ and its id, or the path of a run.json; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) join: Vec<String>,
    /// Where the API listens [default: 127.0.0.1:5380]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) api: Option<String>,
    /// `auto` picks free ports in the place of the default ones
    #[arg(long, value_name = "WHICH")]
    pub(crate) ports: Option<Ports>,
    /// The genesis of the network whose ledger the node follows [default: the data folder's; at first a network of its own]
    #[arg(long, visible_alias = "genesis", value_name = "FILE")]
    pub(crate) network: Option<PathBuf>,
    /// Follow no ledger: keep records alone
    #[arg(long, conflicts_with = "network")]
    pub(crate) no_ledger: bool,
    /// Where other validators reach this one [default: its address in the ledger]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) consensus: Option<String>,
    /// Find nodes on the local network, and be found
    #[arg(long)]
    pub(crate) mdns: bool,
    /// Take addresses of private networks from peers: for a network of your own
    #[arg(long)]
    pub(crate) private_addresses: bool,
    /// Room for records, such as 500MB or 4GiB [default: 1GiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) store_max: Option<Bytes>,
    /// Peers that are connected at once [default: 256]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connections_max: Option<u32>,
    /// Make no name to look at in a new data folder (`dotkey up`)
    #[arg(long)]
    pub(crate) no_demo: bool,
    /// What is logged to standard error: error, warn, info, debug, or as in info,libp2p=debug [env: DOTKEY_LOG; default: warn]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// How the log is written [env: DOTKEY_LOG_FORMAT; default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// Which ports are used where nothing else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ports {
    /// Those that the documentation names.
    #[default]
    Default,
    /// Any that are free.
    Auto,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs, an object a line.
    Json,
}
