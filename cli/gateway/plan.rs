//! What a gateway is started with: the environment over the configuration over the defaults, each checked.

use std::net::SocketAddr;
use std::path::PathBuf;

use dotkey_gateway::request::Suffixes;
use dotkey_gateway::server::AccessLog;
use dotkey_gateway::site::PrivateNames;
use dotkey_gateway::tcp;
use dotkey_gateway::traces::{self, Collector, Ratio};

use crate::args::Ports;
use crate::config::{Settings, bad};
use crate::exit::{CliError, Result};

/// Where it listens for HTTP unless told otherwise.
const HTTP_PORT: u16 = 8080;

/// Where it listens for HTTPS unless told otherwise.
pub(crate) const HTTPS_PORT: u16 = 8443;

/// A gateway to be.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(super) http: Option<SocketAddr>,
    pub(super) https: Option<SocketAddr>,
    pub(super) suffixes: Suffixes,
    pub(super) region: Option<String>,
    pub(super) private_names: Vec<String>,
    pub(super) access_log: Option<String>,
    pub(super) traces: Option<traces::Settings>,
    /// Chains and their keys, for ordinary domains.
    pub(super) certificates: Vec<(PathBuf, PathBuf)>,
    pub(super) tcp: Vec<tcp::Config>,
}

impl Plan {
    pub(crate) fn new(ports: Option<Ports>, settings: &Settings) -> Result<Self> {
        let set = &settings.gateway;
        let ports = ports.or(settings.node.ports).unwrap_or_default();
        let certificates = set.certificates.iter().flatten();
        let tcp = set.tcp.iter().flatten();
        let region = set.region.as_deref();
        Ok(Self {
            http: address("http", set.http.as_deref(), HTTP_PORT, ports)?,
            https: address("https", set.https.as_deref(), HTTPS_PORT, ports)?,
            suffixes: Suffixes {
                own: settings.suffix.as_ascii().to_owned(),
                bridges: set.bridges.clone().unwrap_or_default(),
            },
            region: set.region.clone(),
            private_names: set.private_names.clone().unwrap_or_default(),
            access_log: set.access_log.clone(),
            traces: traces(set.traces.as_deref(), set.traces_ratio.as_deref())?,
            certificates: certificates.map(|text| pair(text)).collect::<Result<_>>()?,
            tcp: tcp
                .map(|text| {
                    let mut config = listener(text, region, set.private_names.as_deref())?;
                    config.epochs = Some(settings.data.join("epochs"));
                    Ok(config)
                })
                .collect::<Result<_>>()?,
        })
    }

    /// The access log, opened anew.
    pub(super) fn open_log(&self) -> Result<Option<AccessLog>> {
        let Some(to) = self.access_log.as_deref() else {
            return Ok(None);
        };
        let opened = match to {
            "-" => AccessLog::to_stdout(),
            path => AccessLog::to_file(path.as_ref()),
        };
        opened.map(Some).map_err(|error| {
            CliError::failed(
                "no-access-log",
                format!("the access log cannot be written to {to}: {error}"),
                "name a file that this program may write with `access_log` under [gateway], or leave it out",
            )
        })
    }
}

fn address(name: &str, given: Option<&str>, port: u16, ports: Ports) -> Result<Option<SocketAddr>> {
    let why = "it is written as 127.0.0.1:8080 or [::1]:8080, or `off`";
    match (given, ports) {
        (Some("off"), _) => Ok(None),
        (Some(text), _) => text.parse().map(Some).map_err(|_| bad(name, text, why)),
        (None, Ports::Default) => Ok(Some(([127, 0, 0, 1], port).into())),
        (None, Ports::Auto) => Ok(Some(([127, 0, 0, 1], 0).into())),
    }
}

/// Where spans go, and of how many of the traces that begin here: of all, unless told otherwise.
fn traces(collector: Option<&str>, ratio: Option<&str>) -> Result<Option<traces::Settings>> {
    let why = "it is a share of the traces that begin here, from 0 to 1, such as 0.01";
    let read = |text: &str| {
        let share = text.parse().ok().and_then(Ratio::new);
        share.ok_or_else(|| bad("traces_ratio", text, why))
    };
    let ratio = ratio.map_or(Ok(Ratio::ALL), read)?;
    let read = |text: &str| {
        let collector = Collector::parse(text);
        collector.map_err(|error| bad("traces", text, &error.to_string()))
    };
    let collector = collector.map(read).transpose()?;
    Ok(collector.map(|collector| traces::Settings { collector, ratio }))
}

/// `chain.pem key.pem`.
fn pair(text: &str) -> Result<(PathBuf, PathBuf)> {
    let mut words = text.split_whitespace().map(PathBuf::from);
    match (words.next(), words.next(), words.next()) {
        (Some(chain), Some(key), None) => Ok((chain, key)),
        _ => Err(bad(
            "certificates",
            text,
            "each is a chain and its key: `chain.pem key.pem`",
        )),
    }
}

/// `sni 127.0.0.1:8444`, `postgres db.mysite.key 127.0.0.1:6432` or `redis cache.mysite.key 127.0.0.1:6380`.
fn listener(text: &str, region: Option<&str>, private: Option<&[String]>) -> Result<tcp::Config> {
    let why = "it is `sni IP:PORT`, `postgres NAME IP:PORT` or `redis NAME IP:PORT`";
    let wrong = || bad("tcp", text, why);
    let words: Vec<&str> = text.split_whitespace().collect();
    let (way, address) = match words[..] {
        ["sni", address] => (tcp::Way::Sni, address),
        ["postgres", name, address] => (
            tcp::Way::Postgres {
                name: name.to_owned(),
            },
            address,
        ),
        ["redis", name, address] => (
            tcp::Way::Redis {
                name: name.to_owned(),
            },
            address,
        ),
        _ => return Err(wrong()),
    };
    let private = private.into_iter().flatten().map(String::as_str);
    Ok(tcp::Config {
        address: address.parse().map_err(|_| wrong())?,
        way,
        region: region.map(str::to_owned),
        private_names: PrivateNames::new(private),
        epochs: None,
        bounds: tcp::Bounds::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read() {
        let check = |text: &str, expected: Option<&str>| {
            let read = listener(text, None, Some(&["db.a.key".to_owned()])).ok();
            let private = PrivateNames::new(["db.a.key"]);
            let shown = read.map(|read| {
                assert_eq!(read.private_names, private);
                format!("{:?} {}", read.way, read.address)
            });
            assert_eq!(shown.as_deref(), expected, "{text}");
        };
        check("sni 127.0.0.1:8444", Some("Sni 127.0.0.1:8444"));
        check(
            "postgres db.a.key [::1]:6432",
            Some("Postgres { name: \"db.a.key\" } [::1]:6432"),
        );
        check(
            "redis b.key 127.0.0.1:1",
            Some("Redis { name: \"b.key\" } 127.0.0.1:1"),
        );
        check("sni", None);
        check("mysql a.key 127.0.0.1:1", None);
        check("redis a.key 127.0.0.1", None);
    }

    #[test]
    fn traces_have_a_collector_and_a_ratio() {
        let there = Some("http://127.0.0.1:4318");
        let all = traces(there, None).expect("good").expect("on");
        assert_eq!(all.ratio, Ratio::ALL);
        let some = traces(there, Some("0")).expect("good").expect("on");
        assert_eq!(some.ratio, Ratio::NONE);
        assert!(traces(None, Some("0.5")).expect("good").is_none());
        assert!(traces(there, Some("2")).is_err());
        assert!(traces(there, Some("all")).is_err());
        assert!(traces(Some("https://otel.example"), None).is_err());
    }

    #[test]
    fn addresses_have_their_ports_or_are_off() {
        let check = |given: Option<&str>, ports, expected: Option<&str>| {
            let found = address("http", given, HTTP_PORT, ports).expect("good");
            assert_eq!(found.map(|found| found.to_string()).as_deref(), expected);
        };
        check(None, Ports::Default, Some("127.0.0.1:8080"));
        check(None, Ports::Auto, Some("127.0.0.1:0"));
        check(Some("off"), Ports::Default, None);
        check(Some("[::]:80"), Ports::Auto, Some("[::]:80"));
        assert!(address("http", Some("80"), HTTP_PORT, Ports::Auto).is_err());
    }
}
