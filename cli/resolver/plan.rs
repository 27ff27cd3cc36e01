//! What a resolver is started with: flags over the environment over the configuration over the defaults, each checked.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use dotkey_resolver::answer::made_up::{Gateway, Via};
use dotkey_resolver::ordinary::Ordinary;
use dotkey_resolver::rebinding::Rebinding;
use dotkey_resolver::server::{Access, Listen, Prefix, QueryLog, Rules};
use dotkey_resolver::transport::Transport;

use super::ordinary;
use crate::alone::Api;
use crate::args::{Bytes, Ports, ResolverRunArgs};
use crate::config::{Settings, bad};
use crate::exit::{CliError, Result};
use crate::gateway::HTTPS_PORT;

/// More sockets than this on one port spread no further.
const UDP_SOCKETS_MAX: usize = 16;

/// Where the query log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LogTo {
    Stdout,
    File(PathBuf),
}

/// A resolver to be.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What the command line said, for when the configuration is read again.
    pub(super) args: ResolverRunArgs,
    /// Of a resolver by itself.
    pub(super) api: Option<Api>,
    pub(super) listen: Listen,
    pub(super) nodes: Vec<String>,
    pub(super) via: Via,
    pub(super) ordinary: Arc<Ordinary>,
    pub(super) rebinding: Rebinding,
    pub(super) access: Access,
    pub(super) answers_per_sec: Option<u32>,
    /// Of each kind of answers.
    pub(super) cache_bytes: Option<usize>,
    pub(super) nsid: String,
    query_log: Option<LogTo>,
    /// A chain and its key; else one that is made here.
    pub(super) certificate: Option<(PathBuf, PathBuf)>,
}

impl Plan {
    /// As the settings say, for a resolver beside a node.
    pub(crate) fn beside_a_node(ports: Option<Ports>, settings: &Settings) -> Result<Self> {
        let args = ResolverRunArgs {
            ports,
            ..ResolverRunArgs::default()
        };
        Self::new(&args, settings)
    }

    pub(crate) fn new(args: &ResolverRunArgs, settings: &Settings) -> Result<Self> {
        let set = &settings.resolver;
        let ports = args.ports.or(settings.node.ports).unwrap_or_default();
        let at = |name, given: Option<&String>, transport| address(name, given, transport, ports);
        let sockets = thread::available_parallelism().map_or(1, usize::from);
        let listen = Listen {
            dns: at(
                "dns",
                args.dns.as_ref().or(set.dns.as_ref()),
                Transport::Udp,
            )?,
            dot: at("dot", set.dot.as_ref(), Transport::Tls)?,
            doq: at("doq", set.doq.as_ref(), Transport::Quic)?,
            doh: at("doh", set.doh.as_ref(), Transport::Https)?,
            udp_sockets: sockets.min(UDP_SOCKETS_MAX),
            connections: None,
        };
        let several = |flags: &[String], set: Option<&Vec<String>>| match flags {
            [] => set.cloned().unwrap_or_default(),
            flags => flags.to_vec(),
        };
        let upstream = several(&args.upstream, set.upstream.as_ref());
        Ok(Self {
            args: args.clone(),
            api: Api::read(
                args.api.as_ref().or(set.api.as_ref()).map(String::as_str),
                ports,
            )?,
            listen,
            nodes: several(&args.nodes, set.nodes.as_ref()),
            via: via(
                set.resources.as_deref(),
                https_port(settings.gateway.https.as_deref()),
            )?,
            ordinary: Arc::new(ordinary::plan(&upstream, settings)?),
            rebinding: ordinary::rebinding(settings)?,
            access: access(set.allow.as_deref())?,
            answers_per_sec: rate(set.answers_per_second.as_deref())?,
            cache_bytes: cache_bytes(set.cache_max.as_deref())?,
            nsid: set.nsid.clone().unwrap_or_default(),
            query_log: set.query_log.as_deref().map(log_to),
            certificate: certificate(set.certificate.clone(), set.certificate_key.clone())?,
        })
    }
}

impl Plan {
    /// The way to ordinary names.
    pub(crate) fn ordinary(&self) -> Arc<Ordinary> {
        Arc::clone(&self.ordinary)
    }

    /// What may change while it serves. A query log is opened anew each time.
    pub(super) fn rules(&self) -> Result<Rules> {
        let mut rules = Rules::new(self.via.clone());
        rules.ordinary = Arc::clone(&self.ordinary);
        rules.rebinding.clone_from(&self.rebinding);
        rules.access.clone_from(&self.access);
        rules.nsid.clone_from(&self.nsid);
        rules.query_log = self.query_log.as_ref().map(open).transpose()?;
        if let Some(answers) = self.answers_per_sec {
            rules.answers_per_sec = answers;
        }
        Ok(rules)
    }
}

fn log_to(text: &str) -> LogTo {
    match text {
        "-" => LogTo::Stdout,
        path => LogTo::File(path.into()),
    }
}

fn open(to: &LogTo) -> Result<Arc<QueryLog>> {
    let opened = match to {
        LogTo::Stdout => QueryLog::to_stdout(),
        LogTo::File(path) => QueryLog::to_file(path),
    };
    opened.map(Arc::new).map_err(|error| {
        let to = match to {
            LogTo::Stdout => "standard output".to_owned(),
            LogTo::File(path) => path.display().to_string(),
        };
        CliError::failed(
            "no-query-log",
            format!("the query log cannot be written to {to}: {error}"),
            "name a file that this program may write with `query_log` under [resolver], or leave it out",
        )
    })
}

/// Where one transport listens; nowhere where the setting is `off`.
fn address(
    name: &str,
    given: Option<&String>,
    transport: Transport,
    ports: Ports,
) -> Result<Option<SocketAddr>> {
    let Some(text) = given else {
        let port = match ports {
            Ports::Default => transport.listen_port(),
            Ports::Auto => 0,
        };
        return Ok(Some(([127, 0, 0, 1], port).into()));
    };
    if text == "off" {
        return Ok(None);
    }
    let why = "it is written as 127.0.0.1:5300 or [::1]:5300, or `off`";
    text.parse().map(Some).map_err(|_| bad(name, text, why))
}

/// Where a gateway listens for HTTPS, as far as the settings say. One beside this resolver says it itself.
fn https_port(https: Option<&str>) -> Option<u16> {
    match https {
        Some("off") => None,
        // What is no address is the gateway's to complain of; a port of 0 is known when it listens.
        Some(text) => {
            let port = text.parse().map_or(0, |address: SocketAddr| address.port());
            Some(if port == 0 { HTTPS_PORT } else { port })
        }
        None => Some(HTTPS_PORT),
    }
}

fn via(text: Option<&str>, https_port: Option<u16>) -> Result<Via> {
    let text = text.unwrap_or("127.0.0.1");
    if text == "direct" {
        return Ok(Via::Direct);
    }
    let read = |one: &str| one.trim().parse::<IpAddr>();
    let addresses: Result<Vec<IpAddr>, _> = text.split(',').map(read).collect();
    let why = "it is `direct`, or the gateway's addresses with commas between them";
    Ok(Via::Gateway(Gateway {
        addresses: addresses.map_err(|_| bad("resources", text, why))?,
        https_port,
        alpn: vec!["h2".to_owned(), "http/1.1".to_owned()],
    }))
}

fn access(allow: Option<&[String]>) -> Result<Access> {
    let Some(allow) = allow else {
        return Ok(Access::private());
    };
    let read = |text: &String| {
        text.parse::<Prefix>()
            .map_err(|error| bad("allow", text, &error.to_string()))
    };
    Ok(Access::only(allow.iter().map(read).collect::<Result<_>>()?))
}

fn rate(text: Option<&str>) -> Result<Option<u32>> {
    let read = |text: &str| {
        text.parse().map_err(|_| {
            bad(
                "answers_per_second",
                text,
                "it is a number; 0 limits nobody",
            )
        })
    };
    text.map(read).transpose()
}

fn cache_bytes(text: Option<&str>) -> Result<Option<usize>> {
    let read = |text: &str| {
        let size: Bytes = text
            .parse()
            .map_err(|why: String| bad("cache_max", text, &why))?;
        usize::try_from(size.0).map_err(|_| bad("cache_max", text, "it is more than there can be"))
    };
    text.map(read).transpose()
}

fn certificate(chain: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<(PathBuf, PathBuf)>> {
    match (chain, key) {
        (Some(chain), Some(key)) => Ok(Some((chain, key))),
        (None, None) => Ok(None),
        (Some(one), None) | (None, Some(one)) => Err(bad(
            "certificate",
            &one.display().to_string(),
            "`certificate` and `certificate_key` go together",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_have_their_ports_or_are_off() {
        let check = |given: Option<&str>, ports, expected: Option<Option<&str>>| {
            let given = given.map(str::to_owned);
            let found = address("dns", given.as_ref(), Transport::Udp, ports).ok();
            let found = found.map(|address| address.map(|address| address.to_string()));
            assert_eq!(found, expected.map(|address| address.map(str::to_owned)));
        };
        check(None, Ports::Default, Some(Some("127.0.0.1:5300")));
        check(None, Ports::Auto, Some(Some("127.0.0.1:0")));
        check(Some("[::1]:53"), Ports::Auto, Some(Some("[::1]:53")));
        check(Some("off"), Ports::Auto, Some(None));
        check(Some("5300"), Ports::Default, None);
    }

    #[test]
    fn resources_go_to_a_gateway_or_directly() {
        assert_eq!(via(Some("direct"), None).expect("a word"), Via::Direct);
        let two = via(Some("192.0.2.1, 2001:db8::1"), Some(9443));
        let Via::Gateway(gateway) = two.expect("addresses") else {
            panic!("a gateway")
        };
        assert_eq!(gateway.addresses.len(), 2);
        assert_eq!(gateway.https_port, Some(9443));
        assert!(via(Some("gateway"), None).is_err());
        for (https, port) in [
            (None, Some(8443)),
            (Some("off"), None),
            (Some("[::]:443"), Some(443)),
            (Some("127.0.0.1:0"), Some(8443)),
        ] {
            assert_eq!(https_port(https), port, "{https:?}");
        }
        assert!(access(Some(&["10.0.0.0/40".to_owned()])).is_err());
        assert!(rate(Some("many")).is_err());
    }
}
