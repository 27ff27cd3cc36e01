//! What a resource without explicit records is answered with: the gateway's addresses, or its providers directly.

use core::net::IpAddr;

use dotkey_proto::dns::{Labels, RecordType, WireName};
use dotkey_proto::zone::{Host, Protocol, Provider, Resource, Scheme};

/// Records that are made up for one question at most: every provider of a resource, and no more.
const RECORDS_MAX: usize = dotkey_proto::limits::RESOURCE_PROVIDERS_MAX;

/// The port that a browser asks for when nobody names another.
const HTTPS_PORT: u16 = 443;

/// Where requests for resources are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// To a gateway, which knows the providers, pins them and fails over.
    Gateway(Gateway),
    /// To the providers themselves, for clients that check TLSA or need no more than the zone's word.
    Direct,
}

/// How a gateway is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its port for HTTPS, where it speaks that.
    pub https_port: Option<u16>,
    /// What it speaks there, the preferred first: ALPN ids.
    pub alpn: Vec<String>,
}

/// The RDATA that a name's resources are answered with for a type; none where there is nothing to make up.
#[must_use]
pub fn rdata(via: &Via, resources: &[Resource], rtype: RecordType) -> Vec<Vec<u8>> {
    let mut made = match (via, resources) {
        (_, []) => Vec::new(),
        (Via::Gateway(gateway), _) => of_gateway(gateway, rtype),
        (Via::Direct, resources) => of_providers(resources, rtype),
    };
    made.sort_unstable();
    made.dedup();
    made.truncate(RECORDS_MAX);
    made
}

/// The TLSA records of the providers at a port: their pins.
#[must_use]
pub fn tlsa(via: &Via, resources: &[Resource], port: u16) -> Vec<Vec<u8>> {
    let Via::Direct = via else {
        // The gateway shows its own certificate.
        return Vec::new();
    };
    let pinned = providers(resources)
        .filter(|provider| is_https(provider) && port_of(provider) == Some(port));
    let mut made: Vec<Vec<u8>> = pinned
        .flat_map(|provider| &provider.pins)
        // RFC 6698: a key that it presents (3), by its SubjectPublicKeyInfo (1), hashed with SHA-256 (1).
        .map(|pin| [&[3, 1, 1][..], pin].concat())
        .collect();
    made.sort_unstable();
    made.dedup();
    made.truncate(RECORDS_MAX);
    made
}

/// The port of a name of the form `_443._tcp.host`, and the host in wire form.
#[must_use]
pub fn tlsa_host(name: &[u8]) -> Option<(u16, &[u8])> {
    let mut labels = Labels::new(name);
    let port = labels.next()?.strip_prefix(b"_")?;
    let protocol = labels.next()?;
    let port = core::str::from_utf8(port).ok()?.parse().ok()?;
    protocol
        .eq_ignore_ascii_case(b"_tcp")
        .then(|| (port, labels.remainder()))
}

fn of_gateway(gateway: &Gateway, rtype: RecordType) -> Vec<Vec<u8>> {
    match rtype {
        RecordType::A | RecordType::AAAA => {
            let all = gateway.addresses.iter();
            all.filter_map(|address| address_rdata(*address, rtype))
                .collect()
        }
        RecordType::HTTPS => {
            // A browser that reads such a record asks over HTTPS and nothing else.
            let Some(port) = gateway.https_port else {
                return Vec::new();
            };
            let service = Service {
                priority: 1,
                target: &WireName::root(),
                alpn: gateway.alpn.iter().map(String::as_str).collect(),
                port,
                hints: &gateway.addresses,
            };
            vec![service.rdata()]
        }
        _ => Vec::new(),
    }
}

fn of_providers(resources: &[Resource], rtype: RecordType) -> Vec<Vec<u8>> {
    let all = providers(resources);
    match rtype {
        RecordType::A | RecordType::AAAA => all
            .filter_map(|provider| address_rdata(address_of(provider)?, rtype))
            .collect(),
        RecordType::HTTPS => all
            .filter(|one| is_https(one))
            .filter_map(service_of)
            .collect(),
        _ => Vec::new(),
    }
}

/// The providers of the resources that web requests go to. Shards are for clients that know their keys.
fn providers(resources: &[Resource]) -> impl Iterator<Item = &Provider> {
    resources.iter().flat_map(|resource| &resource.providers)
}

fn is_https(provider: &Provider) -> bool {
    provider.url.parts().scheme == Scheme::Https
}

fn port_of(provider: &Provider) -> Option<u16> {
    let parts = provider.url.parts();
    parts.port.or(parts.scheme.default_port())
}

fn address_of(provider: &Provider) -> Option<IpAddr> {
    match provider.url.parts().host {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn address_rdata(address: IpAddr, rtype: RecordType) -> Option<Vec<u8>> {
    match (address, rtype) {
        (IpAddr::V4(address), RecordType::A) => Some(address.octets().to_vec()),
        (IpAddr::V6(address), RecordType::AAAA) => Some(address.octets().to_vec()),
        _ => None,
    }
}

fn service_of(provider: &Provider) -> Option<Vec<u8>> {
    let parts = provider.url.parts();
    let target = match parts.host {
        Host::Domain(name) => WireName::parse(name, Some(&WireName::root())).ok()?,
        _ => WireName::root(),
    };
    let hints: Vec<IpAddr> = address_of(provider).into_iter().collect();
    let alpn = match provider.protocol {
        Some(Protocol::Http1) => vec!["http/1.1"],
        Some(Protocol::Http3) => vec!["h3", "h2"],
        _ => vec!["h2", "http/1.1"],
    };
    // 0 would be an alias.
    let priority = provider.priority.unwrap_or(Provider::PRIORITY_DEFAULT);
    let service = Service {
        priority: priority.saturating_add(1),
        target: &target,
        alpn,
        port: port_of(provider)?,
        hints: &hints,
    };
    Some(service.rdata())
}

/// A service binding: RFC 9460 section 2.2.
struct Service<'a> {
    priority: u16,
    target: &'a WireName,
    alpn: Vec<&'a str>,
    port: u16,
    hints: &'a [IpAddr],
}

impl Service<'_> {
    fn rdata(&self) -> Vec<u8> {
        let mut out = self.priority.to_be_bytes().to_vec();
        out.extend(self.target.as_wire());
        let mut parameter = |key: u16, value: &[u8]| {
            if value.is_empty() {
                return;
            }
            let length = u16::try_from(value.len()).expect("a few addresses and protocols");
            out.extend(key.to_be_bytes());
            out.extend(length.to_be_bytes());
            out.extend(value);
        };
        let mut alpn = Vec::new();
        for id in &self.alpn {
            alpn.push(u8::try_from(id.len()).expect("an ALPN id is short"));
            alpn.extend(id.as_bytes());
        }
        // Keys ascend.
        parameter(1, &alpn);
        if self.port != HTTPS_PORT {
            parameter(3, &self.port.to_be_bytes());
        }
        parameter(4, &self.hint(RecordType::A));
        parameter(6, &self.hint(RecordType::AAAA));
        out
    }

    fn hint(&self, rtype: RecordType) -> Vec<u8> {
        let all = self.hints.iter();
        all.filter_map(|address| address_rdata(*address, rtype))
            .flatten()
            .collect()
    }
}
