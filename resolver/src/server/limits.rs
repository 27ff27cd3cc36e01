//! How many answers a network gets over UDP, where addresses can be forged: pure, its time handed in.

use std::collections::HashMap;
use std::net::IpAddr;

/// Answers a second to one network, in the long run.
pub(crate) const ANSWERS_PER_SEC_DEFAULT: u32 = 400;

/// Seconds' worth of answers that a network may have at once: a page with all its names.
const BURST_SECS: u32 = 5;

/// Networks that are counted; where there are more, those that are at rest are forgotten, and all where few are: looking at each costs
/// time, and must not come with every query of whoever forges addresses.
const NETWORKS_MAX: usize = 65_536;

/// Every second answer beyond the limit goes out empty and truncated: who is there in truth asks again over TCP, which no one forges.
const SLIP: u32 = 2;

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
    networks: HashMap<[u8; 7], Bucket>,
}

struct Bucket {
    tokens: u32,
    filled_ms: u64,
    refused: u32,
}

impl Limits {
    /// `per_sec` of 0 limits nobody.
    pub(crate) fn new(per_sec: u32) -> Self {
        Self {
            per_sec,
            networks: HashMap::new(),
        }
    }

    /// Takes one answer of the network of an address. `now_ms` only ever grows.
    pub(crate) fn take(&mut self, address: IpAddr, now_ms: u64) -> Verdict {
        if self.per_sec == 0 {
            return Verdict::Answer;
        }
        let burst = self.per_sec * BURST_SECS;
        if self.networks.len() >= NETWORKS_MAX {
            let full_after_ms = u64::from(BURST_SECS) * 1000;
            self.networks
                .retain(|_, one| now_ms - one.filled_ms < full_after_ms);
            if self.networks.len() > NETWORKS_MAX / 2 {
                self.networks.clear();
            }
        }
        let bucket = self.networks.entry(network(address)).or_insert(Bucket {
            tokens: burst,
            filled_ms: now_ms,
            refused: 0,
        });
        let elapsed_ms = now_ms.saturating_sub(bucket.filled_ms);
        let earned = elapsed_ms.saturating_mul(u64::from(self.per_sec)) / 1000;
        if earned > 0 {
            let earned = u32::try_from(earned).unwrap_or(u32::MAX);
            bucket.tokens = bucket.tokens.saturating_add(earned).min(burst);
            bucket.filled_ms = now_ms;
        }
        if bucket.tokens > 0 {
            bucket.tokens -= 1;
            return Verdict::Answer;
        }
        bucket.refused = bucket.refused.wrapping_add(1);
        match bucket.refused % SLIP {
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
        let mut limits = Limits::new(10);
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
    fn forgetting_does_not_come_with_every_query() {
        let mut limits = Limits::new(10);
        let mut forgotten = 0;
        for network in 0..1_000_000_u32 {
            let address: IpAddr = (network << 8).to_be_bytes().into();
            let before = limits.networks.len();
            // As many come in the time after which one is at rest as are counted.
            limits.take(
                address,
                u64::from(network) * 5000 / (NETWORKS_MAX as u64 - 1),
            );
            forgotten += usize::from(limits.networks.len() <= before);
        }
        assert!(forgotten < 64, "{forgotten}");
    }

    #[test]
    fn what_is_counted_is_bounded() {
        let mut limits = Limits::new(10);
        for network in 0..200_000_u32 {
            let address: IpAddr = (network << 8).to_be_bytes().into();
            limits.take(address, u64::from(network));
            assert!(limits.networks.len() <= NETWORKS_MAX);
        }
    }
}
