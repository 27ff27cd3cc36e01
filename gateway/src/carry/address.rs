//! Where a provider's URL leads, and where it must not lead.
//!
//! Anyone may publish a record, and a gateway connects to what it says: without a rule a record would reach what only
//! this machine can reach (a router's page, a cloud's metadata, a database on loopback). So addresses that are not
//! public are refused unless the operator lists the name. Each address that a provider's host has is looked at when it is
//! connected to, not when it is looked up first, so a name whose address changes in between gains nothing.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dotkey_proto::zone::{Host, Url};

/// Addresses of one host that are tried.
pub const ADDRESSES_MAX: usize = 8;

/// Why a provider's address cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Its host has no address.
    #[error("`{host}` has no address: {reason}")]
    Unknown {
        /// The host.
        host: String,
        /// What the look-up said.
        reason: String,
    },
    /// It leads nowhere, or to where a foreign record must not lead. Which of the two, and where, is not for visitors: a record could ask
    /// for any name in the operator's network.
    #[error(
        "`{host}` leads to no public address; list the name in `gateway.private_names` if its record may lead to others"
    )]
    NotPublic {
        /// The host, as the record has it.
        host: String,
    },
}

/// Whether everyone on the internet means the same by an address, and it is a machine.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The IANA registries of special-purpose addresses, as of 2026.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let special = match first {
        0 | 10 | 127 => true,
        100 => (64..128).contains(&second),
        169 => second == 254,
        172 => (16..32).contains(&second),
        192 => {
            second == 168
                || second == 0 && (third == 0 || third == 2)
                || second == 88 && third == 99
        }
        198 => second == 18 || second == 19 || second == 51 && third == 100,
        203 => second == 0 && third == 113,
        224.. => true,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // An IPv4 address in other clothes: mapped, compatible, NAT64, 6to4.
    let segments = address.segments();
    let tail = || {
        let [.., high, low] = segments;
        Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(tail()),
        [0x2002, high, low, ..] => {
            is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        [0x2001, 0x0db8, ..] | [0x2001, 0..0x0200, ..] | [0x3fff, 0..0x1000, ..] => false,
        // Global unicast is 2000::/3; the rest is local, multicast or unassigned.
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

/// The addresses of a provider's URL.
///
/// # Errors
/// There are none, or `may_be_private` is not so and one of them is not public.
pub async fn addresses(url: &Url, may_be_private: bool) -> Result<Vec<SocketAddr>, AddressError> {
    let parts = url.parts();
    let port = parts
        .port
        .or(parts.scheme.default_port())
        .expect("the zone's rules ask for one");
    let found: Vec<SocketAddr> = match parts.host {
        Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
        Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
        Host::Domain(host) => {
            let unknown = |reason: String| match may_be_private {
                true => AddressError::Unknown {
                    host: host.to_owned(),
                    reason,
                },
                false => not_public(parts.host),
            };
            let found = tokio::net::lookup_host((host, port)).await;
            let found = found.map_err(|error| unknown(error.to_string()))?;
            let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
            if found.is_empty() {
                return Err(unknown("the answer is empty".to_owned()));
            }
            found
        }
    };
    let private = |address: &&SocketAddr| !may_be_private && !is_public(address.ip());
    match found.iter().find(private) {
        Some(_) => Err(not_public(parts.host)),
        None => Ok(found),
    }
}

fn not_public(host: Host<'_>) -> AddressError {
    let host = match host {
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
        Host::Domain(host) => host.to_owned(),
    };
    AddressError::NotPublic { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_not_public() {
        let check = |expected: bool, addresses: &[&str]| {
            for address in addresses {
                let parsed = address.parse().expect("an address");
                assert_eq!(is_public(parsed), expected, "{address}");
            }
        };
        check(
            true,
            &[
                "1.1.1.1",
                "9.9.9.9",
                "100.63.0.1",
                "100.128.0.1",
                "172.15.0.1",
                "172.32.0.1",
                "192.0.1.1",
                "198.17.0.1",
                "198.20.0.1",
                "223.255.255.255",
                "2606:4700::1111",
                "2a00::1",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
            ],
        );
        check(
            false,
            &[
                "0.0.0.0",
                "10.1.2.3",
                "127.0.0.1",
                "100.64.0.1",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.0.0.8",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.1.1",
                "198.18.0.1",
                "198.51.100.1",
                "203.0.113.1",
                "224.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "fe80::1",
                "fc00::1",
                "fd00::1",
                "ff02::1",
                "2001:db8::1",
                "2001:0:1::1",
                "::ffff:127.0.0.1",
                "::127.0.0.1",
                "64:ff9b::7f00:1",
                "64:ff9b:1::1",
                "2002:7f00:1::",
            ],
        );
    }

    #[tokio::test]
    async fn a_private_address_needs_leave() {
        let url = Url::parse("http://127.0.0.1:8000").expect("a URL");
        let refused = addresses(&url, false).await.expect_err("private");
        assert_eq!(
            refused.to_string(),
            "`127.0.0.1` leads to no public address; list the name in `gateway.private_names` if its record may lead to others"
        );
        assert_eq!(addresses(&url, true).await.expect("leave").len(), 1);
        // Whether there is such a host is not told either.
        for host in ["localhost", "nobody.invalid"] {
            let url = Url::parse(&format!("https://{host}")).expect("a URL");
            let host = host.to_owned();
            let refused = addresses(&url, false).await;
            assert_eq!(refused, Err(AddressError::NotPublic { host }));
        }
    }
}
