//! The command that runs a resolver by itself, and the one that shows its anchor.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::node::{LogFormat, Ports};

#[derive(Debug, ClapArgs)]
pub(crate) struct ResolverArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ResolverCommand>,
    #[command(flatten)]
    pub(crate) run: ResolverRunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ResolverCommand {
    /// The anchor (DS) with which Unbound, delv or a validating stub accept what the resolver signs
    Anchor,
}

/// What is done with the answers that a running resolver keeps.
#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// The kept answers of a name and of those below it, or of all
    Show {
        /// A name such as www.example.net [default: all]
        name: Option<String>,
        #[command(flatten)]
        ask: CacheAskArgs,
    },
    /// Let go of the kept answers of a name and of those below it, or of all
    Flush {
        /// A name such as www.example.net [default: all]
        name: Option<String>,
        #[command(flatten)]
        ask: CacheAskArgs,
    },
}

/// Which resolver is asked.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct CacheAskArgs {
    /// The API of the resolver to ask, such as http://127.0.0.1:5380 [default: the one that runs in the data folder]
    #[arg(long, value_name = "URL")]
    pub(crate) resolver: Option<String>,
}

/// How a resolver runs. What is not said here comes from the environment and the configuration.
#[derive(Clone, Debug, Default, PartialEq, ClapArgs)]
pub(crate) struct ResolverRunArgs {
    /// A node to ask; may be repeated. All are asked at once, and none is believed [default: the node that runs in the data folder]
    #[arg(long = "node", value_name = "URL")]
    pub(crate) nodes: Vec<String>,
    /// The genesis of the network whose ledger says who holds a name [default: the data folder's]
    #[arg(long, visible_alias = "genesis", value_name = "FILE")]
    pub(crate) network: Option<PathBuf>,
    /// Where DNS listens, over UDP and TCP [default: 127.0.0.1:5300]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) dns: Option<String>,
    /// Where who looks after it asks: metrics, health, what is kept; `off` for nowhere [default: 127.0.0.1:5380]
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) api: Option<String>,
    /// Who is asked for ordinary names, such as 192.0.2.53 or tls://192.0.2.53#dns.example.net; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) upstream: Vec<String>,
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
