//! Where an upstream is and how it is spoken to, as people write it.

use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;
use std::sync::Arc;

use hickory_resolver::config::ConnectionConfig;

use crate::transport::Transport;

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
    /// How it is spoken to.
    #[must_use]
    pub const fn transport(&self) -> Transport {
        self.transport
    }

    pub(super) const fn ip(&self) -> IpAddr {
        self.socket.ip()
    }

    /// A connection to it over a transport, which is its own, or TCP for what is too long for its packets.
    pub(super) fn connection(&self, transport: Transport) -> ConnectionConfig {
        let name = || {
            self.name
                .clone()
                .unwrap_or_else(|| Arc::from(self.socket.ip().to_string()))
        };
        let mut connection = match transport {
            Transport::Udp => ConnectionConfig::udp(),
            Transport::Tcp => ConnectionConfig::tcp(),
            Transport::Tls => ConnectionConfig::tls(name()),
            Transport::Https => ConnectionConfig::https(name(), None),
            Transport::Http3 => ConnectionConfig::h3(name(), None),
            Transport::Quic => ConnectionConfig::quic(name()),
        };
        connection.port = self.socket.port();
        connection
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Https => "https",
            Transport::Http3 => "h3",
            Transport::Quic => "quic",
        };
        write!(f, "{scheme}://{}", self.socket)?;
        match &self.name {
            Some(name) => write!(f, "#{name}"),
            None => Ok(()),
        }
    }
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
        let again: Address = "tls://[::1]:853#d".parse().expect("an address");
        assert_eq!(again.to_string().parse(), Ok(again));
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
}
