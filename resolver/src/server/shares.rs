//! How many questions of one client are worked on at once: whoever asks for a flood of names leaves room for those of others.

use core::sync::atomic::{AtomicU16, Ordering};
use std::net::IpAddr;

use ahash::RandomState;

/// Counts that clients are spread over by a secret hash; two that share one share its room.
const COUNTS: usize = 4096;

/// Of one client. A resolver that asks here for many others has more under way than a person's machine, and less than this.
const CLIENT_MAX: u16 = 256;

/// This machine's programs have one address among them.
const LOOPBACK_MAX: u16 = 512;

/// What each client has under way.
pub(super) struct Shares {
    hasher: RandomState,
    counts: Box<[AtomicU16]>,
}

/// One question, until it is dropped.
#[derive(Debug)]
pub(super) struct Share<'a>(&'a AtomicU16);

impl Shares {
    pub(super) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            counts: (0..COUNTS).map(|_| AtomicU16::new(0)).collect(),
        }
    }

    /// Room for one more question of a client, unless it has all of its own.
    pub(super) fn take(&self, address: IpAddr) -> Option<Share<'_>> {
        let (client, most) = match address.to_canonical() {
            address if address.is_loopback() => (IpAddr::from([127, 0, 0, 1]), LOOPBACK_MAX),
            // A /64 is one client's own.
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                (IpAddr::V6(network.into()), CLIENT_MAX)
            }
            address => (address, CLIENT_MAX),
        };
        let count = &self.counts[self.hasher.hash_one(client) as usize % COUNTS];
        let more = |taken: u16| (taken < most).then(|| taken + 1);
        let taken = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        // Made only where it was taken: it is given back when it is dropped.
        taken.is_ok().then(|| Share(count))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_its_share_and_no_more() {
        let shares = Shares {
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            ..Shares::new()
        };
        let check = |address: &str, most: u16| {
            let address: IpAddr = address.parse().expect("an address");
            let held: Vec<Share<'_>> = (0..most)
                .map(|_| shares.take(address).expect("within its share"))
                .collect();
            assert!(shares.take(address).is_none(), "{address}");
            held
        };
        let one = check("192.0.2.1", CLIENT_MAX);
        // Whoever else asks has room, and what is given back is room again.
        drop(check("192.0.2.2", CLIENT_MAX));
        drop(check("192.0.2.2", CLIENT_MAX));
        let _network = check("2001:db8::1", CLIENT_MAX);
        assert!(
            shares
                .take("2001:db8::2".parse().expect("an address"))
                .is_none()
        );
        let _here = check("127.0.0.1", LOOPBACK_MAX);
        assert!(shares.take("::1".parse().expect("an address")).is_none());
        drop(one);
        assert!(
            shares
                .take("192.0.2.1".parse().expect("an address"))
                .is_some()
        );
    }
}
