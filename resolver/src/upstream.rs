//! How ordinary names are asked for elsewhere: upstreams, raced and validated by hickory's resolver, believed as far as DNSSEC shows.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use core::time::Duration;
use std::sync::Arc;

use dotkey_proto::dns::{RecordType, WireName};
use hickory_net::DnsError;
use hickory_net::NetError;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Record, RecordType as Type};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};
use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};

use crate::answer::{Extended, Set, extended};
use crate::edns::UDP_ANSWER_BYTES_MAX;
use crate::server::{Access, Said, name_of};
use crate::transport::Transport;

/// One try at one upstream. Stub resolvers wait 5 s in all, so that two tries and an answer fit.
pub const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries before a question has failed.
pub const TRIES_MAX: usize = 2;

/// Upstreams asked at once: the slower one is the price of a steady latency.
pub const RACED: usize = 2;

/// Hickory's resolver as a client of upstreams and a DNSSEC validator. It keeps no cache: ours counts bytes, serves stale
/// answers and remembers failures.
#[must_use]
pub fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = TRY_TIMEOUT;
    options.attempts = TRIES_MAX;
    options.num_concurrent_reqs = RACED;
    options.server_ordering_strategy = ServerOrderingStrategy::QueryStatistics;
    options.validate = true;
    options.edns0 = true;
    options.edns_payload_len = UDP_ANSWER_BYTES_MAX;
    options.cache_size = 0;
    options.try_tcp_on_error = true;
    // 0x20: a forged answer must guess the case of the question too.
    options.case_randomization = true;
    // The question is a DNS name as it came in: no search list, no hosts file.
    options.ndots = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

/// How long an answer is kept whatever it says: RFC 8767 section 4 advises a cap of days.
const TTL_SECS_MAX: u32 = 86_400;

/// How long a denial is kept that says nothing about it.
const DENIAL_TTL_SECS: u32 = 60;

/// An upstream: an address, how it is spoken to, and the name that its certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    transport: Transport,
    socket: SocketAddr,
    name: Option<Arc<str>>,
}

/// What is no address of an upstream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no upstream: {why}; write it as 192.0.2.53, tcp://192.0.2.53, tls://192.0.2.53#dns.example.net, https://…, h3://… or quic://… with a name", text.escape_debug())]
pub struct AddressError {
    text: String,
    why: &'static str,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = |why| AddressError {
            text: text.to_owned(),
            why,
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        let transport = match scheme {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            "https" => Transport::Https,
            "h3" => Transport::Http3,
            "quic" => Transport::Quic,
            _ => return Err(wrong("it begins with an unknown scheme")),
        };
        let (address, name) = match rest.split_once('#') {
            Some((address, name)) if !name.is_empty() => (address, Some(Arc::from(name))),
            Some(_) => return Err(wrong("the name after # is empty")),
            None => (rest, None),
        };
        if transport.is_encrypted() && name.is_none() {
            return Err(wrong(
                "it lacks the name that its certificate must have, after a #",
            ));
        }
        let port = transport.well_known_port();
        let bare = address.trim_start_matches('[').trim_end_matches(']');
        let socket = match (address.parse::<SocketAddr>(), bare.parse::<IpAddr>()) {
            (Ok(socket), _) => socket,
            (_, Ok(ip)) => SocketAddr::new(ip, port),
            _ => return Err(wrong("it has no IP address")),
        };
        Ok(Self {
            transport,
            socket,
            name,
        })
    }
}

impl Address {
    fn config(&self) -> NameServerConfig {
        let name = || {
            self.name
                .clone()
                .unwrap_or_else(|| Arc::from(self.socket.ip().to_string()))
        };
        let mut connections = match self.transport {
            // What does not fit a packet is asked for again over TCP.
            Transport::Udp => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
            Transport::Tcp => vec![ConnectionConfig::tcp()],
            Transport::Tls => vec![ConnectionConfig::tls(name())],
            Transport::Https => vec![ConnectionConfig::https(name(), None)],
            Transport::Http3 => vec![ConnectionConfig::h3(name(), None)],
            Transport::Quic => vec![ConnectionConfig::quic(name())],
        };
        for connection in &mut connections {
            connection.port = self.socket.port();
        }
        NameServerConfig::new(self.socket.ip(), true, connections)
    }
}

/// The way to ordinary names.
#[derive(Clone)]
pub struct Upstream {
    resolver: Arc<Resolver<TokioRuntimeProvider>>,
    /// Addresses that no foreign name may have (DNS rebinding); nothing where they are let through.
    private: Option<Access>,
}

/// Upstreams that cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the upstreams cannot be used: {0}; check their addresses")]
pub struct UpstreamError(String);

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

impl Upstream {
    /// The way by these upstreams. `validate` asks for DNSSEC from the root's anchor on; `let_private` lets foreign names have
    /// private addresses.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn new(
        addresses: &[Address],
        validate: bool,
        let_private: bool,
    ) -> Result<Self, UpstreamError> {
        let servers = addresses.iter().map(Address::config).collect();
        let config = ResolverConfig::from_name_servers(servers);
        let mut options = options();
        options.validate = validate;
        let builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = builder.with_options(options).build();
        Ok(Self {
            resolver: Arc::new(resolver.map_err(|error| UpstreamError(error.to_string()))?),
            private: (!let_private).then(Access::private),
        })
    }

    /// What is said of an ordinary name.
    pub(crate) async fn ask(&self, name: &WireName, rtype: RecordType, dnssec: bool) -> Said {
        let asked = self
            .resolver
            .lookup(name_of(name), Type::from(rtype.0))
            .await;
        let said = match asked {
            Ok(found) => {
                let verified = found
                    .answers()
                    .iter()
                    .all(|record| record.proof.is_secure());
                said(ResponseCode::NoError, found.answers(), &[], verified)
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let authorities = none.authorities.as_deref().unwrap_or_default();
                said(none.response_code, &[], authorities, false)
            }
            Err(NetError::Dns(DnsError::Nsec {
                response, proof, ..
            })) if !proof.is_bogus() => {
                let rcode = response.metadata.response_code;
                said(
                    rcode,
                    &response.answers,
                    &response.authorities,
                    proof.is_secure(),
                )
            }
            Err(error) => failed(&error),
        };
        let said = self.rebound(said);
        if dnssec {
            said
        } else {
            without_signatures(said)
        }
    }

    /// A foreign name with a private address would let a web page of that name reach what is on our own network.
    fn rebound(&self, said: Said) -> Said {
        let Some(private) = &self.private else {
            return said;
        };
        let is_private = |set: &Set| {
            let mut addresses = set
                .rdata
                .iter()
                .filter_map(|rdata| address_of(set.rtype, rdata));
            addresses.any(|address| address.is_unspecified() || private.allows(address))
        };
        match said.answers.iter().any(is_private) {
            true => failure(
                extended::PROHIBITED,
                "a name of the ordinary DNS must not have an address of this machine or of a private network",
            ),
            false => said,
        }
    }
}

fn address_of(rtype: RecordType, rdata: &[u8]) -> Option<IpAddr> {
    match rtype {
        RecordType::A => <[u8; 4]>::try_from(rdata).ok().map(IpAddr::from),
        RecordType::AAAA => <[u8; 16]>::try_from(rdata).ok().map(IpAddr::from),
        _ => None,
    }
}

fn said(rcode: ResponseCode, answers: &[Record], authorities: &[Record], verified: bool) -> Said {
    let authorities: Vec<Set> = match answers {
        // Of a denial, what makes it one: the SOA and what proves it.
        [] => sets(authorities)
            .into_iter()
            .filter(|set| set.rtype != RecordType::NS)
            .collect(),
        _ => Vec::new(),
    };
    let mut said = Said::only(rcode, None);
    said.answers = sets(answers);
    said.authorities = authorities;
    said.verified = verified;
    // RFC 2308 section 5: a denial is kept as long as the least of its SOA's TTL and its minimum.
    if said.answers.is_empty() {
        let soa = said
            .authorities
            .iter()
            .find(|set| set.rtype == RecordType::SOA);
        let minimum = soa.and_then(|set| set.rdata.first()?.last_chunk().copied());
        let ttl = minimum.map_or(DENIAL_TTL_SECS, u32::from_be_bytes);
        said.authorities
            .iter_mut()
            .for_each(|set| set.ttl = set.ttl.min(ttl));
    }
    said
}

/// Records as sets: those of one name and type that follow each other.
fn sets(records: &[Record]) -> Vec<Set> {
    let mut sets: Vec<Set> = Vec::new();
    for record in records {
        let Some(set) = set_of(record) else {
            continue;
        };
        match sets.last_mut() {
            Some(last) if last.owner == set.owner && last.rtype == set.rtype => {
                last.ttl = last.ttl.min(set.ttl);
                last.rdata.extend(set.rdata);
            }
            _ => sets.push(set),
        }
    }
    sets
}

fn set_of(record: &Record) -> Option<Set> {
    let owner = uncompressed(&record.name)?;
    Some(Set {
        owner: WireName::from_wire(&owner).ok()?,
        rtype: RecordType(record.record_type().into()),
        ttl: record.ttl.min(TTL_SECS_MAX),
        rdata: vec![uncompressed(&record.data)?],
    })
}

pub(crate) fn uncompressed(what: &impl BinEncodable) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    what.emit(&mut encoder).ok()?;
    Some(bytes)
}

fn without_signatures(mut said: Said) -> Said {
    let proof = [RecordType::RRSIG, RecordType::NSEC, RecordType(50)];
    said.authorities.retain(|set| !proof.contains(&set.rtype));
    said.answers.retain(|set| set.rtype != RecordType::RRSIG);
    said
}

fn failed(error: &NetError) -> Said {
    match error {
        NetError::Dns(DnsError::DnssecBogus | DnsError::Nsec { .. }) => failure(
            extended::BOGUS,
            "the signatures of the name's zone do not hold",
        ),
        NetError::Dns(DnsError::ResponseCode(code)) => failure(
            extended::NO_REACHABLE_AUTHORITY,
            &format!("the upstreams answer {code}"),
        ),
        NetError::Timeout | NetError::NoConnections | NetError::Io(_) => {
            failure(extended::NETWORK, "no upstream answers")
        }
        error => failure(extended::OTHER, &format!("the upstreams: {error}")),
    }
}

fn failure(code: u16, text: &str) -> Said {
    let text = text.to_owned();
    Said::only(ResponseCode::ServFail, Some(Extended { code, text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_upstreams() {
        let check = |text: &str, expected: Option<(Transport, &str, Option<&str>)>| {
            let found = text.parse::<Address>().ok();
            let found = found.map(|one| (one.transport, one.socket.to_string(), one.name));
            let expected = expected.map(|(transport, socket, name)| {
                (transport, socket.to_owned(), name.map(Arc::from))
            });
            assert_eq!(found, expected, "{text}");
        };
        check("192.0.2.53", Some((Transport::Udp, "192.0.2.53:53", None)));
        check(
            "udp://192.0.2.53:5300",
            Some((Transport::Udp, "192.0.2.53:5300", None)),
        );
        check(
            "tcp://[2001:db8::1]",
            Some((Transport::Tcp, "[2001:db8::1]:53", None)),
        );
        check(
            "tls://192.0.2.53#dns.example",
            Some((Transport::Tls, "192.0.2.53:853", Some("dns.example"))),
        );
        check(
            "https://192.0.2.53:8443#d",
            Some((Transport::Https, "192.0.2.53:8443", Some("d"))),
        );
        check(
            "quic://[::1]:1#d",
            Some((Transport::Quic, "[::1]:1", Some("d"))),
        );
        for bad in [
            "",
            "dns.example",
            "tls://192.0.2.53",
            "tls://192.0.2.53#",
            "ftp://192.0.2.53",
            "192.0.2.53:x",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn upstream_answers_are_validated_and_not_cached_twice() {
        let options = options();
        assert!(options.validate && options.edns0 && options.cache_size == 0);
        let waits = options.timeout * u32::try_from(options.attempts).expect("few");
        assert!(
            waits < Duration::from_secs(5),
            "a stub resolver has given up"
        );
    }
}
