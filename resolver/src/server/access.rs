//! Who may ask.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// A range of addresses, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    address: IpAddr,
    bits: u8,
}

/// What is no range of addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no range of addresses; write one such as 192.0.2.0/24 or 2001:db8::/32", text.escape_debug())]
pub struct PrefixError {
    text: String,
}

impl Prefix {
    /// Whether an address is in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.bits);
                u32::from(range).checked_shr(shift) == u32::from(address).checked_shr(shift)
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.bits);
                u128::from(range).checked_shr(shift) == u128::from(address).checked_shr(shift)
            }
            _ => false,
        }
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let wrong = || PrefixError {
            text: text.to_owned(),
        };
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match text.contains('/') {
            true => bits.parse().map_err(|_| wrong())?,
            false => most,
        };
        (bits <= most)
            .then_some(Self { address, bits })
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Who may ask. Everybody's resolver is an amplifier for whoever forges addresses, so it is nobody else's unless told so.
#[derive(Clone, Debug)]
pub struct Access {
    allowed: Vec<Prefix>,
}

/// This machine and private networks: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291.
const PRIVATE: [&str; 9] = [
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
];

impl Access {
    /// This machine and private networks.
    #[must_use]
    pub fn private() -> Self {
        let allowed = PRIVATE.iter().map(|text| text.parse().expect("a range"));
        Self::only(allowed.collect())
    }

    /// Only these ranges.
    #[must_use]
    pub fn only(allowed: Vec<Prefix>) -> Self {
        Self { allowed }
    }

    /// Whether an address may ask.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|prefix| prefix.contains(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_and_private_networks_may_ask() {
        let access = Access::private();
        for (address, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("10.255.0.1", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
            ("192.168.1.1", true),
            ("::ffff:192.168.1.1", true),
            ("fd12::1", true),
            ("8.8.8.8", false),
            ("2001:db8::1", false),
            ("::ffff:8.8.8.8", false),
        ] {
            assert_eq!(
                access.allows(address.parse().expect("an address")),
                expected,
                "{address}"
            );
        }
    }

    #[test]
    fn ranges_at_their_edges() {
        let check = |prefix: &str, address: &str, expected: bool| {
            let prefix: Prefix = prefix.parse().expect(prefix);
            assert_eq!(
                prefix.contains(address.parse().expect(address)),
                expected,
                "{prefix} {address}"
            );
        };
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "2001:db8::1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7/32", "192.0.2.8", false);
        check("2001:db8::/33", "2001:db8:7fff::", true);
        check("2001:db8::/33", "2001:db8:8000::", false);
        for bad in [
            "",
            "/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0/8",
            "x/8",
            "::/129",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
    }
}
