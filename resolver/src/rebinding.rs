//! DNS rebinding: somebody else's name with an address of this machine or of a private network would let a web page of that name
//! reach what is behind our own door. It is the same whether an upstream says so or a record that a stranger signed. Pure.

use core::net::{IpAddr, Ipv6Addr};

use dotkey_proto::dns::{RecordType, WireName};

use crate::answer::{Extended, Set, extended};
use crate::server::Access;

/// Keys of SVCB parameters that hold addresses: RFC 9460 section 14.3.2.
const HINTS: [(u16, usize); 2] = [(4, 4), (6, 16)];

/// Which names may have addresses of this machine and of private networks.
#[derive(Clone, Debug)]
pub struct Rebinding {
    /// Addresses that no name may have; nothing where all are let through.
    private: Option<Access>,
    /// Names at and below which they may.
    exempt: Vec<WireName>,
}

impl Default for Rebinding {
    /// No name may.
    fn default() -> Self {
        Self::refused_but_of(Vec::new())
    }
}

impl Rebinding {
    /// These names may, and those below them.
    #[must_use]
    pub fn refused_but_of(exempt: Vec<WireName>) -> Self {
        let private = Some(Access::private());
        Self { private, exempt }
    }

    /// All names may.
    #[must_use]
    pub const fn allowed() -> Self {
        Self {
            private: None,
            exempt: Vec::new(),
        }
    }

    /// Why a set of a name is not to be given. `own` are addresses of ours that no stranger chose.
    pub(crate) fn objection(&self, set: &Set, own: &[IpAddr]) -> Option<Extended> {
        let private = self.private.as_ref()?;
        let is_private = |address: &IpAddr| address.is_unspecified() || private.allows(*address);
        let mut addresses = addresses_in(set).into_iter();
        if self.exempts(&set.owner) || !addresses.any(|one| is_private(&one) && !own.contains(&one))
        {
            return None;
        }
        Some(Extended {
            code: extended::PROHIBITED,
            text: format!(
                "{} has an address of this machine or of a private network; where that is meant, add it to `private_names`",
                set.owner
            ),
        })
    }

    /// Whether a name may.
    pub(crate) fn exempts(&self, name: &WireName) -> bool {
        let mut exempt = self.exempt.iter();
        self.private.is_none() || exempt.any(|above| name.relative_to(above).is_ok())
    }
}

/// The addresses that a set leads to.
fn addresses_in(set: &Set) -> Vec<IpAddr> {
    let rdata = set.rdata.iter();
    match set.rtype {
        RecordType::A | RecordType::AAAA => rdata.filter_map(|it| address(it)).collect(),
        RecordType::SVCB | RecordType::HTTPS => rdata.flat_map(|it| hints(it)).collect(),
        _ => Vec::new(),
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

    fn set(owner: &str, rtype: &str, text: &str) -> Set {
        let rtype: RecordType = rtype.parse().expect("a type");
        let rdata = dotkey_proto::dns::rdata::from_text(rtype, text, None).expect(text);
        Set {
            owner: owner.parse().expect(owner),
            rtype,
            ttl: 1,
            rdata: vec![rdata],
        }
    }

    fn check(rtype: &str, text: &str, expected: bool) {
        let objection = Rebinding::default().objection(&set("a.example.", rtype, text), &[]);
        assert_eq!(objection.is_some(), expected, "{rtype} {text}");
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

    #[test]
    fn names_that_are_meant_to_and_addresses_of_ours_are_let_through() {
        let here = set("a.Home.example.", "A", "127.0.0.1");
        let check = |rebinding: Rebinding, own: &[IpAddr], expected: bool| {
            let objection = rebinding.objection(&here, own);
            assert_eq!(objection.is_some(), expected, "{rebinding:?}");
        };
        let but_of = |name: &str| Rebinding::refused_but_of(vec![name.parse().expect(name)]);
        check(Rebinding::allowed(), &[], false);
        check(but_of("home.example."), &[], false);
        check(but_of("b.home.example."), &[], true);
        check(Rebinding::default(), &[[127, 0, 0, 1].into()], false);
        check(Rebinding::default(), &[[127, 0, 0, 2].into()], true);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let found = hints(&bytes);
            prop_assert!(found.len() <= bytes.len());
        }
    }
}
