//! Where validators reach each other, as genesis writes it.

use std::net::{Ipv4Addr, SocketAddr};

use commonware_utils::Hostname;

use super::error::ConsensusError;
use super::library::p2p::{Address, Ingress};

const NOWHERE_SOCKET: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Nobody is dialled there: a validator without an address dials the others.
pub(super) const NOWHERE: Address = Address::Symmetric(NOWHERE_SOCKET);

/// Reads `192.0.2.1:4381`, `[2001:db8::1]:4381` or `validator.example.net:4381`; nothing when the validator is not to be dialled.
pub(super) fn read(text: &str) -> Result<Address, ConsensusError> {
    if text.is_empty() {
        return Ok(NOWHERE);
    }
    if let Ok(socket) = text.parse() {
        return Ok(Address::Symmetric(socket));
    }
    let unreadable = || ConsensusError::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(unreadable)?;
    let ingress = Ingress::Dns {
        host: Hostname::new(host).map_err(|_| unreadable())?,
        port: port.parse().map_err(|_| unreadable())?,
    };
    // Who connects shows its key; from where does not matter.
    Ok(Address::Asymmetric {
        ingress,
        egress: NOWHERE_SOCKET,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for text in [
            "",
            "192.0.2.1:4381",
            "[2001:db8::1]:4381",
            "a.example.net:4381",
        ] {
            read(text).expect(text);
        }
        for text in [
            "192.0.2.1",
            "a.example.net",
            "a.example.net:http",
            "a b:1",
            ":1",
        ] {
            assert_eq!(read(text), Err(ConsensusError::Address(text.to_owned())));
        }
    }
}
