//! How many answers a network gets over UDP, where addresses can be forged: pure, its time handed in, and without a lock.

use core::sync::atomic::{AtomicU64, Ordering};
use std::net::IpAddr;

use ahash::RandomState;

/// Answers a second to one network, in the long run.
pub(crate) const ANSWERS_PER_SEC_DEFAULT: u32 = 400;

/// Seconds' worth of answers that a network may have at once: a page with all its names.
const BURST_SECS: u32 = 5;

/// Buckets that networks are spread over by a secret hash. Two that share one share its answers, which is rare until a flood of forged
/// addresses comes; then all are short anyway, and cookies and TCP go on.
const BUCKETS: usize = 65_536;

/// Every second answer beyond the limit goes out empty and truncated: who is there in truth asks again over TCP, which no one forges.
const SLIP: u64 = 2;

/// The most answers a second that a bucket can count.
const PER_SEC_MAX: u32 = 200_000;

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes out.
    Answer,
    /// An empty one with TC goes out.
    Slip,
    /// None goes out.
    Drop,
}

/// What is counted of each network: a bucket of tokens that fills with time.
pub(crate) struct Limits {
    per_sec: u32,
    hasher: RandomState,
    buckets: Box<[AtomicU64]>,
}

/// A bucket in one word: when it was filled last (40 bits of milliseconds), how many were taken since it was full (20 bits), and how
/// many were refused, as far as slipping needs it (4 bits). A full one is zero.
#[derive(Clone, Copy)]
struct Bucket {
    filled_ms: u64,
    taken: u64,
    refused: u64,
}

impl Limits {
    /// `per_sec` of 0 limits nobody.
    pub(crate) fn new(per_sec: u32) -> Self {
        Self::with_hasher(per_sec, RandomState::new())
    }

    fn with_hasher(per_sec: u32, hasher: RandomState) -> Self {
        let buckets = if per_sec == 0 { 0 } else { BUCKETS };
        Self {
            per_sec: per_sec.min(PER_SEC_MAX),
            hasher,
            buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Takes one answer of the network of an address. `now_ms` only ever grows, but for threads that race.
    pub(crate) fn take(&self, address: IpAddr, now_ms: u64) -> Verdict {
        if self.per_sec == 0 {
            return Verdict::Answer;
        }
        let at = self.hasher.hash_one(network(address)) as usize % BUCKETS;
        let bucket = &self.buckets[at];
        let mut before = bucket.load(Ordering::Relaxed);
        loop {
            let mut changed = Bucket::of(before);
            let verdict = changed.take(self.per_sec, now_ms);
            match bucket.compare_exchange_weak(
                before,
                changed.to_word(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return verdict,
                Err(current) => before = current,
            }
        }
    }
}

impl Bucket {
    fn of(word: u64) -> Self {
        Self {
            filled_ms: word >> 24,
            taken: (word >> 4) & 0xf_ffff,
            refused: word & 0xf,
        }
    }

    fn to_word(self) -> u64 {
        (self.filled_ms << 24) | (self.taken << 4) | self.refused
    }

    fn take(&mut self, per_sec: u32, now_ms: u64) -> Verdict {
        let burst = u64::from(per_sec * BURST_SECS);
        let elapsed_ms = now_ms.saturating_sub(self.filled_ms);
        let earned = elapsed_ms.saturating_mul(per_sec.into()) / 1000;
        if earned > 0 {
            self.taken = self.taken.saturating_sub(earned);
            self.filled_ms = now_ms & 0xff_ffff_ffff;
        }
        if self.taken < burst {
            self.taken += 1;
            return Verdict::Answer;
        }
        self.refused = (self.refused + 1) & 0xf;
        match self.refused % SLIP {
            0 => Verdict::Slip,
            _ => Verdict::Drop,
        }
    }
}

/// The /24 or /56 of an address: what one client commonly has to itself.
fn network(address: IpAddr) -> [u8; 7] {
    let mut network = [0; 7];
    match address.to_canonical() {
        IpAddr::V4(address) => network[..3].copy_from_slice(&address.octets()[..3]),
        // No global address begins with a zero byte, so the two kinds never meet.
        IpAddr::V6(address) => network.copy_from_slice(&address.octets()[..7]),
    }
    network
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_burst_then_its_rate_and_every_second_refusal_slips() {
        let limits = Limits::with_hasher(10, RandomState::with_seeds(1, 2, 3, 4));
        let here: IpAddr = [192, 0, 2, 1].into();
        let neighbour: IpAddr = [192, 0, 2, 99].into();
        let elsewhere: IpAddr = [192, 0, 3, 1].into();
        for _ in 0..50 {
            assert_eq!(limits.take(here, 0), Verdict::Answer);
        }
        assert_eq!(limits.take(here, 0), Verdict::Drop);
        assert_eq!(limits.take(neighbour, 0), Verdict::Slip);
        assert_eq!(limits.take(elsewhere, 0), Verdict::Answer);
        // A tenth of a second earns one.
        assert_eq!(limits.take(here, 100), Verdict::Answer);
        assert_eq!(limits.take(here, 100), Verdict::Drop);
        assert_eq!(limits.take(here, u64::MAX), Verdict::Answer);
        assert_eq!(Limits::new(0).take(here, 0), Verdict::Answer);
    }

    #[test]
    fn a_flood_of_networks_leaves_what_a_cookie_does_not_need() {
        let limits = Limits::new(10);
        let answered = (0..1_000_000_u32)
            .filter(|network| {
                let address: IpAddr = (network << 8).to_be_bytes().into();
                limits.take(address, 0) == Verdict::Answer
            })
            .count();
        assert!(answered <= BUCKETS * 50, "{answered}");
    }

    proptest::proptest! {
        #[test]
        fn no_more_than_the_rate_and_the_burst(per_sec in 1_u32..1000, steps in proptest::collection::vec(0_u64..500, 1..400)) {
            let limits = Limits::new(per_sec);
            let (mut now_ms, mut answered) = (0, 0);
            for step in steps {
                now_ms += step;
                for _ in 0..20 {
                    answered += u64::from(limits.take([192, 0, 2, 1].into(), now_ms) == Verdict::Answer);
                }
            }
            let most = u64::from(per_sec) * (u64::from(BURST_SECS) * 1000 + now_ms) / 1000 + 1;
            proptest::prop_assert!(answered <= most, "{answered} of {most}");
        }
    }
}
