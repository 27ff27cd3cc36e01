//! What a node is started with: flags over the environment over the configuration over the defaults, each checked.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::args::{LogFormat, Ports, RunArgs};
use crate::config::{Settings, bad};
use crate::exit::{CliError, Result};

use super::RunFile;

/// Where peers find a node that says nothing else.
pub(super) const PEER_PORT: u16 = 4380;
/// Where its API is.
pub(crate) const API_PORT: u16 = 5380;
/// A million records of 1 KiB.
const STORE_BYTES_MAX_DEFAULT: u64 = 1 << 30;
/// Less than one record of the largest size would be no store.
const STORE_BYTES_MAX_LEAST: u64 = 1 << 20;
/// Enough for the routing table and the gossip, few enough for a small machine.
const CONNECTIONS_MAX_DEFAULT: u32 = 256;
/// A lookup's, its neighbours', and what comes in: as the registry has it.
const CONNECTIONS_MAX_LEAST: u32 = 16;

/// Quiet. libp2p warns of what is in order here: a network of one has no other node, and the announcements of the nodes that
/// store a record are one message. h2 warns of each visitor that it cuts off. Who has the configuration read again reads what came of it.
const LOG_DEFAULT: &str = "warn,h2=error,libp2p_kad=error,libp2p_gossipsub=error,dotkey::resolver::reload=info,dotkey::gateway::reload=info";

/// A node to be.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) data: PathBuf,
    pub(super) listen: Vec<String>,
    pub(super) announce: Vec<String>,
    /// Addresses with peer ids.
    pub(super) join: Vec<String>,
    pub(super) api: SocketAddr,
    /// Names that the API goes by, besides addresses.
    pub(super) hosts: Vec<String>,
    /// The genesis that it was told; else the data folder's, or one of its own.
    pub(super) network: Option<PathBuf>,
    /// Whether it follows a ledger.
    pub(super) ledger: bool,
    /// Where other validators reach it.
    pub(super) consensus: Option<SocketAddr>,
    pub(super) mdns: bool,
    /// Addresses of private networks are taken from peers.
    pub(super) private_addresses: bool,
    pub(super) store_max: u64,
    pub(super) connections_max: u32,
    /// Whether a new data folder gets a name to look at.
    pub(super) demo: bool,
    pub(super) log: String,
    pub(super) log_format: LogFormat,
}

impl Plan {
    pub(super) fn new(args: &RunArgs, settings: &Settings) -> Result<Self> {
        let set = &settings.node;
        let ports = args.ports.or(set.ports).unwrap_or_default();
        let listen = several(&args.listen, set.listen.as_ref());
        let listen = listen.unwrap_or_else(|| default_listen(ports));
        let join = several(&args.join, set.join.as_ref()).unwrap_or_default();
        let store_max = match (args.store_max, &set.store_max) {
            (Some(flag), _) => flag.0,
            (None, Some(size)) => size.bytes()?,
            (None, None) => STORE_BYTES_MAX_DEFAULT,
        };
        let connections_max = args.connections_max.or(set.connections_max);
        let plan = Self {
            data: settings.data.clone(),
            announce: several(&args.announce, set.announce.as_ref()).unwrap_or_default(),
            join: addresses(&join)?,
            api: match (&args.api, args.ports) {
                // What the command line asks for goes before the port of the configuration; its address stays.
                (None, Some(Ports::Auto)) => {
                    let set = api(set.api.as_ref(), ports)?;
                    SocketAddr::new(set.ip(), 0)
                }
                (flag, _) => api(flag.as_ref().or(set.api.as_ref()), ports)?,
            },
            hosts: set.hosts.clone().unwrap_or_default(),
            network: args.network.clone().or_else(|| set.network.clone()),
            ledger: !args.no_ledger && set.ledger.unwrap_or(true),
            consensus: consensus(args.consensus.as_ref().or(set.consensus.as_ref()))?,
            mdns: args.mdns || set.mdns == Some(true),
            private_addresses: args.private_addresses
                || set
                    .private_addresses
                    .unwrap_or_else(|| listen.iter().all(|address| is_private(address))),
            listen,
            store_max,
            connections_max: connections_max.unwrap_or(CONNECTIONS_MAX_DEFAULT),
            demo: !args.no_demo && set.demo.unwrap_or(true),
            log: log_filter(args.log.as_ref(), settings),
            log_format: args.log_format.or(settings.log.format).unwrap_or_default(),
        };
        plan.check()
    }

    fn check(self) -> Result<Self> {
        let small = |name, value: u64, least: u64| {
            Err(bad(
                name,
                &value.to_string(),
                &format!("{least} is the least that works"),
            ))
        };
        if self.store_max < STORE_BYTES_MAX_LEAST {
            return small("store_max", self.store_max, STORE_BYTES_MAX_LEAST);
        }
        if self.connections_max < CONNECTIONS_MAX_LEAST {
            return small(
                "connections_max",
                self.connections_max.into(),
                CONNECTIONS_MAX_LEAST.into(),
            );
        }
        Ok(self)
    }
}

fn log_filter(flag: Option<&String>, settings: &Settings) -> String {
    let set = flag.or(settings.log.filter.as_ref());
    set.map_or_else(|| LOG_DEFAULT.to_owned(), Clone::clone)
}

/// Begins to log as the flags and the settings say.
pub(crate) fn log_begin(
    filter: Option<&String>,
    format: Option<LogFormat>,
    settings: &Settings,
) -> Result<()> {
    let format = format.or(settings.log.format).unwrap_or_default();
    super::log::begin(&log_filter(filter, settings), format)
}

fn several(flags: &[String], set: Option<&Vec<String>>) -> Option<Vec<String>> {
    let given = (!flags.is_empty()).then(|| flags.to_vec());
    given.or_else(|| set.cloned())
}

fn default_listen(ports: Ports) -> Vec<String> {
    let port = port(PEER_PORT, ports);
    vec![
        format!("/ip4/127.0.0.1/udp/{port}/quic-v1"),
        format!("/ip4/127.0.0.1/tcp/{port}"),
    ]
}

fn port(default: u16, ports: Ports) -> u16 {
    match ports {
        Ports::Default => default,
        Ports::Auto => 0,
    }
}

fn api(given: Option<&String>, ports: Ports) -> Result<SocketAddr> {
    let Some(text) = given else {
        return Ok(([127, 0, 0, 1], port(API_PORT, ports)).into());
    };
    let why = "it is written as 127.0.0.1:5380 or [::1]:5380";
    text.parse().map_err(|_| bad("api", text, why))
}

fn consensus(given: Option<&String>) -> Result<Option<SocketAddr>> {
    let why = "it is written as 192.0.2.1:4381 or [2001:db8::1]:4381";
    let read = |text: &String| text.parse().map_err(|_| bad("consensus", text, why));
    given.map(read).transpose()
}

/// Whether a multiaddress is of this machine or of a private network.
pub(super) fn is_private(address: &str) -> bool {
    match ip_of(address) {
        Some(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
        None => false,
    }
}

/// The address that a multiaddress begins with.
pub(super) fn ip_of(address: &str) -> Option<IpAddr> {
    let mut parts = address.split('/').skip(1);
    match parts.next()? {
        "ip4" => Some(IpAddr::V4(parts.next()?.parse().ok()?)),
        "ip6" => Some(IpAddr::V6(parts.next()?.parse().ok()?)),
        _ => None,
    }
}

/// The addresses to join, with what the `run.json` of a neighbour on this machine says in its place.
fn addresses(join: &[String]) -> Result<Vec<String>> {
    let mut addresses = Vec::new();
    for given in join {
        let path = Path::new(given);
        if path.is_file() || path.extension().is_some_and(|ending| ending == "json") {
            addresses.extend(addresses_of(path)?);
        } else if given.starts_with('/') && given.contains("/p2p/") {
            addresses.push(given.clone());
        } else {
            return Err(bad(
                "join",
                given,
                &format!(
                    "it lacks the node's id, without which anyone could answer; it is written as {}, which that node prints when it starts, and keeps under `peers` in its run.json",
                    crate::network::ADDRESS_EXAMPLE
                ),
            ));
        }
    }
    Ok(addresses)
}

fn addresses_of(path: &Path) -> Result<Vec<String>> {
    let shown = path.display();
    let run = RunFile::read(path)?.ok_or_else(|| {
        CliError::not_found(
            format!("there is no {shown}, so no node runs there"),
            "start that node first, or name another with --join",
        )
    })?;
    if run.peers.is_empty() {
        return Err(CliError::failed(
            "no-peers",
            format!("{shown} names no address of a node"),
            "name a node with --join that others can reach",
        ));
    }
    Ok(run.peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_known() {
        let check = |address: &str, private| assert_eq!(is_private(address), private, "{address}");
        check("/ip4/127.0.0.1/tcp/1", true);
        check("/ip4/10.1.2.3/udp/1/quic-v1", true);
        check("/ip6/::1/tcp/1", true);
        check("/ip6/fd00::1/tcp/1", true);
        check("/ip4/0.0.0.0/tcp/1", false);
        check("/ip4/192.0.2.1/tcp/1", false);
        check("/ip6/2001:db8::1/tcp/1", false);
        check("/dns4/example.net/tcp/1", false);
        check("", false);
        check("/ip4", false);
    }

    #[test]
    fn whom_to_join_has_an_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.json");
        let shown = path.display().to_string();
        let check = |given: &str| addresses(&[given.to_owned()]);
        let with_id = "/ip4/127.0.0.1/tcp/1/p2p/12D3";
        assert_eq!(check(with_id).expect("an address"), [with_id]);
        for (given, says) in [
            ("127.0.0.1:4380", "lacks the node's id"),
            ("/ip4/127.0.0.1/tcp/1", "lacks the node's id"),
            (shown.as_str(), "no node runs there"),
        ] {
            let error = check(given).expect_err(given);
            assert!(error.message.contains(says), "{error:?}");
        }
        let run = RunFile {
            peers: vec![with_id.to_owned()],
            ..RunFile::of_this_process()
        };
        let _placed = run.write(&path).expect("written");
        assert_eq!(check(&shown).expect("a run.json"), [with_id]);
    }

    #[test]
    fn free_ports_take_the_place_of_the_defaults_only() {
        assert_eq!(default_listen(Ports::Auto)[1], "/ip4/127.0.0.1/tcp/0");
        assert_eq!(
            default_listen(Ports::Default)[0],
            "/ip4/127.0.0.1/udp/4380/quic-v1"
        );
        let text = "[::1]:7".to_owned();
        assert_eq!(api(Some(&text), Ports::Auto).expect("an address").port(), 7);
        assert_eq!(api(None, Ports::Auto).expect("a default").port(), 0);
        assert!(api(Some(&"5380".to_owned()), Ports::Auto).is_err());
    }
}
