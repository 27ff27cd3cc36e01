//! How many peers of one network may stand in the routing table. Addresses are cheap in bulk but scattered networks are not,
//! so this is what makes surrounding a key cost more than one rented range. libp2p has no such limit.
//!
//! Who is met through a relay stands nobody sees where. If it counted under the relay's network, it would take honest relays' places, and whoever asks enough relays
//! would have as many networks. All who are met so count as one network, which has more places than others.
//!
//! Pure: addresses in, a decision out. Who asks, and what happens to a refused peer, is for the DHT's driver.

use std::collections::BTreeMap;

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

/// Of one network in the whole table. A hosting company's /24 with a few honest operators still fits.
pub const PEERS_IN_TABLE_MAX: u16 = 8;

/// Of one network in one bucket: a bucket of 20 then needs 10 networks, whoever fills it.
pub const PEERS_IN_BUCKET_MAX: u16 = 2;

/// Of all who are met through relays, in the whole table: some nodes live behind NATs, and a record is not theirs to keep when others can.
pub const RELAYED_IN_TABLE_MAX: u16 = 40;

/// Of all who are met through relays, in one bucket: a quarter of it.
pub const RELAYED_IN_BUCKET_MAX: u16 = 5;

const _: () = assert!(PEERS_IN_BUCKET_MAX < PEERS_IN_TABLE_MAX);
const _: () = assert!(RELAYED_IN_BUCKET_MAX < RELAYED_IN_TABLE_MAX);

/// The part of an address that one party usually holds: a /24 of IPv4, a /48 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network([u8; 7]);

impl Network {
    /// Behind relays.
    pub const RELAYED: Self = Self([0; 7]);

    /// The network of an address. An IPv4 address in IPv6 form counts as IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, _] = address.octets();
                Self([4, a, b, c, 0, 0, 0])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, ..] = address.octets();
                Self([6, a, b, c, d, e, f])
            }
        }
    }

    fn in_bucket_max(self) -> u16 {
        if self == Self::RELAYED {
            return RELAYED_IN_BUCKET_MAX;
        }
        PEERS_IN_BUCKET_MAX
    }

    fn in_table_max(self) -> u16 {
        if self == Self::RELAYED {
            return RELAYED_IN_TABLE_MAX;
        }
        PEERS_IN_TABLE_MAX
    }
}

/// As an operator writes a network, without its length: `192.0.2.0`, `2001:db8:1::`; or `relayed`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [family, a, b, c, d, e, g] = self.0;
        match family {
            4 => IpAddr::from([a, b, c, 0]).fmt(f),
            6 => IpAddr::from([a, b, c, d, e, g, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).fmt(f),
            _ => f.write_str("relayed"),
        }
    }
}

impl FromStr for Network {
    type Err = core::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "relayed" {
            return Ok(Self::RELAYED);
        }
        text.parse().map(Self::of)
    }
}

/// Why a peer may not enter the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// The bucket has its share of that network.
    #[error("bucket {bucket} already has its share of this network")]
    Bucket {
        /// The bucket's index: the length of the prefix shared with our own id.
        bucket: u8,
    },
    /// The table has its share of that network.
    #[error("the routing table already has its share of this network")]
    Table,
}

/// Counts of the peers in the table. As large as the table, which is bounded by its buckets.
#[derive(Debug, Default)]
pub struct Crowding {
    in_table: BTreeMap<Network, u16>,
    in_bucket: BTreeMap<(u8, Network), u16>,
}

impl Crowding {
    /// Counts a peer in, or says what is full and counts nothing.
    ///
    /// # Errors
    /// [`Crowded`] names the limit that was reached.
    pub fn enter(&mut self, bucket: u8, network: Network) -> Result<(), Crowded> {
        if self.in_bucket.get(&(bucket, network)) == Some(&network.in_bucket_max()) {
            return Err(Crowded::Bucket { bucket });
        }
        if self.in_table.get(&network) == Some(&network.in_table_max()) {
            return Err(Crowded::Table);
        }
        *self.in_bucket.entry((bucket, network)).or_default() += 1;
        *self.in_table.entry(network).or_default() += 1;
        Ok(())
    }

    /// Counts a peer out that entered with the same bucket and network.
    ///
    /// # Panics
    /// When it never entered: the counts would no longer mean the table.
    pub fn leave(&mut self, bucket: u8, network: Network) {
        decrement(&mut self.in_bucket, (bucket, network));
        decrement(&mut self.in_table, network);
    }
}

fn decrement<K: Ord>(counts: &mut BTreeMap<K, u16>, key: K) {
    let count = counts.get_mut(&key).expect("who leaves has entered");
    *count -= 1;
    if *count == 0 {
        counts.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_are_what_one_party_holds() {
        let check = |a: &str, b: &str, same: bool| {
            assert_eq!(network(a) == network(b), same, "{a} {b}");
            let written = network(a).to_string();
            assert_eq!(network(&written), network(a), "{written}");
        };
        check("192.0.2.1", "192.0.2.255", true);
        check("192.0.2.1", "192.0.3.1", false);
        check("192.0.2.1", "::ffff:192.0.2.9", true);
        check("2001:db8:1::1", "2001:db8:1:ffff::1", true);
        check("2001:db8:1::1", "2001:db8:2::1", false);
        check("4.0.0.1", "400:0:1::", false);
        check("relayed", "0.0.0.0", false);
        check("relayed", "::", false);
        assert_eq!(network("192.0.2.7").to_string(), "192.0.2.0");
        assert_eq!(network("2001:db8:1:2::3").to_string(), "2001:db8:1::");
    }

    #[test]
    fn a_network_fills_its_share_and_no_more() {
        let mut crowding = Crowding::default();
        let mut enter =
            |bucket, last: u8| crowding.enter(bucket, network(&format!("192.0.2.{last}")));
        assert_eq!(enter(0, 1), Ok(()));
        assert_eq!(enter(0, 2), Ok(()));
        assert_eq!(enter(0, 3), Err(Crowded::Bucket { bucket: 0 }));
        for last in 3..=8 {
            assert_eq!(enter(last / 2, last), Ok(()), "{last}");
        }
        assert_eq!(enter(200, 9), Err(Crowded::Table));

        assert_eq!(crowding.enter(0, network("198.51.100.1")), Ok(()));
        crowding.leave(0, network("192.0.2.1"));
        assert_eq!(crowding.enter(200, network("192.0.2.9")), Ok(()));
    }

    #[test]
    fn who_is_met_through_relays_has_a_quarter_of_a_bucket() {
        let mut crowding = Crowding::default();
        let mut enter = |bucket| crowding.enter(bucket, Network::RELAYED).is_ok();
        assert_eq!((0..20).filter(|_| enter(0)).count(), 5);
        assert_eq!((1..=200).filter(|bucket| enter(*bucket)).count(), 35);
    }

    #[test]
    fn nothing_is_kept_about_who_left() {
        let mut crowding = Crowding::default();
        for last in 0..=u8::MAX {
            let network = Network::of([192, 0, 2, last].into());
            crowding.enter(last, network).expect("one at a time");
            crowding.leave(last, network);
        }
        assert!(crowding.in_table.is_empty() && crowding.in_bucket.is_empty());
    }
}
