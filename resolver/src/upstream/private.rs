//! DNS rebinding: a foreign name with an address of this machine or of a private network would let a web page of that name reach
//! what is behind our own door. Pure.

use core::net::{IpAddr, Ipv6Addr};

use dotkey_proto::dns::{RecordType, WireName};

use crate::answer::Set;
use crate::server::Access;

/// Keys of SVCB parameters that hold addresses: RFC 9460 section 14.3.2.
const HINTS: [(u16, usize); 2] = [(4, 4), (6, 16)];

/// Addresses that no foreign name may have.
#[derive(Clone, Debug)]
pub(super) struct Private(Access);

impl Private {
    pub(super) fn new() -> Self {
        Self(Access::private())
    }

    /// Whether a set leads to one of them.
    pub(super) fn is_in(&self, set: &Set) -> bool {
        let is_private = |address: IpAddr| address.is_unspecified() || self.0.allows(address);
        let mut rdata = set.rdata.iter();
        match set.rtype {
            RecordType::A | RecordType::AAAA => rdata.any(|it| address(it).is_some_and(is_private)),
            RecordType::SVCB | RecordType::HTTPS => {
                rdata.any(|it| hints(it).into_iter().any(is_private))
            }
            _ => false,
        }
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|it| IpAddr::from(Ipv6Addr::from(it))),
        _ => None,
    }
}

/// The addresses in an SVCB record, as far as it can be read.
fn hints(rdata: &[u8]) -> Vec<IpAddr> {
    let mut hints = Vec::new();
    let Some(rest) = rdata.get(2..) else {
        return hints;
    };
    let Ok(name_bytes) = WireName::prefix_len(rest) else {
        return hints;
    };
    let mut rest = &rest[name_bytes..];
    while let [key_high, key_low, high, low, more @ ..] = rest {
        let key = u16::from_be_bytes([*key_high, *key_low]);
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, after)) = more.split_at_checked(length) else {
            return hints;
        };
        if let Some((_, bytes)) = HINTS.iter().find(|(hint, _)| *hint == key) {
            hints.extend(value.chunks_exact(*bytes).filter_map(address));
        }
        rest = after;
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(rtype: &str, text: &str, expected: bool) {
        let rtype: RecordType = rtype.parse().expect("a type");
        let rdata = dotkey_proto::dns::rdata::from_text(rtype, text, None).expect(text);
        let set = Set {
            owner: WireName::root(),
            rtype,
            ttl: 1,
            rdata: vec![rdata],
        };
        assert_eq!(Private::new().is_in(&set), expected, "{rtype} {text}");
    }

    #[test]
    fn private_addresses_are_found_wherever_a_browser_would_follow_them() {
        check("A", "198.51.100.7", false);
        check("A", "192.168.1.1", true);
        check("A", "0.0.0.0", true);
        check("AAAA", "2001:db8::1", false);
        check("AAAA", "::ffff:10.0.0.1", true);
        check("AAAA", "fd00::1", true);
        check("HTTPS", "1 . alpn=h2 ipv4hint=198.51.100.7,10.1.2.3", true);
        check("HTTPS", "1 a.example. ipv6hint=::1", true);
        check("SVCB", "1 . alpn=h2 port=53 ipv4hint=198.51.100.7", false);
        check("HTTPS", "0 a.example.", false);
        check("TXT", "\"10.0.0.1\"", false);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let found = hints(&bytes);
            prop_assert!(found.len() <= bytes.len());
        }
    }
}
