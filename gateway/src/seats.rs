//! Places for connections: in all, and for each client, so that none keeps the others out.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many of the places one client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// So many.
    Most(usize),
    /// So many times those that are still free: one alone may have most of them, and leaves room for others.
    OfFree(usize),
}

/// The places of a listener.
#[derive(Debug)]
pub(crate) struct Seats {
    in_all_max: usize,
    share: Share,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    in_all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    client: IpAddr,
}

impl Seats {
    pub(crate) fn new(in_all_max: usize, share: Share) -> Arc<Self> {
        Arc::new(Self {
            in_all_max,
            share,
            taken: Mutex::default(),
        })
    }

    /// A place, if there is one.
    pub(crate) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Seat> {
        let client = network(client);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.in_all_max.saturating_sub(taken.in_all);
        let most = match self.share {
            Share::Most(most) => most,
            Share::OfFree(times) => free * times,
        };
        let its = taken.by_client.get(&client).copied().unwrap_or_default();
        if free == 0 || its >= most {
            return None;
        }
        taken.in_all += 1;
        taken.by_client.insert(client, its + 1);
        Some(Seat {
            seats: Arc::clone(self),
            client,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self
            .seats
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.in_all -= 1;
        if let Some(its) = taken.by_client.get_mut(&self.client) {
            *its -= 1;
            if *its == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

/// Who counts as one client: whoever has an IPv6 address has a network of 64 bits of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_shared_out_and_given_back() {
        let seats = Seats::new(4, Share::Most(2));
        let take = |address: &str| seats.take(address.parse().expect("an address"));
        let (one, two) = (take("192.0.2.1"), take("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(take("192.0.2.1").is_none(), "no more for one client");
        let (three, four) = (take("2001:db8::1"), take("2001:db8::2"));
        assert!(three.is_some() && four.is_some());
        assert!(take("192.0.2.9").is_none(), "no more in all");
        drop(one);
        assert!(take("2001:db8::3").is_none(), "one network");
        assert!(take("192.0.2.9").is_some());
    }

    #[test]
    fn one_client_alone_leaves_room_for_others() {
        let seats = Seats::new(30, Share::OfFree(2));
        let mut held = Vec::new();
        for (client, expected) in [("192.0.2.1", 20), ("192.0.2.2", 7), ("192.0.2.3", 2)] {
            let client: IpAddr = client.parse().expect("an address");
            let before = held.len();
            held.extend(core::iter::from_fn(|| seats.take(client)));
            assert_eq!(held.len() - before, expected, "{client}");
        }
    }
}
