//! How many peers of one network may stand in the routing table. Addresses are cheap in bulk but scattered networks are not,
//! so this is what makes surrounding a key cost more than one rented range. libp2p has no such limit.
//!
//! Pure: addresses in, a decision out. Who asks, and what happens to a refused peer, is for the DHT's driver.

use std::collections::BTreeMap;

use core::net::IpAddr;

/// Of one network in the whole table. A hosting company's /24 with a few honest operators still fits.
pub const PEERS_IN_TABLE_MAX: u16 = 8;

/// Of one network in one bucket: a bucket of 20 then needs 10 networks, whoever fills it.
pub const PEERS_IN_BUCKET_MAX: u16 = 2;

const _: () = assert!(PEERS_IN_BUCKET_MAX < PEERS_IN_TABLE_MAX);

/// The part of an address that one party usually holds: a /24 of IPv4, a /48 of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network([u8; 7]);

impl Network {
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
}

/// Why a peer may not enter the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Crowded {
    /// The bucket has its share of that network.
    #[error("bucket {bucket} already has {PEERS_IN_BUCKET_MAX} peers of this network")]
    Bucket {
        /// The bucket's index: the length of the prefix shared with our own id.
        bucket: u8,
    },
    /// The table has its share of that network.
    #[error("the routing table already has {PEERS_IN_TABLE_MAX} peers of this network")]
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
    pub fn enter(&mut self, bucket: u8, address: IpAddr) -> Result<(), Crowded> {
        let network = Network::of(address);
        if self.in_bucket.get(&(bucket, network)) == Some(&PEERS_IN_BUCKET_MAX) {
            return Err(Crowded::Bucket { bucket });
        }
        if self.in_table.get(&network) == Some(&PEERS_IN_TABLE_MAX) {
            return Err(Crowded::Table);
        }
        *self.in_bucket.entry((bucket, network)).or_default() += 1;
        *self.in_table.entry(network).or_default() += 1;
        Ok(())
    }

    /// Counts a peer out that entered with the same bucket and address.
    ///
    /// # Panics
    /// When it never entered: the counts would no longer mean the table.
    pub fn leave(&mut self, bucket: u8, address: IpAddr) {
        let network = Network::of(address);
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

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn networks_are_what_one_party_holds() {
        let check = |a: &str, b: &str, same: bool| {
            let (a_network, b_network) = (Network::of(address(a)), Network::of(address(b)));
            assert_eq!(a_network == b_network, same, "{a} {b}");
        };
        check("192.0.2.1", "192.0.2.255", true);
        check("192.0.2.1", "192.0.3.1", false);
        check("192.0.2.1", "::ffff:192.0.2.9", true);
        check("2001:db8:1::1", "2001:db8:1:ffff::1", true);
        check("2001:db8:1::1", "2001:db8:2::1", false);
        check("4.0.0.1", "400:0:1::", false);
    }

    #[test]
    fn a_network_fills_its_share_and_no_more() {
        let mut crowding = Crowding::default();
        let mut enter =
            |bucket, last: u8| crowding.enter(bucket, address(&format!("192.0.2.{last}")));
        assert_eq!(enter(0, 1), Ok(()));
        assert_eq!(enter(0, 2), Ok(()));
        assert_eq!(enter(0, 3), Err(Crowded::Bucket { bucket: 0 }));
        for last in 3..=8 {
            assert_eq!(enter(last / 2, last), Ok(()), "{last}");
        }
        assert_eq!(enter(200, 9), Err(Crowded::Table));

        assert_eq!(crowding.enter(0, address("198.51.100.1")), Ok(()));
        crowding.leave(0, address("192.0.2.1"));
        assert_eq!(crowding.enter(200, address("192.0.2.9")), Ok(()));
    }

    #[test]
    fn nothing_is_kept_about_who_left() {
        let mut crowding = Crowding::default();
        for last in 0..=u8::MAX {
            let address = IpAddr::from([192, 0, 2, last]);
            crowding.enter(last, address).expect("one at a time");
            crowding.leave(last, address);
        }
        assert!(crowding.in_table.is_empty() && crowding.in_bucket.is_empty());
    }
}
