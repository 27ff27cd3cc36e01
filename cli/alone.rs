//! What runs without a node: its threads, where its API listens, and what it knows of the ledger.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use dotkey_registry::api::{ApiConfig, Token};
use dotkey_resolver::Builder;
use tokio::net::TcpListener;
use tokio::runtime::Builder as RuntimeBuilder;

use crate::args::{Ports, TrustArgs};
use crate::client::{LightClient, genesis_of};
use crate::commands::now;
use crate::config::{Settings, bad};
use crate::exit::Result;
use crate::files;
use crate::node::{API_PORT, api_port, no_token, system};

/// What still runs when all has been stopped is left behind after this.
const STOP_REST: Duration = Duration::from_millis(500);

/// Runs on threads of its own, in a data folder that is private.
pub(crate) fn run(settings: &Settings, runs: impl Future<Output = Result<()>>) -> Result<()> {
    files::check_folder(&settings.data)?;
    files::make_private_folder(&settings.data)?;
    let runtime = RuntimeBuilder::new_multi_thread()
        .thread_name("dotkey")
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| system("no thread can be made", &error))?;
    let ended = runtime.block_on(runs);
    runtime.shutdown_timeout(STOP_REST);
    ended
}

/// Where the API listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Api {
    address: SocketAddr,
    /// Nobody asked for this port: where it is taken, as by a node's API, another one is as good.
    or_another: bool,
}

impl Api {
    /// Nowhere where the setting is `off`.
    pub(crate) fn read(given: Option<&str>, ports: Ports) -> Result<Option<Self>> {
        let address = match (given, ports) {
            (Some("off"), _) => return Ok(None),
            (Some(text), _) => text.parse().map_err(|_| {
                let why = "it is written as 127.0.0.1:5380 or [::1]:5380, or `off`";
                bad("api", text, why)
            })?,
            (None, Ports::Default) => SocketAddr::from(([127, 0, 0, 1], API_PORT)),
            (None, Ports::Auto) => SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        let or_another = given.is_none();
        Ok(Some(Self {
            address,
            or_another,
        }))
    }

    pub(crate) async fn listen(self) -> Result<TcpListener> {
        let Self {
            address,
            or_another,
        } = self;
        let bound = match TcpListener::bind(address).await {
            Err(error) if or_another && error.kind() == std::io::ErrorKind::AddrInUse => {
                TcpListener::bind((address.ip(), 0)).await
            }
            bound => bound,
        };
        bound.map_err(|error| api_port(address, &error))
    }
}

/// Whom the API answers.
pub(crate) fn api_config(settings: &Settings) -> Result<ApiConfig> {
    let mut config = ApiConfig::new(now);
    config.token = Some(Token::load_or_make(&settings.data).map_err(|error| no_token(&error))?);
    config.hosts = settings.node.hosts.clone().unwrap_or_default();
    Ok(config)
}

/// What is known of the ledger that decides about names.
pub(crate) struct Ledger(Option<LightClient>);

impl Ledger {
    /// Of the named network, or of the data folder's. Where that follows none, names that are keys are resolved alone.
    pub(crate) fn open(network: Option<&Path>, settings: &Settings) -> Result<Self> {
        let genesis = match genesis_of(&settings.data, network) {
            Err(error) if error.code == "no-network" => return Ok(Self(None)),
            genesis => genesis?,
        };
        LightClient::open(&settings.data, genesis, &TrustArgs::default(), now())
            .map(|light| Self(Some(light)))
    }

    /// Whether there is one.
    pub(crate) const fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// Gives it to a resolver.
    pub(crate) fn tell(&self, builder: Builder) -> Builder {
        match &self.0 {
            Some(light) => builder
                .genesis(light.genesis().clone())
                .trusted(light.trusted().clone()),
            None => builder,
        }
    }

    /// Writes down what the resolver has learned of it: what is not written down is walked again.
    pub(crate) fn learn(&mut self, resolver: &dotkey_resolver::Resolver) {
        if let (Some(light), Some(learned)) = (&mut self.0, resolver.light()) {
            light.learn(learned);
        }
    }
}
