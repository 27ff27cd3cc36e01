//! Who asks, and how much of what all share is for one.

use core::net::{IpAddr, Ipv6Addr};

use crate::dht::driver::is_local;

/// Of what there is for all, the part of one client: an eighth.
const SHARE: usize = 8;

/// The same of this machine and of private networks, where a proxy may stand before all the world: half.
const SHARE_OF_MANY: usize = 2;

/// One client's at least: more than a browser opens.
const SHARE_MIN: usize = 8;

/// Who opens connections: an IPv4 address, or the /64 that one machine has of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client(IpAddr);

impl Client {
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) if !ip.is_loopback() => {
                let [a, b, c, d, ..] = ip.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
            other => other,
        })
    }

    /// How many it may have of so many.
    pub(crate) fn share(self, most: usize) -> usize {
        let share = if is_local(self.0) {
            SHARE_OF_MANY
        } else {
            SHARE
        };
        (most / share).max(SHARE_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::of(address.parse().expect("an address"))
    }

    #[test]
    fn a_client_is_an_address_or_the_64_bits_that_one_machine_has() {
        assert_eq!(client("2001:db8::1"), client("2001:db8:0:0:ffff::2"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
        let check = |address: &str, most: usize, expected: usize| {
            assert_eq!(client(address).share(most), expected, "{address}");
        };
        check("192.0.2.1", 512, 64);
        check("2001:db8::1", 512, 64);
        check("192.0.2.1", 16, 8);
        check("127.0.0.1", 512, 256);
        check("::1", 512, 256);
        check("172.17.0.1", 512, 256);
    }
}
