//! The command that runs a gateway by itself, and the one that explains its ways.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::node::{LogFormat, Ports};

/// How a gateway runs by itself. What is not said here comes from the environment and the configuration.
#[derive(Clone, Debug, Default, PartialEq, ClapArgs)]
pub(crate) struct GatewayRunArgs {
    /// A node to ask; may be repeated. All are asked at once, and none is believed [default: the node that runs in the data folder]
    #[arg(long = "node", value_name = "URL")]
    pub(crate) nodes: Vec<String>,
    /// The genesis of the network whose ledger says who holds a name [default: the data folder's]
    #[arg(long, visible_alias = "genesis", value_name = "FILE")]
    pub(crate) network: Option<PathBuf>,
    /// Where who looks after it asks: metrics, health, what it thinks of providers; `off` for nowhere [default: 127.0.0.1:5380]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) api: Option<String>,
    /// `auto` picks free ports in the place of the default ones
    #[arg(long, value_name = "WHICH")]
    pub(crate) ports: Option<Ports>,
    /// What is logged to standard error [env: DOTKEY_LOG; default: warn]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// How the log is written [env: DOTKEY_LOG_FORMAT; default: text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// What is asked of a running gateway.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteCommand {
    /// The whole way of a request: name, record, resource, and its providers, the best first, with reasons
    Explain {
        /// Such as mysite.key/path
        url: String,
        /// The API of the gateway to ask, such as http://127.0.0.1:5380 [default: the one that runs in the data folder]
        #[arg(long, value_name = "URL")]
        gateway: Option<String>,
    },
}
