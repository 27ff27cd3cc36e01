//! Places for connections: so many in all, and of one client a share, so that one alone keeps nobody out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of all transports that are open at once.
pub(crate) const CONNECTIONS_MAX: usize = 4096;

/// Of one address. Loopback has more: whatever runs on this machine comes from there.
const PER_CLIENT_MAX: usize = 128;
const PER_LOOPBACK_MAX: usize = CONNECTIONS_MAX / 2;

/// The places that are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<Taken>>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by: HashMap<IpAddr, usize>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
}

impl Places {
    /// A place for a connection from an address; none where all, or all of its own, are taken.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let own_max = if address.is_loopback() {
            PER_LOOPBACK_MAX
        } else {
            PER_CLIENT_MAX
        };
        let mut taken = self.lock();
        let own = taken.by.get(&address).copied().unwrap_or_default();
        if taken.all >= CONNECTIONS_MAX || own >= own_max {
            return None;
        }
        taken.all += 1;
        taken.by.insert(address, own + 1);
        drop(taken);
        Some(Place {
            places: self.clone(),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        if let Some(own) = taken.by.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.by.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_has_its_share_and_gives_it_back() {
        let places = Places::default();
        let one: IpAddr = [192, 0, 2, 1].into();
        let held: Vec<Place> = core::iter::from_fn(|| places.take(one)).collect();
        assert_eq!(held.len(), PER_CLIENT_MAX);
        let other = places.take([192, 0, 2, 2].into());
        assert!(other.is_some());
        drop(held);
        assert!(places.take(one).is_some());
        drop(other);
        assert_eq!(places.lock().all, 0);
        assert!(places.lock().by.is_empty());
    }
}
