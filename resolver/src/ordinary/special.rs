//! Names that mean the same everywhere, and are nobody's: answered here, never asked elsewhere, unless they have a route. Pure.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use dotkey_proto::dns::{Labels, RecordType, WireName};
use hickory_proto::op::ResponseCode;

use crate::answer::Set;
use crate::server::Said;

/// RFC 6303 section 3.
const TTL_SECS: u32 = 10_800;

/// Zones without names: what is reserved for no use in the DNS, and the reverse names of addresses that are everybody's.
const EMPTY: [&str; 27] = [
    // RFC 6761, RFC 7686, RFC 9476, RFC 6762 section 22.1 and RFC 8375.
    "invalid",
    "test",
    "onion",
    "alt",
    "local",
    "home.arpa",
    // RFC 9462 section 6.4: there is no designated resolver but this one.
    "resolver.arpa",
    // RFC 6303 section 4.
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "0.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
    LOCALHOST,
    LOCALHOST_REVERSE_V4,
    LOCALHOST_REVERSE_V6,
    // The rest stands for ranges, which follow.
    "172.in-addr.arpa/16-31",
    "100.in-addr.arpa/64-127",
];

const LOCALHOST: &str = "localhost";
const LOCALHOST_REVERSE_V4: &str = "127.in-addr.arpa";
const LOCALHOST_REVERSE_V6: &str =
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";

static ZONES: LazyLock<BTreeMap<Vec<u8>, WireName>> = LazyLock::new(|| {
    let mut zones = BTreeMap::new();
    let mut add = |text: &str| {
        let zone = WireName::parse(text, Some(&WireName::root())).expect("a name");
        zones.insert(zone.as_wire().to_vec(), zone);
    };
    for text in EMPTY {
        let Some((zone, range)) = text.split_once('/') else {
            add(text);
            continue;
        };
        let (first, last) = range.split_once('-').expect("a range");
        let (first, last): (u8, u8) = (
            first.parse().expect("a number"),
            last.parse().expect("a number"),
        );
        (first..=last).for_each(|label| add(&format!("{label}.{zone}")));
    }
    zones
});

/// The reserved zone that a name is in.
pub(super) fn zone(name: &WireName) -> Option<&'static WireName> {
    let lowered = name.as_wire().to_ascii_lowercase();
    let mut labels = Labels::new(&lowered);
    loop {
        if let Some(zone) = ZONES.get(labels.remainder()) {
            return Some(zone);
        }
        labels.next()?;
    }
}

/// What is said of a reserved name.
pub(super) fn answer(name: &WireName, rtype: RecordType) -> Option<Said> {
    let zone = zone(name)?;
    let is_apex = zone == name;
    let text = zone.to_string();
    let loopback = match (text.trim_end_matches('.'), rtype) {
        (LOCALHOST, RecordType::A) => Some(Ipv4Addr::LOCALHOST.octets().to_vec()),
        (LOCALHOST, RecordType::AAAA) => Some(Ipv6Addr::LOCALHOST.octets().to_vec()),
        (LOCALHOST_REVERSE_V6, RecordType::PTR) if is_apex => Some(localhost()),
        (LOCALHOST_REVERSE_V4, RecordType::PTR) if name.to_string().starts_with("1.0.0.") => {
            Some(localhost())
        }
        _ => None,
    };
    let mut said = Said::only(ResponseCode::NoError, None);
    if let Some(rdata) = loopback {
        said.answers.push(Set {
            owner: name.clone(),
            rtype,
            ttl: TTL_SECS,
            rdata: vec![rdata],
        });
        return Some(said);
    }
    let exists = is_apex || text == "localhost.";
    if !exists {
        said.rcode = ResponseCode::NXDomain;
    }
    said.authorities.push(soa(zone));
    Some(said)
}

fn localhost() -> Vec<u8> {
    [&[9], &b"localhost"[..], &[0]].concat()
}

/// The SOA of a zone that is answered here: RFC 6303 section 3.
pub(super) fn soa(zone: &WireName) -> Set {
    let text = ". nobody.invalid. 1 3600 1200 604800 10800";
    let rdata = dotkey_proto::dns::rdata::from_text(RecordType::SOA, text, None);
    Set {
        owner: zone.clone(),
        rtype: RecordType::SOA,
        ttl: TTL_SECS,
        rdata: vec![rdata.expect("an SOA")],
    }
}
