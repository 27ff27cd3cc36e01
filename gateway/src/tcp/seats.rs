//! Places for connections: in all, and for each client, so that none keeps the others out.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The places of a listener.
#[derive(Debug)]
pub(super) struct Seats {
    in_all_max: usize,
    per_client_max: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    client: IpAddr,
}

impl Seats {
    pub(super) fn new(in_all_max: usize, per_client_max: usize) -> Arc<Self> {
        Arc::new(Self {
            in_all_max,
            per_client_max,
            taken: Mutex::default(),
        })
    }

    /// A place, if there is one.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Seat> {
        let client = network(client);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let in_all: usize = match taken.len() < self.in_all_max {
            // Each has one at least, so that the sum is only asked for when it could matter.
            true if taken.len() * self.per_client_max < self.in_all_max => 0,
            _ => taken.values().sum(),
        };
        let its = taken.get(&client).copied().unwrap_or_default();
        if in_all >= self.in_all_max || its >= self.per_client_max {
            return None;
        }
        taken.insert(client, its + 1);
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
        if let Some(its) = taken.get_mut(&self.client) {
            *its -= 1;
            if *its == 0 {
                taken.remove(&self.client);
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
        let seats = Seats::new(4, 2);
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
}
